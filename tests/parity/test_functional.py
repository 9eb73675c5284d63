"""Models beside Keras: several inputs and outputs, shared layers and models, states handed on."""

import numpy as np
from hypothesis import given

import nlstm
from tests.parity.draws import FLAG, cases, examples, random, random_mask
from tests.parity.pairs import compare
from tests.parity.peers import keras


def handed_over(L, embedding, words):
    """Return the mask that Keras needs to be given: None for nlstm.

    A layer of Keras 3 that is called on several tensors, such as an LSTM with an initial_state,
    does not find the mask of its input by itself: it reads the padding. nlstm's always finds it.
    """
    return embedding.compute_mask(words) if L is keras.layers else None


def library_of(L):
    return nlstm if L is nlstm.layers else keras


# --- by hand: what tutorials have -----------------------------------------------------------------


@examples(30)
@given(cases(embedded=FLAG, both_ways=FLAG, layer=["LSTM", "SimpleRNN"]))
def test_encoder_and_decoder(parity, case):
    """The states of one layer begin another one."""
    (N, T, F, H), options, seed = case
    embedded, kind = options["embedded"], options["layer"]
    if embedded:
        rng = np.random.default_rng(seed)
        arrays = [rng.integers(0, 5, (N, steps)).astype(np.int32) for steps in (T, T + 2)]
        for words in arrays:
            words[:, 0] = 1  # see test_lstm.start_seen
    else:
        arrays = [random(seed, N, T, F), random(seed + 1, N, T + 2, 3)]

    def network(L, source, target):
        mask, recurrent = None, getattr(L, kind)
        if embedded:
            first, second = (L.Embedding(5, F, mask_zero=True) for _ in range(2))
            mask = handed_over(L, second, target)
            source, target = first(source), second(target)
        encoder, units = recurrent(H, return_state=True), H
        if options["both_ways"]:
            _, *ends = L.Bidirectional(encoder)(source)
            half, units = len(ends) // 2, 2 * H
            states = [L.Concatenate()([ends[k], ends[half + k]]) for k in range(half)]
        else:
            _, *states = encoder(source)
        y, *states = recurrent(units, return_sequences=True, return_state=True)(
            target, initial_state=states, mask=mask
        )
        return [L.Dense(4, "softmax")(y), *states]

    feature = "functional: encoder and decoder"
    compare(parity, feature, network, arrays, seed=seed, predicted=True)


@examples(20)
@given(cases(bidirectional=FLAG))
def test_shared_layers(parity, case):
    """One LSTM reads two inputs, and one Dense ends both ways."""
    (N, T, F, H), options, seed = case
    arrays = [random(seed, N, T, F), random(seed + 1, N, T, F)]

    def network(L, one, other):
        reader, judge = L.LSTM(H), L.Dense(2)
        if options["bidirectional"]:
            reader = L.Bidirectional(reader)
        a, b = reader(one), reader(other)
        return [judge(a), judge(b), L.Concatenate()([a, L.Subtract()([a, b])])]

    feature = "functional: shared layers"
    compare(parity, feature, network, arrays, seed=seed, predicted=True)


@examples(15)
@given(cases())
def test_a_shared_embedding(parity, case):
    """Of two sequences of unlike lengths, each with a mask of its own."""
    (N, T, F, H), _, seed = case
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(0, 5, (N, steps)).astype(np.int32) for steps in (T, T + 3)]

    def network(L, one, other):
        vectors, reader = L.Embedding(5, F, mask_zero=True), L.LSTM(H)
        return L.Dense(1)(L.Concatenate()([reader(vectors(one)), reader(vectors(other))]))

    feature = "functional: shared layers"
    compare(parity, feature, network, arrays, seed=seed, predicted=True)


@examples(15)
@given(cases())
def test_branches(parity, case):
    """A sequence and static features; a residual connection; two heads."""
    (N, T, F, H), _, seed = case
    arrays = [random(seed, N, T, F), random(seed + 1, N, 3)]

    def network(L, x, static):
        steps = L.Concatenate()([x, L.RepeatVector(T)(static)])
        below = L.LSTM(H, return_sequences=True)(steps)
        above = L.LSTM(H, return_sequences=True)(below)
        joined = L.LayerNormalization()(L.Add()([below, above]))
        return [L.Dense(1)(joined), L.Dense(3, "relu")(L.GlobalAveragePooling1D()(joined))]

    compare(parity, "functional: branches", network, arrays, seed=seed, predicted=True)


