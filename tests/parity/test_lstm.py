"""LSTM, SimpleRNN and Bidirectional beside Keras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlstm import activations
from tests.parity.draws import FLAG, SEEDS, SIZES, examples, random, random_mask
from tests.parity.pairs import activation_limit, compare, titled
from tests.parity.peers import keras

FLAGS = {
    "use_bias": FLAG,
    "unit_forget_bias": FLAG,
    "return_sequences": FLAG,
    "return_state": FLAG,
    "go_backwards": FLAG,
}
OPTIONS = st.fixed_dictionaries(FLAGS)
BOTH_HAVE = sorted(
    name for name in activations.FUNCTIONS if name != "softmax" and hasattr(keras.activations, name)
)
RNN_OPTIONS = st.fixed_dictionaries(
    {name: flag for name, flag in FLAGS.items() if name != "unit_forget_bias"}
)
MERGE_MODES = ["concat", "sum", "mul", "ave", None]


def case(sizes, seed, masked=False, states=0):
    """Return x, then the mask, then the initial states, as they are asked for."""
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    arrays = [random(seed, N, T, F)]
    if masked:
        arrays.append(random_mask(seed, N, T))
    return arrays + [random(seed + 1 + one, N, H) for one in range(states)]


def start_seen(arrays, go_backwards):
    """Let the mask begin with a step that counts.

    Before the first such step Keras on JAX and on TensorFlow gives the initial state out, as nlstm
    does, but Keras on PyTorch zeros. test_jax.py has those masks.
    """
    arrays[1][:, -1 if go_backwards else 0] = True


def recurrent(make, masked):
    """Return a network of one layer on x, perhaps a mask, and states."""

    def network(L, x, *others):
        mask, states = (others[0], others[1:]) if masked else (None, others)
        more = {"initial_state": list(states)} if states else {}
        return make(L)(x, mask=mask, **more)

    return network


def lstm(sizes, **options):
    return lambda L: L.LSTM(sizes["H"], **options)


@examples(60)
@given(SIZES, OPTIONS, SEEDS)
def test_lstm(parity, sizes, options, seed):
    network = recurrent(lstm(sizes, **options), False)
    compare(parity, "LSTM", network, case(sizes, seed), seed=seed)


@examples(20)
@given(SIZES, OPTIONS, SEEDS)
def test_lstm_in_float32(parity, sizes, options, seed):
    network = recurrent(lstm(sizes, **options), False)
    compare(parity, "LSTM", network, case(sizes, seed), dtype="float32", seed=seed)


@examples(60)
@given(SIZES, OPTIONS, FLAG, SEEDS)
def test_lstm_with_a_mask(parity, sizes, options, zero, seed):
    network = recurrent(lstm(sizes, **options, zero_output_for_mask=zero), True)
    compare(parity, "LSTM, mask", network, case(sizes, seed, True), seed=seed)


@examples(30)
@given(SIZES, OPTIONS, SEEDS)
def test_lstm_with_initial_states(parity, sizes, options, seed):
    network = recurrent(lstm(sizes, **options), False)
    compare(parity, "LSTM, initial state", network, case(sizes, seed, states=2), seed=seed)


@examples(30)
@given(SIZES, OPTIONS, FLAG, SEEDS)
def test_lstm_with_mask_and_initial_states(parity, sizes, options, zero, seed):
    arrays = case(sizes, seed, True, states=2)
    start_seen(arrays, options["go_backwards"])
    network = recurrent(lstm(sizes, **options, zero_output_for_mask=zero), True)
    compare(parity, "LSTM, mask and initial state", network, arrays, seed=seed)


@examples(20)
@given(SIZES, OPTIONS, FLAG, SEEDS)
def test_stateful_lstm(parity, sizes, options, masked, seed):
    arrays = case(sizes, seed, masked)
    if masked:
        start_seen(arrays, options["go_backwards"])
    network = recurrent(lstm(sizes, **options, stateful=True), masked)
    compare(parity, "LSTM, stateful", network, arrays, seed=seed, calls=2, backward=False)


# A pair is a compilation, of six seconds: each name once, some with the gates, some with the state.
PAIRS = [
    ("gelu", "hard_sigmoid"),
    ("selu", "softsign"),
    ("mish", "silu"),
    ("softplus", "log_sigmoid"),
    ("relu6", "exponential"),
    ("leaky_relu", "hard_tanh"),
    ("elu", "relu"),
    ("linear", "tanh"),
    ("sigmoid", "hard_silu"),
]


def test_activations_are_all_there():
    assert sorted(name for pair in PAIRS for name in pair) == BOTH_HAVE


@pytest.mark.parametrize("activation, recurrent_activation", PAIRS)
def test_activations_of_lstm(parity, activation, recurrent_activation):
    for seed, (T, H, use_bias) in enumerate([(4, 5, True), (2, 9, False), (6, 3, True)]):
        sizes = {"N": 3, "T": T, "F": 2, "H": H}
        network = recurrent(
            lstm(sizes, activation=activation, recurrent_activation=recurrent_activation,
                 use_bias=use_bias, return_sequences=True),
            False,
        )  # fmt: skip
        compare(
            parity, titled("LSTM", recurrent_activation), network, case(sizes, seed), seed=seed,
            tolerance=activation_limit(recurrent_activation),
        )  # fmt: skip


@examples(30)
@given(SIZES, RNN_OPTIONS, SEEDS)
def test_simple_rnn(parity, sizes, options, seed):
    network = recurrent(lambda L: L.SimpleRNN(sizes["H"], **options), False)
    compare(parity, "SimpleRNN", network, case(sizes, seed), seed=seed)


@examples(30)
@given(SIZES, RNN_OPTIONS, FLAG, SEEDS)
def test_simple_rnn_with_mask_and_initial_state(parity, sizes, options, zero, seed):
    arrays = case(sizes, seed, True, states=1)
    start_seen(arrays, options["go_backwards"])
    options = options | {"zero_output_for_mask": zero}
    network = recurrent(lambda L: L.SimpleRNN(sizes["H"], **options), True)
    compare(parity, "SimpleRNN, mask and initial state", network, arrays, seed=seed)


def bidirectional(sizes, merge_mode, options):
    return lambda L: L.Bidirectional(L.LSTM(sizes["H"], **options), merge_mode)


BOTH_WAYS = st.fixed_dictionaries(
    {name: FLAGS[name] for name in ("use_bias", "return_sequences", "return_state")}
)


@examples(40)
@given(SIZES, st.sampled_from(MERGE_MODES), BOTH_WAYS, SEEDS)
def test_bidirectional(parity, sizes, merge_mode, options, seed):
    network = recurrent(bidirectional(sizes, merge_mode, options), False)
    compare(parity, "Bidirectional", network, case(sizes, seed), seed=seed)


@examples(40)
@given(SIZES, st.sampled_from(MERGE_MODES), BOTH_WAYS, SEEDS)
def test_bidirectional_with_a_mask(parity, sizes, merge_mode, options, seed):
    network = recurrent(bidirectional(sizes, merge_mode, options), True)
    compare(parity, "Bidirectional, mask", network, case(sizes, seed, True), seed=seed)


@examples(20)
@given(SIZES, st.sampled_from(MERGE_MODES), BOTH_WAYS, SEEDS)
def test_bidirectional_with_initial_states(parity, sizes, merge_mode, options, seed):
    network = recurrent(bidirectional(sizes, merge_mode, options), False)
    arrays = case(sizes, seed, states=4)
    compare(parity, "Bidirectional, initial state", network, arrays, seed=seed)


@examples(10)
@given(SIZES, st.sampled_from(MERGE_MODES), RNN_OPTIONS, SEEDS)
def test_bidirectional_simple_rnn(parity, sizes, merge_mode, options, seed):
    options = options | {"go_backwards": False}
    network = recurrent(
        lambda L: L.Bidirectional(L.SimpleRNN(sizes["H"], **options), merge_mode), False
    )
    compare(parity, "Bidirectional SimpleRNN", network, case(sizes, seed), seed=seed)
