"""GRU beside Keras, with the reset gate after and before the product."""

from hypothesis import given

from tests.parity.draws import FLAG, cases, examples
from tests.parity.pairs import compare
from tests.parity.test_lstm import (
    BOTH_WAYS,
    RNN_FLAGS,
    STATEFUL,
    arrays_for,
    bidirectional,
    compare_stateful,
    recurrent,
    start_seen,
)

FLAGS = RNN_FLAGS | {"reset_after": FLAG}


def gru(sizes, options, masked=False):
    return recurrent(lambda L: L.GRU(sizes.H, **options), masked)


@examples(40)
@given(cases(**FLAGS, implementation=[1, 2], unroll=FLAG))
def test_gru(parity, case):
    sizes, options, seed = case
    network, arrays = gru(sizes, options), arrays_for(sizes, seed)
    compare(parity, "GRU", network, arrays, seed=seed, predicted=True)


@examples(15)
@given(cases(**FLAGS))
def test_gru_in_float32(parity, case):
    sizes, options, seed = case
    arrays = arrays_for(sizes, seed)
    compare(parity, "GRU", gru(sizes, options), arrays, dtype="float32", seed=seed)


@examples(40)
@given(cases(**FLAGS, zero_output_for_mask=FLAG))
def test_gru_with_mask_and_initial_state(parity, case):
    sizes, options, seed = case
    arrays = arrays_for(sizes, seed, True, states=1)
    start_seen(arrays, options["go_backwards"])
    network = gru(sizes, options, True)
    compare(parity, "GRU, mask and initial state", network, arrays, seed=seed, predicted=True)


@examples(10)
@given(cases(**FLAGS))
def test_stateful_gru(parity, case):
    sizes, options, seed = case
    network = gru(sizes, options | STATEFUL)
    compare_stateful(parity, "GRU, stateful", network, arrays_for(sizes, seed), seed)


@examples(25)
@given(cases(**FLAGS, dropout=[0.0, 0.4], recurrent_dropout=[0.0, 0.3]))
def test_dropout_of_gru(parity, case):
    sizes, options, seed = case
    network = gru(sizes, options | {"seed": seed % 1000})
    compare(parity, "GRU, dropout", network, arrays_for(sizes, seed), seed=seed)


@examples(8)
@given(cases(**FLAGS, activation=["relu", "gelu"], recurrent_activation=["sigmoid", "tanh"]))
def test_activations_of_gru(parity, case):
    sizes, options, seed = case
    compare(parity, "GRU, activations", gru(sizes, options), arrays_for(sizes, seed), seed=seed)


@examples(20)
@given(cases(**BOTH_WAYS, reset_after=FLAG, masked=FLAG))
def test_bidirectional_gru(parity, case):
    sizes, options, seed = case
    masked = options.pop("masked")
    network = bidirectional(sizes, options, masked, "GRU")
    arrays = arrays_for(sizes, seed, masked)
    compare(parity, "Bidirectional GRU", network, arrays, seed=seed)
