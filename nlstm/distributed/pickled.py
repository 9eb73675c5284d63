"""What goes to workers as bytes, and errors that name what cannot."""

import importlib.util
import pickle
import sys
from typing import Any

__all__ = ["check_found_again", "pickled"]


def pickled(name: str, thing: Any) -> bytes:
    """Return the bytes of an argument; cloudpickle makes them where it is installed.

    Raises
    ------
    TypeError
        It cannot be pickled, or could not be found again in another process; the text names it.
    """
    try:
        import cloudpickle as maker
    except ImportError:
        maker = pickle
        check_found_again(name, thing)
    try:
        return maker.dumps(thing, protocol=5)
    except Exception as error:  # pickle raises what the things in it raise
        hint = "Define it with def in a file that can be imported"
        if maker is pickle:
            hint += ", or install cloudpickle (pip install 'nlstm[dask]' brings it)"
        raise TypeError(
            f"{name} cannot be sent to workers, as it cannot be pickled: {error}. {hint}; files, "
            "locks, connections and generators are to be opened where they are used."
        ) from error


def check_found_again(name: str, thing: Any) -> None:
    """Raise for a function of a session, which pickle only names; cloudpickle takes it along."""
    if importlib.util.find_spec("cloudpickle") is not None:
        return
    main = sys.modules.get("__main__")
    if getattr(thing, "__module__", None) != "__main__" or hasattr(main, "__file__"):
        return
    raise TypeError(
        f"{name} was defined in this session, where no other process finds it: define it in a "
        "file that can be imported, or install cloudpickle (pip install 'nlstm[dask]' brings it)."
    )
