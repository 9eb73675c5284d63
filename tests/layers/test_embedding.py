"""The embedding: rows of its table, their gradients, its mask and its errors."""

import numpy as np
import pytest

from nlstm.layers import Embedding
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound
from tests.layers.poison import host

INDEX = np.array([[1, 0, 4, 4, 2], [0, 0, 3, 1, 6]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padded", [True, False])
def test_rows_of_the_table(padded, dtype):
    layer = Embedding(7, 3, mask_zero=True)
    bound = Bound(layer, INDEX, dtype=dtype, padded=padded)
    (y,) = bound.forward()
    (table,) = layer.get_weights()
    np.testing.assert_array_equal(y, table[INDEX])
    np.testing.assert_array_equal(host(bound.outputs[0].mask).T, INDEX != 0)
    assert layer.output_shape((5,)) == (5, 3)


def test_gradients():
    layer = Embedding(7, 3)
    bound = Bound(layer, INDEX)
    bound.forward()
    assert bound.outputs[0].mask is None
    bound.ops.fill(bound.inputs[0].gradient, 0)  # indices have none
    slope = np.random.default_rng(0).normal(size=(2, 5, 3))
    _, (found,) = bound.backward(slope)
    wanted = np.zeros((7, 3))
    np.add.at(wanted, INDEX, slope)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_the_same_bits_at_any_number_of_threads(threads):
    rng = np.random.default_rng(0)
    index = rng.integers(0, 300, (64, 50))
    slope = rng.normal(size=(64, 50, 70)).astype(np.float32)
    layer = Embedding(300, 70)

    def run():
        bound = Bound(layer, index, dtype="float32")
        y = bound.forward()
        bound.ops.fill(bound.inputs[0].gradient, 0)
        return [*y, *bound.backward(slope)[1]]

    y, found = same_bits(
        threads, run, "dense.embedding.forward_parallel", "dense.embedding.backward_parallel"
    )
    np.testing.assert_array_equal(y, layer.get_weights()[0][index])
    wanted = np.zeros((300, 70), np.float64)
    np.add.at(wanted, index, slope)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_weights_to_start_with():
    table = np.random.default_rng(0).normal(size=(7, 3))
    layer = Embedding(7, 3, weights=[table])
    bound = Bound(layer, INDEX)
    layer.embeddings.initialize()
    np.testing.assert_array_equal(bound.forward()[0], table[INDEX])


def test_initial_values_are_keras_s():
    layer = Embedding(500, 8)
    Bound(layer, INDEX)
    layer.embeddings.initialize()
    (table,) = layer.get_weights()
    assert -0.05 <= table.min() < -0.045 and 0.045 < table.max() <= 0.05


def test_errors():
    with pytest.raises(ValueError, match="embedding expects indices, .*None, 4, 5"):
        Embedding(7, 3).output_shape((4, 5))
    with pytest.raises(ValueError, match="weights has shape"):
        Embedding(7, 3, weights=np.zeros((3, 7)))
    with pytest.raises(ValueError, match="float32 cannot tell"):
        Bound(Embedding(2**24 + 2, 1), INDEX, dtype="float32")
