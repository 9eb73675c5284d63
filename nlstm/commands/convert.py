"""``python -m nlstm convert IN OUT``: a model in another format, which the ending of OUT names."""

import os
from collections.abc import Sequence

from nlstm.commands.opening import sized
from nlstm.commands.words import Words, Wrong, told
from nlstm.files.doors import ENDINGS
from nlstm.saving import load_model
from nlstm.training.output import say

__all__ = ["convert"]

OWN = ".nlstm"


def convert(options: Sequence[str]) -> None:
    """Write the model of one file to another."""
    words = Words("convert", "Write a model in another format.")
    words.add_argument("source", metavar="IN", help="a file of nlstm's or of any version of Keras")
    words.add_argument("target", metavar="OUT", help=f"ends in {', '.join(endings())}")
    words.add_argument(
        "--no-compile", action="store_true", help="leave out the loss and the optimizer's state"
    )
    words.add_argument("--overwrite", action="store_true", help="replace OUT where it is there")
    given = words.parse_args(options)
    with told("convert"):
        _convert(given.source, given.target, not given.no_compile, given.overwrite)


def endings() -> list[str]:
    """Return how names of models' files end, by which their format is known."""
    return [OWN, *ENDINGS]


def _convert(source: str, target: str, compiled: bool, overwrite: bool) -> None:
    if not target.lower().endswith(tuple(endings())):
        raise Wrong(f"OUT must end in {', '.join(endings())}; got {os.path.basename(target)!r}.")
    try:
        model = load_model(source, compile=compiled)
    except ValueError as error:
        raise Wrong(str(error).replace("compile=False leaves", "--no-compile leaves")) from error
    weights = next(one for one in endings() if target.lower().endswith(one)) == ".weights.h5"
    try:
        if weights:
            model.save_weights(target, overwrite=overwrite)
        else:
            model.save(target, overwrite=overwrite)
    except FileExistsError:
        raise Wrong(f"{target} is there; --overwrite replaces it.") from None
    say(f"{target}: {sized(os.path.getsize(target))}, {model.count_params():,} weights")
