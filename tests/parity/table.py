"""Write docs/keras.md: what of Keras 3 nlstm has, from the signatures of both.

Run from the repository root:

    NLSTM_PARITY_REPORT=tests/parity/report.json make parity
    python -m tests.parity.table > docs/keras.md

A difference that the signatures show needs a text in `tests/parity/table_texts.py`, and every text
needs its difference: otherwise the command fails and names them.
"""

import inspect
import json
import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported

import keras  # noqa: E402

import nlstm  # noqa: E402
from tests.parity.table_texts import ABSENT, ARGUMENTS, DIFFERS, EVERYWHERE, MODULES  # noqa: E402

GROUPS = (
    ("Layers", "layers"),
    ("Optimizers", "optimizers"),
    ("Learning-rate schedules", "optimizers.schedules"),
    ("Losses", "losses"),
    ("Metrics", "metrics"),
    ("Callbacks", "callbacks"),
    ("Regularizers", "regularizers"),
    ("Constraints", "constraints"),
    ("Initializers", "initializers"),
    ("Activations", "activations"),
    ("Models", "models"),
)
METHODS = ("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch",
           "predict_on_batch", "save", "save_weights", "load_weights", "get_layer", "summary",
           "get_weights", "set_weights", "count_params", "to_json", "get_config", "from_config",
           "get_compile_config", "build")  # fmt: skip
TOGETHER = (  # Keras's name, nlstm's
    ("Input", "Input"),
    ("utils.set_random_seed", "set_random_seed"),
    ("utils.timeseries_dataset_from_array", "windows.timeseries_dataset_from_array"),
)
HEAD = """# nlstm beside Keras 3

Written by `python -m tests.parity.table > docs/keras.md` from the signatures of Keras {version} and
of nlstm; a test keeps it so. *Same* means: the same name and default. Whether the numbers are the
same, the suite in `tests/parity` sees by running both; the last section lists what it compared.
"""
REPORT = Path(__file__).with_name("report.json")


class Texts:
    """Looks texts up, and remembers which were used and which were missing."""

    def __init__(self):
        self.used, self.missing = set(), []

    def find(self, table, key):
        for pattern, text in table.items():
            if fnmatchcase(key, pattern):
                self.used.add(pattern)
                return text
        return None

    def exactly(self, key):
        """Return the text on an argument that the signatures call the same."""
        if key in ARGUMENTS:
            self.used.add(key)
        return ARGUMENTS.get(key)

    def need(self, table, key):
        found = self.find(table, key)
        if found is None:
            self.missing.append(key)
        return found or "?"

    def check(self):
        known = {*ABSENT, *ARGUMENTS, *DIFFERS}
        lines = [f"no text for {key}" for key in self.missing]
        lines += [f"unused text {key}" for key in sorted(known - self.used)]
        if lines:
            raise SystemExit("\n".join(lines))


TEXTS = Texts()


def at(library, path):
    for part in path.split("."):
        library = getattr(library, part)
    return library


def arguments(thing):
    """Return {name: default} without self, *args and **kwargs."""
    try:
        found = inspect.signature(thing.__init__ if inspect.isclass(thing) else thing).parameters
    except (TypeError, ValueError):
        return {}
    return {
        name: one.default
        for name, one in found.items()
        if name not in ("self", "cls", "model")
        and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }  # fmt: skip


def same(name, theirs, ours, made):
    """Whether two defaults are: a name may be left to the class."""
    if name == "name" and ours is None and isinstance(theirs, str):
        try:
            return made().name == theirs
        except TypeError:
            return False
    return type(theirs) is type(ours) and theirs == ours or theirs == ours


def shown(default):
    return "required" if default is inspect.Parameter.empty else f"`{default!r}`"


