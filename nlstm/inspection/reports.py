"""What `health` returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.inspection.tables import as_plain, number, percent, table

__all__ = ["Finding", "Health", "LayerHealth"]

FINE = "Nothing looks wrong: units live, gates move, gradients arrive, updates are of a good size."
STUCK = 0.99  # of rows and steps


@dataclass(frozen=True, eq=False)
class LayerHealth:
    """How one layer does.

    Attributes
    ----------
    name, kind : str
    dead : ndarray(bool), shape (units,)
        Units that give the same for all rows and steps.
    saturated : ndarray, shape (units,)
        The share of rows and steps where the activation is at an end, so that no gradient passes.
    at_0, at_1 : dict of str to ndarray, shape (units,)
        By gate: the share of rows and steps where it is below 0.01, or above 0.99.
    gradients : ndarray, shape (steps,), or None
        Of a recurrent layer: the mean over rows of the length of d loss / d h_t, the loss being the
        row's own. Steps are in the order of the input.
    growth : float or None
        The largest of `gradients` by the sum of what comes from the layers above at all steps:
        above 1 the recurrence has made it larger.
    backwards : bool
        Whether it reads the last step first, and so has its way back from the first to the last.
    """

    name: str
    kind: str
    dead: np.ndarray
    saturated: np.ndarray
    at_0: Mapping[str, np.ndarray]
    at_1: Mapping[str, np.ndarray]
    gradients: np.ndarray | None
    growth: float | None = None
    backwards: bool = False

    @property
    def units(self) -> int:
        """How many units it has."""
        return len(self.dead)

    def stuck(self) -> dict[tuple[str, int], np.ndarray]:
        """Return, by gate and end, whether each unit's gate is there nearly always."""
        ends = ((0, self.at_0), (1, self.at_1))
        return {(gate, end): part >= STUCK for end, at in ends for gate, part in at.items()}


@dataclass(frozen=True, eq=False)
class Finding:
    """What is wrong.

    Attributes
    ----------
    kind : str
        "not finite", "exploding", "vanishing", "large updates", "small updates", "dead",
        "saturated" or "stuck".
    layer : str
        A layer or a weight; "" for the model.
    value : float
        What was measured.
    sentence : str
        What is wrong and what people do about it.
    """

    kind: str
    layer: str
    value: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, eq=False)
class Health:
    """How a model does on some rows.

    Attributes
    ----------
    loss : float
    layers : dict of str to LayerHealth
        Recurrent layers as `trace` names them, and those with an activation.
    weight_gradients : dict of str to float
        The length of each weight's gradient in one training step.
    update_ratios : dict of str to float
        By how much of its length one training step changes each weight.
    findings : tuple of Finding
        The worst first.
    """

    loss: float
    layers: Mapping[str, LayerHealth]
    weight_gradients: Mapping[str, float]
    update_ratios: Mapping[str, float]
    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return not self.findings

    @property
    def sentence(self) -> str:
        """What is wrong in the first place, and what people do about it."""
        return self.findings[0].sentence if self.findings else FINE

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(one.kind for one in self.findings))
        return f"<Health: loss {number(self.loss)}; {kinds or 'nothing looks wrong'}>"

    def __str__(self) -> str:
        blocks = [repr(self), _layers(self.layers), _weights(self)]
        return "\n\n".join([*blocks, "\n".join(map(str, self.findings)) or FINE])

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of arrays, numbers and strings."""
        return as_plain(self)


def _layers(layers: Mapping[str, LayerHealth]) -> str:
    rows = []
    for one in layers.values():
        ends = "-"
        if one.gradients is not None:
            ends = f"{number(one.gradients[0])} .. {number(one.gradients[-1])}"
        gates = [
            f"{gate}={end} {int(units.sum())}"
            for (gate, end), units in one.stuck().items()
            if units.any()
        ]
        saturated = percent(float(one.saturated.mean()))
        rows.append(
            (one.name, str(one.units), str(int(one.dead.sum())), saturated,
             ", ".join(gates) or "-", ends)
        )  # fmt: skip
    header = ("layer", "units", "dead", "saturated", "stuck gates", "gradient by step")
    return table(header, rows)


def _weights(health: Health) -> str:
    rows = [
        (name, number(health.weight_gradients[name]), number(ratio))
        for name, ratio in health.update_ratios.items()
    ]
    return table(("weight", "gradient", "update / weight"), rows)
