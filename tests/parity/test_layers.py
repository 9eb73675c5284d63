"""All other layers beside Keras."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlstm import activations
from tests.parity.draws import FLAG, SEEDS, SIZES, examples, random, random_mask
from tests.parity.pairs import activation_limit, compare, titled
from tests.parity.peers import keras

BOTH_HAVE = sorted(name for name in activations.FUNCTIONS if hasattr(keras.activations, name))
MERGERS = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


def rows(sizes, seed, steps):
    """Return sequences or, without steps, plain rows."""
    N, T, F = (sizes[letter] for letter in "NTF")
    return random(seed, N, T, F) if steps else random(seed, N, F)


@examples(25)
@given(SIZES, FLAG, FLAG, SEEDS)
def test_dense(parity, sizes, steps, use_bias, seed):
    def network(L, x):
        return L.Dense(sizes["H"], use_bias=use_bias)(x)

    compare(parity, "Dense", network, [rows(sizes, seed, steps)], seed=seed)


@examples(10)
@given(SIZES, FLAG, SEEDS)
def test_dense_in_float32(parity, sizes, steps, seed):
    def network(L, x):
        return L.Dense(sizes["H"], "tanh")(x)

    compare(parity, "Dense", network, [rows(sizes, seed, steps)], dtype="float32", seed=seed)


@pytest.mark.parametrize("name", BOTH_HAVE)
def test_activations_of_dense(parity, name):
    x = 2.0 * random(3, 7, 6)
    limit = activation_limit(name)
    compare(parity, titled("Dense", name), lambda L, x: L.Dense(5, name)(x), [x], tolerance=limit)


@pytest.mark.parametrize("name", BOTH_HAVE)
def test_activation(parity, name):
    x = 3.0 * random(3, 4, 5, 6)
    limit = activation_limit(name)
    compare(
        parity, titled("Activation", name), lambda L, x: L.Activation(name)(x), [x], tolerance=limit
    )


@examples(15)
@given(SIZES, FLAG, FLAG, SEEDS)
def test_embedding(parity, sizes, mask_zero, sequences, seed):
    words = np.random.default_rng(seed).integers(0, 6, (sizes["N"], sizes["T"])).astype(np.int32)

    def network(L, x):
        vectors = L.Embedding(6, sizes["F"], mask_zero=mask_zero)(x)
        return [vectors, L.LSTM(sizes["H"], return_sequences=sequences)(vectors)]

    compare(parity, "Embedding", network, [words], seed=seed)


@examples(15)
@given(SIZES, st.sampled_from([0.0, -1.5]), FLAG, SEEDS)
def test_masking(parity, sizes, mask_value, sequences, seed):
    x = rows(sizes, seed, True)
    x[~random_mask(seed, sizes["N"], sizes["T"])] = mask_value

    def network(L, x):
        seen = L.Masking(mask_value)(x)
        return [seen, L.LSTM(sizes["H"], return_sequences=sequences)(seen)]

    compare(parity, "Masking", network, [x], seed=seed)


@examples(15)
@given(SIZES, FLAG, SEEDS)
def test_time_distributed(parity, sizes, masked, seed):
    def network(L, x):
        seen = L.Masking(9.0)(x) if masked else x
        return L.TimeDistributed(L.Dense(sizes["H"], "tanh"))(seen)

    compare(parity, "TimeDistributed", network, [rows(sizes, seed, True)], seed=seed)


@examples(15)
@given(SIZES, FLAG, FLAG, FLAG, SEEDS)
def test_layer_normalization(parity, sizes, steps, center, scale, seed):
    options = {"center": center, "scale": scale, "epsilon": 1e-3}

    def network(L, x):
        return L.LayerNormalization(**options)(x)

    compare(parity, "LayerNormalization", network, [rows(sizes, seed, steps)], seed=seed)


@examples(25)
@given(SIZES, st.sampled_from(["Average", "Max"]), FLAG, SEEDS)
def test_pooling(parity, sizes, kind, keepdims, seed):
    def network(L, x):
        return getattr(L, f"Global{kind}Pooling1D")(keepdims=keepdims)(x)

    compare(parity, "GlobalPooling1D", network, [rows(sizes, seed, True)], seed=seed)


@examples(10)
@given(SIZES, SEEDS)
def test_pooling_with_a_mask(parity, sizes, seed):
    arrays = [rows(sizes, seed, True), random_mask(seed, sizes["N"], sizes["T"])]
    arrays[1][:, 0] = True  # a mean over no step is 0 / 0

    def network(L, x, mask):
        return L.GlobalAveragePooling1D()(x, mask=mask)

    compare(parity, "GlobalPooling1D, mask", network, arrays, seed=seed)


@examples(10)
@given(SIZES, st.integers(1, 5), SEEDS)
def test_shapes(parity, sizes, n, seed):
    T, F = sizes["T"], sizes["F"]

    def network(L, x, z):
        return [
            L.Flatten()(x),
            L.Reshape((F, T))(x),
            L.Reshape((T * F,))(x),
            L.RepeatVector(n)(z),
            L.Reshape((1, F))(z),
        ]

    arrays = [rows(sizes, seed, True), rows(sizes, seed + 1, False)]
    compare(parity, "Flatten, Reshape, RepeatVector", network, arrays, seed=seed)


@examples(40)
@given(SIZES, st.sampled_from(MERGERS), st.integers(2, 4), FLAG, SEEDS)
def test_mergers(parity, sizes, name, count, steps, seed):
    count = 2 if name == "Subtract" else count

    def network(L, *inputs):
        return getattr(L, name)()(list(inputs))

    arrays = [rows(sizes, seed + place, steps) for place in range(count)]
    compare(parity, "Add, Multiply, Maximum, ...", network, arrays, seed=seed)


@examples(15)
@given(SIZES, st.sampled_from(["Add", "Multiply"]), SEEDS)
def test_mergers_of_unlike_shapes(parity, sizes, name, seed):
    def network(L, x, z):
        return getattr(L, name)()([x, L.RepeatVector(1)(z)])

    arrays = [rows(sizes, seed, True), rows(sizes, seed + 1, False)]
    compare(parity, "Add, Multiply, Maximum, ...", network, arrays, seed=seed)


@examples(20)
@given(SIZES, st.sampled_from([-1, 1, 2]), FLAG, SEEDS)
def test_concatenate(parity, sizes, axis, steps, seed):
    if not steps and axis == 2:
        axis = 1
    arrays = [rows(sizes, seed + place, steps) for place in range(3)]

    def network(L, *inputs):
        return L.Concatenate(axis=axis)(list(inputs))

    compare(parity, "Concatenate", network, arrays, seed=seed)
