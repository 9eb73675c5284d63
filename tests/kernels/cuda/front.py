"""Operations of layers that stand in front of recurrent ones; see `operations`."""

import numpy as np

from tests.kernels.cuda.cases import case
from tests.kernels.cuda.side import Side


@case("taps", exact=True)
@case("taps apart", exact=True, start=1, count=2, taps=2, stride=1, dilation=2, left=2, windows=6)
@case("taps strided", exact=True, start=0, count=4, taps=3, stride=2, dilation=1, left=1, windows=3)
@case(
    "taps cropped", exact=True, start=0, count=4, taps=1, stride=1, dilation=1, left=-2, windows=3
)
def taps(s: Side, start=0, count=4, taps=3, stride=1, dilation=1, left=1, windows=6):
    place = start, count, taps, stride, dilation, left
    x, dx = s.drawn(6, 3, 4), s.exact(np.full(s.out(6, 3, 4).shape, 5), s.dtype)
    seen = s.out(windows, 3, taps * count)
    s.ops.gather_taps(x, *place, seen)
    s.ops.scatter_taps(s.drawn(windows, 3, taps * count), *place, dx)
    return {"seen": s.host(seen, taps * count), "dx": s.host(dx, 4)}


@case("window pools", exact=True)
@case("window pools apart", exact=True, size=2, stride=3, left=0, windows=2)
@case("window pools over all", exact=True, size=9, stride=9, left=1, windows=1)
def window_pools(s: Side, size=3, stride=2, left=1, windows=4):
    values = s.normal(7, 3, 2)
    values[3] = values[2]  # two that are the largest
    values[:, 0, 0], values[4, 2, 1] = 1, np.nan
    x, dy, place = s.given(values), s.drawn(windows, 3, 2), (2, size, stride, left)
    mean, best = s.out(windows, 3, 2), s.out(windows, 3, 2)
    dmean, dbest = s.out(7, 3, 2), s.out(7, 3, 2)
    s.ops.average_windows(x, *place, mean)
    s.ops.average_windows_backward(dy, *place, dmean)
    s.ops.largest_windows(x, *place, best)
    s.ops.largest_windows_backward(x, best, dy, *place, dbest)
    found = dict(mean=mean, dmean=dmean, best=best, dbest=dbest)
    return {name: s.host(array, 2) for name, array in found.items()}


@case("batch norm")
@case("batch norm masked", masked=True)
@case("batch norm averaged", of_batch=False, rows=3)
@case("batch norm of many rows", rows=300, features=3, wanted=False)
def batch_norm(s: Side, rows=11, features=5, masked=False, of_batch=True, wanted=True):
    layout, number = s.ops.row_vector(features), s.dtype.type
    gamma, beta, moving = (s.packed(layout, s.normal(features)) for _ in range(3))
    x, mask = s.drawn(rows, features), s.exact(s.rng.integers(0, 2, rows), np.uint8)
    mask, moments, work = (
        mask if masked else None,
        s.scratch((2, features)),
        s.scratch((4, features)),
    )
    s.ops.batch_moments(x, mask, features, work[0], moments)
    y, dx = s.out(rows, features), s.out(rows, features)
    given = x, moments[0], moments[1], gamma
    s.ops.batch_norm_forward(*given, beta, number(1e-3), features, work[0], y)
    dgamma, dbeta, dy = s.like(gamma), s.like(beta), s.drawn(rows, features)
    back = mask, of_batch, dy, work, dgamma, dbeta, dx if wanted else None
    s.ops.batch_norm_backward(*given, number(1e-3), features, *back)
    s.ops.batch_average(moving, moments[0], number(0.9), features)
    vectors = dict(dgamma=dgamma, dbeta=dbeta, moving=moving)
    found = {name: s.unpacked(layout, one) for name, one in vectors.items()}
    found |= {"moments": s.host(moments), "y": s.host(y, features)}
    return found | ({"dx": s.host(dx, features)} if wanted else {})


@case("prelu", steps=4, width=3)
@case("prelu of features", steps=1, width=3, wanted=False)
@case("prelu of steps", steps=4, width=1)
@case("prelu of one", steps=1, width=1)
def prelu(s: Side, steps, width, wanted=True):
    values = s.normal(4, 5, 3)
    values[1, 2] = 0
    layout, x, dy = s.ops.row_matrix(width), s.given(values), s.drawn(4, 5, 3)
    alpha = s.packed(layout, s.normal(steps, width))
    y, dx, dalpha = s.out(4, 5, 3), s.out(4, 5, 3), s.like(alpha)
    s.ops.prelu_forward(x, alpha, steps, width, 3, y)
    s.ops.prelu_backward(x, alpha, steps, width, 3, dy, dalpha, dx if wanted else None)
    found = {"y": s.host(y, 3), "dalpha": s.unpacked(layout, dalpha)}
    return found | ({"dx": s.host(dx, 3)} if wanted else {})


@case(exact=True)
def steps_repeated(s: Side):
    x, many, sums, swapped = s.drawn(4, 3, 5), s.out(8, 3, 5), s.out(4, 3, 5), s.out(5, 3, 4)
    s.ops.repeat_each_step(x, 2, 5, many)
    s.ops.sum_each_step(s.drawn(8, 3, 5), 2, sums)
    s.ops.swap_axes(x, 5, swapped)
    return {"many": s.host(many, 5), "sums": s.host(sums, 5), "swapped": s.host(swapped, 4)}
