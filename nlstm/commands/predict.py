"""``python -m nlstm predict FILE DATA``: what a model says of a table of numbers."""

import sys
from collections.abc import Sequence

import numpy as np

from nlstm.commands.opening import opened
from nlstm.commands.shapes import asked
from nlstm.commands.tables import checked_ending, listed, read_table, write_table
from nlstm.commands.words import Words, Wrong, told

__all__ = ["predict"]

DESCRIPTION = """Predict for a table of numbers: a CSV file with a header or without, or a .npy.
A model of (steps, features) gets all windows of a series, one for each row from the last of the
first window on; the column "row" of the answer says which row of the data a window ends with.
Numbers go in as they are: scale them as those were that the model was trained on."""


def predict(options: Sequence[str]) -> None:
    """Print or write a model's predictions."""
    words = Words("predict", DESCRIPTION)
    words.add_argument("file", metavar="FILE", help="of nlstm or of any version of Keras")
    words.add_argument("data", metavar="DATA", help="data.csv or data.npy")
    words.add_argument("--out", help="where to: .csv, .npy or .npz; else CSV is printed")
    words.add_argument("--columns", default="", help="names of the columns to take, by commas")
    given = words.parse_args(options)
    columns = [one.strip() for one in given.columns.split(",") if one.strip()]
    with told("predict"):
        _predict(given.file, given.data, given.out, columns)


def _predict(path: str, data: str, out: str | None, columns: Sequence[str]) -> None:
    if out is not None:
        checked_ending(out)
    table = read_table(data, columns)
    model = opened(path, compiled=False).model
    if len(model.input_names) > 1:
        names = ", ".join(model.input_names)
        raise Wrong(f"{path} has {len(model.input_names)} inputs, {names}; predict takes one.")
    if table.skipped:
        print(f"Left out, as no numbers: {listed(table.skipped)}.", file=sys.stderr)
    question = asked(table, model.input_shape)
    found = model.predict(np.ascontiguousarray(question.inputs), verbose=0)
    answers = list(found.values()) if isinstance(found, dict) else found
    answers = answers if isinstance(answers, list | tuple) else [answers]
    outputs = dict(zip(model.output_names, map(np.asarray, answers), strict=True))
    write_table(outputs, question.rows, out)
