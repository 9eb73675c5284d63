"""Event files as tensorboard reads them; names and steps are Keras's."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import BackupAndRestore, LambdaCallback, TensorBoard
from nlstm.layers import Dense
from nlstm.models import Sequential

X, Y = np.random.default_rng(0).random((20, 3)), np.random.default_rng(1).random((20, 1))


def test_what_is_missing_is_named_with_the_pip_line():
    code = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "from nlstm.callbacks import TensorBoard\n"
        "try: TensorBoard()\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'nlstm[tensorboard]'" in done.stdout


def test_nothing_is_imported_before_it_is_made():
    code = "import sys, nlstm; print({'tensorboard', 'optuna'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.fixture
def model():
    pytest.importorskip("tensorboard")
    nlstm.set_random_seed(0)
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def curves(folder):
    """Return what tensorboard reads of a folder: steps and values by tag."""
    from tensorboard.backend.event_processing import event_file_loader

    found = {}
    for path in sorted(folder.iterdir(), key=lambda path: int(path.name.split(".")[-1])):
        for event in event_file_loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                number = value.tensor.float_val[0]
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def steps(curve):
    return [step for step, _ in curve]


def test_epochs_have_keras_s_names(model, tmp_path):
    history = model.fit(X, Y, epochs=3, batch_size=5, validation_split=0.2, verbose=0,
                        callbacks=[TensorBoard(tmp_path)])  # fmt: skip
    train, validation = curves(tmp_path / "train"), curves(tmp_path / "validation")
    assert set(train) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert set(validation) == {
        "epoch_loss", "epoch_mae", "evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations",
    }  # fmt: skip
    logs = history.history
    for part, start in ((train, ""), (validation, "val_")):
        assert steps(part["epoch_mae"]) == [0, 1, 2]
        np.testing.assert_allclose([v for _, v in part["epoch_mae"]], logs[f"{start}mae"], 1e-6)
    assert steps(validation["evaluation_loss_vs_iterations"]) == [4, 8, 12]


@pytest.mark.parametrize("freq, wanted", [("batch", [1, 2, 3, 4, 5, 6, 7, 8]), (3, [3, 6])])
def test_batches(model, tmp_path, freq, wanted):
    board = TensorBoard(tmp_path, update_freq=freq, write_steps_per_second=True)
    model.fit(X, Y, epochs=2, batch_size=5, verbose=0, callbacks=[board])
    found = curves(tmp_path / "train")
    assert steps(found["batch_loss"]) == steps(found["batch_steps_per_second"]) == wanted
    assert all(value > 0 for _, value in found["epoch_steps_per_second"])
    assert not (tmp_path / "validation").exists()


def test_batches_cost_nothing_unless_asked(model, tmp_path):
    from nlstm.training.hooks import CallbackList

    hooks = [
        CallbackList([TensorBoard(tmp_path, update_freq=freq)], model, {}).batch_hook(
            "on_train_batch_end"
        )
        for freq in ("epoch", 5)
    ]
    assert hooks[0] is None and hooks[1] is not None


def test_evaluate_alone(model, tmp_path):
    model.evaluate(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    assert steps(curves(tmp_path / "validation")["evaluation_loss_vs_iterations"]) == [0]


def test_a_second_fit_begins_files_of_its_own(model, tmp_path):
    board = TensorBoard(tmp_path)
    for _ in range(2):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[board])
    assert steps(curves(tmp_path / "train")["epoch_loss"]) == [0, 1, 0, 1]
    assert len(list((tmp_path / "train").iterdir())) == 2


def test_copies_have_no_files(model, tmp_path):
    board = TensorBoard(tmp_path / "logs", update_freq=2)
    model.fit(X, Y, verbose=0, callbacks=[LambdaCallback(
        on_epoch_end=lambda *_: (copy.copy(board), copy.deepcopy(board), pickle.dumps(board))
    ), board])  # fmt: skip
    other = copy.copy(board)
    assert other.update_freq == 2 and other._writers == {}


def test_counting_goes_on_after_a_crash(model, tmp_path):
    def crash(epoch, logs):
        if epoch == 1:
            raise RuntimeError

    def fit(*more):
        callbacks = [TensorBoard(tmp_path / "logs", update_freq=2), *more,
                     BackupAndRestore(tmp_path / "backup")]  # fmt: skip
        model.fit(X, Y, epochs=3, batch_size=5, verbose=0, callbacks=callbacks)

    with pytest.raises(RuntimeError):
        fit(LambdaCallback(on_epoch_begin=crash))
    fit()
    assert steps(curves(tmp_path / "logs" / "train")["batch_loss"]) == [2, 4, 6, 8, 10, 12]


def test_logs_that_are_no_single_numbers_are_left_out(model, tmp_path):
    board = TensorBoard(tmp_path)
    board.set_model(model)
    board.on_epoch_end(0, {"loss": 1.0, "f1": np.ones(3)})
    assert "epoch_f1" not in curves(tmp_path / "train")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_writes_a_file_of_its_own(model, tmp_path):
    board = TensorBoard(tmp_path)
    board.set_model(model)
    board.on_epoch_end(0, {"loss": 1.0})
    child = os.fork()
    if not child:
        board.on_epoch_end(1, {"loss": 2.0})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    board.on_epoch_end(2, {"loss": 3.0})
    found = curves(tmp_path / "train")["epoch_loss"]
    assert sorted(steps(found)) == [0, 1, 2] and len(list((tmp_path / "train").iterdir())) == 2


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({"histogram_freq": 1}, "TensorBoard writes scalars: histogram_freq must be 0; got 1."),
        ({"write_images": True}, "write_images must be False; got True."),
        ({"profile_batch": (1, 5)}, "profile_batch must be 0; got"),
        ({"update_freq": 0}, "update_freq must be a positive integer; got 0."),
        ({"update_freq": "step"}, "update_freq must be a positive integer; got 'step'."),
        ({"log_dir": 3}, "log_dir must be the path of a folder; got 3."),
        ({"write_graph": "no"}, "write_graph must be True or False; got 'no'."),
    ],
)
def test_wrong_arguments_are_named(model, given, wanted):
    with pytest.raises(ValueError) as caught:
        TensorBoard(**given)
    assert wanted in str(caught.value)