@examples(20)
@given(cases(depth=[1, 2, 3], kind=["LSTM", "SimpleRNN", "Bidirectional"], masked=FLAG,
             embedded=FLAG, head=["last", "each step", "flattened"]))  # fmt: skip
def test_sequential(parity, case):
    """A stack, called on the input as a model in the model."""
    (N, T, F, H), options, seed = case
    kind, head = options["kind"], options["head"]
    if options["embedded"]:
        x = np.random.default_rng(seed).integers(0, 5, (N, T)).astype(np.int32)
    else:
        x = random(seed, N, T, F)
        x[~random_mask(seed, N, T)] = 0.0

    def network(L, x):
        parts = [L.Masking()] if options["masked"] else []
        if options["embedded"]:
            parts = [L.Embedding(5, F, mask_zero=options["masked"])]
        for level in range(options["depth"]):
            sequences = head != "last" or level + 1 < options["depth"]
            layer = L.LSTM if kind == "Bidirectional" else getattr(L, kind)
            layer = layer(H, return_sequences=sequences)
            parts += [L.Bidirectional(layer) if kind == "Bidirectional" else layer, L.Dropout(0.0)]
        if head == "flattened":
            parts.append(L.Flatten())
        parts += [L.Dense(4, "tanh"), L.Dense(2)]
        dtype = {"dtype": "float64"} if L is nlstm.layers else {}
        return library_of(L).Sequential(parts, **dtype)(x)

    compare(parity, "Sequential", network, [x], seed=seed, predicted=True)


@examples(10)
@given(cases())
def test_a_model_used_twice(parity, case):
    (N, T, F, H), _, seed = case
    arrays = [random(seed, N, T, F), random(seed + 1, N, T, F)]

    def network(L, one, other):
        library = library_of(L)
        start = library.Input((T, F), dtype="float64")
        hidden = L.LSTM(H, return_sequences=True)(start)
        inner = library.Model(start, [L.LSTM(2)(hidden), L.GlobalMaxPooling1D()(hidden)])
        a, b = inner(one), inner(other)
        return [L.Add()([a[0], b[0]]), L.Multiply()([a[1], b[1]])]

    compare(parity, "models in models", network, arrays, seed=seed, predicted=True)


def test_a_large_one(parity):
    """So large that every layer takes several threads."""
    N, T, F, H = 128, 50, 8, 32
    words = np.random.default_rng(0).integers(0, 50, (N, T)).astype(np.int32)

    def network(L, x, words):
        y = L.Concatenate()([x, L.Embedding(50, 24)(words)])
        y = L.LayerNormalization()(L.Add()([y, L.LSTM(H, return_sequences=True)(y)]))
        y = L.Multiply()([L.Dense(H, "tanh")(y), L.TimeDistributed(L.Dense(H, "tanh"))(y)])
        y = L.Bidirectional(L.LSTM(H, return_sequences=True))(L.Activation("tanh")(y))
        ends = [L.GlobalAveragePooling1D()(y), L.GlobalMaxPooling1D()(y), L.SimpleRNN(H)(y)]
        return [*ends, L.Dense(1, "tanh")(y)]

    arrays = [random(0, N, T, F), words]
    compare(parity, "functional: large", network, arrays, scale=0.2, predicted=True)


# --- by chance ------------------------------------------------------------------------------------


class Named:
    """The layers of a library, each named by when it was made.

    What Keras computes masks with counts as layers for the order of layers, and so of weights: what
    lies before a `Masking` may come earlier than in nlstm, where two inputs have unlike masks.
    """

    def __init__(self, L):
        self.L, self.count = L, 0

    def __getattr__(self, kind):
        def make(*arguments, **options):
            self.count += 1
            return getattr(self.L, kind)(*arguments, name=f"made_{self.count:02}", **options)

        return make


