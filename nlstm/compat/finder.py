"""Modules by Keras's paths, made when they are imported."""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from nlstm.arguments.former import warn_former
from nlstm.compat.own import names_of
from nlstm.compat.paths import PATHS
from nlstm.compat.places import (
    TENSORFLOW_VERSION,
    VERSION,
    Place,
    absent,
    former_place,
    keras_place,
    looked_up,
    split_root,
    stands,
)

__all__ = ["FormerPaths", "KerasPaths"]


class StandIn(ModuleType):
    """A module that has nlstm's names under Keras's path.

    Parameters
    ----------
    name : str
        Its path.
    place : Place
        What stands there.
    """

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, f"What nlstm has of {name}.")
        self._place = place

    def fill(self) -> None:
        """Take the names over."""
        found = self._place.found()
        vars(self).update(found, __all__=sorted(found))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            if name == "__version__":
                return _version(self.__name__)
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name in self._place.former:
            warn_former(f"{self.__name__}.{name} is a name that Keras has dropped.")
            made = looked_up(self._place.former[name])
            setattr(self, name, made)
            return made
        whole = f"{self.__name__}.{name}"
        if stands(whole):
            return importlib.import_module(whole)
        raise AttributeError(absent(whole, self.__all__), name=name, obj=self)


def _version(module: str) -> str:
    """Return a version that those who compare versions understand."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("nlstm")
    except PackageNotFoundError:  # run from a checkout
        own = "0"
    return f"{VERSION if 'keras' in module else TENSORFLOW_VERSION}+nlstm.{own}"


class _Loader:
    """Makes the module of one path."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, still without names."""
        return StandIn(spec.name, self.place)

    def exec_module(self, module: Any) -> None:
        """Fill it."""
        instead = self.place.instead
        if instead:
            root = (split_root(module.__name__) or ("nlstm",))[0]
            warn_former(f"{module.__name__} is a former path; today it is {root}.{instead}.")
        module.fill()


def _spec(name: str, place: Place) -> ModuleSpec:
    # A package, so that a name it has not is asked of the finder, which can say why.
    return ModuleSpec(name, _Loader(place), origin="nlstm", is_package=True)  # type: ignore[arg-type]


class KerasPaths:
    """Finds what scripts import of Keras and TensorFlow in nlstm."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a stand-in; None for what is neither Keras's nor TensorFlow's.

        Raises
        ------
        ImportError
            nlstm has no such module or name; the message says what to take.
        """
        split = split_root(name)
        if split is None:
            return None
        place = keras_place(*split)
        if place is not None:
            return _spec(name, place)
        parent = sys.modules.get(name.rpartition(".")[0])
        # Without its `name` the import system passes it on, for a name in `from ... import` too.
        raise ModuleNotFoundError(absent(name, getattr(parent, "__all__", ())))


class FormerPaths:
    """Finds Keras's former paths below nlstm itself, such as `nlstm.layers.recurrent`.

    What a room of Keras's name is asked for and has not is an error that says what to take.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a stand-in; None for what was never a path.

        Raises
        ------
        ImportError
            A room of nlstm's has no such module or name; the message says what to take.
        """
        root, _, rest = name.partition(".")
        if root != "nlstm":
            return None
        place = former_place(rest)
        if place is not None:
            return _spec(name, place)
        room, _, last = rest.rpartition(".")
        if last.startswith("_") or (room and room not in PATHS):
            return None
        parent = sys.modules.get(name.rpartition(".")[0])
        raise ModuleNotFoundError(absent(name, names_of(parent)))  # without `name`: see above
