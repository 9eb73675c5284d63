"""Layers that two models share, states that are kept, streams, masks given by hand."""

import numpy as np

import nlstm
from nlstm import layers as L
from tests.fuzz import networks
from tests.fuzz.arrays import given
from tests.fuzz.cases import Case, unequal
from tests.fuzz.ways_models import ARGUMENTS, DTYPES


def shared(c):
    """A layer in two models, trained in turn with batches of other sizes: both see its weights."""
    units, features = c.one(networks.UNITS), c.one((1, 2, 5))
    dtype = c.one(DTYPES)
    kind = c.one((L.LSTM, L.SimpleRNN))
    moves = [(c.one(("a", "b")), c.one(("fit", "predict", "weights", "evaluate", "freeze")),
              c.whole(1, 9), c.whole(1, 5)) for _ in range(c.whole(1, 6))]  # fmt: skip
    seed = c.whole(0, 2**31)

    def build():
        nlstm.set_random_seed(7)
        x = L.Input((None, features), dtype=dtype)
        layer = kind(units, return_sequences=True)
        h = layer(x)
        a = nlstm.Model(x, L.Dense(1)(h), dtype=dtype)
        b = nlstm.Model(x, L.LSTM(2)(h), dtype=dtype)
        for one in (a, b):
            one.compile("adam", "mse")
        return {"a": a, "b": b}

    def run(plain):
        models, rng = build(), np.random.default_rng(seed)
        found = []
        for name, move, rows, steps in moves:
            model = models[name]
            x = rng.uniform(-1, 1, (rows, steps, features))
            y = rng.uniform(0, 1, (rows, steps, 1) if name == "a" else (rows, 2))
            if move == "fit":
                found.append(model.train_on_batch(x, y))
            elif move == "evaluate":
                found.append(model.test_on_batch(x, y))
            elif move == "weights":
                model.set_weights([w * 0.9 for w in model.get_weights()])
            elif move == "freeze":
                model.layers[1].trainable = not model.layers[1].trainable
                model.compile("adam", "mse")
            else:
                found.append(model.predict(x, verbose=0))
        last = np.random.default_rng(1).uniform(-1, 1, (3, 4, features))
        held = [models[name].get_weights() for name in "ab"]
        return found, held, [models[name].predict(last, verbose=0) for name in "ab"]

    def check(found):
        models = build()
        counts = [len(models[name].get_weights()) for name in "ab"]
        held = found[-2 - sum(counts) : -2]
        for k in range(len(models["a"].layers[1].get_weights())):
            if where := unequal(held[k], held[counts[0] + k]):
                yield f"sharing: {where}"
        last = np.random.default_rng(1).uniform(-1, 1, (3, 4, features))
        for place, (name, own) in enumerate(zip("ab", (held[: counts[0]], held[counts[0] :]))):
            models[name].set_weights(own)
            if where := unequal(found[place - 2], models[name].predict(last, verbose=0)):
                yield f"weights: a new model {name} differs in {where}"

    return Case(run, ARGUMENTS, (), f"{kind.__name__}({units}) {moves}", check)


def states(c):
    """Stateful layers: steps in pieces give what they give at once; other rows are refused."""
    again, dtype = c.apart(), c.one(DTYPES)
    make = lambda: networks.chain(again(), dtype, stateful=True)  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    steps = drawn.inputs[0][1][0]
    rows = drawn.rows
    moves = []
    for _ in range(c.whole(1, 5)):
        count = rows if c.chance(85) else c.whole(1, 8)
        move, length = c.one(("predict", "train", "reset", "evaluate")), c.whole(1, 4)
        moves.append((move, networks.data_for(c, drawn, count, length, 6)[0]))

    def run(plain):
        model = make().model
        model.compile("sgd", "mse")
        found = []
        for move, x in moves:
            value = x.pick(plain)
            if move == "reset":
                model.reset_states()
            elif move == "predict":
                found.append(model.predict(value, verbose=0))
            else:
                holed = x.wrong in ("ragged", "nested None")  # NumPy finds no shape in them
                shape = (rows, 1) if holed else np.shape(value)[:2]
                y = np.zeros((*shape, model.output_shape[-1]))
                name = "train_on_batch" if move == "train" else "test_on_batch"
                found.append(getattr(model, name)(value, y))
        return found, model.get_weights()

    def check(found):
        predicted = all(move == "predict" for move, _ in moves)
        if not predicted or steps is not None or len(moves) < 2:
            return
        nlstm.set_random_seed(7)
        whole = make().model.predict(np.concatenate([np.asarray(x.plain, float) for _, x in moves],
                                                    1), verbose=0)  # fmt: skip
        if where := unequal(np.concatenate(found[: len(moves)], 1), whole, 1e-5):
            yield f"states: at once they differ in {where}"

    used = tuple(x for move, x in moves if move != "reset")
    return Case(run, (*ARGUMENTS, "batch", "rows", "stateful", *drawn.model.input_names), used,
                f"rows {rows} {[(m, x.story) for m, x in moves]} {drawn.story}", check)  # fmt: skip


