"""The command line: ``python -m nlstm demo | info | show | convert | predict | run | warmup``."""

import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

__all__ = ["main"]

HELP = """\
usage: python -m nlstm COMMAND

LSTMs that train fast on a CPU.

  demo       train on real weather; demo --help lists its options
  info       show versions, processor, threads and cache
  show       show what a model's file holds: show FILE
  convert    write a model in another format: convert IN OUT
  predict    predict for a table of numbers: predict FILE data.csv
  run        run a script that imports Keras, with nlstm in its place:
             python -m nlstm run SCRIPT [its arguments]
  warmup     compile the kernels now; warmup --device cuda, those of a GPU

  --help     show this
  --version  show the version"""
COMMANDS = ("convert", "demo", "info", "predict", "run", "show", "warmup")
OF_FILES = ("convert", "predict", "show")  # each is a module of nlstm.commands


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Command line arguments; those of the process by default.

    Raises
    ------
    SystemExit
        2 where the command line is wrong, 130 after Ctrl-C, 1 where nobody reads the output.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        print(HELP, file=sys.stderr)
        raise SystemExit(2)
    command, *options = words
    if command == "run":
        _run(options)
        return
    try:
        _do(command, options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:  # as in `python -m nlstm info | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
        raise SystemExit(1) from None


def _do(command: str, options: Sequence[str]) -> None:
    if command in ("-h", "--help", "help"):
        print(HELP)
    elif command in ("-V", "--version"):
        print(f"nlstm {_version('nlstm')}")
    elif command not in COMMANDS:
        _fail(f"no command {command!r}; there are {', '.join(COMMANDS)}")
    elif command == "demo":
        from nlstm.demo import demo

        demo(options)
    elif command in OF_FILES:
        getattr(import_module(f"nlstm.commands.{command}"), command)(options)
    elif options in (["-h"], ["--help"]):
        print(HELP)
    elif command == "warmup":
        _warm_up(options)
    elif options:
        _fail(f"{command} takes no options; got {' '.join(options)}")
    else:
        _print_info()


def _warm_up(options: Sequence[str]) -> None:
    from nlstm import device, get_device, warmup

    if options and (options[0] != "--device" or len(options) != 2):
        _fail(f"warmup takes --device cpu, cuda or cuda:1 alone; got {' '.join(options)}")
    with device(options[1] if options else get_device()):
        warmup()


def _run(options: Sequence[str]) -> None:
    from nlstm.compat.script import run

    if not options:
        _fail("run needs a script: python -m nlstm run script.py [its arguments]")
    if options[0] in ("-h", "--help"):
        print(HELP)
    else:
        run(options[0], options[1:])


def _fail(text: str) -> NoReturn:
    print(f"python -m nlstm: {text}", file=sys.stderr)
    raise SystemExit(2)


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
        "bfloat16": machine["bfloat16_products"],
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
