"""Whether the outcome of a draw is a right answer or an error that names the argument."""

import ctypes
import re
import traceback
import warnings
from pathlib import Path

import numpy as np

import nlstm
from tests.fuzz.cases import flat, unequal

__all__ = ["judge"]

PACKAGE = str(Path(nlstm.__file__).parent)
PERTURB = -6  # glibc's M_PERTURB: what malloc gives is filled with the complement of a byte
GARBAGE = (0x80, 0x01)  # 0x7f..: 3e38 and 1e306; 0xfe..: -2e38 and -5e303
ADDRESS = re.compile(r"0x[0-9a-f]{6,}|/tmp/\S+")


def dirty(byte):
    """Fill what memory is given out from now on, and what NumPy keeps for small arrays."""
    fill(byte)
    held = [np.full(size, byte ^ 0xFF, np.uint8) for size in range(4, 1024, 4) for _ in range(7)]
    del held


def fill(byte):
    """Have malloc fill what it gives; 0 for no more."""
    try:
        ctypes.CDLL(None).mallopt(PERTURB, byte)
    except AttributeError:  # another C library
        pass


class Outcome:
    """What an attempt gave: `value`, or `error` with the place it came from."""

    def __init__(self, case, plain):
        self.value = self.error = None
        with warnings.catch_warnings(record=True) as self.warned:
            warnings.simplefilter("always")
            nlstm.set_random_seed(7)
            np.random.seed(7)
            try:
                self.value = flat(case.run(plain))
            except Exception as error:  # the outcome is what is looked at
                self.error = error

    @property
    def shown(self):
        if self.error is None:
            return "an answer"
        return ADDRESS.sub("*", f"{type(self.error).__name__}: {self.error}")

    @property
    def place(self):
        return traceback.extract_tb(self.error.__traceback__)[-1]


def judge(case):
    """Return (what came: "answer" or "error", a list of what is wrong with it)."""
    dirty(GARBAGE[0])
    first = Outcome(case, False)
    dirty(GARBAGE[1])
    again = Outcome(case, False)
    fill(0)
    faults = list(_foreign(case, first))
    if first.shown != again.shown:
        faults.append(f"memory: once {first.shown}, then {again.shown}")
    elif first.error is None and (where := unequal(first.value, again.value)):
        faults.append(f"memory: two runs differ in {where}")
    if first.error is None:
        plain = Outcome(case, True)
        if plain.error is not None:
            faults.append(f"layout: the plain form is refused, {plain.shown}")
        elif where := unequal(first.value, plain.value):
            faults.append(f"layout: the plain form differs in {where}")
        faults += _of_answer(case, first.value)
    faults += [f"written: {one.story}" for one in case.arguments if one.changed]
    return "answer" if first.error is None else "error", faults


def _foreign(case, found):
    if found.error is None:
        for one in found.warned:
            if "encountered in" in str(one.message):
                yield f"warning: {one.message} ({one.filename}:{one.lineno})"
        return
    place, text = found.place, f"{type(found.error).__name__}: {found.error}"
    where = f"{place.filename}:{place.lineno}".replace(PACKAGE, "nlstm")
    if not isinstance(found.error, case.kinds):
        yield f"kind: {text} ({where})"
    elif not place.filename.startswith(PACKAGE):
        yield f"foreign: {text} ({where})"
    elif not any(re.search(rf"\b{re.escape(name)}", str(found.error)) for name in case.names):
        yield f"unnamed: {text} ({where})"


def _of_answer(case, value):
    if case.must_fail:
        yield f"accepted: {case.must_fail}"
        return
    if any(one.huge for one in case.arguments):
        return
    if case.finite and not all(np.isfinite(one).all() for one in value if one.dtype.kind == "f"):
        yield "not finite"
    yield from case.check(value)
