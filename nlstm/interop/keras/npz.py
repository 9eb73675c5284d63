"""Weights in `model.weights.npz`, which Keras 3 can write in place of HDF5: pickles, read as data.

Each place of the tree is one pickled dict of arrays, or of Keras's variables that hold such. A
pickle is a program that names what it calls; here a name is an error, or it leads to a stand-in
that remembers what it is given. So nothing of it runs.
"""

import io
import pickle
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib import format as npy

from nlstm.interop.keras.tree import EXPANSION, FREE

__all__ = ["Npz"]

ROOT = "__root__"
VARIABLES = "vars"  # as HDF5 has them below each place
KINDS = tuple(f"{kind}{size}" for kind, sizes in {"f": "248", "i": "1248", "u": "1248", "b": "1"}
              .items() for size in sizes)  # fmt: skip


class StoredType:
    """Stands for a dtype in a pickle."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name, self.order = name, "|"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def real(self) -> np.dtype:
        """Return the dtype."""
        if self.name not in KINDS or self.order not in ("<", ">", "|", "="):
            raise ValueError(f"it holds an array of {self.name!r}; expected numbers.")
        return np.dtype(f"{self.order}{self.name}")


class StoredArray:
    """Stands for an array in a pickle."""

    content: Any = None

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.in_columns, self.content = state

    def read(self) -> np.ndarray:
        """Return the array."""
        if not isinstance(self.content, bytes):
            raise ValueError("it holds an array of other things than numbers.")
        flat = np.frombuffer(self.content, self.dtype.real())
        return flat.reshape(self.shape, order="F" if self.in_columns else "C")


class StoredVariable:
    """Stands for a variable of Keras, and what it holds."""

    content: Any = None

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        found = [part["_value"] for part in parts if isinstance(part, dict) and "_value" in part]
        self.content = found[0] if found else None

    def read(self) -> np.ndarray:
        """Return its array."""
        if not isinstance(self.content, StoredArray):
            raise ValueError("it holds a variable in a form that only its own library reads.")
        return self.content.read()


class Unused:
    """Stands for what a variable has beside its value."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class Reader(pickle.Unpickler):
    """Makes dicts and such stand-ins of a pickle, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name."""
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in STAND_INS:
            return STAND_INS[name]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return {"ndarray": StoredArray, "dtype": StoredType}[name]
        if (module, name) == ("_codecs", "encode"):  # bytes in old protocols
            return _encoded
        if module.startswith("jax.") and name == "_reconstruct_array":
            return _array_of_jax
        if module.split(".")[0] in ("keras", "jax", "jaxlib", "numpy"):
            return StoredVariable if name in ("Variable", "KerasVariable") else Unused
        raise ValueError(f"it would call {module}.{name}, and no code is run from a file.")


def _array(*_: Any) -> StoredArray:
    return StoredArray()


def _number(kind: Any, content: Any) -> StoredArray:
    found = StoredArray()
    found.__setstate__((1, (), kind, False, content))
    return found


def _array_of_jax(_: Any, __: Any, state: Any, *___: Any) -> StoredArray:
    found = StoredArray()
    found.__setstate__(state)
    return found


STAND_INS = {"_reconstruct": _array, "scalar": _number}


def _encoded(text: Any, encoding: Any) -> bytes:
    return str(text).encode("latin-1")


class Npz:
    """Such a file as a tree of arrays, see `tree.Group`."""

    def __init__(self, content: bytes) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.file_size > FREE + EXPANSION * info.compress_size:
                    raise ValueError(f"its {info.filename} would unpack to {info.file_size} bytes.")
                place = info.filename.removesuffix(".npy")
                for name, array in _read(archive.read(info)).items():
                    start = "" if place == ROOT else f"{place}/"
                    self._arrays[f"{start}{VARIABLES}/{name}"] = array

    def walk(self) -> Iterator[str]:
        """Give the paths of all arrays."""
        yield from self._arrays

    def entry(self, name: str) -> np.ndarray:
        """Return an array."""
        return self._arrays[name]

    def group(self, name: str) -> None:
        """Return None: no place has a name beside its path."""


def _read(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of one member by their names."""
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(file)
    if not dtype.hasobject or shape != ():
        raise ValueError("its arrays do not lie as Keras writes them.")
    try:
        found = Reader(file).load()
        if isinstance(found, StoredArray) and isinstance(found.content, list):
            found = found.content[0]
        return {str(name): one.read() for name, one in found.items()}
    except (pickle.UnpicklingError, AttributeError, TypeError, IndexError, EOFError) as error:
        raise ValueError(f"its arrays do not lie as Keras writes them: {error}") from error
