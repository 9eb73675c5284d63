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
        "warmup: compile the kernels now (warmup --device cuda: those of a GPU)",
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
    elif arguments.command == "warmup":
        _warm_up(arguments.options)
    elif arguments.options:
        parser.error(f"{arguments.command} takes no options; got {' '.join(arguments.options)}")
    else:
        _print_info()


def _warm_up(options: Sequence[str]) -> None:
    from nlstm import device, get_device, warmup

    parser = argparse.ArgumentParser(prog="python -m nlstm warmup")
    parser.add_argument("--device", default=get_device(), help='"cpu", "cuda", "cuda:1", ...')
    with device(parser.parse_args(options).device):
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
        **_gpus(),
    }
    for name, value in lines.items():
        say(f"{name:<16} {value}")


def _gpus() -> dict[str, str]:
    """Return the GPUs where the package is there that computes on them."""
    from nlstm.kernels import gpus

    if not gpus.has_package():
        return {}
    found = gpus.found()
    lines = {"numba-cuda": _version("numba-cuda")}
    if isinstance(found, str) or not found:
        return lines | {"GPU": gpus.missing() or "none"}
    return lines | {
        f"GPU {number}": f"{one.name}, {one.size / 2**30:.0f} GiB, "
        f"compute capability {'.'.join(map(str, one.capability))}"
        for number, one in enumerate(found)
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout
        return "not installed"


if __name__ == "__main__":
    main()
