"""What is done with masks, as functions of ONNX that a file brings with it.

A mask is (batch, steps), true where a step counts. A recurrent layer gets the steps that count side
by side, with their number as `sequence_lens`: right for padding at the end, at the beginning, and
for gaps. What comes out goes back to where its step was; a step that does not count repeats what
came before it.
"""

from collections.abc import Iterable
from typing import Any

from nlstm.interop.onnx.package import DOMAIN, OPSET, onnx

__all__ = ["FUNCTIONS", "definitions"]

FUNCTIONS = {
    "Masking": """<mask_value: float>(x) => (y, mask) {
        number = Constant<value_float: float = @mask_value>()
        value = CastLike(number, x)
        same = Equal(x, value)
        other = Not(same)
        found = CastLike(other, x)
        any = ReduceMax<axes: ints = [2], keepdims: int = 1>(found)
        y = Mul(x, any)
        axis = Constant<value_ints: ints = [2]>()
        flat = Squeeze(any, axis)
        mask = Cast<to: int = 9>(flat)
    }""",
    "MaskOfNumbers": """(x) => (mask) {
        number = Constant<value_int: int = 0>()
        zero = CastLike(number, x)
        same = Equal(x, zero)
        mask = Not(same)
    }""",
    "MaskOfLengths": """(x, lengths) => (mask) {
        shape = Shape<start: int = 1, end: int = 2>(x)
        count = Squeeze(shape)
        zero = Constant<value_int: int = 0>()
        one = Constant<value_int: int = 1>()
        steps = Range(zero, count, one)
        axis = Constant<value_ints: ints = [1]>()
        column = Unsqueeze(lengths, axis)
        mask = Less(steps, column)
    }""",
    "EveryStep": """(x) => (mask) {
        shape = Shape<start: int = 0, end: int = 2>(x)
        mask = ConstantOfShape<value: tensor = bool[1] {1}>(shape)
    }""",
    "Pack": """(x, mask) => (packed, lengths) {
        counts = Cast<to: int = 7>(mask)
        axis = Constant<value_ints: ints = [1]>()
        count = ReduceSum<keepdims: int = 0>(counts, axis)
        least = Constant<value_int: int = 1>()
        length = Max(count, least)
        lengths = Cast<to: int = 6>(length)
        shape = Shape<start: int = 1, end: int = 2>(mask)
        steps = Squeeze(shape)
        zero = Constant<value_int: int = 0>()
        back = Constant<value_int: int = -1>()
        left = Range(steps, zero, back)
        order = Mul(counts, left)
        top, place = TopK<axis: int = 1>(order, shape)
        last = Constant<value_ints: ints = [2]>()
        index = Unsqueeze(place, last)
        rows = GatherND<batch_dims: int = 1>(x, index)
        packed = Transpose<perm: ints = [1, 0, 2]>(rows)
    }""",
    "Unpack": """(packed, before, mask) => (y) {
        counts = Cast<to: int = 7>(mask)
        one = Constant<value_int: int = 1>()
        count = CumSum(counts, one)
        less = Sub(count, one)
        zero = Constant<value_int: int = 0>()
        place = Max(less, zero)
        last = Constant<value_ints: ints = [2]>()
        index = Unsqueeze(place, last)
        rows = Transpose<perm: ints = [1, 0, 2]>(packed)
        found = GatherND<batch_dims: int = 1>(rows, index)
        some = Greater(count, zero)
        begun = Unsqueeze(some, last)
        y = Where(begun, found, before)
    }""",
    "UnpackReverse": """(packed, before, mask) => (y) {
        counts = Cast<to: int = 7>(mask)
        one = Constant<value_int: int = 1>()
        place = CumSum<exclusive: int = 1>(counts, one)
        axis = Constant<value_ints: ints = [1]>()
        count = ReduceSum<keepdims: int = 1>(counts, axis)
        some = Less(place, count)
        less = Sub(count, one)
        highest = Min(place, less)
        zero = Constant<value_int: int = 0>()
        inside = Max(highest, zero)
        last = Constant<value_ints: ints = [2]>()
        index = Unsqueeze(inside, last)
        rows = Transpose<perm: ints = [1, 0, 2]>(packed)
        found = GatherND<batch_dims: int = 1>(rows, index)
        begun = Unsqueeze(some, last)
        y = Where(begun, found, before)
    }""",
    "LastState": """(state, before, mask) => (y) {
        counts = Cast<to: int = 7>(mask)
        axis = Constant<value_ints: ints = [1]>()
        count = ReduceSum<keepdims: int = 1>(counts, axis)
        zero = Constant<value_int: int = 0>()
        some = Greater(count, zero)
        y = Where(some, state, before)
    }""",
    "ZeroSteps": """(x, mask) => (y) {
        kept = CastLike(mask, x)
        last = Constant<value_ints: ints = [2]>()
        column = Unsqueeze(kept, last)
        y = Mul(x, column)
    }""",
    "ZeroEnd": """<step: int>(x, mask) => (y) {
        number = Constant<value_int: int = @step>()
        axis = Constant<value_ints: ints = [0]>()
        index = Unsqueeze(number, axis)
        end = Gather<axis: int = 1>(mask, index)
        kept = CastLike(end, x)
        y = Mul(x, kept)
    }""",
    "MeanOfSteps": """(x, mask) => (y) {
        kept = CastLike(mask, x)
        last = Constant<value_ints: ints = [2]>()
        column = Unsqueeze(kept, last)
        seen = Mul(x, column)
        axis = Constant<value_ints: ints = [1]>()
        sum = ReduceSum<keepdims: int = 0>(seen, axis)
        count = ReduceSum<keepdims: int = 1>(kept, axis)
        y = Div(sum, count)
    }""",
    "Choose": """(mask, x, other) => (y) {
        last = Constant<value_ints: ints = [2]>()
        column = Unsqueeze(mask, last)
        y = Where(column, x, other)
    }""",
    "MaskedSoftmax": """(x, mask) => (y) {
        half = Constant<value_float: float = 0.5>()
        limit = CastLike(half, mask)
        above = Greater(mask, limit)
        kept = CastLike(above, x)
        one = Constant<value_float: float = 1.0>()
        whole = CastLike(one, x)
        less = Sub(kept, whole)
        far = Constant<value_float: float = 1000000000.0>()
        distance = CastLike(far, x)
        shift = Mul(less, distance)
        seen = Add(x, shift)
        shares = Softmax<axis: int = -1>(seen)
        y = Mul(shares, kept)
    }""",
}


def definitions(names: Iterable[str]) -> list[Any]:
    """Return the functions of some names."""
    head = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]> '
    return [onnx().parser.parse_function(f"{head}{name} {FUNCTIONS[name]}") for name in names]