def public(module):
    """Return {name: class or function} of what a module offers."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and not inspect.ismodule(value)
    }


def compared(key, theirs, ours):
    """Return the names of arguments that are the same, and texts for the others."""
    kept, others = [], []
    mine = arguments(ours)
    for name, default in arguments(theirs).items():
        if name in mine and same(name, default, mine[name], ours):
            text = TEXTS.exactly(f"{key}.{name}")
            if text is None:
                kept.append(f"`{name}`")
            else:
                others.append(f"`{name}` differs: {text}")
        else:
            how = "absent" if name not in mine else "differs"
            others.append(f"`{name}` {how}: {TEXTS.need(ARGUMENTS, f'{key}.{name}')}")
    note = TEXTS.find(DIFFERS, key)
    if note:
        others.append(note)
    return kept, others


def row(*cells):
    return "| " + " | ".join(cell.replace("|", "\\|") or "-" for cell in cells) + " |"


def head(*cells):
    return [row(*cells), "|" + "---|" * len(cells)]


def lstm():
    lines = ["## LSTM, argument by argument", "", *head("Argument", "Default in Keras", "nlstm")]
    mine = arguments(nlstm.layers.LSTM)
    theirs = arguments(keras.layers.LSTM)
    theirs |= {"zero_output_for_mask": False, "implementation": 2}  # through its **kwargs
    for name, default in theirs.items():
        if name in mine and mine[name] == default:
            text = TEXTS.exactly(f"LSTM.{name}") or "same"
        else:
            text = TEXTS.need(ARGUMENTS, f"LSTM.{name}")
        lines.append(row(f"`{name}`", shown(default), text))
    lines += ["", *head("Beyond Keras", "Default", "What it does")]
    for name in mine:
        if name not in theirs and name not in ("name", "input_shape", "dtype", "trainable"):
            text = TEXTS.need(ARGUMENTS, f"LSTM.{name}")
            lines.append(row(f"`{name}`", shown(mine[name]), text))
    return lines


def group(title, path):
    theirs, ours = public(at(keras, path)), public(at(nlstm, path))
    lines = [f"## {title}", "", *head("Name", "Same arguments", "Differs, absent")]
    absent = {}
    for name in sorted(theirs, key=str.lower):
        key = f"{path}.{name}"
        if name not in ours:
            absent.setdefault(TEXTS.need(ABSENT, key), []).append(f"`{name}`")
        elif key != "layers.LSTM":
            kept, others = compared(key, theirs[name], ours[name])
            lines.append(row(f"`{name}`", ", ".join(kept), "; ".join(others) or "same"))
    if absent:
        lines += ["", *head("Absent", "Why")]
        lines += [row(", ".join(names), why) for why, names in absent.items()]
    beyond = [name for name in getattr(at(nlstm, path), "__all__", ()) if name not in theirs]
    if beyond:
        lines += ["", "Beyond Keras: " + ", ".join(f"`{name}`" for name in sorted(beyond)) + "."]
    return lines


def training():
    lines = ["## A model's methods", "", *head("Method", "Same arguments", "Differs, absent")]
    for name in METHODS:
        kept, others = compared(f"Model.{name}", getattr(keras.Model, name),
                                getattr(nlstm.Model, name))  # fmt: skip
        lines.append(row(f"`{name}`", ", ".join(kept), "; ".join(others) or "same"))
    lines += ["", "Beyond Keras: `stream`; `lengths` in `fit`, `evaluate`, `predict` and the "
              "batch methods; `validation_lengths`, `bptt_steps`, `bptt_update`, `checkpoint`, "
              "`checkpoint_every` in `fit`; `distribute` in `fit`, `evaluate`, "
              "`predict`."]  # fmt: skip
    lines += ["", *head("Absent", "Why")]
    absent = {}
    own = [*vars(keras.Model), *vars(keras.Layer)]
    own += [
        name for base in keras.Model.__mro__ if base.__name__ == "Trainer" for name in vars(base)
    ]
    for name in sorted(set(own)):
        if not (name.startswith("_") or hasattr(nlstm.Model, name) or "torch" in name):
            absent.setdefault(TEXTS.need(ABSENT, f"Model.{name}"), []).append(f"`{name}`")
    return lines + [row(", ".join(names), why) for why, names in absent.items()]


def around():
    lines = ["## Around it", "", *head("Keras", "nlstm", "Same arguments", "Differs, absent")]
    for theirs, ours in TOGETHER:
        kept, others = compared(theirs, at(keras, theirs), at(nlstm, ours))
        cells = f"`keras.{theirs}`", f"`nlstm.{ours}`", ", ".join(kept)
        lines.append(row(*cells, "; ".join(others) or "same"))
    return lines


def everywhere():
    lines = ["## Everywhere", "", *(f"- {one}" for one in EVERYWHERE)]
    lines += ["", *head("Module of Keras", "In nlstm")]
    shown = {path.partition(".")[0] for _, path in GROUPS}
    found = {name for name, one in vars(keras).items() if inspect.ismodule(one)}
    wanted = found - shown - {"api", "src", "legacy", "version", "_tf_keras"}
    missing = sorted(wanted ^ MODULES.keys())
    TEXTS.missing += [f"module {name}" for name in missing]
    return lines + [row(f"`keras.{name}`", MODULES.get(name, "?")) for name in sorted(MODULES)]


def numbers():
    """Return the section on what a run of the suite compared."""
    lines = ["## What the suite compares", ""]
    lines += ["Drawn configurations, with the weights copied over: outputs, states, gradients,",
              "histories. The error is the largest difference, relative to the peer's largest",
              "element, at least 1.", ""]  # fmt: skip
    lines += head("Feature", "dtype", "Configurations", "Worst error")
    for feature, kinds in json.loads(REPORT.read_text(encoding="utf-8")).items():
        for dtype, found in kinds.items():
            count, worst = str(found["configurations"]), f"{found['worst']:.1e}"
            lines.append(row(feature, dtype, count, worst))
    return lines


def page():
    """Return the page; raise SystemExit where texts are missing or left over."""
    parts = [HEAD.format(version=keras.__version__).splitlines(), lstm(), training()]
    parts += [group(*one) for one in GROUPS] + [around(), everywhere(), numbers()]
    TEXTS.check()
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
