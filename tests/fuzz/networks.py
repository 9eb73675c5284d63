"""Models that are drawn: chains of every kind of layer, graphs with forks, joins and sharing."""

from dataclasses import dataclass
from typing import Any

import nlstm
from nlstm import layers as L
from tests.fuzz.arrays import Given, given

__all__ = ["Drawn", "chain", "data_for", "model"]

ACTIVATIONS = ("tanh", "relu", "sigmoid", "linear")
ALL_ACTIVATIONS = ("elu", "selu", "gelu", "swish", "softplus", "softsign", "hard_sigmoid",
                   "exponential", "leaky_relu", "mish", "relu6", "log_sigmoid")  # fmt: skip
UNITS = (1, 2, 3, 5, 8, 16, 17)
PLACES = ("kernel", "recurrent", "bias")


@dataclass
class Drawn:
    """A model and what is known of it.

    Attributes
    ----------
    inputs : list of (kind, sample shape)
        Kinds: "numbers", "indices".
    noisy, stateful, masked, by_row : bool
        Whether training draws numbers; rows keep states; some steps may not count; a row's
        prediction depends on nothing but the row.
    """

    model: Any
    inputs: list
    noisy: bool = False
    stateful: bool = False
    masked: bool = False
    story: str = ""
    limit: int = 7

    @property
    def by_row(self):
        return not self.stateful

    @property
    def finite(self):
        """Whether answers are finite: the mean of no steps is NaN, as in Keras."""
        return not (self.masked and "GlobalAverage" in self.story)


def activation(c):
    return c.one(ALL_ACTIVATIONS) if c.rare(15) else c.one(ACTIVATIONS)


def dense_activation(c):
    return "softmax" if c.chance(10) else activation(c)


def recurrent(c, drawn, sequences, wrap=True):
    """Return a layer that has a state, and how many features it gives."""
    units = c.one(UNITS)
    lstm, options = c.chance(75), {"return_sequences": sequences}
    if c.chance(20):
        options["go_backwards"] = True
    if c.rare(15):
        options["use_bias"] = False
    if c.chance(10):
        options["kernel_regularizer"] = c.one(("l1", "l2", "l1_l2"))
    if c.chance(10):
        options["kernel_constraint"] = c.one(("max_norm", "non_neg", "unit_norm"))
    if c.rare(20):
        options["activation"] = activation(c)
    if c.rare(15):
        options[c.one(("dropout", "recurrent_dropout"))] = c.one((0.0, 0.3, 0.9))
        drawn.noisy = True
    if c.rare(10) and sequences:
        options["zero_output_for_mask"] = True
    features = units
    if lstm and c.rare(30):
        others = ("peephole", "num_layers", "proj_size", "zoneout", "gates")
        extra = c.one(others if "recurrent_dropout" in options else (*others, "layer_norm"))
        apart = {"recurrent_dropout", "zero_output_for_mask"} & options.keys()
        if extra in ("peephole", "layer_norm"):
            options[extra] = True
        elif extra == "num_layers":
            options["num_layers"] = c.whole(1, 3)
        elif extra == "proj_size" and units > 1 and not apart:
            features = options["proj_size"] = c.whole(1, units - 1)
        elif extra == "zoneout":
            options["zoneout"], drawn.noisy = c.one((0.1, (0.2, 0.0))), True
        else:
            options["recurrent_activation"] = c.one(("sigmoid", "hard_sigmoid"))
    kind = L.LSTM if lstm else L.SimpleRNN
    drawn.story += f"{kind.__name__}({units}, {options}) "
    layer = kind(units, **options)
    if wrap and c.chance(20) and "go_backwards" not in options:
        mode = c.one(("concat", "sum", "mul", "ave"))
        drawn.story += f"Bidirectional({mode}) "
        return L.Bidirectional(layer, mode), features * (2 if mode == "concat" else 1)
    return layer, features


