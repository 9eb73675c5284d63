"""Operations of the contract on a few numbers: what a device's results are compared by.

`CASES` has by name functions of a `Side` that give what was computed, as host arrays by name. Those
of `EXACT` are the same to the bit on every device, as nothing in them is rounded differently.
"""

from functools import partial

import numpy as np

from nlstm.kernels.cuda.activations import NAMES
from tests.kernels.cuda import front, recurrent, scored
from tests.kernels.cuda.cases import CASES, EXACT, case
from tests.kernels.cuda.side import Side

__all__ = ["CASES", "EXACT", "front", "results"]


@case(exact=True)
def words(s: Side):
    a, b, out = s.exact(s.normal(3, 2, 4)), s.exact(s.normal(3, 2, 4)), s.exact(s.normal(3, 2, 4))
    mask, other = (s.exact(s.rng.integers(0, 2, (3, 2)), np.uint8) for _ in range(2))
    joined, row, zeros = s.exact(np.zeros((3, 2)), np.uint8), s.exact(s.normal(2, 4)), s.like(a)
    number, zeroed = s.like(a), s.exact(s.normal(3, 2, 4))
    s.ops.add(a, b, out)
    s.ops.scale(out, s.dtype.type(0.5), out)
    s.ops.copy(zeros, row)
    s.ops.copy(number, s.dtype.type(2))
    s.ops.fill(b, s.dtype.type(7))
    s.ops.join(mask, other, joined)
    for source in (out, s.dtype.type(3)):
        function, arguments = s.ops.either(zeroed, source, mask if source is out else other)
        function(*arguments)
    found = dict(out=out, zeros=zeros, number=number, b=b, joined=joined, zeroed=zeroed)
    return {name: s.host(array) for name, array in found.items()}


@case(exact=True)
def batches(s: Side):
    index, source = s.exact([4, 0, 2], np.int64), s.exact(s.normal(5, 4, 3))
    batch, whole = s.exact(np.zeros((4, 3, s.ops.padded(3, s.dtype)), s.dtype)), s.like(source)
    s.ops.fill(whole, s.dtype.type(0))
    s.ops.gather_steps(source, index, batch)
    s.ops.scatter_steps(batch, 1, whole)
    return {"batch": s.host(batch, 3), "whole": s.host(whole)}


@case(exact=True)
def masks(s: Side):
    def mask():
        return s.exact(np.full((5, 3), 7), np.uint8)

    found = [mask() for _ in range(4)]
    index, x = s.exact([3, 1, 0], np.int64), s.rng.integers(0, 2, (5, 3, 2)).astype(s.dtype)
    s.ops.mask_from_lengths(s.exact([0, 5, 9, 2], np.int64), index, found[0])
    s.ops.mask_from_values(s.given(x[:, :, :1].copy()), True, found[1])
    s.ops.mask_from_values(s.given(x[:, :, 0].T[None].copy()), False, found[2])
    s.ops.value_mask(s.given(x), s.dtype.type(1), 2, found[3])
    results = {f"mask {k}": s.host(one) for k, one in enumerate(found)}
    weight, value = s.exact(np.abs(s.normal(1, 3, 1))), s.normal(5, 3, 2)
    for k, (given, scaled) in enumerate(((None, False), (None, True), (weight, True))):
        out = s.exact(np.full((5, 3, 1), np.nan), s.dtype)
        s.ops.weights_from_mask(found[1], given, scaled, out)
        results[f"weights {k}"] = s.host(out)
    for reverse in (False, True):
        out = s.out(5, 3, 2)
        s.ops.keep_steps(s.given(value), found[1], reverse, s.dtype.type(-9), 2, out)
        results[f"kept {reverse}"] = s.host(out, 2)
        s.ops.zero_masked_steps(s.given(value), found[1], *((4, -1) if reverse else (0, 1)), out)
        results[f"zeroed {reverse}"] = s.host(out, 2)
    return results


@case(exact=True)
def drawn(s: Side):
    step, found = s.exact([5], np.int64), {}
    s.ops.advance(step)
    for seed, rate in ((3, 0.4), (2**62 + 5, 0.0), (2**63 - 1, 0.9)):
        mask, applied = s.out(7, 5), s.out(7, 5)
        s.ops.dropout_mask(seed, step, 2, rate, 5, mask)
        s.ops.dropout_apply(seed, step, 2, rate, 5, s.drawn(7, 5), applied)
        found |= {f"mask {rate}": s.host(mask, 5), f"applied {rate}": s.host(applied, 5)}
    return found | {"step": s.host(step)}


