"""Arrays as people hold them: of any layout, dtype and shape, right ones and wrong ones."""

import array
import datetime
import tempfile

import numpy as np

__all__ = ["Given", "given"]

FLOATS = ("float16", "float32", "float64", "longdouble")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
HUGE = (1e300, -1e300, 1e39, float("nan"), float("inf"), -float("inf"))


class Given:
    """An argument: what is handed over, and the same numbers in the plainest form.

    Attributes
    ----------
    given, plain : object
    wrong : str or None
        Why it must be refused.
    huge : bool
        Whether a number is so large that answers need not be finite.
    story : str
    """

    def __init__(self, plain, story="", handed=None, wrong=None, huge=False):
        self.plain, self.story, self.wrong, self.huge = plain, story, wrong, huge
        self.given = plain if handed is None else handed
        self.before = _content(self.given)

    @property
    def changed(self):
        """Whether somebody wrote into it."""
        return _content(self.given) != self.before

    def pick(self, plain):
        return self.plain if plain else self.given


def _content(value):
    """Return what an array holds, as something that can be compared."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.tobytes()
    if isinstance(value, list | tuple):
        return [_content(one) for one in value]
    return repr(value)


def given(c, plain, percent=35, low=None, high=None, single=(np.float16, np.float32)):
    """Return a `Given` of the array `plain`.

    Parameters
    ----------
    percent : int
        How often it is anything but plain; a third of these is wrong.
    low, high : int, optional
        Where it holds indices: the least and the largest that is allowed.
    single : tuple of dtype
        Whose numbers are computed with in float32, where the data decide.
    """
    if not c.chance(percent):
        return Given(plain, f"{plain.dtype}{plain.shape}")
    kind = c.one(("layout",) * 4 + ("dtype",) * 2 + ("shape",) * 2 + ("value", "kind"))
    if kind == "layout":
        story, handed = _laid_out(c, plain)
        found = np.asarray(handed)  # numbers in lists are of Python's precision
        return Given(np.array(found, found.dtype.newbyteorder("="), order="C"), story, handed)
    if kind == "dtype":
        names = FLOATS + (WHOLE if plain.dtype.kind in "iu" or c.chance(30) else ())
        name = c.one(names)
        if plain.dtype.kind == "f" and name not in FLOATS:
            plain = np.asarray(np.clip(np.round(plain), 0, 100))
        handed = cast = plain.astype(name)
        if c.chance(30):
            story, handed = _laid_out(c, cast)
            name += " " + story
        wide = np.int64 if cast.dtype.kind in "iu" else np.float64
        found = np.asarray(handed).dtype  # rows in a list keep theirs, numbers do not
        if found.newbyteorder("=") in single:
            wide = np.float32
        return Given(np.array(handed, wide, order="C"), name, handed)
    if kind == "shape":
        story, handed = _reshaped(c, plain)
        return Given(handed, f"{story} {handed.shape}")
    if kind == "value" and plain.size:
        handed = plain.astype(np.float64)
        place = np.unravel_index(c.whole(0, plain.size - 1), plain.shape)
        values = HUGE if low is None else (*HUGE, low - 1, high + 1, low + 0.5, 10**6, -(10**9))
        value = handed[place] = c.one(values)
        wrong = None if low is None and np.isfinite(value) else f"{value}"
        return Given(handed, f"{value} at {place}", wrong=wrong, huge=True)
    story, handed = _of_no_numbers(c, plain)
    return Given(handed, story, wrong=story)


def _laid_out(c, plain):
    name = c.one(tuple(LAYOUTS))
    return name, LAYOUTS[name](plain)


def _strided(plain):
    if not plain.ndim:
        return plain
    wide = np.full(tuple(2 * n + 1 for n in plain.shape), 99, plain.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in plain.shape)]
    view[...] = plain
    return view


def _negative(plain):
    back = tuple(slice(None, None, -1) for _ in plain.shape)
    return plain[back].copy()[back]


def _read_only(plain):
    found = plain.copy()
    found.flags.writeable = False
    return found


def _swapped(plain):
    return plain.astype(plain.dtype.newbyteorder())


def _unaligned(plain):
    raw = np.zeros(plain.nbytes + 1, np.uint8)
    found = np.ndarray(plain.shape, plain.dtype, raw, 1)
    found[...] = plain
    return found


def _mapped(plain):
    if not plain.size:
        return plain
    with tempfile.NamedTemporaryFile() as file:
        found = np.memmap(file.name, plain.dtype, "w+", shape=plain.shape)
        found[...] = plain
    return found


def _masked(plain):
    return np.ma.masked_array(plain, mask=False)


def _broadcast(plain):
    return np.broadcast_to(plain[:1], plain.shape) if plain.ndim else plain


def _as_list(plain):
    return plain.tolist()


def _as_rows(plain):
    return list(plain) if plain.ndim > 1 else plain.tolist()


def _as_tuples(plain):
    rows = plain.tolist()
    if not plain.ndim:
        return rows
    return tuple(map(tuple, rows)) if plain.ndim == 2 else tuple(rows)


def _as_buffer(plain):
    code = {"f4": "f", "f8": "d", "i8": "q", "i4": "i"}.get(plain.dtype.str[1:])
    return plain if plain.ndim != 1 or code is None else array.array(code, plain.tolist())


LAYOUTS = {
    "F": np.asfortranarray,
    "strided": _strided,
    "negative": _negative,
    "read-only": _read_only,
    "byte-swapped": _swapped,
    "unaligned": _unaligned,
    "memmap": _mapped,
    "masked": _masked,
    "broadcast": _broadcast,
    "list": _as_list,
    "list of rows": _as_rows,
    "tuples": _as_tuples,
    "array.array": _as_buffer,
}


def _reshaped(c, plain):
    axis = c.whole(0, max(plain.ndim - 1, 0))
    name = c.one(("less", "more", "axis more", "axis less", "transposed", "empty", "number"))
    if not plain.ndim or name == "axis more":
        return name, np.expand_dims(plain, c.whole(0, plain.ndim))
    if name == "less":
        return f"less {axis}", np.delete(plain, 0, axis) if plain.shape[axis] else plain
    if name == "more":
        return f"more {axis}", np.concatenate([plain, plain], axis)
    if name == "axis less":
        return f"axis {axis} less", plain.take(0, axis) if plain.shape[axis] else plain
    if name == "transposed":
        return name, np.ascontiguousarray(plain.T)
    if name == "empty":
        return f"empty {axis}", plain.take([], axis)
    return name, plain.reshape(-1)[:1].reshape(()) if plain.size else plain


def _of_no_numbers(c, plain):
    """Return what is no array of real numbers, or one with a hole."""

    def ragged():
        rows = plain.tolist()
        return [*rows, [[]]] if isinstance(rows, list) else [[1.0], [1.0, 2.0]]

    def masked():
        return np.ma.masked_array(plain, mask=np.arange(plain.size).reshape(plain.shape) == 0)

    made = {
        "objects": lambda: plain.astype(object),
        "strings": lambda: plain.astype(str),
        "complex": lambda: plain.astype(complex),
        "dates": lambda: np.full(plain.shape, np.datetime64("2020-01-01")),
        "records": lambda: np.zeros(plain.shape, [("a", "f4"), ("b", "f8")]),
        "None": lambda: None,
        "a word": lambda: "abc",
        "bytes": lambda: b"abc",
        "a set": lambda: {1.0, 2.0},
        "a date": lambda: datetime.date(2020, 1, 1),
        "ragged": ragged,
        "masked": masked,
        "nested None": lambda: [None, *plain.tolist()] if plain.ndim else None,
    }
    if not plain.size:
        made = {name: made[name] for name in ("None", "a word", "bytes", "a set", "a date")}
    name = c.one(tuple(made))
    handed = made[name]()
    return "None" if handed is None else name, handed
