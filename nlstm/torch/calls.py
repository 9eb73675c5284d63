"""A call of a module: what it is given, level by level, and what it returns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from nlstm.kernels import HOST, load
from nlstm.torch.checks import check_states, check_tensors, in_dtype
from nlstm.torch.level import Level
from nlstm.torch.memory import Pool
from nlstm.torch.projection import run_projected
from nlstm.torch.weights import Cell

__all__ = ["call"]

States = Sequence[Tensor | None]
Result = tuple[Any, list[Tensor]]


def call(module: Any, cell: Cell, pool: Pool, given: Any, hx: Any) -> Result | None:
    """Return a module's output and last states; None where there is no row or no step.

    Parameters
    ----------
    module : LSTM or GRU
    given : Tensor or PackedSequence
    hx : sequence of Tensor, Tensor or None
        The initial states.
    """
    packed = isinstance(given, PackedSequence)
    x = given.data if packed else given
    check_tensors(module, cell, x, hx)
    if packed:
        return _of_packed(module, cell, pool, given, hx)
    batched = check_states(cell, x, hx)
    batch_dim = 0 if module.batch_first else 1
    states: Any = hx if cell.has_c or hx is None else (hx,)
    if not batched:
        x = x.unsqueeze(batch_dim)
        states = None if hx is None else [one.unsqueeze(1) for one in states]
    if not (x.shape[0] and x.shape[1]):
        return None
    _check_shapes(module, cell, x, states, None)
    y, ends = _levels(module, cell, pool, x, states, None, module.batch_first)
    if batched:
        return y, ends
    return y.squeeze(batch_dim), [one.squeeze(1) for one in ends]


def _of_packed(module: Any, cell: Cell, pool: Pool, given: PackedSequence, hx: Any) -> Result:
    """Return the same of a packed sequence, whose rows are computed side by side with a mask."""
    data, batch_sizes, order, way_back = given
    states = hx if cell.has_c or hx is None else (hx,)
    if states is not None and order is not None:
        states = [one.index_select(1, order) for one in states]
    _check_shapes(module, cell, data, states, batch_sizes)
    x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
    steps = np.arange(x.shape[0])[:, None]
    mask = (steps < lengths.numpy()).astype(np.uint8)
    y, ends = _levels(module, cell, pool, x, states, None if mask.all() else mask, False)
    if way_back is not None:
        ends = [one.index_select(1, way_back) for one in ends]
    packed = pack_padded_sequence(y, lengths).data
    return PackedSequence(packed, batch_sizes, order, way_back), ends


def _check_shapes(module: Any, cell: Cell, x: Tensor, states: Any, batch_sizes: Any) -> None:
    """Raise PyTorch's own errors."""
    if states is None:
        module.check_input(x, batch_sizes)
    else:
        hx = tuple(states) if cell.has_c else states[0]
        module.check_forward_args(x, hx, batch_sizes)


def _levels(
    module: Any, cell: Cell, pool: Pool, x: Tensor, states: Any, mask: Any, batch_first: bool
) -> Result:
    """Return the output of the last level, and the last states of all."""
    levels, directions = module.num_layers, 2 if module.bidirectional else 1
    every = module.all_weights
    dtype = every[0][0].dtype
    ops = load(HOST, in_dtype(dtype))
    x = x if x.dtype == dtype else x.to(dtype)  # under autocast
    given: States = (None,) * (2 if cell.has_c else 1) if states is None else states
    given = [one if one is None or one.dtype == dtype else one.to(dtype) for one in given]
    projected = cell.has_c and module.proj_size > 0
    all_ends = []
    for number in range(levels):
        own = slice(number * directions, (number + 1) * directions)
        initial = given if levels == 1 else [None if one is None else one[own] for one in given]
        first, last = number == 0, number + 1 == levels
        level = Level(
            cell,
            ops,
            pool,
            module.hidden_size,
            directions,
            mask,
            (batch_first and first, batch_first and last),
            inner=projected or not last,
        )
        weights = every[own]
        if projected:
            x, *ends = run_projected(level, x, initial, weights)
        else:
            x, *ends = level.run(x, initial, [one for some in weights for one in some])
        if module.dropout > 0 and module.training and not last:
            x = dropout(x, module.dropout)
        all_ends.append(ends)
    if levels == 1:
        return x, all_ends[0]
    return x, [torch.cat(each) for each in zip(*all_ends, strict=True)]
