"""What a sweep tries: a grid, random draws, what a callable proposes, or a study of Optuna's.

A proposer gives parameters by the number of the trial, and hears what came of it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from nlstm.arguments.checks import WrongKind, check_mapping, checked_size
from nlstm.distributed.results import Trial

__all__ = ["Proposer", "proposer_of"]


class Proposer(Protocol):
    """Where parameters come from.

    Attributes
    ----------
    size : int or None
        How many trials there are to be.
    learns : bool
        Whether it proposes by what came before, so that trials are not to be drawn ahead.
    """

    size: int | None
    learns: bool

    def propose(self, number: int) -> Mapping[str, Any] | None:
        """Return the parameters of a trial; None for none at present, or none any more."""

    def hear(self, trial: Trial) -> None:
        """Take in what came of a trial."""


def proposer_of(space: Any, trials: int | None, study: Any, root: tuple[int, ...]) -> Proposer:
    """Return who proposes, by what `space` is."""
    count = None if trials is None else checked_size("trials", trials)
    if study is not None:
        return Asked(study, space, count)
    if callable(space):
        return Called(space, count)
    check_mapping("space", space)
    if not space:
        raise ValueError("space must have at least one parameter; it is empty.")
    if count is None:
        return Grid(space)
    return Drawn(space, count, root)


class Grid:
    """Every combination of values, the last parameter changing first."""

    learns = False

    def __init__(self, space: Mapping[str, Any]) -> None:
        self._names = list(space)
        self._values = [_choices(name, one) for name, one in space.items()]
        self.size: int | None = math.prod(map(len, self._values))

    def propose(self, number: int) -> dict[str, Any] | None:
        """Return the combination of a number."""
        if number >= (self.size or 0):
            return None
        chosen = []
        for values in reversed(self._values):
            number, place = divmod(number, len(values))
            chosen.append(values[place])
        return dict(zip(self._names, reversed(chosen), strict=True))

    def hear(self, trial: Trial) -> None:
        """Learn nothing."""


class Drawn:
    """Each parameter drawn by itself, by the number of the trial."""

    learns = False

    def __init__(self, space: Mapping[str, Any], count: int, root: tuple[int, ...]) -> None:
        self._space, self._root = dict(space), root
        self.size: int | None = count
        for name, one in space.items():
            if not (callable(one) or callable(getattr(one, "rvs", None))):
                _choices(name, one)

    def propose(self, number: int) -> dict[str, Any] | None:
        """Return the draw of a number."""
        if number >= (self.size or 0):
            return None
        random = np.random.default_rng([*self._root, number])
        return {name: _drawn(name, one, random) for name, one in self._space.items()}

    def hear(self, trial: Trial) -> None:
        """Learn nothing."""


def _drawn(name: str, space: Any, random: np.random.Generator) -> Any:
    if callable(getattr(space, "rvs", None)):  # a distribution of SciPy's
        return _plain(space.rvs(random_state=random))
    if callable(space):
        return _plain(space(random))
    choices = _choices(name, space)
    return choices[int(random.integers(len(choices)))]


def _choices(name: str, values: Any) -> list[Any]:
    if callable(values) or hasattr(values, "rvs"):
        raise ValueError(f"space[{name!r}] is to be drawn from: trials says how many times.")
    if isinstance(values, str | bytes | Mapping) or not isinstance(
        values, list | tuple | range | np.ndarray
    ):
        raise WrongKind(
            f"space[{name!r}] must be a list of values, a distribution with rvs, or a callable "
            f"that takes a generator of random numbers; got {values!r}."
        )
    if not len(values):
        raise ValueError(f"space[{name!r}] must have at least one value; it is empty.")
    return [_plain(one) for one in values]


def _plain(value: Any) -> Any:
    """Return Python's number for one of NumPy's."""
    return value.item() if isinstance(value, np.generic) else value


class Called:
    """A callable of the user's, which gets the trials so far."""

    learns = True

    def __init__(self, propose: Callable[[list[Trial]], Any], count: int | None) -> None:
        self._propose, self.size = propose, count
        self._done: list[Trial] = []

    def propose(self, number: int) -> Mapping[str, Any] | None:
        """Ask for parameters."""
        if self.size is not None and number >= self.size:
            return None
        found = self._propose(list(self._done))
        if found is None or isinstance(found, Mapping):
            return found
        raise WrongKind(f"space must return a dict of parameters, or None; it gave {found!r}.")

    def hear(self, trial: Trial) -> None:
        """Have the next call know it."""
        self._done.append(trial)


class Asked:
    """A study of Optuna's, by ask and tell."""

    learns = True

    def __init__(self, study: Any, space: Any, count: int | None) -> None:
        if not (callable(getattr(study, "ask", None)) and callable(getattr(study, "tell", None))):
            raise WrongKind(f"study must be a study of Optuna's; got {study!r}.")
        if not callable(space):
            check_mapping("space", space)
        if count is None:
            raise ValueError("trials must say how many trials a study is asked for; got None.")
        self._study, self._space = study, space
        self.size: int | None = count
        self._asked: dict[int, Any] = {}

    def propose(self, number: int) -> Mapping[str, Any] | None:
        """Ask the study."""
        if number >= (self.size or 0):
            return None
        if callable(self._space):
            trial = self._study.ask()
            found = self._space(trial)
            check_mapping("what space returns", found)
        else:
            trial = self._study.ask(self._space)
            found = trial.params
        self._asked[number] = trial
        return dict(found)

    def hear(self, trial: Trial) -> None:
        """Tell the study, which is told nothing of what an earlier call has told it."""
        asked = self._asked.pop(trial.number, None)
        if asked is not None:
            from optuna.trial import TrialState

            failed = trial.score is None or not math.isfinite(trial.score)
            if failed:
                self._study.tell(asked, state=TrialState.FAIL)
            else:
                self._study.tell(asked, trial.score)
        elif not callable(self._space) and trial.score is not None:
            self._remember(trial)

    def _remember(self, trial: Trial) -> None:
        """Add a trial of an earlier call to a study that was not there then."""
        from optuna.trial import create_trial

        if any(one.user_attrs.get("nlstm") == trial.number for one in self._study.trials):
            return
        distributions = {name: self._space[name] for name in trial.parameters}
        self._study.add_trial(
            create_trial(
                params=dict(trial.parameters),
                distributions=distributions,
                value=trial.score,
                user_attrs={"nlstm": trial.number},
            )
        )
