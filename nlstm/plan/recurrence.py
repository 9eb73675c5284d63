"""What a recurrent layer's calls in a plan are: for those who look at what these leave behind."""

from dataclasses import dataclass

from nlstm.kernels.operations import Call

__all__ = ["Recurrence"]


@dataclass
class Recurrence:
    """One call of a recurrent layer, or of one level of it.

    Attributes
    ----------
    layer : Layer
    level : int
    forward : Call
        The recurrence over all steps.
    backward : Call or None
        The same on the way back; None outside training.
    """

    layer: object
    level: int
    forward: Call
    backward: Call | None = None
