"""Files that nlstm wrote before its rooms had their places: they load, and a fit goes on."""

from pathlib import Path

import numpy as np
import pytest

from nlstm.models import load_model

FOLDER = Path(__file__).with_name("written_before")


def flat(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def inputs_and_targets(name, known):
    if name == "sequential":
        return known["x"], known["y"]
    x = {"a": known["a"], "z": known["z"]}
    return x, {"first": known["first"], "second": known["second"]}


@pytest.mark.parametrize("name", ["sequential", "functional"])
def test_it_predicts_and_goes_on_as_it_did(name):
    known = np.load(FOLDER / f"{name}.npz")
    x, y = inputs_and_targets(name, known)
    predicted = load_model(FOLDER / f"{name}.nlstm").predict(x, batch_size=4, verbose=0)
    if name == "functional":
        for output, values in predicted.items():
            np.testing.assert_allclose(values, known[f"predicted_{output}"], rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_allclose(predicted, known["predicted"], rtol=1e-5, atol=1e-6)

    model = load_model(FOLDER / f"{name}.nlstm")
    assert model.optimizer.iterations == 9
    history = model.fit(x, y, epochs=2, batch_size=4, verbose=0).history
    # Dropout's masks and the shuffling go on too, or these would be far off.
    np.testing.assert_allclose(history["loss"], known["loss"], rtol=1e-4)
    np.testing.assert_allclose(flat(model), known["after"], rtol=1e-3, atol=1e-5)
