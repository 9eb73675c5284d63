"""A network by itself: names, labels and the form of outputs."""

import dataclasses

import numpy as np
import pytest

from nlstm import Input
from nlstm.layers import LSTM, Dense
from nlstm.network.network import Network, checked_dtype
from nlstm.network.wiring import Wiring
from nlstm.plan.graph import Graph


def graph_of():
    x = Input((5, 3))
    h = LSTM(4, name="memory")(x)
    return Graph([x], [Dense(2, name="mean")(h), Dense(7, name="spread")(h)])


def network_of(form):
    graph = graph_of()
    labels = tuple((layer.name, layer) for layer in graph.layers[1:])
    dtype = np.dtype(np.float64)
    return Network(graph, form, ("x",), ("mean", "spread"), labels, dtype)


def test_it_knows_its_layers_shapes_and_widest_value():
    network = network_of(["mean", "spread"])
    assert [layer.name for layer in network.layers] == ["memory", "mean", "spread"]
    assert network.samples == ((5, 3),)
    assert network.output_features == [2, 7]
    assert network.widest == 7
    assert network.stateful == []


@pytest.mark.parametrize(
    ("form", "given"),
    [(["a", "b"], [1, 2]), (("a", "b"), (1, 2)), ({"m": 0, "s": 0}, {"m": 1, "s": 2})],
)
def test_outputs_come_in_the_form_that_was_given(form, given):
    assert network_of(form).as_outputs([1, 2]) == given


def test_it_never_changes():
    with pytest.raises(dataclasses.FrozenInstanceError):
        network_of(None).dtype = np.dtype(np.float32)


def test_dtypes():
    assert checked_dtype("float32") == np.float32
    with pytest.raises(ValueError, match=r"dtype must be one of .*; got 'float16'\."):
        checked_dtype("float16")


def test_wiring_is_whole_from_the_start_and_takes_a_dtype_that_is_open():
    x = Input((5, 3), name="x")
    wiring = Wiring({"in": x}, Dense(2)(LSTM(4)(x)), None)
    before = wiring.network("This")
    assert before.input_names == ("in",) and before.output_names == ("dense",)
    assert before.dtype == np.float32 and wiring.keep((9, 9)) is before
    wiring.settle(np.dtype(np.float64))
    assert wiring.network("This").dtype == np.float64
    wiring.settle(np.dtype(np.float32))  # no longer open
    assert wiring.network("This").dtype == np.float64
