"""LSTM, SimpleRNN, GRU and Bidirectional beside Keras."""

import numpy as np
import pytest
from hypothesis import given

import nlstm
from nlstm import activations
from tests.parity.draws import FLAG, cases, examples, random, random_mask
from tests.parity.pairs import Both, Ours, Theirs, compare
from tests.parity.peers import keras

RNN_FLAGS = {
    "use_bias": FLAG,
    "return_sequences": FLAG,
    "return_state": FLAG,
    "go_backwards": FLAG,
}
# What changes nothing in nlstm, and must change nothing in Keras but the way.
WAYS = {"implementation": [1, 2], "unroll": FLAG, "use_cudnn": ["auto", False]}
MERGE_MODES = ["concat", "sum", "mul", "ave", None]


def arrays_for(sizes, seed, masked=False, states=0):
    """Return x, then the mask, then the initial states, as they are asked for."""
    N, T, F, H = sizes
    arrays = [random(seed, N, T, F)]
    if masked:
        arrays.append(random_mask(seed, N, T))
    return arrays + [random(seed + 1 + one, N, H) for one in range(states)]


def start_seen(arrays, go_backwards):
    """Let the mask begin with a step that counts.

    Before the first such step Keras on JAX gives the initial state out, as nlstm does, but Keras on
    PyTorch zeros. test_jax.py has those masks.
    """
    arrays[1][:, -1 if go_backwards else 0] = True


def recurrent(make, masked=False):
    """Return a network of one layer on x, perhaps a mask, and states."""

    def network(L, x, *others):
        mask, states = (others[0], others[1:]) if masked else (None, others)
        more = {"initial_state": list(states)} if states else {}
        return make(L)(x, mask=mask, **more)

    return network


def lstm(sizes, options, masked=False):
    return recurrent(lambda L: L.LSTM(sizes.H, **options), masked)


def simple_rnn(sizes, options, masked=False):
    return recurrent(lambda L: L.SimpleRNN(sizes.H, **options), masked)


# --- LSTM -----------------------------------------------------------------------------------------


@examples(60)
@given(cases(**RNN_FLAGS, **WAYS))
def test_lstm(parity, case):
    sizes, options, seed = case
    network, arrays = lstm(sizes, options), arrays_for(sizes, seed)
    compare(parity, "LSTM", network, arrays, seed=seed, predicted=True)


@examples(20)
@given(cases(**RNN_FLAGS))
def test_lstm_in_float32(parity, case):
    sizes, options, seed = case
    arrays = arrays_for(sizes, seed)
    compare(parity, "LSTM", lstm(sizes, options), arrays, dtype="float32", seed=seed)


@examples(60)
@given(cases(**RNN_FLAGS, zero_output_for_mask=FLAG))
def test_lstm_with_a_mask(parity, case):
    sizes, options, seed = case
    network, arrays = lstm(sizes, options, True), arrays_for(sizes, seed, True)
    compare(parity, "LSTM, mask", network, arrays, seed=seed, predicted=True)


@examples(30)
@given(cases(**RNN_FLAGS))
def test_lstm_with_initial_states(parity, case):
    sizes, options, seed = case
    arrays = arrays_for(sizes, seed, states=2)
    compare(parity, "LSTM, initial state", lstm(sizes, options), arrays, seed=seed)


@examples(30)
@given(cases(**RNN_FLAGS, zero_output_for_mask=FLAG))
def test_lstm_with_mask_and_initial_states(parity, case):
    sizes, options, seed = case
    arrays = arrays_for(sizes, seed, True, states=2)
    start_seen(arrays, options["go_backwards"])
    network = lstm(sizes, options, True)
    compare(parity, "LSTM, mask and initial state", network, arrays, seed=seed)


def compare_stateful(parity, feature, network, arrays, seed):
    """Compare a batch, the batch after it, and one after a reset."""
    both = Both(network, arrays, seed=seed)
    with parity.configuration(feature, "float64", both.limit) as agree:
        both.forward(agree)
        both.forward(agree)
        both.back(agree)
        both.reset()
        both.forward(agree)


