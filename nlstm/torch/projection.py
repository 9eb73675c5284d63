"""A level with a projection h = m P, where m = o tanh(c), by the kernels of one without.

Since h U = m (P U), the recurrence runs on m with P U. The initial h0 U, which no m may give, comes
from inputs that are h0 at the first step of each row, and zeros at all others.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from nlstm.torch.level import Level

__all__ = ["run_projected"]


def run_projected(
    level: Level, x: Tensor, states: Sequence[Tensor | None], weights: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, ...]:
    """Return what `Level.run` does; `weights` of each direction end with the projection's."""
    into, out = level.batch_first
    level.batch_first = into, False
    h0, c0 = states
    kernels = [own[0] for own in weights]
    if h0 is not None and (h0.requires_grad or bool(h0.any())):
        x, level.batch_first = (x.transpose(0, 1) if into else x), (False, False)
        x, kernels = _with_initial(level, x, h0, weights)
    given: list[Tensor] = []
    for kernel, (_, recurrent, *biases, projection) in zip(kernels, weights, strict=True):
        given += [kernel, recurrent @ projection, *biases]
    m, m_n, c_n = level.run(x, (None, c0), given)
    of_each = m.split(level.units, dim=-1)
    ends = m_n.unbind()
    ys = [linear(one, own[-1]) for one, own in zip(of_each, weights, strict=True)]
    h_n = torch.stack([linear(one, own[-1]) for one, own in zip(ends, weights, strict=True)])
    y = ys[0] if len(ys) == 1 else torch.cat(ys, dim=-1)
    return (y.transpose(0, 1) if out else y), h_n, c_n


def _with_initial(
    level: Level, x: Tensor, h0: Tensor, weights: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, list[Tensor]]:
    """Return inputs that have h0 beside x, and kernels that take both."""
    steps, rows, _ = x.shape
    size = h0.shape[2]
    more = x.new_zeros(steps, rows, level.directions * size)
    kernels = []
    for d, (kernel, recurrent, *_) in enumerate(weights):
        columns = slice(d * size, (d + 1) * size)
        more[_first_steps(level, d, steps, rows), torch.arange(rows), columns] = h0[d]
        zeros = recurrent.new_zeros(recurrent.shape)
        others = [recurrent if own == d else zeros for own in range(level.directions)]
        kernels.append(torch.cat([kernel, *others], dim=1))
    return torch.cat([x, more], dim=2), kernels


def _first_steps(level: Level, d: int, steps: int, rows: int) -> Any:
    """Return at which step each row begins."""
    if d == 0:
        return torch.zeros(rows, dtype=torch.int64)
    if level.mask is None:
        return torch.full((rows,), steps - 1)
    return torch.from_numpy(level.mask.sum(axis=0, dtype="int64") - 1)
