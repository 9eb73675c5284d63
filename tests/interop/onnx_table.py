# ruff: noqa: E501  (a row of a table is one line)
"""The part of docs/interop.md that is about ONNX; `tests/interop/table.py` writes the page."""

from nlstm import layers as L
from nlstm.interop.onnx.activations_out import WORDS
from nlstm.interop.onnx.functions import FUNCTIONS
from nlstm.interop.onnx.layers_out import FORMS
from nlstm.interop.onnx.reading import HANDLERS
from nlstm.interop.onnx.recurrent_out import OFF
from nlstm.interop.onnx.writing import model_of
from nlstm.models import Model

HEAD = """
# Models of ONNX

    pip install 'nlstm[onnx]'

```python
import nlstm.interop.onnx

model.save("m.onnx")                                       # or nlstm.interop.onnx.save(model, "m.onnx")
nlstm.interop.onnx.save(model, "m.onnx", lengths=True)     # with an input of lengths, as predict has it
served = nlstm.models.load_model("m.onnx")                 # any file, by its content; it trains on
```

| Part | In | Out |
|---|---|---|
| batch | of any size, also where the file is for one | open, or as `batch_size` says |
| steps | open or fixed | open where the model leaves them open |
| dtype | float32; float64; half precision is computed in float32 | float32 and float64 (onnxruntime's recurrent nodes take float32 alone) |
| directions, peepholes, `linear_before_reset`, initial states, both layouts | yes | yes |
| masks of `Masking`, `Embedding(mask_zero=True)`, `mask=` | from nlstm | computed in the graph, by functions that the file brings with it: right wherever the masked steps lie |
| lengths | `sequence_lens` that is an input of the model: `predict(x, lengths=...)`, and that input goes away | `lengths=True` |
| shared weights | one layer | one array |
| functional models, models in models, several inputs and outputs | yes | yes, as one graph |
| inputs in time-major order | taken batch first, and so are the outputs | |
| names of layers | from nodes such as `lstm/LSTM`, `/lstm/LSTM` | yes |
| activations | known by what they compute, whatever nodes spell them; those of recurrences by their word | all, but in recurrences only those below |
| one number for each feature (what is left of a folded normalisation) | `BatchNormalization(trainable=False)` | |
| LSTMs written step by step (Keras on PyTorch, `nn.RNN` by PyTorch's new exporter) | as the layers that a step is made of, for so many steps | |
| `If` | the branch that is taken, where its condition is known or follows from sizes that the file fixes; an open size is taken for more than 1 where the other branch only takes an axis away | |
| `Loop`, `Scan` (tf2onnx writes SimpleRNN, GRU with `reset_after=False` and masked layers so, Keras 3 on TensorFlow any GRU) | no: an error that names them; a model of Keras is read from its own file | |
| bounds (`Clip`, `Max`, `Min` with a number) | `ReLU` with numbers, which small values go through unrounded | |
| outputs of one number a row, or a step, such as `squeeze(-1)` leaves | a column, (batch, 1) or (batch, steps, 1) | |
| what `compile` was told | | no |

A file with anything else is one error that lists all such nodes. What has no form in ONNX is an error that names it, before anything is written.
"""


def section():
    """Return the lines."""
    lines = [HEAD.rstrip(), "", "| Layer | Written as |", "|---|---|"]
    for cls in sorted(
        (one for one in FORMS if one.__name__ in L.__all__), key=lambda one: one.__name__
    ):
        lines.append(f"| `{cls.__name__}` | {_nodes(cls)} |")
    lines.append("| `TimeDistributed` | the layer or model in it |")
    off = ", ".join(f"`{name}`" for name in OFF)
    words = ", ".join(f"`{name}`" for name in sorted(WORDS))
    nodes = ", ".join(f"`{name}`" for name in sorted(HANDLERS) if "." not in name)
    own = ", ".join(f"`{name}`" for name in sorted(FUNCTIONS))
    lines += [
        "",
        f"Not written: {off} of recurrent layers, and activations in a recurrence other than {words}.",
        "",
        f"Nodes that are read: {nodes}; any that compute with known numbers alone; and nlstm's functions {own}.",
        "",
        "Files of PyTorch 2.13 (both exporters), tf2onnx 1.17 and Keras 3.15 (on PyTorch and on TensorFlow) are in `tests/interop/files`, with their answers, met to 1e-6.",
        "`tests/parity/test_onnx.py` draws networks for onnxruntime: the same numbers to 1e-5. Read here again they are the same to the bit.",
    ]
    return lines


def _nodes(cls):
    """Return the nodes that a layer becomes."""
    x = L.Input((5, 3))
    merging = cls is L.Concatenate or hasattr(cls, "only_two")
    arguments = {
        L.Activation: ("tanh",), L.AveragePooling1D: (2,), L.Bidirectional: (L.LSTM(2),),
        L.Conv1D: (2, 3), L.Dense: (2,), L.Dropout: (0.1,), L.Embedding: (4, 2), L.GRU: (2,),
        L.GaussianNoise: (0.1,), L.LSTM: (2,), L.Permute: ((2, 1),), L.RepeatVector: (2,),
        L.Reshape: ((3, 5),), L.SimpleRNN: (2,), L.SpatialDropout1D: (0.1,),
    }.get(cls, ())  # fmt: skip
    begin = L.Input((5,)) if cls in (L.Embedding, L.RepeatVector) else x
    layer = cls(*arguments)
    model = Model(begin, layer([begin, begin]) if merging else layer(begin))
    names = [node.op_type for node in model_of(model, False).graph.node][:-1]
    return ", ".join(dict.fromkeys(names)) or "nothing"