# Keras's quick way for LSTMs writes over states on PyTorch that its gradient still needs.
STATEFUL = {"stateful": True, "use_cudnn": False}


@examples(25)
@given(cases(**RNN_FLAGS, masked=FLAG, begun=FLAG))
def test_stateful_lstm(parity, case):
    """An initial state goes before the one that was kept."""
    sizes, options, seed = case
    masked = options.pop("masked")
    arrays = arrays_for(sizes, seed, masked, states=2 * options.pop("begun"))
    if masked:
        start_seen(arrays, options["go_backwards"])
    network = lstm(sizes, options | STATEFUL, masked)
    compare_stateful(parity, "LSTM, stateful", network, arrays, seed)


@pytest.mark.parametrize(
    "rates, masked", [((0.5, 0), False), ((0, 0.5), False), ((0.4, 0.3), True)]
)
def test_dropout_of_lstm(parity, rates, masked):
    """Keras's cell gets the masks that nlstm drew."""

    @examples(10)
    @given(cases(**RNN_FLAGS))
    def check(case):
        sizes, options, seed = case
        options |= {"dropout": rates[0], "recurrent_dropout": rates[1], "seed": seed % 1000}
        network, arrays = lstm(sizes, options, masked), arrays_for(sizes, seed, masked)
        compare(parity, "LSTM, dropout and recurrent_dropout", network, arrays, seed=seed)

    check()


def test_dropout_draws_its_share():
    """As many zeros as asked for, in each gate's own mask, the rest scaled up."""
    options = {"dropout": 0.25, "recurrent_dropout": 0.5, "return_sequences": True, "seed": 1}
    ours = Ours(recurrent(lambda L: L.LSTM(33, **options)), [random(0, 200, 1, 17)], "float64")
    ours.start([random(0, 200, 1, 17)])
    for mask, rate in zip(ours.dropped(), (0.25, 0.5), strict=True):
        assert set(np.unique(mask)) == {0.0, 1.0 / (1.0 - rate)}
        gates = np.split(mask, 4)
        for gate in gates:
            assert abs((gate == 0.0).mean() - rate) < 0.03
        assert all((one != other).any() for one, other in zip(gates, gates[1:]))


@examples(40)
@given(cases(**RNN_FLAGS, masked=FLAG, zero_output_for_mask=FLAG, dropout=[0.0, 0.4]))
def test_levels_beside_a_stack(parity, case):
    """num_layers is nlstm's: the same as so many layers in a row."""
    sizes, options, seed = case
    masked = options.pop("masked")
    if masked:
        options["dropout"] = 0.0  # both is a compilation more

    def network(L, x, mask=None):
        if L is nlstm.layers:
            return L.LSTM(sizes.H, num_layers=2, **options)(x, mask=mask)
        below = L.LSTM(sizes.H, **options | {"return_sequences": True})(x, mask=mask)
        above = L.LSTM(sizes.H, **options)
        if not options["return_state"]:
            return above(below, mask=mask)
        y, *states = above(below[0], mask=mask)
        return [y, *below[1:], *states]

    arrays = arrays_for(sizes, seed, masked)
    compare(parity, "LSTM, num_layers", network, arrays, seed=seed, predicted=True)


# A pair is a compilation, of six seconds: each name once, some with the gates, some with the state.
PAIRS = [
    ("selu", "relu6"),
    ("mish", "silu"),
    ("softplus", "log_sigmoid"),
    ("softsign", "exponential"),
    ("leaky_relu", "hard_tanh"),
    ("elu", "relu"),
    ("linear", "tanh"),
    ("sigmoid", "hard_silu"),
]
ON_JAX = ["gelu", "hard_sigmoid"]  # test_jax.py says why


def test_activations_are_all_there():
    both_have = {name for name in activations.FUNCTIONS if hasattr(keras.activations, name)}
    found = [name for pair in PAIRS for name in pair] + ON_JAX
    assert sorted(found) == sorted(both_have - {"softmax"})


