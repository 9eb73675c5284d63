"""A layer as streams run it: one step at a time."""

from typing import NamedTuple

from nlstm.plan.parameters import Parameter

__all__ = ["StreamedLayer"]


class StreamedLayer(NamedTuple):
    """A layer as `Stream` runs it: weights that are missing are None."""

    kind: str  # "lstm" or "dense"
    features: int
    units: int
    kernel: Parameter
    recurrent_kernel: Parameter | None
    bias: Parameter | None
    activation: str
    gate_activation: str = "linear"
    peephole: Parameter | None = None
    zoneout: tuple[float, float] = (0.0, 0.0)  # of c and h
    projection: Parameter | None = None

    @property
    def parameters(self) -> list[Parameter]:
        """The weights."""
        return [one for one in self if isinstance(one, Parameter)]

    @property
    def outputs(self) -> int:
        """Features that come out."""
        return self.units if self.projection is None else self.projection.shape[1]