@case(exact=True)
def noise(s: Side):
    out = s.out(7, 5)
    s.ops.noise_apply(3, s.exact([5], np.int64), 2, 0.3, 5, s.drawn(7, 5), out)
    return {"noise": s.host(out, 5)}


@case(exact=True)
def moved(s: Side):
    x, found = s.drawn(4, 3, 6), {}
    for reverse in (False, True):
        out = s.ops.to_device(np.full(s.out(4, 3, 5).shape, 3, s.dtype))
        s.ops.copy_columns(x, 2, 3, reverse, out, 1, 5)
        found[f"columns {reverse}"] = s.host(out, 5)
    for name, shape in (("reshaped", (2, 3, 12)), ("longer", (12, 3, 2))):
        out = s.out(*shape)
        s.ops.reshape_rows(x, 6, out, shape[2])
        found[name] = s.host(out, shape[2])
    one, many = s.out(1, 3, 6), s.out(4, 3, 6)
    s.ops.sum_steps(x, one)
    s.ops.repeat_steps(one, 6, many)
    return found | {"sum": s.host(one, 6), "repeated": s.host(many, 6)}


@case("merge add", kind="add", scale=0.5)
@case("merge subtract", kind="subtract")
@case("merge multiply", kind="multiply", narrow=True)
@case("merge maximum", kind="maximum")
@case("merge minimum", kind="minimum", reverse=True)
@case("merge one step", kind="add", steps=1)
def merged(s: Side, kind, scale=1.0, reverse=False, narrow=False, steps=4):
    width = 1 if narrow else 3
    a, b, y = s.drawn(4, 3, 3), s.drawn(steps, 3, width), s.out(4, 3, 3)
    given = kind, a, 3, b, width, reverse, s.dtype.type(scale)
    s.ops.merge_forward(*given, y, 3)
    found, dy = {"y": s.host(y, 3)}, s.drawn(4, 3, 3)
    for second in (False, True):
        out = s.out(4, 3, 3)
        s.ops.merge_backward(*given, dy, 3, second, out)
        found[f"slope {second}"] = s.host(out, 3)
    summed = s.out(steps, 3, width)
    s.ops.sum_broadcast(out, 3, summed, width)
    return found | {"summed": s.host(summed, width)}


@case("pooling", masked=False)
@case("pooling masked", masked=True)
def pooled(s: Side, masked):
    values = s.normal(4, 3, 2)
    values[2] = values[1]  # two that are the largest
    mask = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1]])
    mask = s.exact(mask, np.uint8) if masked else None
    x, y, best, dy = s.given(values), s.out(1, 3, 2), s.out(1, 3, 2), s.drawn(1, 3, 2)
    dx, dbest = s.out(4, 3, 2), s.out(4, 3, 2)
    s.ops.average_steps(x, mask, 2, y)
    s.ops.average_steps_backward(mask, dy, 2, dx)
    s.ops.largest_steps(x, 2, best)
    s.ops.largest_steps_backward(x, best, dy, 2, s.scratch(2), dbest)
    found = dict(y=y, dx=dx, best=best, dbest=dbest)
    return {name: s.host(array, 2) for name, array in found.items()}


@case()
def windows(s: Side):
    series, starts = s.exact(s.normal(60)), s.exact([0, 9, 27], np.int64)
    index, offsets = s.exact([2, 0], np.int64), s.exact(np.arange(12).reshape(4, 3), np.int64)
    out = s.exact(np.zeros((4, 2, s.ops.padded(5, s.dtype))), s.dtype)
    shift, scale = (s.exact(np.zeros((1, 2, 3)), s.dtype) for _ in range(2))
    s.ops.gather_windows(series, starts, index, offsets, out)
    s.ops.window_moments(series, starts, index, offsets, shift, scale)
    s.ops.repeat_static(s.exact(s.normal(2, 2)), s.exact([1, 0, 1], np.int64), index, 3, out)
    s.ops.scale_windows(out, 3, shift, scale)
    found = {"scaled": s.host(out, 5), "shift": s.host(shift), "scale": s.host(scale)}
    s.ops.scale_windows(out, 3, shift, None)
    return found | {"shifted": s.host(out, 5)}


@case()
def embedding(s: Side):
    layout, table = s.ops.row_matrix(3), s.normal(5, 3)
    index = s.given(s.rng.integers(0, 5, (1, 3, 4)).astype(s.dtype))
    y, dy, packed = s.out(4, 3, 3), s.drawn(4, 3, 3), s.packed(layout, table)
    dtable = s.like(packed)
    s.ops.embedding_forward(index, packed, y)
    s.ops.embedding_backward(index, dy, dtable)
    return {"y": s.host(y, 3), "dtable": s.unpacked(layout, dtable)}