def stream(c):
    """A stream of steps gives what predict gives for the whole, to the bit."""
    again, dtype = c.apart(), c.one(DTYPES)
    make = lambda: networks.chain(again(), dtype, streamed=True)  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    rows, steps = c.whole(1, 4), drawn.inputs[0][1][0] or c.whole(1, 6)
    whole = c.rng().uniform(-1, 1, (rows, steps, drawn.inputs[0][1][1]))
    size = rows if c.chance(95) else c.one((0, -1, 2.5, "a", None, rows + 1))
    x = [given(c, whole[:, t], 8) for t in range(steps)]
    reset = c.chance(15)
    state = given(c, c.rng().uniform(-1, 1, (rows, 3)), 50) if c.chance(10) else None

    def run(plain):
        live = make().model.stream(size)
        found = []
        for one in x:
            if reset:
                live.reset()
            if state is not None:
                live.state = [(state.pick(plain), state.pick(plain))]
            found.append(live.step(one.pick(plain)).copy())
        return found

    def check(found):
        if reset or state is not None or any(one.story.count("x") for one in ()):
            return
        values = [np.asarray(one.plain, np.float64) for one in x]
        if any(one.shape != values[0].shape for one in values) or values[0].ndim != 2:
            return
        nlstm.set_random_seed(7)
        wanted = make().model.predict(np.stack(values, 1), verbose=0)
        if where := unequal(found, list(wanted.swapaxes(0, 1))):
            yield f"stream: predict differs in {where}"

    names = ("x", "batch_size", "state", "step", "stream")
    used = tuple(x) if state is None else (*x, state)
    return Case(run, names, used, f"{size} {drawn.story}", check)


def masks(c):
    """A mask given by hand to a layer: of the steps of its input, or an error."""
    steps, other = c.one((None, 2, 3)), c.one((None, 2, 3, 4))
    fitting = c.chance(60)
    features, units = c.one((1, 3)), c.one(networks.UNITS)
    kind = c.one(("LSTM", "SimpleRNN", "GlobalAveragePooling1D", "Bidirectional", "Softmax"))
    shape = (1,) if fitting else c.one(((), (1,), (2,)))
    rows, t, m = c.whole(1, 5), c.whole(1, 4), c.whole(1, 4)
    if fitting:
        other, m = steps, t
    data = given(c, c.rng().uniform(-1, 1, (rows, steps or t, features)), 15)
    mask = given(c, c.rng().integers(0, 2, (rows, other or m, *shape)) * 1.0, 15)

    def build():
        x, z = L.Input((steps, features)), L.Input((other, *shape))
        layer = {
            "LSTM": lambda: L.LSTM(units),
            "SimpleRNN": lambda: L.SimpleRNN(units, return_sequences=True),
            "Bidirectional": lambda: L.Bidirectional(L.LSTM(units)),
            "Softmax": L.Softmax,
        }.get(kind, L.GlobalAveragePooling1D)()
        return nlstm.Model([x, z], layer(x, mask=z))

    def run(plain):
        return build().predict([data.pick(plain), mask.pick(plain)], verbose=0)

    def check(found):
        value, on = np.asarray(data.plain, float), np.asarray(mask.plain, float)
        if (
            shape != (1,)
            or on.ndim < 2
            or value.ndim != 3
            or value.shape[1:] != (steps or value.shape[1], features)
        ):
            return
        on = on.reshape(on.shape[:2]) != 0
        if on.shape != value.shape[:2]:
            yield f"accepted: a mask of {on.shape} for {value.shape}"
        elif kind in ("LSTM", "GlobalAveragePooling1D"):
            for n in range(len(value)):
                if not on[n].any():
                    continue
                nlstm.set_random_seed(7)
                short = value[n : n + 1, on[n]]
                if steps is None and other is None:
                    alone = build().predict(
                        [short, np.ones((1, short.shape[1], *shape))], verbose=0
                    )
                    if where := unequal(found[0][n], alone[0], 1e-5):
                        yield f"mask: row {n} without its masked steps differs in {where}"

    story = f"{kind} {steps} {other} {shape}"
    # The mean of no steps is NaN, as in Keras.
    finite = kind != "GlobalAveragePooling1D"
    return Case(run, (*ARGUMENTS, "mask"), (data, mask), story, check, finite=finite)
