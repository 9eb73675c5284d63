"""Batches in and out, and masks of steps."""

from nlstm.kernels.cuda.each import each

__all__ = [
    "gather_steps", "keep_steps", "mask_from_lengths", "mask_from_values", "scatter_steps",
    "value_mask", "weights_from_mask", "zero_masked_steps",
]  # fmt: skip


@each
def _gather(at, source, index, out):
    N, F = out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    out[t, n, k] = source[index[n], t, k]


def gather_steps(source, index, out):
    """Copy sequences source[index], (M, T, F), to a time-major batch (T, N, F)."""
    _gather(out.size, source, index, out)


@each
def _scatter(at, value, start, out):
    N, F = value.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    out[start + n, t, k] = value[t, n, k]


def scatter_steps(value, start, out):
    """Copy a time-major batch (T, N, F) to out[start : start + N] of shape (M, T, F)."""
    _scatter(out.shape[1] * value.shape[1] * out.shape[2], value, start, out)


@each
def _from_lengths(at, lengths, index, mask):
    t, n = at // mask.shape[1], at % mask.shape[1]
    mask[t, n] = 1 if t < lengths[index[n]] else 0


def mask_from_lengths(lengths, index, mask):
    """Let the first lengths[index[n]] steps of row n count."""
    _from_lengths(mask.size, lengths, index, mask)


@each
def _from_steps(at, value, mask):
    t, n = at // mask.shape[1], at % mask.shape[1]
    mask[t, n] = 1 if value[t, n, 0] != 0 else 0


@each
def _from_columns(at, value, mask):
    t, n = at // mask.shape[1], at % mask.shape[1]
    mask[t, n] = 1 if value[0, n, t] != 0 else 0


def mask_from_values(value, sequence, mask):
    """Let the steps count whose value is not zero."""
    (_from_steps if sequence else _from_columns)(mask.size, value, mask)


@each
def _count_in_rows(at, mask, out):
    """Write how many steps count to every place: each thread counts for itself, in integers."""
    counted = 0
    for t in range(mask.shape[0]):
        for n in range(mask.shape[1]):
            counted += mask[t, n]
    own = 0.0
    if counted > 0:
        own = mask.shape[0] * mask.shape[1] / counted
    t, n = at // mask.shape[1], at % mask.shape[1]
    out[t, n, 0] = own if mask[t, n] != 0 else 0.0


@each
def _of_mask(at, mask, out):
    t, n = at // mask.shape[1], at % mask.shape[1]
    out[t, n, 0] = 1.0 if mask[t, n] != 0 else 0.0


@each
def _times_weight(at, weight, out):
    t, n = at // out.shape[1], at % out.shape[1]
    if out[t, n, 0] != 0.0:
        out[t, n, 0] = out[t, n, 0] * weight[t % weight.shape[0], n, 0]


def weights_from_mask(mask, weight, scaled, out):
    """Weigh the steps that count, and give the others the weight 0; see the CPU's."""
    (_count_in_rows if scaled else _of_mask)(mask.size, mask, out)
    if weight is not None:
        _times_weight(mask.size, weight, out)


@each
def _value_mask(at, x, value, features, mask):
    t, n = at // mask.shape[1], at % mask.shape[1]
    found = 0
    for k in range(features):
        if x[t, n, k] != value:
            found = 1
    mask[t, n] = found


def value_mask(x, value, features, mask):
    """Write 1 where a step has a feature that is not `value`, else 0."""
    _value_mask(mask.size, x, x.dtype.type(value), features, mask)


@each
def _keep(at, x, mask, reverse, otherwise, out):
    T, N, F = out.shape[0], out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    tm = T - 1 - t if reverse else t
    out[t, n, k] = x[t, n, k] if mask[tm, n] != 0 else otherwise


def keep_steps(x, mask, reverse, otherwise, features, out):
    """Copy the steps that count; put the number `otherwise` in the others."""
    _keep(out.size, x, mask, bool(reverse), out.dtype.type(otherwise), out)


@each
def _zero_masked(at, source, mask, first, step, out):
    N, F = out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    if mask[first + t * step, n] != 0:
        out[t, n, k] = source[t, n, k]
    else:
        out[t, n, k] = 0


def zero_masked_steps(source, mask, first, step, out):
    """Copy a sequence (T, N, F) with zeros where the mask is 0; out may be source."""
    _zero_masked(out.size, source, mask, first, step, out)
