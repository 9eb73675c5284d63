"""What `compile` was told and what the optimizer has counted, as files of any version hold it."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlstm import losses, metrics, optimizers
from nlstm.arguments.registry import Registry
from nlstm.interop.keras.context import Context
from nlstm.interop.keras.table import plain_name
from nlstm.optimizers import Optimizer, schedules
from nlstm.optimizers.former import Decay

__all__ = ["compile_arguments", "restore_slots", "slot_orders"]

FORMER_LOSSES = {
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "KullbackLeiblerDivergence": "kl_divergence",
}
SCHEDULES: Registry[Any] = Registry(
    "learning rate schedule",
    schedules.LearningRateSchedule,
    {
        one.__name__: one
        for one in vars(schedules).values()
        if isinstance(one, type) and issubclass(one, schedules.LearningRateSchedule)
    },
)
# Of optimizers: what it was called, what it is called; and what says how, not what.
RENAMED = {"lr": "learning_rate"}
WITHOUT_EFFECT = (
    "name", "decay", "initial_decay", "jit_compile", "is_legacy_optimizer", "schedule_decay",
    "loss_scale_factor", "dtype",
)  # fmt: skip


def compile_arguments(
    config: Mapping[str, Any], called: str | None, context: Context
) -> dict[str, Any] | None:
    """Return the arguments of `compile`, or None where a file has none.

    What cannot be read is a problem of `context`. Some of Keras 3's files leave the optimizer out,
    though its state is there: then what that is `called` counts.
    """
    optimizer = config.get("optimizer_config", config.get("optimizer"))
    if optimizer is None and called in optimizers.REGISTRY.by_name:
        optimizer = called
    if optimizer is None:
        if config.get("loss") is None:
            return None
        optimizer = "rmsprop"  # Keras's default
    found = {
        "optimizer": _optimizer(optimizer, context),
        "loss": _nested(config.get("loss"), lambda one: _loss(one, context)),
        "metrics": _nested(config.get("metrics"), lambda one: _metric(one, context)),
        "weighted_metrics": _nested(
            config.get("weighted_metrics"), lambda one: _metric(one, context)
        ),
        "loss_weights": config.get("loss_weights"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _nested(value: Any, single: Any) -> Any:
    """Return losses or metrics in the lists and dicts in which they come."""
    if isinstance(value, list | tuple):
        return [_nested(one, single) for one in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _nested(one, single) for name, one in value.items()}
    return None if value is None else single(value)


def _optimizer(value: Any, context: Context) -> Any:
    registry = optimizers.REGISTRY
    if isinstance(value, dict) and plain_name(value.get("class_name")) == "LossScaleOptimizer":
        config = value.get("config", {})
        value = config.get("inner_optimizer", config.get("optimizer")) or value
    if not isinstance(value, dict):
        return context.thing(registry, value, "compile")
    kind, config = plain_name(value.get("class_name")), dict(value.get("config") or {})
    own = context.users(value.get("registered_name"), kind)
    cls: Any = own or registry.by_name.get(kind) or registry.by_name.get(kind.lower())
    if cls is None:
        context.lacks(f"optimizer {kind} (compile)")
        return None
    config = {RENAMED.get(name, name): one for name, one in config.items()}
    if config.get("epsilon", 0) is None:
        del config["epsilon"]
    rate: Any = config.get("learning_rate")
    if isinstance(rate, dict):
        config["learning_rate"] = context.thing(SCHEDULES, rate, f"learning_rate of {kind}")
    elif config.get("decay"):
        config["learning_rate"] = Decay(rate, config["decay"])
    arguments = context.accepted(cls, config, f"{kind} (compile)", WITHOUT_EFFECT)
    name = arguments.pop("name", None)
    return context.made(cls, arguments | ({"name": name} if name else {}), f"{kind} (compile)")


def _loss(value: Any, context: Context) -> Any:
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        config = dict(value["config"])
        if config.get("reduction") == "auto":
            config["reduction"] = "sum_over_batch_size"
        function = config.pop("fn", None)
        if plain_name(value.get("class_name")) == "LossFunctionWrapper" and function is not None:
            return _loss(function, context)
        kind = plain_name(value["class_name"])
        value = value | {"class_name": FORMER_LOSSES.get(kind, kind), "config": config}
    elif isinstance(value, str):
        value = FORMER_LOSSES.get(value, value)
    return context.thing(losses.REGISTRY, value, "loss of compile")


def _metric(value: Any, context: Context) -> Any:
    if isinstance(value, str):
        if value in (*metrics.ACCURACY, *metrics.CROSSENTROPY, *metrics.ONLY_LOSSES):
            return value
        value = FORMER_LOSSES.get(value, value)
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        config = dict(value["config"])
        function = config.pop("fn", None)
        if isinstance(function, dict):
            function = function.get("config")
        if isinstance(function, str):
            name = FORMER_LOSSES.get(function, function)
            config = {"name": config.get("name", name)} | config
            value = {"class_name": name, "config": config}
        if "num_thresholds" in config:
            config.pop("thresholds", None)
            value = value | {"config": config}
    return context.thing(metrics.REGISTRY, value, "metrics of compile")


# The optimizer's state


def slot_orders(optimizer: Optimizer, version: tuple[int, int]) -> Iterator[list[list[str]]]:
    """Give the orders in which versions of Keras write slots: groups, interleaved inside each."""
    slots = [*optimizer.active_slots()]
    before = [["average"]] * optimizer.use_ema
    before += [["accumulated"]] * bool(optimizer.gradient_accumulation_steps)
    together = type(optimizer).__name__ != "RMSprop"
    today = [slots[:2], *([one] for one in slots[2:])] if together else [[one] for one in slots]
    orders = [today, [slots], [[one] for one in slots]]
    if version < (2, 11):
        orders.reverse()
    for order in orders:
        yield [*before, *(group for group in order if group)]


def restore_slots(
    optimizer: Optimizer,
    weights: Sequence[tuple[int, Any]],
    arrays: Sequence[np.ndarray],
    version: tuple[int, int],
) -> None:
    """Let an optimizer go on from the arrays that a file holds of it.

    Parameters
    ----------
    optimizer : Optimizer
        Not bound to weights yet.
    weights : sequence of (int, Parameter)
        Those that are trained, with the numbers that the optimizer gives them, in the file's order.
    arrays : sequence of array
        In the file's order: the count of steps, maybe the learning rate, the slots, other numbers.
    version : (int, int)
    """
    numbers = [one for one in arrays if one.ndim == 0]
    rest = [one for one in arrays if one.ndim]
    found: dict[str, np.ndarray] = {}
    for order in slot_orders(optimizer, version):
        wanted = [(slot, *one) for group in order for one in weights for slot in group]
        fits = len(rest) >= len(wanted) and all(
            one.shape == weight.shape for (_, _, weight), one in zip(wanted, rest, strict=False)
        )
        unused = [one for one in rest[len(wanted) :] if one.shape != (1,)]  # Keras 2: vhat is off
        if fits and (not unused or not wanted):
            found = {f"{slot}/{n}": one for (slot, n, _), one in zip(wanted, rest, strict=False)}
            break
    else:
        if not rest and not (numbers and numbers[0]):
            return  # compiled and never trained: it has none
        warnings.warn(
            "The optimizer's state does not fit the model, and starts anew: the file has "
            f"{len(rest)} arrays of it.",
            stacklevel=2,
        )
        return
    steps = int(numbers[0]) if numbers else 0
    rate = optimizer.learning_rate
    if version >= (3, 0) and len(numbers) > 1 and not _has_schedule(optimizer):
        rate = float(numbers[1])  # type: ignore[assignment]
    found |= {"iterations": np.array(steps, np.int64), "learning_rate": np.array(float(rate))}
    if type(optimizer).__name__ == "Nadam":
        last = version >= (3, 0) and arrays and arrays[-1].ndim == 0 and len(numbers) > 1
        product = float(arrays[-1]) if last else _product(optimizer, steps)
        found["u_product"] = np.array([product])
    optimizer.set_variables(found)


def _has_schedule(optimizer: Optimizer) -> bool:
    return getattr(optimizer, "_schedule", None) is not None


def _product(nadam: Any, steps: int) -> float:
    """Return Nadam's product of momentums after so many steps."""
    t = np.arange(1, steps + 1)
    return float(np.prod(nadam.beta_1 * (1.0 - 0.5 * 0.96**t)))