@pytest.mark.parametrize("activation, recurrent_activation", PAIRS)
def test_activations_of_lstm(parity, activation, recurrent_activation):
    names = {"activation": activation, "recurrent_activation": recurrent_activation}

    @examples(4)
    @given(cases(**RNN_FLAGS))
    def check(case):
        sizes, options, seed = case
        network = lstm(sizes, options | names)
        # Gates without a bound soon overflow, and PyTorch's softplus is off by 2e-9 above 20.
        arrays, scale = arrays_for(sizes, seed), 0.05 if "exponential" in names.values() else 0.15
        compare(parity, "LSTM, activations", network, arrays, seed=seed, scale=scale)

    check()


# --- SimpleRNN ------------------------------------------------------------------------------------


@examples(30)
@given(cases(**RNN_FLAGS, unroll=FLAG))
def test_simple_rnn(parity, case):
    sizes, options, seed = case
    network, arrays = simple_rnn(sizes, options), arrays_for(sizes, seed)
    compare(parity, "SimpleRNN", network, arrays, seed=seed, predicted=True)


@examples(30)
@given(cases(**RNN_FLAGS, zero_output_for_mask=FLAG))
def test_simple_rnn_with_mask_and_initial_state(parity, case):
    sizes, options, seed = case
    arrays = arrays_for(sizes, seed, True, states=1)
    start_seen(arrays, options["go_backwards"])
    network = simple_rnn(sizes, options, True)
    compare(parity, "SimpleRNN, mask and initial state", network, arrays, seed=seed)


@examples(10)
@given(cases(**RNN_FLAGS))
def test_stateful_simple_rnn(parity, case):
    sizes, options, seed = case
    network = simple_rnn(sizes, options | {"stateful": True})
    compare_stateful(parity, "SimpleRNN, stateful", network, arrays_for(sizes, seed), seed)


@examples(15)
@given(cases(**RNN_FLAGS, dropout=[0.0, 0.4], recurrent_dropout=[0.0, 0.3]))
def test_dropout_of_simple_rnn(parity, case):
    sizes, options, seed = case
    network = simple_rnn(sizes, options | {"seed": seed % 1000})
    compare(parity, "SimpleRNN, dropout", network, arrays_for(sizes, seed), seed=seed)


@examples(10)
@given(cases(**RNN_FLAGS, activation=["relu", "gelu"]))  # from the output, and from the input
def test_activations_of_simple_rnn(parity, case):
    sizes, options, seed = case
    network = simple_rnn(sizes, options)
    compare(parity, "SimpleRNN, activations", network, arrays_for(sizes, seed), seed=seed)


# --- Bidirectional --------------------------------------------------------------------------------

BOTH_WAYS = {
    "merge_mode": MERGE_MODES,
    "use_bias": FLAG,
    "return_sequences": FLAG,
    "return_state": FLAG,
    "go_backwards": FLAG,
}


def bidirectional(sizes, options, masked=False, layer="LSTM", **more):
    options = options | more
    merge_mode, backwards = options.pop("merge_mode"), options.pop("go_backwards")

    def make(L):
        kind = getattr(L, layer)
        if not backwards:
            return L.Bidirectional(kind(sizes.H, **options), merge_mode)
        first = kind(sizes.H, go_backwards=True, name="first", **options)
        other = kind(sizes.H, name="other", **options)
        return L.Bidirectional(first, merge_mode, backward_layer=other)

    return recurrent(make, masked)


@examples(40)
@given(cases(**BOTH_WAYS))
def test_bidirectional(parity, case):
    sizes, options, seed = case
    network, arrays = bidirectional(sizes, options), arrays_for(sizes, seed)
    compare(parity, "Bidirectional", network, arrays, seed=seed, predicted=True)


@examples(40)
@given(cases(**BOTH_WAYS))
def test_bidirectional_with_a_mask(parity, case):
    sizes, options, seed = case
    network = bidirectional(sizes, options, True)
    compare(parity, "Bidirectional, mask", network, arrays_for(sizes, seed, True), seed=seed)


