"""Names of Keras 1 and 2: each works, with one warning at the caller's line."""

import abc
import inspect

import numpy as np
import pytest

import nlstm
from nlstm import callbacks, layers, losses, optimizers


@pytest.mark.parametrize(
    ("make", "name", "attribute", "wanted"),
    [
        (lambda: optimizers.Adam(lr=0.25), "lr of Adam", "learning_rate", 0.25),
        (lambda: layers.LSTM(output_dim=3), "output_dim of LSTM", "units", 3),
        (lambda: layers.Dense(3, bias=False), "bias of Dense", "use_bias", False),
        (lambda: layers.Dropout(p=0.5), "p of Dropout", "rate", 0.5),
        (lambda: layers.LSTM(3, consume_less="gpu"), "consume_less of LSTM", "units", 3),
        (
            lambda: callbacks.ReduceLROnPlateau(epsilon=0.5),
            "epsilon of ReduceLROnPlateau",
            "min_delta",
            0.5,
        ),
        (
            lambda: callbacks.ModelCheckpoint("x", period=2),
            "period of ModelCheckpoint",
            "save_freq",
            "epoch",
        ),
    ],
)
def test_former_argument_is_todays(make, name, attribute, wanted):
    with pytest.warns(DeprecationWarning, match=f"^{name} ") as caught:
        made = make()
    assert getattr(made, attribute) == wanted
    assert len(caught) == 1 and caught[0].filename == __file__


def test_both_names_are_refused():
    with pytest.raises(TypeError, match="Adam got learning_rate twice: lr is its former name"):
        optimizers.Adam(lr=0.1, learning_rate=0.1)


def test_period_and_save_freq_are_refused():
    with pytest.raises(TypeError, match="ModelCheckpoint takes save_freq or period, not both"):
        callbacks.ModelCheckpoint("x", save_freq=3, period=1)
    with (
        pytest.warns(DeprecationWarning),
        pytest.raises(ValueError, match="period must be at least 1; got 0"),
    ):
        callbacks.ModelCheckpoint("x", period=0)


def test_what_a_users_class_takes_is_its_own():
    class Mine(losses.Loss, abc.ABC):
        def __init__(self, p=0.0, lr=None):
            super().__init__()
            self.p, self.lr = p, lr

        def call(self, y_true, y_pred):
            return y_pred

    made = Mine(p=3, lr=4)
    assert (made.p, made.lr) == (3, 4) and made.get_config() == {"p": 3, "lr": 4}


def test_signatures_stay():
    assert list(inspect.signature(layers.LSTM).parameters)[0] == "units"
    assert "learning_rate" in inspect.signature(optimizers.SGD).parameters


@pytest.mark.parametrize("arguments", [{"learning_rate": 0.5}, {"lr": 0.5}, {}])
@pytest.mark.filterwarnings("ignore:lr of:DeprecationWarning")
def test_decay_is_a_schedule(arguments):
    with pytest.warns(DeprecationWarning, match="InverseTimeDecay"):
        made = optimizers.SGD(decay=0.1, **arguments)
    first = arguments.get("lr", arguments.get("learning_rate", 0.01))
    schedule = optimizers.schedules.InverseTimeDecay(first, 1, 0.1)
    x, y = np.ones((4, 2)), np.ones((4, 1))
    rates = []
    model = nlstm.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile(made, "mse")
    for _ in range(3):
        model.train_on_batch(x, y)
        rates.append(float(made.settings.host[0]))  # that the step was taken with
        assert made.learning_rate == made.lr == first  # as in Keras 2
    assert rates == [schedule(step) for step in range(3)]
    assert rates[2] == pytest.approx(first / 1.2)
    again = optimizers.SGD.from_config(made.get_config())
    assert again.learning_rate == first


def test_decay_of_none_is_none():
    with pytest.warns(DeprecationWarning, match="decay of SGD"):
        made = optimizers.SGD(0.5, decay=0.0)
    assert made.learning_rate == 0.5 and made.get_config()["learning_rate"] == 0.5


def test_rate_is_read_and_set_by_its_former_name():
    made = optimizers.Adam(0.5)
    with pytest.warns(DeprecationWarning, match="lr of optimizers") as caught:
        assert made.lr == 0.5
        made.lr = 0.25
    assert made.learning_rate == 0.25 and len(caught) == 2


@pytest.mark.parametrize(
    "call, arguments, hint",
    [("fit", {"recompute": 4}, "It is one of compile's"), ("predict", {"bptt_steps": 4}, "fit's")],
)
def test_an_argument_of_another_call_is_said_to_be(call, arguments, hint):
    model = nlstm.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(TypeError, match=hint):
        getattr(model, call)(np.zeros((1, 2)), **arguments)
