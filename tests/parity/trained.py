"""The same small model in both libraries, from the same weights, in float64."""

import numpy as np

import nlstm

ROWS, STEPS, FEATURES, UNITS, OUTPUTS = 6, 4, 2, 3, 2


def inputs(seed, rows=ROWS):
    return np.random.default_rng(seed).normal(size=(rows, STEPS, FEATURES))


def targets(seed, rows=ROWS, sequences=False, outputs=OUTPUTS):
    shape = (rows, STEPS, outputs) if sequences else (rows, outputs)
    return np.random.default_rng(seed + 1000).normal(size=shape)


def model(library, sequences=False, activation=None, outputs=OUTPUTS, masked=False, **dense):
    """Build Masking (where masked), LSTM, Dense."""
    layers = library.layers
    parts = [layers.Input((STEPS, FEATURES))]
    if masked:
        parts.append(layers.Masking(0.0, dtype="float64"))
    parts += [
        layers.LSTM(UNITS, return_sequences=sequences, dtype="float64"),
        layers.Dense(outputs, activation, dtype="float64", **dense),
    ]
    return library.Sequential(parts)


def pair(keras, seed, build=model, **options):
    """Return nlstm's model and Keras's, with the same random weights."""
    ours, theirs = build(nlstm, **options), build(keras, **options)
    rng = np.random.default_rng(seed)
    weights = [0.4 * rng.normal(size=np.shape(w)) for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs
