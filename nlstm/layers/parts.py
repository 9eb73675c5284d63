"""A part of a value: some steps, some features."""

import operator
from typing import Any

from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["GetItem"]

WHOLE = (None, None, None)
PARTS = ("start", "stop", "step")  # of a slice


class GetItem(Layer):
    """Take steps and features, as NumPy's ``x[key]`` does; the batch stays whole.

    Parameters
    ----------
    key : slice, int, Ellipsis, or tuple of them
        For the batch, which must be ``:``, then for the axes of a sample. Slices take what lies
        side by side; steps may be taken backwards, by -1. A config holds dicts for slices.
    name, dtype
        See `Layer`.

    Notes
    -----
    As in Keras the result has no mask.
    """

    makes_sequence = True
    is_operator = True

    def __init__(self, key: Any, *, name: str | None = None, dtype: Any = None) -> None:
        given = key if isinstance(key, tuple) else (key,)
        self._key = tuple(_entry(one, key) for one in given)
        if not self._key or self._key[0] not in (WHOLE, "..."):
            raise ValueError(f"The batch is taken whole, x[:, ...]; got x[{_shown(key)}].")
        super().__init__(name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, slices as dicts."""
        key = tuple(
            dict(zip(PARTS, one, strict=True)) if isinstance(one, tuple) else one
            for one in self._key
        )
        config = {"key": key, "name": self.name, "dtype": self.dtype and self.dtype.name}
        return config if self.trainable else config | {"trainable": False}

    def _by_axis(self, shape: Shape) -> list[Any]:
        """Return an entry for each axis of a sample."""
        key = list(self._key)
        if "..." in key:
            place = key.index("...")
            key[place : place + 1] = [WHOLE] * (1 + len(shape) - (len(key) - 1))
        key += [WHOLE] * (1 + len(shape) - len(key))
        if len(key) != 1 + len(shape) or "..." in key or key[0] != WHOLE:
            raise ValueError(f"{self.name} cannot take x[{self._words}] of {shown(shape)}.")
        if len(shape) == 2 and isinstance(key[2], tuple) and key[2][2] == -1:
            raise ValueError(f"{self.name}: x[{self._words}] turns round the features.")
        if not any(isinstance(one, tuple) for one in key[1:]) or (
            len(shape) == 1 and isinstance(key[1], tuple) and key[1][2] == -1
        ):
            raise ValueError(
                f"{self.name}: x[{self._words}] of {shown(shape)} leaves no features; "
                "x[:, ..., 1:2] keeps the axis."
            )
        return key[1:]

    def taken_steps(self, shape: Shape) -> str:
        """Return which steps are taken, "all", the "last" or "some", of a sample of `shape`."""
        entry = self._by_axis(shape)[0] if len(shape) == 2 else WHOLE
        return "all" if entry == WHOLE else "last" if entry == -1 else "some"

    @property
    def _words(self) -> str:
        return _shown(self._key)

    def _range(self, entry: Any, size: int) -> tuple[int, int, bool]:
        """Return (start, stop, whether backwards) on an axis of `size`."""
        if not isinstance(entry, tuple):
            if not -size <= entry < size:
                raise ValueError(
                    f"{self.name}: x[{self._words}] takes number {entry} of {size} steps or "
                    "features."
                )
            return entry % size, entry % size + 1, False
        start, stop, step = slice(*entry).indices(size)
        if step < 0:
            start, stop = stop + 1, start + 1
        if stop <= start:
            raise ValueError(f"{self.name}: x[{self._words}] takes nothing of {size}.")
        return start, stop, step < 0

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the part; raise if there is none."""
        found: list[int | None] = []
        for entry, size in zip(self._by_axis(shape), shape, strict=True):
            if size is not None:
                start, stop, _ = self._range(entry, size)
                if isinstance(entry, tuple):
                    found.append(stop - start)
            elif isinstance(entry, tuple):
                found.append(None)
        return tuple(found)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append a copy forward and one back; where steps become features another one of each."""
        ops, shape = plan.ops, x.sample
        entries = self._by_axis(shape)
        if len(shape) == 1:
            entries, shape = [WHOLE, *entries], (1, *shape)
        (t0, t1, reverse), (f0, f1, _) = (
            self._range(entry, size) for entry, size in zip(entries, shape, strict=True)
        )
        steps, features = t1 - t0, f1 - f0
        value = plan.array((steps, x.rows, ops.padded(features, plan.dtype)))
        wanted = x.gradient is not None
        to = (value, 0, value.shape[2])
        plan.call(ops.copy_columns, x.value[t0:t1], f0, features, reverse, *to)
        turned = not isinstance(entries[1], tuple)  # one feature of each step
        if turned:
            flat = plan.array((1, x.rows, ops.padded(steps, plan.dtype)))
            plan.call(ops.reshape_rows, value, 1, flat, steps)
            y = plan.tensor(flat, steps, False, gradient=wanted)
        else:
            sequence = x.sequence and isinstance(entries[0], tuple)
            y = plan.tensor(value, features, sequence, gradient=wanted)
        dx = plan.input_gradient(x)
        if dx is not None:
            assert y.gradient is not None
            calls: list[Call] = [(ops.fill, (dx, 0))]
            dy = y.gradient
            if turned:
                dy = plan.array(value.shape)
                calls.append((ops.reshape_rows, (y.gradient, steps, dy, 1)))
            back = (dy, 0, features, reverse, dx[t0:t1], f0, f0 + features)
            plan.call_back(y, *calls, (ops.copy_columns, back))
        return y


def _entry(one: Any, key: Any) -> Any:
    """Return a part of a key as what compares and can be written: int, tuple or "..."."""
    if one is Ellipsis or (isinstance(one, str) and one == "..."):
        return "..."
    if isinstance(one, dict):
        one = slice(*(one.get(part) for part in PARTS))
    try:
        if isinstance(one, slice):
            parts = [
                None if n is None else operator.index(n) for n in (one.start, one.stop, one.step)
            ]
            if parts[2] == 1:
                parts[2] = None
            if parts[2] not in (None, -1):
                raise ValueError(f"x[{_shown(key)}] takes every {parts[2]}th; only 1 and -1 go.")
            return tuple(parts)
        if isinstance(one, bool):
            raise TypeError
        return operator.index(one)
    except TypeError:
        hint = " Reshape adds axes." if one is None else ""
        raise TypeError(
            f"x[...] takes whole numbers and slices; got {one!r} in x[{_shown(key)}].{hint}"
        ) from None


def _shown(key: Any) -> str:
    """Return a key as a user writes it."""
    parts = key if isinstance(key, tuple) and key != WHOLE else (key,)
    return ", ".join(_shown_entry(one) for one in parts)


def _shown_entry(one: Any) -> str:
    if isinstance(one, tuple):
        one = slice(*one)
    if isinstance(one, slice):
        start, stop = ("" if n is None else str(n) for n in (one.start, one.stop))
        return f"{start}:{stop}" + ("" if one.step in (None, 1) else f":{one.step}")
    return "..." if one is Ellipsis else str(one)
