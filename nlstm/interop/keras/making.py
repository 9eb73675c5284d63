"""Layers and models made from the configs of any version of Keras."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from nlstm import constraints, initializers, layers, regularizers
from nlstm.arguments.former import RENAMED
from nlstm.arguments.registry import Registry
from nlstm.interop.keras.context import Context, plain_value
from nlstm.interop.keras.graphs import connected, is_masked, is_operation, takes_states
from nlstm.interop.keras.stacks import Stack, of_cells
from nlstm.interop.keras.table import LAYERS, MODELS, Row, plain_name, row_of
from nlstm.models import Model, Sequential
from nlstm.network.depth import DEEPEST

__all__ = ["Member", "model_from"]

KINDS: dict[str, Registry[Any]] = {
    "initializer": initializers.REGISTRY,
    "regularizer": regularizers.REGISTRY,
    "constraint": constraints.REGISTRY,
}
ACTIVATIONS = ("activation", "recurrent_activation")
COMMON = (
    "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "input_shape", "input_dtype",
    "build_config", "weights", "module", "registered_name", "data_format",
)  # fmt: skip
SHAPES = ("batch_input_shape", "batch_shape")
CODE = ("Lambda", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod")


@dataclass
class Member:
    """A layer or model of a file, and what was made of it.

    Attributes
    ----------
    name, kind : str
        As the file has them.
    made : Layer, Model or Stack
    row : Row or None
        None for models and stacks.
    members : list of Member
        Those of a model or stack.
    """

    name: str
    kind: str
    made: Any
    row: Row | None = None
    members: list["Member"] = field(default_factory=list)


def model_from(config: Mapping[str, Any], context: Context) -> Member:
    """Return the model of a config, without memory for its weights.

    Raises
    ------
    ValueError
        It holds something that nlstm does not have: one error for all of that.
    """
    maker = _Maker(context)
    dtype = maker.dtype_of(config)
    plan = maker.planned(config, 0)
    context.check()
    member = maker.built(plan, dtype, False)
    for stack in maker.stacks:
        begins = [node.inputs[0] for node in stack.levels[0].nodes if node.inputs]
        if stack.turns_around and any(map(is_masked, begins)):
            raise stack.refusal()
    return member


@dataclass
class _Plan:
    """A config whose layers are made, and not connected yet."""

    config: Mapping[str, Any]
    name: str
    kind: str
    entries: list[tuple[Mapping[str, Any], Any]]  # each with its layer, plan or None


class _Maker:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.stacks: list[Stack] = []

    # Models

    def planned(self, entry: Mapping[str, Any], depth: int) -> _Plan:
        """Return a model's layers, made; what cannot be is remembered as a problem."""
        if depth >= DEEPEST:
            raise ValueError(f"its models are nested more than {DEEPEST} deep.")
        kind, config = plain_name(entry.get("class_name")), entry.get("config")
        if isinstance(config, list):  # Sequential before Keras 2.2.3
            config = {"layers": config}
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            raise ValueError(
                f"the config of its {kind} names no layers, as those of models that are classes of "
                "their own do: make such a model here, then call its load_weights(path)."
            )
        name = str(config.get("name") or entry.get("name") or kind.lower())
        found: list[tuple[Mapping[str, Any], Any]] = []
        for one in config["layers"]:
            if not isinstance(one, dict) or not isinstance(one.get("config"), dict | list):
                raise ValueError(f"the config of {name} has a layer without class and config.")
            inner = one["config"].get("layers") if isinstance(one["config"], dict) else True
            if plain_name(one.get("class_name")) in MODELS and inner is not None:
                found.append((one, self.planned(one, depth + 1)))
            elif is_operation(one):
                found.append((one, None))
            else:
                found.append((one, self.layer(one, depth)))
        return _Plan(config | {"build": entry.get("build_config")}, name, kind, found)

    def built(self, plan: _Plan, dtype: str | None, inside: bool) -> Member:
        """Return a model of a plan; inside another, layers may get other names than their own."""
        members, named = [], {}
        for entry, one in plan.entries:
            if isinstance(one, _Plan):
                member = self.built(one, dtype, True)
                member.name = str(entry.get("name") or one.name)
            elif one is None:
                continue
            else:
                member = _member(entry, one)
                for layer in one.levels if isinstance(one, Stack) else [one]:
                    layer.named_by_user = not inside
            members.append(member)
            named[str(entry.get("name") or member.name)] = member.made
        if plan.kind == "Sequential":
            model: Any = self._stack(plan, members, dtype)
        else:
            inputs, outputs = connected(plan.config, named, self.context)
            model = Model(inputs, outputs, name=plan.name, dtype=dtype)
        if plan.config.get("trainable") is False:
            model.trainable = False
        return Member(plan.name, plan.kind, model, None, members)

    def _stack(self, plan: _Plan, members: list[Member], dtype: str | None) -> Sequential:
        model = Sequential(name=plan.name, dtype=dtype)
        first = plan.entries[0][0] if plan.entries else {}
        begins = members and isinstance(members[0].made, layers.InputLayer | Model)
        shape = None if begins else self._shape(first, plan.config)
        if shape is not None:
            model.add(layers.InputLayer(tuple(shape[1:]), shape[0]).output)
        for member in members:
            one = member.made
            for layer in one.levels if isinstance(one, Stack) else [one]:
                model.add(layer.output if isinstance(layer, layers.InputLayer) else layer)
        return model

    def _shape(self, entry: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
        """Return the shape of a Sequential's input with the batch axis, or None."""
        given = entry.get("config", {})
        given = given if isinstance(given, dict) else {}
        build: Any = config.get("build")
        build = build if isinstance(build, dict) else {}
        for shape in (
            *(given.get(name) for name in SHAPES),
            config.get("build_input_shape"),
            build.get("input_shape"),
        ):
            if isinstance(shape, list | tuple) and shape and not isinstance(shape[0], list):
                length = given.get("input_length")
                return (shape[0], length) if len(shape) == 2 and shape[1] is None else shape
        if plain_name(entry.get("class_name")) == "Embedding":
            return (None, given.get("input_length"))
        return None

    # Layers

    def layer(self, entry: Mapping[str, Any], depth: int) -> Any:
        """Return the layer of an entry, or None and a problem."""
        kind, config = plain_name(entry.get("class_name")), dict(entry["config"])
        name = str(config.get("name") or entry.get("name") or kind)
        where = f"{kind} {name!r}"
        own = self.context.users(entry.get("registered_name"), kind, name)
        if own is not None and not (isinstance(own, type) and issubclass(own, layers.Layer)):
            self.context.lacks(f"{where}: what custom_objects gives is no layer of nlstm's")
            return None
        if own is not None:
            return self._made(Row(own), config, name, where, depth)
        if kind == "InputLayer":
            return self._input(config, name, where)
        if kind == "RNN":
            hands_on = takes_states(entry, name)
            made = of_cells(config, name, hands_on, self.context, partial(self._level, depth))
            self.stacks += [made] if isinstance(made, Stack) else []
            return made
        if kind not in LAYERS:
            code = " (it holds code)" if kind in CODE else ""
            self.context.lacks(f"layer {kind} {name!r}{code}")
            return None
        return self._made(LAYERS[kind], config, name, where, depth)

    def _level(self, depth: int, kind: str, config: dict[str, Any], where: str) -> Any:
        return self._made(LAYERS[kind], config, config["name"], where, depth)

    def _input(self, config: Mapping[str, Any], name: str, where: str) -> Any:
        shape = next((config[one] for one in SHAPES if config.get(one)), None)
        if not isinstance(shape, list | tuple):
            self.context.lacks(f"{where}: its shape is {shape!r}")
            return None
        for flag in ("sparse", "ragged", "optional"):
            if config.get(flag):
                self.context.lacks(f"argument {flag}=True of {where}")
        try:
            dtype = config.get("dtype")
            whole = isinstance(dtype, str) and dtype.startswith(("int", "uint", "bool"))
            made = layers.InputLayer(tuple(shape[1:]), shape[0], "int32" if whole else None)
        except (TypeError, ValueError) as error:
            self.context.lacks(f"{where}: {error}")
            return None
        made.name = name
        return made

    def _made(self, row: Row, config: dict[str, Any], name: str, where: str, depth: int) -> Any:
        before = len(self.context.problems)
        config = {**row.fixed, **_today(row.made, config)}
        config = {row.renamed.get(one, one): value for one, value in config.items()}
        config = {one: value for one, value in config.items() if one not in row.ignored}
        for argument, value in config.items():
            config[argument] = self._value(argument, value, f"{argument} of {where}", depth)
        trainable = config.get("trainable", True)
        shared = {one: config.pop(one, None) for one in COMMON if one != "data_format"}
        if shared["weights"] is not None:
            self.context.lacks(f"argument weights of {where}")
        arguments = self.context.accepted(row.made, config, where, COMMON)
        if len(self.context.problems) > before:
            return None
        try:
            made = row.made(**arguments)
        except (TypeError, ValueError) as error:
            self.context.lacks(f"{where}: {error}")
            return None
        made.name, made.trainable = name, bool(trainable)
        return made

    def _value(self, argument: str, value: Any, where: str, depth: int) -> Any:
        """Return an argument's value in nlstm's words."""
        if argument in ACTIVATIONS:
            return self._activation(value, where, depth)
        registry = KINDS.get(argument.rpartition("_")[2])
        if registry is not None:
            return self.context.thing(registry, _former_rule(value), where)
        value = plain_value(value)
        if isinstance(value, dict) and "class_name" in value and "config" in value:
            if argument not in ("layer", "backward_layer"):
                return value
            if depth > DEEPEST:
                raise ValueError(f"its layers are nested more than {DEEPEST} deep.")
            if plain_name(value["class_name"]) in MODELS:
                self.context.lacks(f"{where}: a model in a layer")
                return None
            made = self.layer(value, depth + 1)
            if isinstance(made, Stack) or getattr(made, "num_layers", 1) > 1:
                self.context.lacks(f"{where}: RNN(StackedRNNCells), a stack in a layer")
                return None
            return made
        return value

    def _activation(self, value: Any, where: str, depth: int) -> Any:
        if isinstance(value, dict) and value.get("class_name") not in ("function", None):
            if isinstance(value.get("config"), dict):
                return self.layer(value, depth + 1)
            self.context.lacks(f"{where}: {value!r}"[:200])
            return None
        if isinstance(value, dict):
            name = value.get("config")
            if not isinstance(name, str):
                self.context.lacks(f"{where}: {value!r}"[:200])
                return None
            value = name
        own = self.context.users(value)
        if own is not None:
            return own
        if value == "hard_sigmoid" and self.context.version < (3, 0):
            return "hard_sigmoid_keras2"
        return value

    # Numbers

    def dtype_of(self, config: Any) -> str | None:
        """Return the dtype of all layers; half precision is computed in float32 here."""
        found, waiting = set(), [config]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                waiting += [value for key, value in one.items() if key != "dtype"]
                if "dtype" in one and "trainable" in one:
                    found.add(_policy(one["dtype"]))
        if "float64" in found and len(found - {None}) > 1:
            self.context.lacks(f"layers of several dtypes: {', '.join(sorted(map(str, found)))}")
        return "float64" if "float64" in found else None


def _policy(value: Any) -> str | None:
    """Return what a dtype or a policy of one computes in."""
    if isinstance(value, dict):
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) else None
    return "float64" if value == "float64" else None if value is None else "float32"


