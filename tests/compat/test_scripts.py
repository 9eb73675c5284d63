"""Scripts as people write them for Keras run with nlstm in its place."""

import runpy

import numpy as np
import pytest

from tests.compat.running import SCRIPTS, run

# The scripts, and what each says that Keras has dropped.
FORMER = {
    "airline": [],
    "characters": [],
    "early_stopping": [],
    "encoder_decoder": [],
    "generators": [
        "fit_generator", "workers", "use_multiprocessing", "fit_generator", "TimeseriesGenerator",
        "fit_generator", "evaluate_generator", "predict_generator",
    ],
    "keras1": [
        "keras.layers.core", "keras.layers.embeddings", "keras.layers.recurrent",
        "keras.utils.np_utils", "input_length", "output_dim", "init", "inner_activation",
        "lr", "nb_epoch",
        "'acc'", "'val_acc'", "predict_classes",
    ],
    "reviews": [],
    "stateful_sine": ["batch_input_shape", "reset_states", "reset_states", "reset_states"],
    "stock_price": [],
    "tagging": [],
    "tf_keras": [],
    "two_inputs": [],
}  # fmt: skip


def test_every_script_is_run():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {*FORMER, "seed"}


@pytest.mark.parametrize("name", FORMER)
def test_script_trains_and_says_what_is_former(name, capsys):
    found, said = run(name)
    assert np.isfinite(found["loss"]) and found["loss"] > 0
    missing = [word for word, text in zip(FORMER[name], said) if word not in text]
    assert not missing and len(said) == len(FORMER[name]), said


def test_seed_script_is_our_own_to_the_bit(capsys):
    found, said = run("seed")
    ours = runpy.run_path(str(SCRIPTS.parents[2] / "examples" / "seed.py"))
    assert not said and type(found["model"]).__module__ == "nlstm.models.sequential"
    losses = found["model"].history.history["loss"]
    assert len(losses) == 100 and losses == ours["model"].history.history["loss"]
    np.testing.assert_array_equal(found["y_pred"], ours["y_pred"])