@examples(30)
@given(cases(**BOTH_WAYS, masked=FLAG))
def test_bidirectional_with_initial_states(parity, case):
    sizes, options, seed = case
    masked = options.pop("masked")
    arrays = arrays_for(sizes, seed, masked, states=4)
    if masked:  # see start_seen; what returns sequences gives zeros in every backend
        arrays[1][:, [0, -1]] = True
    network = bidirectional(sizes, options, masked)
    compare(parity, "Bidirectional, initial state", network, arrays, seed=seed)


# With return_state, Keras stops at "unsupported operand type(s) for *: 'generator' and 'int'".
@examples(15)
@given(cases(**BOTH_WAYS | {"return_state": [False]}))
def test_stateful_bidirectional(parity, case):
    sizes, options, seed = case
    network = bidirectional(sizes, options, **STATEFUL)
    compare_stateful(parity, "Bidirectional, stateful", network, arrays_for(sizes, seed), seed)


@examples(15)
@given(cases(**BOTH_WAYS, masked=FLAG))
def test_bidirectional_simple_rnn(parity, case):
    sizes, options, seed = case
    masked = options.pop("masked")
    network = bidirectional(sizes, options, masked, "SimpleRNN")
    arrays = arrays_for(sizes, seed, masked)
    compare(parity, "Bidirectional SimpleRNN", network, arrays, seed=seed)


# --- what weights start with, and what they cost --------------------------------------------------


@examples(20)
@given(cases(layer=["LSTM", "SimpleRNN"], kernel=["zeros", "ones", "identity"],
             recurrent=["zeros", "ones", "identity"], bias=[0.0, 0.25], use_bias=FLAG,
             unit_forget_bias=FLAG))  # fmt: skip
def test_initial_weights(parity, case):
    """Of those initializers that leave nothing to chance."""
    sizes, options, _ = case
    layer, bias = options["layer"], options["bias"]
    arguments = {
        "use_bias": options["use_bias"],
        "kernel_initializer": options["kernel"],
        "recurrent_initializer": options["recurrent"],
    }
    if layer == "LSTM":
        arguments["unit_forget_bias"] = options["unit_forget_bias"]

    def network(L, x):
        library = nlstm if L is nlstm.layers else keras
        constant = library.initializers.Constant(bias)
        return getattr(L, layer)(sizes.H, bias_initializer=constant, **arguments)(x)

    arrays = arrays_for(sizes, 0)
    ours, theirs = (side(network, arrays, "float64").model for side in (Ours, Theirs))
    with parity.configuration("initial weights") as agree:
        for pair in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            agree("weight", *pair)


PENALTIES = [None, ("L1", 0.25), ("L2", 0.125), ("L1L2", 0.0625)]
PARTS = ("kernel", "recurrent", "bias", "activity")


def regularized(L, layer, units, options, rules):
    """Return the layer; for Keras's SimpleRNN its RNN, since SimpleRNN forgets the activity's."""
    if layer == "SimpleRNN" and L is keras.layers:
        flags = {name: options[name] for name in options if name != "use_bias"}
        activity = {name: rules[name] for name in rules if name.startswith("activity")}
        cell = {"use_bias": options["use_bias"]} | rules
        cell = {name: cell[name] for name in cell if name not in activity}
        return L.RNN(L.SimpleRNNCell(units, **cell), **flags, **activity)
    if layer == "Bidirectional":
        return L.Bidirectional(L.LSTM(units, **options | {"go_backwards": False}, **rules))
    return getattr(L, layer)(units, **options, **rules)


@examples(30)
@given(cases(**RNN_FLAGS, layer=["LSTM", "SimpleRNN", "Bidirectional"],
             **dict.fromkeys(PARTS, PENALTIES)))  # fmt: skip
def test_regularizers(parity, case):
    """The penalties, and what they add to the gradients."""
    sizes, options, seed = case
    layer, chosen = options.pop("layer"), {part: options.pop(part) for part in PARTS}

    def network(L, x):
        library = nlstm if L is nlstm.layers else keras
        rules = {
            f"{part}_regularizer": rule and getattr(library.regularizers, rule[0])(rule[1])
            for part, rule in chosen.items()
        }
        return regularized(L, layer, sizes.H, options, rules)(x)

    compare(parity, "regularizers", network, arrays_for(sizes, seed), seed=seed)
