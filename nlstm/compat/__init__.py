"""Scripts written for Keras, run with nlstm in its place: nothing is installed or changed on disk.

In a notebook ``nlstm.compat.install()`` before the first import of Keras; from a shell ``python -m
nlstm run script.py``.
"""

import sys
from types import ModuleType

from nlstm.compat.finder import KerasPaths

__all__ = ["install", "uninstall"]

_set_aside: dict[str, ModuleType] = {}


def install() -> None:
    """Let `import keras`, `from tensorflow.keras ...` and the like give nlstm from now on.

    Keras and TensorFlow may be installed or not. What was imported of them before keeps working
    where it is bound, and `uninstall` brings it back.

    Examples
    --------
    >>> import nlstm.compat
    >>> nlstm.compat.install()
    >>> from keras.layers import LSTM
    >>> LSTM.__module__
    'nlstm.layers.lstm'
    >>> nlstm.compat.uninstall()
    """
    if _is_installed():
        return
    _set_aside.update(_taken_out())
    sys.meta_path.insert(0, KerasPaths())


def uninstall() -> None:
    """Let imports of Keras and TensorFlow give what is installed again."""
    if not _is_installed():
        return
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, KerasPaths)]
    _taken_out()
    sys.modules.update(_set_aside)
    _set_aside.clear()


def _is_installed() -> bool:
    return any(isinstance(finder, KerasPaths) for finder in sys.meta_path)


def _taken_out() -> dict[str, ModuleType]:
    """Take the modules of Keras and TensorFlow out of those that are imported."""
    tops = ("keras", "tensorflow", "tf_keras")
    names = [name for name in sys.modules if name.partition(".")[0] in tops]
    return {name: sys.modules.pop(name) for name in names}
