"""Functional models beside Keras: several inputs and outputs, shared layers, states handed on."""

import numpy as np
from hypothesis import given

from tests.parity.draws import FLAG, SEEDS, SIZES, examples, random, random_mask
from tests.parity.pairs import compare
from tests.parity.peers import keras


def handed_over(L, embedding, words):
    """Return the mask that Keras needs to be given: None for nlstm.

    A layer of Keras 3 that is called on several tensors, such as an LSTM with an initial_state,
    does not find the mask of its input by itself: it reads the padding. nlstm's always finds it.
    """
    return embedding.compute_mask(words) if L is keras.layers else None


@examples(15)
@given(SIZES, FLAG, SEEDS)
def test_encoder_and_decoder(parity, sizes, embedded, seed):
    """The states of one LSTM begin another one."""
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    rng = np.random.default_rng(seed)
    if embedded:
        arrays = [rng.integers(0, 5, (N, steps)).astype(np.int32) for steps in (T, T + 2)]
        for words in arrays:
            words[:, 0] = 1  # see test_lstm.start_seen
    else:
        arrays = [random(seed, N, T, F), random(seed + 1, N, T + 2, 3)]

    def network(L, source, target):
        mask = None
        if embedded:
            first, second = (L.Embedding(5, F, mask_zero=True) for _ in range(2))
            mask = handed_over(L, second, target)
            source, target = first(source), second(target)
        _, h, c = L.LSTM(H, return_state=True)(source)
        y, *states = L.LSTM(H, return_sequences=True, return_state=True)(
            target, initial_state=[h, c], mask=mask
        )
        return [L.Dense(4, "softmax")(y), *states]

    compare(parity, "functional: encoder and decoder", network, arrays, seed=seed)


@examples(15)
@given(SIZES, SEEDS)
def test_shared_layers(parity, sizes, seed):
    """One LSTM reads two inputs, and one Dense ends both ways."""
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    arrays = [random(seed, N, T, F), random(seed + 1, N, T, F)]

    def network(L, one, other):
        reader, judge = L.LSTM(H), L.Dense(2)
        a, b = reader(one), reader(other)
        return [judge(a), judge(b), L.Concatenate()([a, L.Subtract()([a, b])])]

    compare(parity, "functional: shared layers", network, arrays, seed=seed)


@examples(15)
@given(SIZES, SEEDS)
def test_branches(parity, sizes, seed):
    """A sequence and static features; a residual connection; two heads."""
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    arrays = [random(seed, N, T, F), random(seed + 1, N, 3)]

    def network(L, x, static):
        steps = L.Concatenate()([x, L.RepeatVector(T)(static)])
        below = L.LSTM(H, return_sequences=True)(steps)
        above = L.LSTM(H, return_sequences=True)(below)
        joined = L.LayerNormalization()(L.Add()([below, above]))
        return [L.Dense(1)(joined), L.Dense(3, "relu")(L.GlobalAveragePooling1D()(joined))]

    compare(parity, "functional: branches", network, arrays, seed=seed)


@examples(15)
@given(SIZES, SEEDS)
def test_a_mask_goes_through_a_stack(parity, sizes, seed):
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    x = random(seed, N, T, F)
    x[~random_mask(seed, N, T)] = 0.0

    def network(L, x):
        y = L.Masking()(x)
        y = L.Bidirectional(L.LSTM(H, return_sequences=True))(y)
        y = L.TimeDistributed(L.Dense(3, "tanh"))(L.Dropout(0.0)(y))
        y = L.Activation("tanh")(L.LSTM(H, return_sequences=True)(y))
        return [y, L.LSTM(2)(y)]

    compare(parity, "functional: masks", network, [x], seed=seed)
