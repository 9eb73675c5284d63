"""Every argument of every public class takes a wrong kind of thing in, or names itself."""

import functools
import inspect

import numpy as np
import pytest

import nlstm
from nlstm import constraints, initializers, losses, metrics, optimizers, regularizers
from nlstm.optimizers import schedules

LARGE = 10**400
WRONG = [
    "x",
    "",
    b"x",
    None,
    True,
    3.5,
    -1,
    LARGE,
    float("nan"),
    float("inf"),
    1j,
    [],
    ["a"],
    [1, [2]],
    {},
    {"a": 1},
    {1},
    object(),
    len,
    int,
    np.ones(2),
    np.array("x"),
    np.array(0.5),
    np.datetime64("2020-01-01"),
]
NEEDED = {
    "initial_learning_rate": 0.1,
    "learning_rate": 0.1,
    "decay_steps": 10,
    "first_decay_steps": 10,
    "decay_rate": 0.5,
    "boundaries": [1],
    "values": [0.1, 0.2],
    "recall": 0.5,
    "precision": 0.5,
    "specificity": 0.5,
    "sensitivity": 0.5,
    "loss": losses.MeanSquaredError(),
    "fn": lambda y_true, y_pred: np.zeros(len(y_pred)),
}
MODULES = (losses, metrics, optimizers, schedules, initializers, constraints, regularizers)
ABSTRACT = (
    losses.Loss, metrics.Metric, optimizers.Optimizer, schedules.LearningRateSchedule,
    initializers.Initializer, constraints.Constraint, regularizers.Regularizer,
)  # fmt: skip
CLASSES = {
    found
    for module in MODULES
    for name in module.__all__
    if inspect.isclass(found := getattr(module, name)) and found not in ABSTRACT
}


def parameters(cls):
    if cls.__init__ is object.__init__:
        return []
    found = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [one for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]


def use(thing):
    """Do what shows that arguments were taken which nothing can be done with."""
    y, p = np.eye(3, dtype="f4")[[0, 1, 2, 0]], np.full((4, 3), 1 / 3, "f4")
    if isinstance(thing, losses.Loss | metrics.Metric):
        columns = getattr(thing, "target_features", lambda features: features)
        if isinstance(thing, losses.GaussianNLL | losses.StudentTNLL | losses.QuantileLoss):
            wide = np.zeros((4, 6 * len(getattr(thing, "quantiles", "x"))), "f4")
            thing(np.ones((4, thing.target_features(wide.shape[1]))), wide)
        elif isinstance(thing, losses.NSELoss):
            thing(np.ones((4, 6)), p)
        elif isinstance(thing, metrics.Mean) and not isinstance(thing, metrics.MeanMetricWrapper):
            thing.update_state(np.ones(3))
        else:
            thing(y if columns(3) == 3 else np.zeros((4, 1)), p)
    elif isinstance(thing, schedules.LearningRateSchedule):
        assert all(np.isfinite(thing(step)) for step in (0, 1, 7, 100))
    elif isinstance(thing, initializers.Initializer):
        assert thing((2, 2)).shape == (2, 2)
    elif isinstance(thing, constraints.Constraint | regularizers.Regularizer):
        thing(np.ones((2, 2)))
    elif isinstance(thing, optimizers.Optimizer):
        model = nlstm.Sequential([nlstm.layers.Dense(1, input_shape=(2,))])
        model.compile(thing, "mse")


def names_itself(error, argument):
    shown = str(error).replace("_", " ")
    return argument.replace("_", " ") in shown


@pytest.mark.filterwarnings("ignore:(overflow|invalid|divide)")
@pytest.mark.parametrize("cls", sorted(CLASSES, key=lambda cls: cls.__module__ + cls.__name__))
def test_wrong_kinds_are_named(cls):
    found = parameters(cls)
    needed = {one.name: NEEDED[one.name] for one in found if one.default is one.empty}
    use(cls(**needed))
    faults = []
    for argument in (one.name for one in found):
        for value in WRONG:
            call = functools.partial(cls, **needed | {argument: value})
            try:
                use(call())
            except (TypeError, ValueError) as error:
                if argument == "fn" and callable(value):
                    continue  # a function of other arguments: its own error
                if not names_itself(error, argument):
                    faults.append(f"{argument}={value!r}: {type(error).__name__}: {error}")
            except Exception as error:
                faults.append(f"{argument}={value!r}: {type(error).__name__}: {error}")
    assert not faults, "\n".join(faults)
