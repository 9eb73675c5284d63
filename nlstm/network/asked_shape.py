"""The shapes that a model would give for inputs of some shapes: nothing is built for it."""

from collections.abc import Iterator, Mapping
from typing import Any

from nlstm.arguments.checks import checked_batch_shape
from nlstm.arguments.structures import packed
from nlstm.data.arrays import named
from nlstm.network.design import Design
from nlstm.plan.symbols import Symbol

__all__ = ["asked_shape"]


def asked_shape(design: Design, input_shape: Any) -> Any:
    """Return the shapes of the outputs, in their form; arguments as of `compute_output_shape`."""
    names = design.input_names
    parts = input_shape if isinstance(input_shape, list | tuple) else [input_shape]
    if design.graph is not None and any(isinstance(one, Mapping) for one in parts):
        network = design.network("compute_output_shape")
        input_shape = network.flat_inputs("input_shape", input_shape)
    if isinstance(input_shape, Mapping):
        given = named("input_shape", input_shape, names)
    else:
        given = list(_shapes_in(input_shape))
    shapes = [checked_batch_shape("input_shape", one) for one in given]
    if len(shapes) != len(names):
        raise ValueError(
            f"input_shape must be one for each of {len(names)} inputs; got {len(shapes)}."
        )
    samples = [shape[1:] for shape in shapes]
    graph = design.graph_inside(samples[0], keep=False)
    for name, symbol, sample in zip(names, graph.inputs, samples, strict=True):
        fits = len(symbol.sample) == len(sample) and all(
            known in (None, one) or one is None
            for known, one in zip(symbol.sample, sample, strict=True)
        )
        if not fits:
            raise ValueError(
                f"input_shape {(None, *sample)} does not fit {name}, which is for inputs of shape "
                f"{symbol.shape}."
            )
    found = [(shapes[0][0], *shape) for shape in graph.output_shapes(samples)]
    form: Any = graph.outputs[0]
    if design.graph is not None:
        form = design.network("compute_output_shape").form
    return found[0] if isinstance(form, Symbol) else packed(form, found)


def _shapes_in(value: Any) -> Iterator[Any]:
    """Give the shapes in nested lists; a list of numbers is a shape."""
    nested = isinstance(value, list | tuple) and any(isinstance(one, list | tuple) for one in value)
    for one in value if nested else ():
        yield from _shapes_in(one)
    if not nested:
        yield value