def pointwise(c, drawn, shape):
    """Return a layer that keeps the axes, and how many features it gives."""
    kind = c.one(("Dense",) * 4 + ("Activation", "Softmax", "ReLU", "LeakyReLU", "ELU", "Identity",
                  "LayerNormalization", "Dropout", "GaussianNoise", "TimeDistributed", "Masking",
                  "SpatialDropout1D"))  # fmt: skip
    drawn.story += f"{kind} "
    width = shape[-1]
    if kind == "Dense":
        units = c.one(UNITS)
        return L.Dense(units, dense_activation(c) if c.chance(60) else None, not c.rare(20)), units
    if kind == "TimeDistributed" and len(shape) == 2:
        units = c.one(UNITS)
        return L.TimeDistributed(L.Dense(units)), units
    if kind == "Masking" and len(shape) == 2:
        drawn.masked = True
        return L.Masking(c.one((0.0, 0.5))), width
    if kind in ("Dropout", "GaussianNoise"):
        drawn.noisy = True
        return getattr(L, kind)(c.one((0.0, 0.2, 0.5))), width
    if kind == "SpatialDropout1D" and len(shape) == 2:
        drawn.noisy = True
        return L.SpatialDropout1D(0.3), width
    if kind == "Activation":
        return L.Activation(activation(c)), width
    if kind == "LayerNormalization":
        return L.LayerNormalization(center=not c.rare(30), scale=not c.rare(30)), width
    if kind in ("ReLU", "LeakyReLU", "ELU", "Softmax"):
        return getattr(L, kind)(), width
    return L.Identity(), width


def grown(c, drawn, shape):
    """Return one more layer behind samples of `shape`, and the shape that it gives."""
    if len(shape) == 1:
        if c.chance(12):
            n = c.whole(1, 4)
            drawn.story += f"RepeatVector({n}) "
            return L.RepeatVector(n), (n, shape[0])
        if c.chance(8):
            drawn.story += "Reshape "
            return L.Reshape((shape[0], 1)), (shape[0], 1)
        layer, width = pointwise(c, drawn, shape)
        return layer, (width,)
    steps, width = shape
    if c.chance(45):
        sequences = c.chance(55)
        layer, units = recurrent(c, drawn, sequences)
        return layer, (steps, units) if sequences else (units,)
    if c.chance(15):
        kind = c.one(("GlobalAveragePooling1D", "GlobalMaxPooling1D"))
        drawn.story += f"{kind} "
        return getattr(L, kind)(), (width,)
    if steps is not None and c.chance(12):
        drawn.story += "Flatten "
        return L.Flatten(), (steps * width,)
    layer, width = pointwise(c, drawn, shape)
    return layer, (steps, width)


def first(c, drawn):
    """Return the layers in front, the input's sample shape, and the shape behind them."""
    kind = c.one(("sequence",) * 6 + ("flat", "indices"))
    steps = c.one((1, 2, 3, 4, 7, None, None))
    if kind == "flat":
        shape = (c.one((1, 2, 3, 5, 8)),)
        drawn.inputs.append(("numbers", shape))
        return [], shape, shape
    if kind == "indices":
        units = c.one(UNITS)
        mask = c.chance(40)
        drawn.masked |= mask
        drawn.inputs.append(("indices", (steps,)))
        drawn.story += f"Embedding(mask_zero={mask}) "
        return [L.Embedding(drawn.limit, units, mask_zero=mask)], (steps,), (steps, units)
    shape = (steps, c.one((1, 2, 3, 5, 8)))
    drawn.inputs.append(("numbers", shape))
    return [], shape, shape


def chain(c, dtype=None, stateful=False, outputs=None, streamed=False):
    """Return a `Drawn` of a Sequential.

    Parameters
    ----------
    outputs : tuple, optional
        (units, activation) of a last Dense.
    streamed : bool
        Whether only of layers that `stream` knows.
    """
    drawn = Drawn(None, [])
    drawn.story = f"Sequential {dtype} "
    if streamed or stateful:
        shape = (c.one((1, 2, 4, None)), c.one((1, 2, 3, 8)))
        drawn.inputs.append(("numbers", shape))
        made = []
        for _ in range(c.whole(1, 2)):
            units = c.one(UNITS)
            options = {"return_sequences": True, "stateful": stateful}
            if c.rare(20):
                options[c.one(("peephole", "use_bias"))] = True
            kind = L.LSTM if streamed or c.chance(70) else L.SimpleRNN
            if kind is L.SimpleRNN:
                options.pop("peephole", None)
            drawn.story += f"{kind.__name__}({units}, {options}) "
            made.append(kind(units, **options))
            if c.chance(30):
                made.append(L.Dense(c.one(UNITS), dense_activation(c)))
        last, drawn.stateful = shape, stateful
        rows = c.whole(1, 4) if stateful else None
        front = [L.Input(shape, batch_size=rows)]
        drawn.rows = rows
    else:
        made, shape, last = first(c, drawn)
        for _ in range(c.whole(1, 4)):
            layer, last = grown(c, drawn, last)
            made.append(layer)
        front = [L.Input(shape)]
    if outputs is not None:
        made.append(L.Dense(outputs[0], outputs[1]))
        drawn.story += f"Dense{outputs} "
    drawn.model = nlstm.Sequential([*front, *made], dtype=dtype)
    return drawn


