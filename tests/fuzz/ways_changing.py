"""Models that change: batches of other sizes each step, callbacks, shared layers, states."""

import numpy as np

import nlstm
from nlstm import layers as L
from tests.fuzz import networks
from tests.fuzz.arrays import given
from tests.fuzz.cases import Case, unequal
from tests.fuzz.ways_models import ARGUMENTS, DTYPES, inputs_of

CHANGES = ("freeze", "weights", "rate", "stop", "recompile", "predict", "evaluate", "wrong weights",
           "add", "batch", "nested fit", "state", "momentum")  # fmt: skip


def batches(c):
    """A generator whose batches have other rows and steps each time, some of them wrong."""
    again, dtype = c.apart(), c.one(DTYPES)
    make = lambda: networks.chain(again(), dtype)  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    kind, sample = drawn.inputs[0]
    made = []
    for _ in range(c.whole(1, 5)):
        rows, steps = c.whole(1, 9), c.whole(1, 6)
        x = networks.data_for(c, drawn, rows, steps, 4)[0]
        value = np.zeros(np.shape(networks.data_for(c, drawn, rows, steps, 0)[0].plain))
        shape = drawn.model.predict(value, verbose=0).shape
        y = given(c, c.rng().uniform(0, 1, shape), 4)
        weight = given(c, c.rng().uniform(0.5, 1, rows), 20) if c.chance(15) else None
        made.append((x, y) if weight is None else (x, y, weight))
    door = c.one(("fit", "evaluate", "predict", "train_on_batch", "predict_on_batch"))
    lasting = c.one(("list", "generator", "iterator"))
    flat = [one for batch in made for one in batch]

    def run(plain):
        model = make().model
        model.compile("adam", "mse", metrics=["mae"])
        data = [tuple(one.pick(plain) for one in batch) for batch in made]
        if door.endswith("batch"):
            return [getattr(model, door)(*(b if door.startswith("train") else b[:1]))
                    for b in data], model.get_weights()  # fmt: skip
        source = (one for one in data) if lasting == "generator" else iter(data)
        options = {"epochs": 1} if door == "fit" else {}
        found = getattr(model, door)(source, verbose=0, **options)
        return (found.history if door == "fit" else found), model.get_weights()

    def check(found):
        if door not in ("predict_on_batch", "train_on_batch"):
            return
        nlstm.set_random_seed(7)
        count = len(make().model.get_weights())
        if door == "predict_on_batch":
            for number, (x, *_) in enumerate(made):
                nlstm.set_random_seed(7)
                alone = make().model.predict_on_batch(x.plain)
                if where := unequal([found[number]], [alone]):
                    yield f"history: batch {number} alone differs in {where}"
        assert len(found) >= count

    names = (*ARGUMENTS, "batch", *drawn.model.input_names)
    wrong = None
    if door.startswith("predict"):
        for batch in made:
            for one in batch[1:]:
                one.wrong = None
    return Case(run, names, tuple(flat), f"{door} {lasting} {len(made)} {drawn.story}", check,
                wrong=wrong, finite=drawn.finite)  # fmt: skip


class Changing(nlstm.callbacks.Callback):
    """Changes the model at a hook, once."""

    def __init__(self, change, hook, other):
        super().__init__()
        self.change, self.hook, self.other, self.done = change, hook, other, False

    def __getattribute__(self, name):
        if name.startswith("on_") and name == object.__getattribute__(self, "hook"):
            return lambda *args, **kwargs: object.__getattribute__(self, "act")()
        return object.__getattribute__(self, name)

    def act(self):
        if self.done:
            return
        self.done = True
        model = self.model
        x, y = self.other
        if model.optimizer is None and self.change in ("rate", "momentum"):
            return  # it has a new layer, and is not compiled again
        if self.change == "freeze":
            model.layers[-1].trainable = False
        elif self.change == "weights":
            model.set_weights([np.asfortranarray(one * 0.5) for one in model.get_weights()])
        elif self.change == "wrong weights":
            model.set_weights([np.zeros((1, *one.shape)) for one in model.get_weights()])
        elif self.change == "rate":
            model.optimizer.learning_rate = 0.01
        elif self.change == "stop":
            model.stop_training = model.stop_evaluating = model.stop_predicting = True
        elif self.change == "recompile":
            model.compile("sgd", "mae")
        elif self.change == "predict":
            model.predict(x, verbose=0)
        elif self.change == "evaluate":
            model.evaluate(x, y, verbose=0)
        elif self.change == "add":
            model.add(L.Dense(2))
        elif self.change == "batch":
            model.train_on_batch(x, y)
        elif self.change == "nested fit":
            model.fit(x, y, epochs=1, verbose=0)
        elif self.change == "state":
            model.reset_states()
        elif self.change == "momentum":
            model.optimizer.set_variables(model.optimizer.variables())


HOOKS = ("on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end",
         "on_epoch_end", "on_test_begin", "on_test_batch_end", "on_train_end")  # fmt: skip


