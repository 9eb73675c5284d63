"""A stack by itself: it grows, guesses its input from data, and keeps it only when told."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Embedding, Flatten, InputLayer
from nlstm.network.stack import Stack


def stack_of(*members, dtype=None):
    stack = Stack("tower", dtype)
    for member in members:
        stack.add(member)
    return stack


def test_data_show_a_network_that_is_not_kept():
    lstm, dense = LSTM(4), Dense(2)
    stack = stack_of(lstm, dense)
    shown = stack.network_for(np.zeros((6, 5, 3)))
    assert shown.samples == ((None, 3),) and shown.output_names == ("dense",)
    assert stack.graph is None and lstm.nodes == [] and dense.nodes == []
    kept = stack.keep((None, 3))
    assert stack.graph is kept.graph and len(lstm.nodes) == 1
    assert stack.network_for(np.zeros((1, 9, 9))) is kept is stack.keep((7, 7))


def test_steps_stay_open_unless_a_layer_needs_them():
    assert stack_of(LSTM(4)).network_for(np.zeros((6, 5, 3))).samples == ((None, 3),)
    assert stack_of(Flatten(), Dense(1)).network_for(np.zeros((6, 5, 3))).samples == ((5, 3),)
    assert stack_of(Embedding(9, 2)).network_for(np.zeros((6, 5))).samples == ((None,),)


def test_an_unknown_input_is_an_error_that_names_the_action():
    with pytest.raises(ValueError, match=r"^predict needs weights and this model has none yet"):
        stack_of(LSTM(4)).network("predict")
    with pytest.raises(ValueError, match=r"^The model has no layers\.$"):
        stack_of().network_for(np.zeros((6, 5, 3)))


def test_a_known_input_is_used_at_once():
    stack = stack_of(InputLayer((5, 3)), LSTM(4))
    assert stack.network("predict").output_features == [4]
    stack.add(Dense(2))
    assert stack.network("predict").output_features == [2]
    assert [label for label, _ in stack.labelled()] == ["lstm", "dense"]


def test_a_layer_that_does_not_fit_leaves_the_stack_as_it_was():
    stack = stack_of(InputLayer((5, 3)), LSTM(4))
    before, wrong = stack.network("This"), LSTM(2, name="wrong")
    with pytest.raises(ValueError, match=r"wrong expects sequences"):
        stack.add(wrong)
    assert stack.members == [stack.layers[0]] and stack.network("This") is before
    assert not wrong.taken and wrong.nodes == []


def test_the_first_dtype_is_everybodys():
    stack = stack_of(LSTM(4, dtype="float64"), Dense(1))
    assert [layer.dtype for layer in stack.layers] == [np.float64, np.float64]
    with pytest.raises(ValueError, match=r"dense_1 is float32, but the model is float64"):
        stack.add(Dense(1, dtype="float32", name="dense_1"))