def graph(c, dtype=None):
    """Return a `Drawn` of a functional model: forks, joins, shared layers, several outputs."""
    drawn = Drawn(None, [])
    drawn.story = f"Model {dtype} "
    inputs, tips = [], []
    for _ in range(c.whole(1, 3)):
        made, shape, last = first(c, drawn)
        symbol = L.Input(shape)
        inputs.append(symbol)
        for layer in made:
            symbol = layer(symbol)
        tips.append((symbol, last))
    for _ in range(c.whole(1, 5)):
        tips.append(_step(c, drawn, tips))
    count = min(len(tips), c.one((1, 1, 1, 2, 3)))
    used = [symbol for symbol, _ in tips[-count:]]
    if c.chance(60):
        used = [L.Dense(c.one(UNITS))(symbol) for symbol in used]
    reached = _inputs_of(used, inputs)
    drawn.inputs = [one for one, symbol in zip(drawn.inputs, inputs) if symbol in reached]
    inputs = [symbol for symbol in inputs if symbol in reached]
    form = c.one(("list", "one", "dict")) if len(used) == 1 else c.one(("list", "dict"))
    outputs = {"list": used, "one": used[0]}.get(form) or {f"o{k}": s for k, s in enumerate(used)}
    drawn.model = nlstm.Model(inputs if len(inputs) > 1 else inputs[0], outputs, dtype=dtype)
    return drawn


def _inputs_of(outputs, inputs):
    """Return which inputs the outputs need."""
    found = []
    for symbol in inputs:
        others = [one for one in inputs if one is not symbol]
        try:
            nlstm.Model(others, outputs) if others else None
            needed = not others
        except ValueError:
            needed = True
        if needed:
            found.append(symbol)
    return found


def _step(c, drawn, tips):
    symbol, shape = c.one(tips)
    kind = c.one(("grow",) * 5 + ("merge",) * 2 + ("share", "states", "slice", "arithmetic"))
    if kind == "merge":
        same = [one for one, other in tips if other == shape]
        if len(same) > 1:
            name = c.one(("Add", "Average", "Maximum", "Minimum", "Multiply", "Concatenate"))
            drawn.story += f"{name} "
            found = getattr(L, name)()([symbol, c.one(same)])
            width = shape[-1] * (2 if name == "Concatenate" else 1)
            return found, (*shape[:-1], width)
    if kind == "share" and len(shape) == 2:
        layer, units = recurrent(c, drawn, False, wrap=False)
        drawn.story += "shared "
        return L.Add()([layer(symbol), layer(L.Activation("relu")(symbol))]), (units,)
    if kind == "states" and len(shape) == 2:
        units = c.one(UNITS)
        drawn.story += f"states {units} "
        y, *states = L.LSTM(units, return_state=True)(symbol)
        again = L.LSTM(units, return_sequences=True)(symbol, initial_state=states)
        return again, (shape[0], units)
    if kind == "slice" and len(shape) == 2:
        drawn.story += "[:, -1] "
        return symbol[:, -1], shape[1:]
    if kind == "arithmetic":
        drawn.story += "* 0.5 + 1 "
        return symbol * 0.5 + 1.0, shape
    layer, last = grown(c, drawn, shape)
    return layer(symbol), last


def model(c, dtype=None):
    """Return a `Drawn` of either kind."""
    return graph(c, dtype) if c.chance(35) else chain(c, dtype)


def data_for(c, drawn, rows, steps=None, percent=35):
    """Return a `Given` for each input; steps are for those of any length."""
    found, rng = [], c.rng()
    for kind, sample in drawn.inputs:
        shape = (rows, *(steps or 3 if n is None else n for n in sample))
        if kind == "indices":
            plain, low, high = rng.integers(0, drawn.limit, shape), 0, drawn.limit - 1
        else:
            plain, low, high = rng.uniform(-1, 1, shape), None, None
            if drawn.masked:
                plain[rng.random(shape[:-1]) < 0.3] = 0.0
        made = given(c, plain, percent, low, high)
        if rows == 1 and "list of rows" in made.story:
            made = Given(plain, "plain")  # a list of one array is that array, as in Keras
        found.append(made)
    return found
