"""From what was measured to what is wrong, in sentences."""

from collections.abc import Iterator, Mapping

import numpy as np

from nlstm.inspection.reports import Finding, LayerHealth
from nlstm.inspection.tables import number, percent

__all__ = ["findings_of"]

GROWN = 100.0  # times that a gradient is larger than all that comes from above
FADED = 1e-6  # of a gradient that reaches the other end
MANY = 0.25  # of a layer's units
MOST = 0.5
ALWAYS = 0.9  # of rows and steps
LARGE_UPDATE, SMALL_UPDATE = 0.1, 1e-7
TEXTS = {
    ("i", 0): "so that they write nothing",
    ("i", 1): "so that they write everything",
    ("f", 0): "so that they forget everything at each step",
    ("f", 1): "so that they forget nothing",
    ("o", 0): "so that they show nothing",
    ("o", 1): "so that they show all of c",
    ("z", 0): "so that they take nothing over from the step before",
    ("z", 1): "so that they never change",
    ("r", 0): "so that they do not see the state before",
    ("r", 1): "so that they see all of the state before",
}


def findings_of(
    loss: float,
    layers: Mapping[str, LayerHealth],
    gradients: Mapping[str, float],
    ratios: Mapping[str, float],
) -> tuple[Finding, ...]:
    """Return what is wrong, the worst first."""
    broken = [*_not_finite(loss, gradients)]
    if broken:
        return tuple(broken)
    each = [*layers.values()]
    return (
        *(one for layer in each for one in _exploding(layer)),
        *_updates(ratios),
        *(one for layer in each for one in _dead(layer)),
        *(one for layer in each for one in _saturated(layer)),
        *(one for layer in each for one in _stuck(layer)),
        *(one for layer in each for one in _vanishing(layer)),
    )


def _not_finite(loss: float, gradients: Mapping[str, float]) -> Iterator[Finding]:
    advice = (
        "people look for huge values in the data, lower the learning rate, or clip gradients "
        "(clipnorm=1.0 of the optimizer)."
    )
    if not np.isfinite(loss):
        yield Finding("not finite", "", loss, f"The loss is {loss}: {advice}")
        return
    for name, size in gradients.items():
        if not np.isfinite(size):
            yield Finding("not finite", name, size, f"The gradient of {name} is {size}: {advice}")
            return


def _ends(layer: LayerHealth) -> tuple[float, float, int] | None:
    """Return the largest gradient of the first tenth of steps, of the last tenth, and the steps."""
    if layer.gradients is None or len(layer.gradients) < 2:
        return None
    part = max(1, len(layer.gradients) // 10)
    first, last = layer.gradients[:part].max(), layer.gradients[-part:].max()
    return float(first), float(last), len(layer.gradients)


def _exploding(layer: LayerHealth) -> Iterator[Finding]:
    if layer.gradients is not None and layer.growth is not None and layer.growth > GROWN:
        yield Finding(
            "exploding",
            layer.name,
            layer.growth,
            f"Gradients of {layer.name} grow {number(layer.growth)} times on their way back "
            f"through {len(layer.gradients)} steps: people clip them (clipnorm=1.0 of the "
            "optimizer), lower the learning rate, or shorten the windows.",
        )


def _grows(gradients: np.ndarray, backwards: bool) -> bool:
    """Whether gradients are largest where the way back ends."""
    way, part = gradients if backwards else gradients[::-1], max(1, len(gradients) // 10)
    return bool(way[-part:].max() > way[:part].max())


def _vanishing(layer: LayerHealth) -> Iterator[Finding]:
    ends = _ends(layer)
    if ends is None or layer.gradients is None or _grows(layer.gradients, layer.backwards):
        return
    small, large = sorted(ends[:2])
    if large > 0.0 and small < FADED * large:
        sizes = layer.gradients if layer.backwards else layer.gradients[::-1]
        reach = max(1, int(np.flatnonzero(sizes > 0.01 * sizes.max())[-1]))
        yield Finding(
            "vanishing",
            layer.name,
            small / large,
            f"Gradients of {layer.name} vanish within {ends[2]} steps: what lies more than {reach} "
            f"step{'s' * (reach > 1)} back teaches it next to nothing, which is fine if nothing "
            "there matters; else people shorten or thin out the windows, give the lag as a "
            "feature, or start the forget gate's bias higher.",
        )


def _updates(ratios: Mapping[str, float]) -> Iterator[Finding]:
    if not ratios:
        return
    name = max(ratios, key=lambda one: ratios[one])
    if ratios[name] > LARGE_UPDATE:
        yield Finding(
            "large updates",
            name,
            ratios[name],
            f"One training step changes {name} by {percent(ratios[name])} of its size: people "
            "lower the learning rate until it is well below 1 %.",
        )
    elif ratios[name] < SMALL_UPDATE:
        yield Finding(
            "small updates",
            name,
            ratios[name],
            f"One training step changes no weight by more than {number(ratios[name])} of its size: "
            "people raise the learning rate, or stop, since nothing is left to learn.",
        )


def _dead(layer: LayerHealth) -> Iterator[Finding]:
    part = float(layer.dead.mean())
    if part >= MANY:
        count = f"{int(layer.dead.sum())} of {layer.units} units"
        yield Finding(
            "dead",
            layer.name,
            part,
            f"{count} of {layer.name} are dead, giving the same for every row and step: people "
            "lower the learning rate and start anew, scale the inputs, or take fewer units.",
        )


def _saturated(layer: LayerHealth) -> Iterator[Finding]:
    gates = {gate: layer.at_0[gate] + layer.at_1[gate] > ALWAYS for gate in layer.at_0}
    ended = [gate for gate, units in gates.items() if units.mean() >= MOST]
    if ended and not any(units.mean() >= MOST for units in layer.stuck().values()):
        yield Finding(
            "saturated",
            layer.name,
            float(np.mean([gates[gate].mean() for gate in ended])),
            f"The gates {', '.join(ended)} of most units of {layer.name} are at 0 or 1 nearly "
            "always, where no gradient passes: people scale the inputs to about 1, lower the "
            "learning rate, or regularise the weights.",
        )
    part = float((layer.saturated > ALWAYS).mean())
    if part >= MANY:
        count = f"{int((layer.saturated > ALWAYS).sum())} of {layer.units} units"
        yield Finding(
            "saturated",
            layer.name,
            part,
            f"{count} of {layer.name} are saturated nearly always, where no gradient passes: "
            "people scale the inputs to about 1, lower the learning rate, or regularise the "
            "weights.",
        )


def _stuck(layer: LayerHealth) -> Iterator[Finding]:
    for (gate, end), units in layer.stuck().items():
        part = float(units.mean())
        if part < MOST:
            continue
        what = TEXTS.get((gate, end), "so that they do not move")
        yield Finding(
            "stuck",
            layer.name,
            part,
            f"The gate {gate} of {int(units.sum())} of {layer.units} units of {layer.name} is "
            f"stuck at {end}, {what}: people scale the inputs to about 1, lower the learning "
            "rate, or regularise the weights.",
        )