@case("layer norm", features=5)
@case("layer norm of one", features=1)
def layer_norm(s: Side, features):
    layout = s.ops.row_vector(features)
    gamma, beta = (s.packed(layout, s.normal(features)) for _ in range(2))
    x, dy, dx, y = (s.drawn(7, features), s.drawn(7, features), s.out(7, features),
                    s.out(7, features))  # fmt: skip
    statistics, dgamma, dbeta = s.scratch((7, 2)), s.like(gamma), s.like(beta)
    s.ops.layer_norm_forward(x, gamma, beta, s.dtype.type(1e-3), features, statistics, y)
    s.ops.layer_norm_backward(x, gamma, features, statistics, dy, dgamma, dbeta, dx)
    found = {name: s.unpacked(layout, d) for name, d in (("dgamma", dgamma), ("dbeta", dbeta))}
    return found | {"y": s.host(y, features), "dx": s.host(dx, features)}


def _activation(s: Side, name, rows=False):
    forward, backward = (s.ops.row_activation if rows else s.ops.activation)(name)
    x, y, dy, dx = s.given(4 * s.normal(3, 7)), s.out(3, 7), s.drawn(3, 7), s.out(3, 7)
    forward(x, y, 7)
    backward(x, y, dy, dx, 7)
    return {"y": s.host(y, 7), "dx": s.host(dx, 7)}


@case()
def ramp(s: Side):
    x, y, dy, dx = s.drawn(3, 7), s.out(3, 7), s.drawn(3, 7), s.out(3, 7)
    numbers = [s.dtype.type(one) for one in (0.1, -0.2, 0.7)]
    s.ops.ramp_forward(x, y, 7, *numbers)
    s.ops.ramp_backward(x, dy, dx, 7, *numbers)
    return {"y": s.host(y, 7), "dx": s.host(dx, 7)}


@case("dense few", O=2)
@case("dense tanh", O=3, activation="tanh")
@case("dense wide", R=9, F=7, O=11, activation="relu")
@case("dense plain", O=5, biased=False)
@case("dense few plain", O=1, biased=False, wanted=False)
@case("dense softmax", O=4, activation="softmax")
def dense(s: Side, O, R=5, F=6, activation="linear", biased=True, wanted=True):  # noqa: E741
    matrix, vector = s.ops.unit_matrix(O), s.ops.unit_vector(O)
    forward, backward = s.ops.dense(activation)
    x, W, b = s.drawn(R, F), s.packed(matrix, s.normal(F, O)), s.packed(vector, s.normal(O))
    y, dy, dx = s.out(R, O), s.drawn(R, O), s.out(R, F) if wanted else None
    dW, db = s.like(W), s.like(b) if biased else None
    scratch = s.scratch(s.ops.dense_scratch_size(F, O, s.dtype))
    forward(x, W, b if biased else None, y, scratch, O)
    backward(x, W, y, dy, dW, db, dx, scratch, O)
    found = {"y": s.host(y, O), "dW": s.unpacked(matrix, dW)}
    if biased:
        found["db"] = s.unpacked(vector, db)
    return found | ({"dx": s.host(dx, F)} if wanted else {})


@case()
def projection(s: Side):
    H, O = 4, 3  # noqa: E741
    matrix, gates = s.ops.unit_matrix(O), s.ops.gate_matrix(H)
    P, U = s.packed(matrix, s.normal(H, O)), s.packed(gates, s.normal(O, 4 * H))
    product = s.like(s.packed(gates, s.normal(H, 4 * H)))
    s.ops.project_recurrence(P, U, O, product)
    dproduct, dU = s.packed(gates, s.normal(H, 4 * H)), s.like(U)
    dP = s.packed(matrix, s.normal(H, O))
    s.ops.project_recurrence_backward(P, U, O, dproduct, dU, dP)
    return {
        "product": s.unpacked(gates, product),
        "dU": s.unpacked(gates, dU),
        "dP": s.unpacked(matrix, dP),
    }


for _name in sorted(NAMES):
    CASES[f"activation {_name}"] = partial(_activation, name=_name)
CASES["activation softmax"] = partial(_activation, name="softmax", rows=True)
CASES.update(recurrent.CASES | scored.CASES)


def results(device, name, dtype):
    """Return what a case gives on a device."""
    return CASES[name](Side(device, dtype))