class Growth:
    """A graph whose layers are chosen by a seed: the same in both libraries.

    Parameters
    ----------
    L : module
    sequences, rows : list of symbols
        With T steps, and without steps.
    masked : bool
        Whether sequences have masks: see `handed_over`.
    """

    def __init__(self, L, seed, sequences, rows, T, masked):
        self.L, self.T = L, T
        self.rng = np.random.default_rng(seed)
        self.sequences, self.rows = sequences, rows
        self.used = set()
        self.shared = {}  # layers by the features that they take
        self.makers = [self.recurrent, self.per_step, self.merged, self.repeated]
        self.makers += [self.recurrent_last, self.pooled, self.dense, self.joined, self.again]
        self.makers += [] if masked else [self.handed_on]

    def one(self, values):
        found = values[self.rng.integers(len(values))]
        self.used.add(id(found))
        return found

    def grow(self):
        """Add a layer, and what it needs."""
        self.makers[self.rng.integers(len(self.makers))]()

    def leaves(self):
        """Return what no layer takes."""
        return [y for y in self.sequences + self.rows if id(y) not in self.used]

    def kind(self, **options):
        L, units = self.L, int(self.rng.integers(1, 6))
        layers = [
            lambda: L.LSTM(units, **options),
            lambda: L.SimpleRNN(units, **options),
            lambda: L.LSTM(units, go_backwards=True, **options),
            lambda: L.Bidirectional(L.LSTM(units, **options)),
        ]
        return layers[self.rng.integers(len(layers))]()

    def recurrent(self):
        self.sequences.append(self.kind(return_sequences=True)(self.one(self.sequences)))

    def recurrent_last(self):
        self.rows.append(self.kind()(self.one(self.sequences)))

    def handed_on(self):
        """An encoder and a decoder."""
        units = int(self.rng.integers(1, 6))
        y, *states = self.L.LSTM(units, return_state=True)(self.one(self.sequences))
        decoder = self.L.LSTM(units, return_sequences=True)
        self.rows.append(y)
        self.sequences.append(decoder(self.one(self.sequences), initial_state=states))

    def per_step(self):
        L, x = self.L, self.one(self.sequences)
        layers = [
            lambda: L.Dense(3, "tanh"),
            lambda: L.TimeDistributed(L.Dense(2)),
            lambda: L.LayerNormalization(epsilon=0.1),
            lambda: L.Activation("tanh"),
        ]
        self.sequences.append(layers[self.rng.integers(len(layers))]()(x))

    def pooled(self):
        L, x = self.L, self.one(self.sequences)
        layers = [L.GlobalAveragePooling1D, L.GlobalMaxPooling1D, L.Flatten]
        self.rows.append(layers[self.rng.integers(len(layers))]()(x))

    def dense(self):
        self.rows.append(self.L.Dense(int(self.rng.integers(1, 6)), "tanh")(self.one(self.rows)))

    def repeated(self):
        self.sequences.append(self.L.RepeatVector(self.T)(self.one(self.rows)))

    def merged(self):
        """Sequences made alike, then one."""
        L = self.L
        layer = [L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum]
        layer = layer[self.rng.integers(len(layer))]()
        values = [L.Dense(3)(self.one(self.sequences)) for _ in range(2)]
        self.sequences.append(layer(values))

    def joined(self):
        """The second value is another one than the first, or the same."""
        values = [self.sequences, self.rows][self.rng.integers(2)]
        values.append(self.L.Concatenate()([self.one(values), self.one(values)]))

    def again(self):
        """A layer that takes several values."""
        x = self.one(self.sequences)
        features = x.shape[-1]
        if features not in self.shared:
            self.shared[features] = self.L.LSTM(3, return_sequences=True)
        self.sequences.append(self.shared[features](x))


@examples(80)
@given(cases(layers=[3, 5, 8, 12], masked=FLAG))
def test_grown_graphs(parity, case):
    (N, T, F, H), options, seed = case
    arrays = [random(seed, N, T, F), random(seed + 1, N, T, 2), random(seed + 2, N, H)]
    masked = options["masked"]
    for x in arrays[: 2 * masked]:
        x[:, 1:][~random_mask(seed, N, T)[:, 1:]] = 0.0  # a mean over no step is 0 / 0

    def network(L, one, other, row):
        L = Named(L) if masked else L
        if masked:
            one, other = L.Masking()(one), L.Masking()(other)
        graph = Growth(L, seed, [one, other], [row], T, masked)
        for _ in range(options["layers"]):
            graph.grow()
        return [L.Dense(2)(y) for y in graph.leaves()]

    compare(parity, "grown graphs", network, arrays, seed=seed, scale=0.3, predicted=True,
            by_name=masked)  # fmt: skip
