"""Steps brought side by side for a convolution; see the CPU's page of that name."""

from nlstm.kernels.cuda.each import each

__all__ = ["gather_taps", "scatter_taps"]


@each
def _gather(at, x, start, count, taps, stride, dilation, left, out):
    N, width = out.shape[1], out.shape[2]
    t, n, place = at // (N * width), at // width % N, at % width
    tap, k = place // count, place % count
    seen = t * stride + tap * dilation - left
    if tap < taps and 0 <= seen and seen < x.shape[0]:
        out[t, n, place] = x[seen, n, start + k]
    else:
        out[t, n, place] = 0


def gather_taps(x, start, count, taps, stride, dilation, left, out):
    """Write what each of `taps` taps sees of `count` columns, from column `start` on."""
    _gather(out.size, x, start, count, taps, stride, dilation, left, out)


@each
def _scatter(at, dout, start, count, taps, stride, dilation, left, dx):
    """The last tap saw a step first: added in the order of the steps that saw it."""
    N, width = dx.shape[1], dx.shape[2] - start
    seen, n, k = at // (N * width), at // width % N, at % width
    total = dx.dtype.type(0)
    if k < count:
        for back in range(taps):
            tap = taps - 1 - back
            place = seen + left - tap * dilation
            if place >= 0 and place % stride == 0 and place // stride < dout.shape[0]:
                total += dout[place // stride, n, tap * count + k]
    dx[seen, n, start + k] = total


def scatter_taps(dout, start, count, taps, stride, dilation, left, dx):
    """Compute the gradient of what `gather_taps` saw."""
    places = dx.shape[0] * dx.shape[1] * (dx.shape[2] - start)
    _scatter(places, dout, start, count, taps, stride, dilation, left, dx)
