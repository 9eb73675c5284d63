"""Run layers of Keras on JAX, in a process of its own: python jax_side.py IN.npz OUT.npz.

IN holds "cases", JSON: [layer name, units, options] of each, and for case k the arrays x_k_0 (the
input) and perhaps x_k_1 (the mask), then the initial states; w_k_0, ... and s_k_0, ..., the weights
and the slopes of the outputs. OUT holds outputs y_k_0, ..., gradients of inputs dx_k_0, ... and
weights dw_k_0, ...
"""

import json
import os
import sys

import numpy as np

if __name__ == "__main__":  # a test imports `called`
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["JAX_ENABLE_X64"] = "1"
    import jax
    import keras


def listed(given, letter, k):
    return [given[f"{letter}_{k}_{i}"] for i in range(len(given)) if f"{letter}_{k}_{i}" in given]


def called(L, name, units, options, symbols):
    """Return what a layer makes of x, and perhaps of a mask and initial states."""
    x, *others = symbols
    if name == "Activation":
        layer = L.Activation(**options)
    elif name == "Bidirectional":
        layer = L.Bidirectional(L.LSTM(units, **options))
    else:
        layer = getattr(L, name)(units, **options)
    return layer(x, mask=others[0], initial_state=others[1:]) if others else layer(x)


def run(name, units, options, arrays, weights, slopes):
    """Return the outputs, the gradients of the inputs but the mask, and of the weights."""
    symbols = [keras.Input(a.shape[1:], len(a), dtype=a.dtype.name) for a in arrays]
    made = called(keras.layers, name, units, options, symbols)
    model = keras.Model(symbols, list(made) if isinstance(made, list | tuple) else [made])
    model.set_weights(weights)
    others = [one.value for one in model.non_trainable_variables]

    def outputs(trainable, inputs):
        values = [inputs[0], *arrays[1:2], *inputs[1:]]
        found, _ = model.stateless_call(trainable, others, values)
        return list(found) if isinstance(found, list | tuple) else [found]

    def loss(trainable, inputs):
        return sum((y * slope).sum() for y, slope in zip(outputs(trainable, inputs), slopes))

    at = [one.value for one in model.trainable_variables], [arrays[0], *arrays[2:]]
    dw, dx = jax.grad(loss, (0, 1))(*at)
    return outputs(*at), dx, dw


def main(path, result):
    keras.config.set_floatx("float64")
    # See peers.keep_float64.
    keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    given = dict(np.load(path))
    found = {}
    for k, (name, units, options) in enumerate(json.loads(str(given["cases"]))):
        made = run(name, units, options, *(listed(given, letter, k) for letter in "xws"))
        for letters, arrays in zip(("y", "dx", "dw"), made):
            found |= {f"{letters}_{k}_{i}": np.asarray(a) for i, a in enumerate(arrays)}
    np.savez(result, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
