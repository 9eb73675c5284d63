"""Plain Python functions of one module as a device compiles them.

What several devices compute is written once, in functions that know no compiler. Each device gets
copies of them, whose calls of each other are calls of the compiled ones.
"""

from types import FunctionType, SimpleNamespace

__all__ = ["compiled"]


def compiled(module, compile_function):
    """Return the functions of a module, and those that it imports of its neighbours, compiled.

    Parameters
    ----------
    module : module
    compile_function : callable
        What makes of a Python function one that compiled code calls.
    """
    shared = __name__.rpartition(".")[0]
    names = dict(vars(module))
    for name, found in vars(module).items():
        if isinstance(found, FunctionType) and found.__module__.startswith(shared):
            twin = FunctionType(found.__code__, names, name, found.__defaults__, found.__closure__)
            twin.__module__, twin.__doc__ = found.__module__, found.__doc__
            names[name] = compile_function(twin)
    return SimpleNamespace(**names)
