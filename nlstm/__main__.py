"""The command line: ``python -m nlstm demo | info | run | warmup``."""

import argparse
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Command line arguments; those of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m nlstm", description="LSTMs that train fast on a CPU."
    )
    parser.add_argument(
        "command",
        choices=["demo", "info", "run", "warmup"],
        help="demo: train on real weather (demo --help has more); "
        "info: versions, CPU, threads, cache; "
        "run: a script that imports Keras, with nlstm in its place; "
        "warmup: compile the kernels now",
    )
    parser.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.command == "demo":
        from nlstm.demo import demo

        demo(arguments.options)
    elif arguments.command == "run":
        from nlstm.compat.script import run

        if not arguments.options:
            parser.error("run needs a script: python -m nlstm run script.py [its arguments]")
        run(arguments.options[0], arguments.options[1:])
    elif arguments.options:
        parser.error(f"{arguments.command} takes no options; got {' '.join(arguments.options)}")
    elif arguments.command == "info":
        _print_info()
    else:
        from nlstm import warmup

        warmup()


def _print_info() -> None:
    from nlstm.kernels import describe
    from nlstm.training.output import say

    machine = describe()
    lines = {
        "nlstm": _version("nlstm"),
        "Python": f"{platform.python_version()} on {platform.platform()}",
        **{name: _version(name) for name in ("numpy", "numba", "llvmlite")},
        "CPU": machine["cpu"],
        "vector width": f"{machine['vector_bits']} bits",
        "threads": machine["threads"],
        "threading layer": machine["threading_layer"],
        "cache folder": machine["cache_folder"],
    }
    for name, value in lines.items():
        say(f"{name:<16} {value}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout
        return "not installed"


if __name__ == "__main__":
    main()
