"""The CPU's kernels and CUDA's have the same names and the same parameters."""

import inspect

import pytest

from nlstm.kernels import cpu, cuda, operations

# Of the CPU's public names, those that CUDA has not, each with its reason.
LAYOUTS = "a layout is asked of the device's words"
MACHINE = "the processor's threads"
PAIRED = "products of bfloat16 are the processor's"
STREAM = "one step at a time is the processor's"
ABSENT = {
    "pack_columns": LAYOUTS,
    "unpack_columns": LAYOUTS,
    "pack_gates": LAYOUTS,
    "unpack_gates": LAYOUTS,
    "pack_peephole": LAYOUTS,
    "unpack_peephole": LAYOUTS,
    "describe": MACHINE,
    "get_num_threads": MACHINE,
    "set_num_threads": MACHINE,
    "dense_paired": PAIRED,
    "dense_paired_scratch_size": PAIRED,
    "lstm_paired": PAIRED,
    "lstm_paired_scratch_size": PAIRED,
    "lstm_paired_size": PAIRED,
    "stream_step": STREAM,
    "stream_table": STREAM,
}
# Factories: what they are asked for to show the kernels that they give.
FACTORIES = {
    "activation": ("tanh",),
    "dense": ("tanh",),
    "gru_before": ("tanh", "sigmoid"),
    "loss": ("mean_squared_error",),
    "lstm": ("tanh", "sigmoid"),
    "lstm_normalised": ("tanh", "sigmoid"),
    "lstm_segments": ("tanh", "sigmoid"),
    "rnn": ("tanh",),
    "row_activation": ("softmax",),
    "statistic": ("moments",),
}
RULES = [name for name in vars(cuda) if name.endswith("_update") or name == "clip_norm"]
OPS = {device: operations.load(device, "float32") for device in ("cpu", "cuda")}


def public(module):
    return {
        name
        for name, one in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(one)
    }


def has(name):
    return hasattr(cuda, name) or hasattr(type(OPS["cuda"]), name)


def parameters(function):
    function = getattr(function, "py_func", function)
    return list(inspect.signature(function).parameters)


def test_what_is_absent_has_a_reason():
    assert {name for name in public(cpu) if not has(name)} == ABSENT.keys()


def test_nothing_is_there_that_the_cpu_has_not():
    more = {name for name in public(cuda) if name not in public(cpu)}
    assert more == set(RULES)  # which the CPU gives by `update`


@pytest.mark.parametrize("name", sorted(public(cpu) & public(cuda) - {"INPUT_NAMES"}))
def test_parameters(name):
    ours, theirs = getattr(cuda, name), getattr(cpu, name)
    assert parameters(ours) == parameters(theirs)
    if name in FACTORIES:
        made, wanted = (one(*FACTORIES[name]) for one in (ours, theirs))
        pairs = zip(*(one if isinstance(one, tuple) else (one,) for one in (made, wanted)))
        for one, other in pairs:
            assert parameters(one) == parameters(other)


@pytest.mark.parametrize("rule", RULES)
def test_parameters_of_rules(rule):
    forms = OPS["cpu"].update(rule, 1)
    function = getattr(forms, "function", forms)
    assert parameters(getattr(cuda, rule)) == parameters(function)


def test_which_activations_keep_their_input():
    assert cuda.INPUT_NAMES == cpu.INPUT_NAMES