def _member(entry: Mapping[str, Any], made: Any) -> Member:
    kind = plain_name(entry["class_name"])
    if isinstance(made, Stack):
        levels = [
            Member(one.name, f"{type(one).__name__}Cell", one, replace(row_of(one), cell=False))
            for one in made.levels
        ]
        return Member(made.name, kind, made, None, levels)
    row = LAYERS.get(type(made).__name__ if kind == "RNN" else kind)
    fits = row is not None and isinstance(made, row.made)
    return Member(made.name, kind, made, row if fits else Row(type(made)))


def _today(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with today's names for those of Keras 1."""
    taken = inspect.signature(cls).parameters
    tables = [RENAMED[one.__name__] for one in cls.__mro__ if one.__name__ in RENAMED]
    found: dict[str, Any] = {}
    for name, value in config.items():
        table = next((one for one in tables if name in one and name not in taken), None)
        new = name if table is None else table[name]
        if new is not None:
            found.setdefault(new, value)
    return found


def _former_rule(value: Any) -> Any:
    """Return a regularizer or constraint of Keras 1 in today's form."""
    if not isinstance(value, dict) or "class_name" in value or "name" not in value:
        return value
    config = {name: one for name, one in value.items() if name != "name"}
    if "m" in config:
        config["max_value"] = config.pop("m")
    name = "L1L2" if config.keys() <= {"l1", "l2"} else value["name"]
    return {"class_name": name, "config": config}