def callbacks(c):
    """Callbacks that change the model while it is fitted; a new one of its weights agrees."""
    again, dtype = c.apart(), c.one(DTYPES)
    outputs = (c.one((1, 3)), None)
    make = lambda: networks.chain(again(), dtype, outputs=outputs)  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    rows, steps = c.one((2, 5, 9)), c.whole(1, 4)
    x = networks.data_for(c, drawn, rows, steps, 5)
    other = inputs_of(networks.data_for(c, drawn, c.whole(1, 12), steps, 0), True)
    target = np.zeros(drawn.model.predict(other, verbose=0).shape)
    shape = (rows, *target.shape[1:])
    y = given(c, c.rng().uniform(0, 1, shape), 5)
    chosen = [(c.one(CHANGES), c.one(HOOKS)) for _ in range(c.whole(1, 3))]
    held = c.chance(40)

    def run(plain):
        model = make().model
        model.compile(c_optimizer, "mse")
        made = [Changing(change, hook, (other, target)) for change, hook in chosen]
        values = inputs_of(x, plain), y.pick(plain)
        options = {"validation_data": values} if held else {}
        found = model.fit(*values, batch_size=2, epochs=2, verbose=0, callbacks=made, **options)
        return (
            found.history,
            len(model.layers),
            model.get_weights(),
            model.predict(inputs_of(x, True), verbose=0),
        )

    c_optimizer = c.one(("sgd", "adam", "rmsprop")) if c.wide else "adam"

    def check(found):
        nlstm.set_random_seed(7)
        fresh = make().model
        if any(change == "add" for change, _ in chosen):
            while len(fresh.layers) < found_layers(found, fresh):
                fresh.add(L.Dense(2))
        count = len(fresh.get_weights())
        fresh.set_weights(found[-1 - count : -1])
        if where := unequal(found[-1:], fresh.predict(inputs_of(x, True), verbose=0)):
            yield f"weights: a new model with them differs in {where}"

    def found_layers(found, fresh):
        added = sum(change == "add" for change, _ in chosen)
        number = [int(one) for one in found if one.shape == () and one.dtype.kind == "i"]
        return min(number[-1], len(fresh.layers) + added)

    names = (*ARGUMENTS, "weights", "kernel", "compile", "fit", "loss", "layer", "optimizer",
             *drawn.model.input_names)  # fmt: skip
    return Case(run, names, (*x, y), f"{chosen} held={held} {drawn.story}", check,
                finite=drawn.finite, kinds=(ValueError, TypeError, RuntimeError))  # fmt: skip


def weights(c):
    """Weights by every door: model, layer, parameter; nothing changes where there is an error."""
    again = c.apart()
    dtype = c.one(DTYPES)
    make = lambda: networks.chain(again(), dtype, outputs=(2, None))  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    door = c.one(("model", "layer", "parameter", "optimizer", "bias"))
    shapes = [one.shape for one in drawn.model.get_weights()]
    layer = c.whole(0, len(drawn.model.layers) - 1)
    number = c.whole(0, len(shapes) - 1)
    rng = c.rng()
    values = [given(c, rng.uniform(-1, 1, shape), 12) for shape in shapes]
    few, extra = c.chance(6), c.chance(6)
    x = networks.data_for(c, drawn, 3, 3, 0)
    one = given(c, rng.uniform(-1, 1, shapes[number]), 60)
    used = {"model": values, "parameter": [one], "optimizer": [one]}.get(door, [])
    for one_ in (*values, one):
        if one_.wrong in ("nan", "inf", "-inf"):
            one_.wrong = None  # a model may have come to them

    def run(plain):
        model = make().model
        model.compile("adam", "mse")
        before = model.get_weights()
        handed = [one.pick(plain) for one in values]
        if few:
            handed = handed[:-1]
        if extra:
            handed = [*handed, np.zeros(1)]
        try:
            if door == "model":
                model.set_weights(handed)
            elif door == "layer":
                chosen = model.layers[layer]
                chosen.set_weights(handed[: len(chosen.get_weights())])
            elif door == "parameter":
                model.weights[number].set(one.pick(plain))
            elif door == "bias":
                chosen = model.layers[-1]
                chosen.set_weights([np.ones_like(w) for w in chosen.get_weights()])
            else:
                y = np.zeros(model.predict(inputs_of(x, True), verbose=0).shape)
                model.train_on_batch(inputs_of(x, True), y)
                state = model.optimizer.variables()
                key = sorted(state)[-1 - number % len(state)]
                state[key] = one.pick(plain)
                model.optimizer.set_variables(state)
                model.train_on_batch(inputs_of(x, True), y)
                before = model.get_weights()
        except (ValueError, TypeError):
            if where := unequal(before, model.get_weights()):
                if door == "model":
                    raise AssertionError(f"an error changed weights in {where}") from None
            raise
        return model.get_weights(), model.predict(inputs_of(x, True), verbose=0)

    names = ("weights", "weight", "kernel", "bias", "gamma", "beta", "embeddings", "peephole",
             "projection", "has shape", "variables", "state", "momentum", "velocity", "layer",
             *(p.name for p in drawn.model.weights))  # fmt: skip
    return Case(run, names, tuple(used), f"{door} {layer} {number} {few} {extra} {drawn.story}",
                wrong="their number" if door == "model" and (few != extra) else None,
                finite=False, kinds=(ValueError, TypeError, KeyError))  # fmt: skip


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
        moves.append((c.one(("predict", "train", "reset", "evaluate")),
                      networks.data_for(c, drawn, count, c.whole(1, 4), 6)[0]))  # fmt: skip

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
                y = np.zeros((*np.shape(value)[:2], model.output_shape[-1]))
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
    return Case(run, names, tuple(x), f"{size} {drawn.story}", check)


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
                if steps is None:
                    alone = build().predict(
                        [short, np.ones((1, short.shape[1], *shape))], verbose=0
                    )
                    if where := unequal(found[0][n], alone[0], 1e-5):
                        yield f"mask: row {n} without its masked steps differs in {where}"

    story = f"{kind} {steps} {other} {shape}"
    # The mean of no steps is NaN, as in Keras.
    finite = kind != "GlobalAveragePooling1D"
    return Case(run, (*ARGUMENTS, "mask"), (data, mask), story, check, finite=finite)
