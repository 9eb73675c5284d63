# ruff: noqa: E501  (a row of a table is one line)
"""Write docs/interop.md: which files of Keras and ONNX go in and out, and what of them.

Run from the repository root:

    python -m tests.interop.table > docs/interop.md
"""

from nlstm.interop.keras.graphs import OPERATORS
from nlstm.interop.keras.making import CODE
from nlstm.interop.keras.table import LAYERS, ROWS
from nlstm.interop.keras.words_out import ONLY_HERE
from tests.interop.kept import VERSIONS, files_of
from tests.interop.onnx_table import section

HEAD = """# Files of Keras and ONNX, modules of PyTorch

Written by `python -m tests.interop.table > docs/interop.md` from the tables that the code goes by; a test keeps it so.

    pip install 'nlstm[keras]'     # h5py, for Keras's
    pip install 'nlstm[onnx]'      # onnx, for ONNX's: see below

```python
import nlstm
from nlstm.layers import LSTM, Dense, Input

model = nlstm.Sequential([Input((20, 3)), LSTM(8), Dense(1)])
model.save("lstm_model.h5")                            # or a file that some Keras wrote

served = nlstm.models.load_model("lstm_model.h5")      # predicts as that version did
stream = served.stream()                               # microseconds a step
served.save("for_keras.keras")                         # Keras 3 opens it
```

No TensorFlow is needed. A file is known by its content, not by its name. No code is taken from one: nothing is unpickled or evaluated, links to other
files are not followed, and sizes are compared before memory is taken.

## Formats

| File | `load_model` | `load_weights` | `save` | `save_weights` |
|---|---|---|---|---|
| `.keras` of Keras 3 (a zip with HDF5 inside) | yes | yes | yes | |
| `.keras` of Keras 2.13 to 2.15 (a zip; up to 2.14 with other places inside), 2.12 (HDF5) | yes | yes | | |
| HDF5, `.h5` or `.hdf5`, of Keras 1, 2, tf.keras, and 3 | yes | yes | as Keras 3 writes it | as Keras 2 did |
| `.weights.h5` of Keras 3 and of 2.12 to 2.15 | | yes | | as Keras 3 writes it |
| weights alone in HDF5, of Keras 1 and 2 | | by order, or `by_name=True` | | yes |
| `.keras` with `model.weights.npz` inside (which Keras 3.15 writes and does not read) | yes: pickles read as data, without running any; of the NumPy and JAX backends | yes | no | |
| SavedModel folders, checkpoints of TensorFlow, `.json` and `.yaml` of models | no | no | no | no |

`load_weights(path, skip_mismatch=True)` leaves layers that do not fit as they are, with a warning each. `save(path, include_optimizer=False)` leaves
out what `compile` was told.
"""

STATE = """
## What goes through

| Part | In | Out |
|---|---|---|
| layers, their arguments, shared layers, states handed on, masks | those below, in the words of every version | those below |
| models inside models, 50 deep at most, as nlstm builds them | yes; in a functional model their layers become its own | those in a `Sequential` stay; else as layers of the model around |
| `TimeDistributed` of a model | no | no |
| `InputLayer` or not, `batch_input_shape`, `batch_shape`, batches of one size | yes | yes |
| names of layers, `trainable` | yes | yes |
| `unroll`, `implementation`, `input_length`, `use_cudnn`, `consume_less`, `build_config`, `registered_name`, `module`, and others that do not change numbers | without effect | |
| `time_major`, `ragged`, `sparse`, `optional` | where they are off; else an error that names the argument and the layer | |
| dtype | float32 and float64; half precision and mixed policies are computed in float32 | yes |
| `hard_sigmoid` | with the slope of the version that wrote it: in Keras 1 and 2 `0.2 x + 0.5`, nlstm's `hard_sigmoid_keras2` | Keras 3's alone |
| `CuDNNLSTM` (two biases, cuDNN's layout), `LSTMV1`, `LSTMV2`, the twelve arrays of an LSTM of Keras 1 | as `LSTM` | |
| `RNN` with `LSTMCell`, `GRUCell` or `SimpleRNNCell` | as `LSTM`, `GRU` or `SimpleRNN`, in `Bidirectional` too | as that layer |
| `RNN` with `StackedRNNCells` of these | of equal LSTM cells as `LSTM(num_layers=n)`; else, or where states are handed on or it goes backwards, as a layer for each cell, `NAME_level_0`, ... and `NAME`, with the states in Keras's order. Not in `Bidirectional`, and not backwards behind a mask; a `.weights.h5` of either goes into both, by kinds, counts and shapes, and names where these leave a choice | as these layers |
| `CuDNNGRU`, the nine arrays of a GRU of Keras 1 | as `GRU`; where a file does not say `reset_after`, it is `False` | |
| `compile`: optimizer with its settings, schedule, moments and steps; loss, metrics, weights of losses | yes; of Keras 1 and 2.0 without the moments, with a warning; where Keras 3 left the optimizer out, it is what its variables are called | yes, but Keras 3.15 itself cannot train on from HDF5 |
| random numbers of dropout, states of stateful layers | no | no |
| `num_layers` of an LSTM | | as so many LSTMs, unless states are handed on |
| `x[:, -1]`, `+`, `-`, `*`, `/` on values | from Keras 3 | in `.keras` |
| an LSTM that gets both states and a mask | as the version did: Keras 3 leaves the mask out, and so does the model here | only what came from Keras 3 |
| masked losses | as in Keras 3; up to 2.10 and in 3.0 Keras weighed masked steps otherwise | |

What a file holds and nlstm does not have is one error that lists all layers and arguments; `custom_objects={name: class}` stands in for them, by
the class's name or the layer's. What only nlstm has is an error that names it, before anything is written.
"""

