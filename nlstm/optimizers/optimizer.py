"""The interface of an optimizer: what surrounds a rule, and the state that a file must hold."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_flag, checked_name, checked_number
from nlstm.arguments.config import Configured, encode, own_module
from nlstm.arguments.former import former_name
from nlstm.kernels.operations import Array, Call, Cell, Operations
from nlstm.optimizers.clipping import check_limits, chunk_table, clipping
from nlstm.optimizers.copying import is_of, state_of
from nlstm.optimizers.former import Decay, decayed
from nlstm.optimizers.rate import Rate
from nlstm.optimizers.schedules import LearningRateSchedule
from nlstm.optimizers.settings import check_surroundings
from nlstm.optimizers.sparing import Sparing
from nlstm.optimizers.state import Variables, Waiting, check_fit, checked_variables
from nlstm.plan.parameters import Parameter, ParameterBuffer

__all__ = ["Optimizer"]


CHANGEABLE = {"self", "learning_rate", "lr", "name"}


@cache
def _fixed(cls: type) -> frozenset[str]:
    """Return the arguments that kernels and state were made for."""
    own = [one for one in cls.__mro__ if own_module(one) and "__init__" in vars(one)]
    names = [name for one in own for name in inspect.signature(vars(one)["__init__"]).parameters]
    return frozenset(names) - CHANGEABLE


class Optimizer(Configured):
    """The interface of an optimizer. In Keras's order, every step clips, decays, updates, averages.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        A schedule is called with the number of steps taken, another callable with nothing.
    weight_decay : float, optional
        Before the update weights lose ``weight_decay * learning_rate`` of themselves.
    clipnorm, clipvalue, global_clipnorm : float, optional
        Limit the length of each weight array's gradient, its elements, or the length of all
        gradients together. One of them at most.
    use_ema : bool, default False
        Keep an exponential moving average of the weights; `fit` ends with it in their place.
    ema_momentum : float, default 0.99
        ``average = ema_momentum * average + (1 - ema_momentum) * weights``.
    ema_overwrite_frequency : int, optional
        After so many steps each time the weights become their average.
    loss_scale_factor : float, optional
        Accepted for Keras's sake: the scale would be divided out again.
    gradient_accumulation_steps : int, optional
        Take a step with the mean gradient of so many batches.
    name : str, optional

    Attributes
    ----------
    settings : Cell of float64
        What the kernel reads at each step; the first is the learning rate.
    state : tuple of Array
        Moments, each of the shape of the flat parameter buffer. Empty until a model is built.
    """

    rule: str
    former_arguments: Any = classmethod(decayed)
    slots: tuple[str, ...] = ()  # Keras's names of the moments; those that are None in `state` off
    initial_moment = 0.0

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None,
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
        use_ema: bool,
        ema_momentum: float,
        ema_overwrite_frequency: int | None,
        loss_scale_factor: float | None,
        gradient_accumulation_steps: int | None,
        name: str | None,
        *settings: float,
    ) -> None:
        check_limits(clipnorm=clipnorm, clipvalue=clipvalue, global_clipnorm=global_clipnorm)
        check_surroundings(
            weight_decay, ema_momentum, ema_overwrite_frequency, gradient_accumulation_steps
        )
        if loss_scale_factor is not None:
            checked_number("loss_scale_factor", loss_scale_factor, above=0)
        self.weight_decay = weight_decay
        self.name = checked_name(name) or type(self).__name__.lower()
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = checked_flag("use_ema", use_ema), float(ema_momentum)
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._schedule: Callable[..., float] | None = None
        self.settings: Cell = Waiting([0.0, *settings], np.float64)
        self._set_rate(learning_rate)
        self.state: tuple[Array, ...] = ()
        self._average: Array | None = None
        self._sums: Array | None = None
        self.average_shown = False
        self._steps: Cell = Waiting([0], np.int64)  # one a batch
        # What the kernels count by: groups of batches where gradients are accumulated.
        self._groups: Cell = self._steps
        if gradient_accumulation_steps:
            self._groups = Waiting([0], np.int64)
        self._ends_group = False
        self._buffer: ParameterBuffer | None = None
        self._waiting: dict[str, np.ndarray] | None = None
        self._sparing = Sparing()

    def __setattr__(self, name: str, value: Any) -> None:
        if "_sparing" in vars(self) and name in _fixed(type(self)):
            raise AttributeError(
                f"{name} of {type(self).__name__} cannot change: make a new optimizer, and compile."
            )
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold."""
        return self._state(state_of(self))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a learning rate that was set since is the new one."""
        config = super().get_config()
        if "learning_rate" not in config:
            return config
        if self._schedule is not None:
            where = f"learning_rate of {type(self).__name__}"
            config["learning_rate"] = encode(self._schedule, where)
        elif config["learning_rate"] != (rate := float(self.settings.host[0])):
            config["learning_rate"] = rate
        return config

    # The learning rate

    @property
    def learning_rate(self) -> Rate:
        """The learning rate; it may be set at any time, unless a schedule gives it."""
        given = self.given_rate
        return Rate.of(self, self._scheduled() if given is None else given)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if not callable(value):
            self.check_settable("The learning rate")
        self._set_rate(value)

    lr = former_name("optimizers", "lr", "learning_rate")

    @property
    def given_rate(self) -> float | None:
        """The learning rate as it was given or set, before `decay`; None where it is computed."""
        if isinstance(self._schedule, Decay):
            return self._schedule.learning_rate
        return None if self._schedule is not None else float(self.settings.host[0])

    def check_settable(self, what: str) -> None:
        """Raise a TypeError, which begins with `what`, where the learning rate cannot be set."""
        schedule = self._schedule
        if isinstance(schedule, LearningRateSchedule) and not isinstance(schedule, Decay):
            raise TypeError(
                f"{what} follows {type(schedule).__name__} and cannot be set; give the optimizer a "
                "number instead."
            )

    def _set_rate(self, value: Any) -> None:
        if callable(value):
            self._schedule = value
        elif isinstance(self._schedule, Decay):
            self._schedule = Decay(value, self._schedule.decay)
        else:
            number = checked_number("learning_rate", value, 0.0)
            self._schedule = None
            self._write_rate(number)

    def _write_rate(self, rate: float) -> None:
        self.settings.host[0] = rate
        self.settings.push()

    def _scheduled(self) -> float:
        assert self._schedule is not None
        known = isinstance(self._schedule, LearningRateSchedule)
        rate = self._schedule(self._batches()) if known else self._schedule()
        shown = getattr(self._schedule, "__name__", type(self._schedule).__name__)
        try:
            found = float(rate)
        except (TypeError, ValueError):
            raise TypeError(f"learning_rate: {shown} must return a number; got {rate!r}.") from None
        if not 0 <= found < math.inf:
            raise ValueError(f"learning_rate: {shown} must return 0 or more; got {rate!r}.")
        return found

    def _batches(self) -> int:
        """Return how many batches there were so far."""
        self._steps.pull()
        return int(self._steps.host[0])

    @property
    def beforehand(self) -> list[Call]:
        """What the host does before each step: schedules and groups are looked up there."""
        wanted = self._schedule is not None or self.gradient_accumulation_steps
        return [(self._prepare, ())] if wanted else []

    def _prepare(self) -> None:
        group = self.gradient_accumulation_steps
        if group:
            self._groups.host[0], place = divmod(self._batches(), group)
            self._groups.push()
            self._ends_group = place + 1 == group
        if self._schedule is not None and (self._ends_group or not group):
            self._write_rate(self._scheduled())

    @property
    def iterations(self) -> int:
        """Steps taken so far; the batches of an accumulated gradient are one step."""
        return self._batches() // (self.gradient_accumulation_steps or 1)

    # Steps

    def exclude_from_weight_decay(
        self, var_list: Iterable[Parameter] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave some weights out of `weight_decay`; call it before training.

        Parameters
        ----------
        var_list : iterable of Parameter, optional
            Such as ``layer.bias``.
        var_names : iterable of str, optional
            Patterns; a weight is left out if its name ("kernel", "bias", ...) has one in it.
        """
        if self._buffer is not None:
            raise ValueError("exclude_from_weight_decay must be called before the model is built.")
        self._sparing = Sparing(var_list or (), var_names or ())

    def bind(self, ops: Operations, buffer: ParameterBuffer) -> list[Call]:
        """Return the calls that take one step on `buffer`; `beforehand` comes first.

        Raises
        ------
        ValueError
            The optimizer already serves another model: its moments would not fit.
        """
        former = self._buffer
        if former is None:
            self._take(buffer)
        elif former is not buffer and former.moved and is_of(former, buffer.parameters):
            self._waiting, self._buffer = self.variables(), None
            self._take(buffer)
        elif former is not buffer:
            raise ValueError(
                f"This {type(self).__name__} already trains another model; give each model its own."
            )
        size, value, gradient = buffer.value.size, buffer.value, buffer.gradient
        settings, groups = self.settings.device, self._groups.device
        calls = clipping(ops, buffer, self.clipnorm, self.clipvalue, self.global_clipnorm)
        if self.weight_decay is not None:
            spared = self._sparing.numbers(buffer)
            decayed = [number not in spared for number in range(len(buffer.parameters))]
            chunks = ops.to_device(chunk_table(buffer, decayed))
            calls.append((ops.decay_weights, (value, chunks, settings, self.weight_decay)))
        arguments = (value, gradient, *self._kernel_arguments(), settings, groups)
        calls.append((ops.update(self.rule, size), arguments))
        if self.gradient_accumulation_steps:
            calls = [self._accumulation(ops, calls, gradient)]
        if self.use_ema:
            every = self.ema_overwrite_frequency or 0
            given = (self._average, value, groups, self.ema_momentum, every)
            calls.append((ops.average_weights, given))
        return calls

    def _take(self, buffer: ParameterBuffer) -> None:
        """Make the state for a buffer."""
        ops, size = buffer.ops, buffer.value.size
        state = tuple(ops.zeros(size) for _ in self.active_slots())
        if self.initial_moment:
            for moment in state:
                ops.fill(moment, self.initial_moment)
        made: dict[str, Any] = {
            "state": state,
            "_average": ops.zeros(size if self.use_ema else 0),
            "_sums": ops.zeros(size if self.gradient_accumulation_steps else 0),
            "_buffer": buffer,
        }
        for name, waiting in vars(self).items():
            if isinstance(waiting, Waiting):
                cell = made[name] = ops.cell(waiting.host.dtype, waiting.host.size)
                cell.host[:] = waiting.host
                cell.push()
        if not self.gradient_accumulation_steps:
            made["_groups"] = made["_steps"]
        vars(self).update(made)  # at once: an interrupt before it leaves the optimizer as it was
        if self._waiting is not None:
            found, self._waiting = self.variables(), None
            self.set_variables(found)

    def active_slots(self) -> tuple[str, ...]:
        """Return the names of the moments that these settings need."""
        return self.slots

    def _kernel_arguments(self) -> tuple[Any, ...]:
        """Return the moments as the kernel takes them: None for one that is off."""
        active = iter(self.state)
        names = self.active_slots()
        return tuple(next(active) if slot in names else None for slot in self.slots)

    def _accumulation(self, ops: Operations, calls: list[Call], gradient: Array) -> Call:
        """Return the call that adds to the gradients of the group; at its end it takes the step."""
        assert self.gradient_accumulation_steps is not None
        given = (gradient, self._sums, 1.0 / self.gradient_accumulation_steps)
        count = (ops.advance, (self._steps.device,))
        # The averages, which Keras makes at each batch, look at a count with this group in it; at
        # the end of the group the rule counts.
        group = (ops.advance, (self._groups.device,))
        return ops.branch(
            lambda: int(self._ends_group),
            [(ops.accumulate, (*given, False)), group, count],
            [(ops.accumulate, (*given, True)), *calls, count],
        )

    def changes(self) -> list[Array]:
        """Return the arrays that the calls of `bind` change besides the weights."""
        cells = [self._steps, self._groups, *self._scalars().values()]
        return [*self._flat_state().values(), *(cell.device for cell in cells)]

    def show_average(self, shown: bool = True) -> None:
        """Exchange weights and averages, unless they lie as wanted; nothing before a step."""
        if shown != self.average_shown and self._has_average():
            self._exchange([(object.__setattr__, (self, "average_shown", shown))])

    def _exchange(self, last: list[Call]) -> None:
        """Exchange weights and averages and run what comes last, all of it or nothing.

        Nothing in it is Python's, where an interrupt would fall: `setattr` goes by our own.
        """
        assert self._buffer is not None
        ops, value = self._buffer.ops, self._buffer.value
        kept = ops.empty(value.size)
        exchange = [(kept, value), (value, self._average), (self._average, kept)]
        copies = [*self._buffer.fetching, *exchange, *self._buffer.publishing]
        ops.program(whole=[*((ops.copy, pair) for pair in copies), *last])()

    def finalize(self) -> None:
        """Put the averages in the weights' place, as `fit` does at its end; nothing without EMA."""
        if self._has_average():
            assert self._buffer is not None
            ops = self._buffer.ops
            end: list[Call] = [
                (ops.copy, (self._average, self._buffer.value)),
                (object.__setattr__, (self, "average_shown", False)),
            ]
            if self.average_shown:
                ops.program(whole=end)()
            else:
                self._exchange(end)

    def _has_average(self) -> bool:
        return self.use_ema and self._buffer is not None and bool(self._batches())

    # State

    @property
    def variables(self) -> Variables:
        """Copies of all that a file must hold for training to go on bit for bit: a list.

        Called, it gives a dict of arrays by name: see `set_variables`. Where a schedule gives the
        learning rate, the dict alone has it.

        "iterations" (int64; batches) and "learning_rate" (float64) have no axes; the moments are
        "<slot>/<number of the weight array>" in Keras's shapes, with "average" (EMA) and
        "accumulated" (gradients) among the slots. Before a model is built, the first two alone, and
        what waits for it.
        """
        found = dict(self._waiting or {}) | {
            "iterations": np.array(self._batches(), np.int64),
            "learning_rate": np.array(self._kept_rate()),
        }
        for name, cell in self._scalars().items():
            cell.pull()
            found[name] = cell.host.copy()
        if self._buffer is not None and self._waiting is None:
            for slot, flat in self._flat_state().items():
                for number, part in enumerate(self._buffer.split(flat)):
                    found[f"{slot}/{number}"] = part
        return Variables(found, None if self._schedule is None else "learning_rate")

    def set_variables(self, variables: Mapping[str, np.ndarray]) -> None:
        """Go on from what `variables` returned; before a model is built it waits for it.

        Raises
        ------
        ValueError
            Names or shapes are not this optimizer's; nothing was changed.
        """
        variables = checked_variables(variables)
        if self._buffer is None:
            self._waiting = variables
            self._steps.host[0] = int(variables.get("iterations", 0))
            if self.given_rate is not None and "learning_rate" in variables:
                self._set_rate(float(variables["learning_rate"]))
            for name, cell in self._scalars().items():
                cell.host[...] = variables.get(name, cell.host)
            return
        check_fit(self.variables(), variables)
        self._steps.host[0] = int(variables["iterations"])
        self._steps.push()
        if self.given_rate is not None:
            self._set_rate(float(variables["learning_rate"]))
        for name, cell in self._scalars().items():
            cell.host[...] = variables[name]
            cell.push()
        count = len(self._buffer.parameters)
        for slot, flat in self._flat_state().items():
            self._buffer.join([variables[f"{slot}/{number}"] for number in range(count)], flat)

    def _kept_rate(self) -> float:
        """Return the rate that was given; of a schedule that of the last step."""
        given = self.given_rate
        return float(self.settings.host[0]) if given is None else given

    def _scalars(self) -> dict[str, Cell]:
        """Return state that is not one number for each weight."""
        return {}

    def _flat_state(self) -> dict[str, Array]:
        found = dict(zip(self.active_slots(), self.state, strict=True))
        if self.use_ema and self._average is not None:
            found["average"] = self._average
        if self.gradient_accumulation_steps and self._sums is not None:
            found["accumulated"] = self._sums
        return found
