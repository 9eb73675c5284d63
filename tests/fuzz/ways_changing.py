"""Models that change: batches of other sizes each step, callbacks, shared layers, states."""

import numpy as np

import nlstm
from nlstm import layers as L
from tests.fuzz import networks
from tests.fuzz.arrays import given
from tests.fuzz.cases import Case, unequal
from tests.fuzz.ways_models import ARGUMENTS, DTYPES, inputs_of, optional

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
        weight = None
        if c.chance(15):
            weight = optional(given(c, c.rng().uniform(0.5, 1, rows), 20))
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