COMPARED = """
## What it is compared with

Files that these versions wrote are in `tests/interop/files`, with the script that made them and their predictions; every one opens here with the
same predictions to 1e-6 in float32, and where nothing is drawn a step of training gives the same loss and the same predictions after it to 1e-6
(not for Keras 1 and 2.3, whose Adam counts its steps while it reads the count).
"""

LIVE = """
`tests/parity/test_keras_files.py` draws networks and hands them from live Keras 3.15 to nlstm and back: predictions to 1e-6, weights and the
optimizer's variables to the bit.
"""

TORCH = """
# Modules of PyTorch

    pip install 'nlstm[torch]'     # PyTorch 2.4 or later

```python
# Not run here: PyTorch is not among what the tests install.
import torch
from nlstm.torch import LSTM       # was: from torch.nn import LSTM

lstm = LSTM(10, 50, num_layers=2, batch_first=True)
output, (h, c) = lstm(torch.randn(32, 20, 10))
output[:, -1].sum().backward()     # any optimizer, any loop
```

`nlstm.torch.LSTM` and `nlstm.torch.GRU` are classes of `torch.nn.LSTM` and `torch.nn.GRU` whose passes, forward and backward, are nlstm's kernels. In a model
that exists already: `model.lstm = LSTM(...)`, then `model.load_state_dict(state)`, strict, with the state it had. Back: the same the other way.

| What | As in PyTorch |
|---|---|
| arguments, first weights for one `torch.manual_seed`, names and shapes of the state dict (`weight_hr_l0`, `..._reverse`), `repr`, errors | yes |
| `num_layers`, `bias`, `batch_first`, `dropout`, `bidirectional`, `proj_size`; float32, float64 | yes |
| unbatched input, `PackedSequence`, `(h_0, c_0)`, no rows; the strides of the output | yes |
| `retain_graph=True`, several forward passes before a backward one, hooks, checkpoints, `torch.func.grad`, `functional_call`, parametrizations, frozen weights | yes |
| `copy.deepcopy`, pickle, `torch.save`, a `DataLoader`'s workers, several threads | yes |
| weights that `.data`, NumPy or another process changes | yes: they are read at every call |
| `torch.jit.trace`, `torch.export`, ONNX | what is recorded is PyTorch's own operation |
| `torch.compile` | the module runs as it is, between graphs, as PyTorch's does |
| `torch.autocast` | it stays in float32, and so does its output |
| threads | as many as `torch.get_num_threads()` and `nlstm.get_num_threads()` both allow |
| second derivatives (`create_graph=True` and a derivative of it), forward mode (`jvp`), `torch.func.vmap` (and `jacrev`) | no: an error; `torch.nn.LSTM` takes the state dict |
| CUDA, half precision, `torch.jit.script` | no: an error |

Numbers differ by rounding, 1e-6 in float32. Input is read where it lies if it is time-major, and copied once if the batch comes first; the output lies in the
memory of the states where their rows are whole vectors. What a step writes goes back to the module's pool when no tensor needs it, and the next step writes
there; a pool holds no more than was in use at one time, and goes with its module. For single steps of a stream PyTorch's module is as quick (0.07 ms a call
beside 0.1 ms, nearly all of it Python's); `model.stream()` of nlstm takes microseconds.

One training step of the module, `Linear(1)` and PyTorch's fused Adam, beside the same with `torch.nn.LSTM`, in one process, float32, 2 threads of AMD EPYC
(AVX-512), 2026-11-27, the median of seven turns; `python -m benchmarks.peers.modules` measures it again:

| rows, steps, features, units | `torch.nn.LSTM` ms | `nlstm.torch.LSTM` ms | ratio |
|---|---|---|---|
| weather: 256, 120, 7, 32 | 22.6 | 5.10 | 4.4x |
| hydro: 256, 365, 5, 128 | 383 | 112 | 3.4x |
| long: 16, 2000, 8, 64 | 84.5 | 13.9 | 6.1x |
| speech: 64, 50, 500, 500 | 140 | 85.0 | 1.6x |
| wide: 64, 25, 1024, 1024 | 239 | 173 | 1.4x |
"""


def page():
    """Return the page."""
    lines = [HEAD.rstrip(), STATE.rstrip(), "", "## Layers", ""]
    lines += ["| Keras's layer | Read as | Written | Only in nlstm |", "|---|---|---|---|"]
    for name, row in sorted(LAYERS.items()):
        made = row.made.__name__
        written = "yes" if ROWS[row.made][0] == name else f"as `{ROWS[row.made][0]}`"
        own = ", ".join(f"`{one}`" for one in row.here)
        lines.append(f"| `{name}` | `{made}` | {written} | {own} |")
    code = ", ".join(f"`{one}`" for one in CODE)
    operators = ", ".join(f"`{one}`" for one in sorted(OPERATORS))
    lines += ["", f"Operations in graphs of Keras 3: {operators}. Refused, being code: {code}."]
    own = [f"{kind} {', '.join(f'`{one}`' for one in names)}" for kind, names in ONLY_HERE.items()]
    lines += ["", f"Not written, since Keras has none of them: {'; '.join(own)}."]
    lines += [COMPARED.rstrip(), "", "| Version | Files |", "|---|---|"]
    for version in VERSIONS:
        names = ", ".join(f"`{one}`" for one in sorted(files_of(version, ".h5", ".keras")))
        lines.append(f"| {version} | {names} |")
    return "\n".join([*lines, LIVE.rstrip(), TORCH.rstrip(), "", *section()])


if __name__ == "__main__":
    print(page())
