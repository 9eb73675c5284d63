"""What files of Keras say that nlstm does not have, and files that mean harm: each is an error."""

import json
import os
import zipfile

import numpy as np
import pytest

import nlstm
from nlstm.interop.keras.graphs import takes_states
from nlstm.layers import LSTM, Activation, Dense, Input
from nlstm.models import Model, Sequential, load_model
from tests.interop.kept import unpack

h5py = pytest.importorskip("h5py")


@pytest.fixture
def model():
    model = Sequential([Input((5, 3)), LSTM(4, name="one"), Dense(2, name="two")])
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.fixture
def archive(model, tmp_path):
    """Give a function that writes a .keras file whose config a function has changed."""

    def write(change, weights=None, names=("config.json", "metadata.json", "model.weights.h5")):
        model.save(tmp_path / "whole.keras")
        with zipfile.ZipFile(tmp_path / "whole.keras") as whole:
            parts = {name: whole.read(name) for name in names}
        if "config.json" in parts:
            config = json.loads(parts["config.json"])
            parts["config.json"] = json.dumps(change(config) or config)
        if weights is not None:
            parts["model.weights.h5"] = weights
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as changed:
            for name, content in parts.items():
                changed.writestr(name, content)
        return tmp_path / "m.keras"

    return write


@pytest.fixture
def legacy(model, tmp_path):
    """Give a function that writes an .h5 file after a function has changed what is in it."""

    def write(change):
        path = tmp_path / "m.h5"
        model.save(path)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return write


def layers_of(config):
    return config["config"]["layers"]


# What is not here


def test_one_error_lists_all_that_is_missing(archive):
    def change(config):
        lstm, dense = layers_of(config)[1:]
        lstm["config"] |= {"kernel_regularizer": {"class_name": "Mine", "config": {}}, "fast": 3}
        dense["config"]["activation"] = {"class_name": "function", "config": "my_wave"}
        layers_of(config).append({"class_name": "Attention", "config": {"name": "attention"}})
        layers_of(config).append({"class_name": "Pkg>Mine", "config": {"name": "mine"}})
        config["compile_config"]["loss"] = "my_loss"
        config["compile_config"]["metrics"] = [{"class_name": "MyMetric", "config": {}}]
        config["compile_config"]["optimizer"]["class_name"] = "Sophia"

    with pytest.raises(ValueError) as caught:
        load_model(archive(change))
    text = str(caught.value)
    for wanted in (
        "m.keras cannot be loaded", "regularizer Mine (kernel_regularizer of LSTM 'one')",
        "argument fast=3 of LSTM 'one'", "layer Attention 'attention'", "layer Mine 'mine'",
        "my_wave", "'my_loss'", "MyMetric", "optimizer Sophia", "custom_objects",
    ):  # fmt: skip
        assert wanted in text, wanted


@pytest.mark.parametrize(
    "array",
    [
        {"type": "ndarray", "value": [1.0, 2.0]},
        {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float32"}},
    ],
)
def test_arrays_in_configs(archive, array):
    start = {"class_name": "Constant", "config": {"value": array}, "module": "keras.initializers"}
    path = archive(lambda config: layers_of(config)[2]["config"].update(bias_initializer=start))
    assert list(load_model(path).layers[1].bias_initializer.value) == [1.0, 2.0]


@pytest.mark.parametrize("slope", [0.3, {"type": "ndarray", "value": 0.3}])
def test_numbers_that_were_arrays(archive, slope):
    def change(config):
        layers_of(config).append(
            {"class_name": "LeakyReLU", "config": {"name": "ramp", "alpha": slope}}
        )

    assert load_model(archive(change)).layers[-1].negative_slope == 0.3


def test_a_distribution_of_keras_before_2_2_3(archive):
    start = {"class_name": "VarianceScaling", "config": {"distribution": "normal"}}
    path = archive(lambda config: layers_of(config)[2]["config"].update(kernel_initializer=start))
    assert load_model(path).layers[1].kernel_initializer.distribution == "truncated_normal"


def test_an_optimizer_that_only_its_state_names(archive, model, tmp_path):
    x, y = np.ones((2, 5, 3)), np.ones((2, 2))
    model.train_on_batch(x, y)
    with zipfile.ZipFile(archive(lambda config: config["compile_config"].pop("optimizer"))) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    (tmp_path / "w.h5").write_bytes(parts["model.weights.h5"])
    with h5py.File(tmp_path / "w.h5", "r+") as weights:
        weights["optimizer/vars"].attrs["name"] = "adam"
    path = archive(
        lambda config: config["compile_config"].pop("optimizer") and None,
        weights=(tmp_path / "w.h5").read_bytes(),
    )
    found = load_model(path)
    assert type(found.optimizer).__name__ == "Adam" and found.optimizer.iterations == 1
    assert found.train_on_batch(x, y) == model.train_on_batch(x, y)


def test_a_model_that_had_no_weights_when_it_was_saved(legacy):
    def change(file):
        del file["model_weights"]
        file.create_group("model_weights").attrs["layer_names"] = []

    with pytest.raises(ValueError, match="saved before it had any"):
        load_model(legacy(change))


def test_an_array_that_is_named_from_the_root(legacy, model):
    model.train_on_batch(np.ones((2, 5, 3)), np.ones((2, 2)))

    def change(file):
        group = file["optimizer_weights"]
        names = [name.decode() if isinstance(name, bytes) else name for name in
                 group.attrs["weight_names"]]  # fmt: skip
        file["iterations"] = group[names[0]][()]
        group.attrs["weight_names"] = ["/iterations", *names[1:]]

    assert load_model(legacy(change)).optimizer.iterations == 1


WORDS = [
    ({"class_name": "AUC", "config": {"name": "a", "num_thresholds": 9, "thresholds": [0.5]}}, "a"),
    ({"class_name": "MeanMetricWrapper", "config": {"name": "b", "fn": "binary_accuracy"}}, "b"),
    ({"class_name": "RootMeanSquaredError", "config": {"name": "m", "dtype": "float32"}}, "m"),
    ({"class_name": "Precision", "config": {"name": "p", "thresholds": None, "top_k": None}}, "p"),
    ({"class_name": "Custom>Recall", "config": {"name": "r", "thresholds": [0.5]}}, "r"),
    ("kullback_leibler_divergence", "kl_divergence"),
    ("mse", "mse"),
]  # fmt: skip


@pytest.mark.parametrize("written, name", WORDS)
def test_metrics_in_every_versions_words(archive, written, name):
    path = archive(lambda config: config["compile_config"].update(metrics=[[written]]))
    assert load_model(path).metrics_names == ["loss", name]


@pytest.mark.parametrize(
    "written, wanted",
    [
        ("logcosh", "LogCosh"),
        ({"class_name": "Poisson", "config": {"reduction": "auto", "name": "m"}}, "Poisson"),
        ({"class_name": "Huber", "config": {"fn": "huber", "delta": 2.0}}, "Huber"),
        ({"class_name": "LossFunctionWrapper", "config": {"fn": "poisson"}}, "Poisson"),
        (["poisson"], "Poisson"),
    ],
)  # fmt: skip
def test_losses_in_every_versions_words(archive, written, wanted):
    path = archive(lambda config: config["compile_config"].update(loss=written))
    assert type(load_model(path).loss).__name__ == wanted


@pytest.mark.parametrize(
    "kind, config, rate",
    [
        ("Adam", {"lr": 0.02, "decay": 0.0, "epsilon": None, "beta_1": 0.8}, 0.02),
        ("Custom>Adam", {"learning_rate": 0.02, "is_legacy_optimizer": False}, 0.02),
        ("SGD", {"learning_rate": 0.02, "decay": 1.0, "momentum": 0.9, "nesterov": True}, 0.02),
        ("RMSprop", {"lr": 0.02, "rho": 0.9, "centered": False}, 0.02),
        ("Nadam", {"lr": 0.02, "schedule_decay": 0.004}, 0.02),
        ("LossScaleOptimizer", {
            "inner_optimizer": {"class_name": "Adam", "config": {"lr": 0.02}}}, 0.02),
        ("Adam", {"learning_rate": {"class_name": "ExponentialDecay", "config": {
            "initial_learning_rate": 0.02, "decay_steps": 9, "decay_rate": 0.5}}}, 0.02),
    ],
)  # fmt: skip
def test_optimizers_in_every_versions_words(legacy, kind, config, rate):
    def change(file):
        told = {"loss": "mse", "optimizer_config": {"class_name": kind, "config": config}}
        file.attrs["training_config"] = json.dumps(told)
        file.attrs["keras_version"] = "2.4.0"
        del file["optimizer_weights"]

    found = load_model(legacy(change)).optimizer
    assert float(found.learning_rate) == pytest.approx(rate)
    assert type(found).__name__ == ("Adam" if "Loss" in kind else kind.split(">")[-1])


@pytest.mark.parametrize(
    "given",
    [
        {"class_name": "RNN", "config": {"name": "one", "trainable": True, "cell": {
            "class_name": "LSTMCell", "config": {"name": "cell", "units": 4, "dtype": "float32"}}}},
        {"class_name": "LSTMV2", "config": {"name": "one", "units": 4, "time_major": False}},
        {"class_name": "LSTM", "config": {"name": "one", "units": 4, "dtype": {
            "class_name": "Policy", "config": {"name": "mixed_float16"}}, "trainable": True}},
        {"class_name": "LSTM", "config": {"name": "one", "output_dim": 4, "consume_less": "cpu",
            "inner_init": "orthogonal", "forget_bias_init": "one", "init": "normal",
            "inner_activation": "sigmoid"}},
    ],
)  # fmt: skip
def test_lstms_in_every_versions_words(archive, model, given):
    x = np.random.default_rng(0).random((2, 5, 3), np.float32)
    path = archive(lambda config: layers_of(config).__setitem__(1, given))
    np.testing.assert_array_equal(
        load_model(path).predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_states_of_a_stack_as_keras_2_hands_them_on():
    """A list for each cell that has several, and a single one else."""
    node = [["x", 0, 0, {}], [["rnn", 0, 1, {}], ["rnn", 0, 2, {}]], ["rnn", 0, 3, {}]]
    for call in (takes_states({"inbound_nodes": [one]}, "next") for one in (node, node[:2])):
        assert call
    assert not takes_states({"inbound_nodes": [node[:1]]}, "next")
    with pytest.raises(ValueError, match="expected \\[layer, call, output\\]"):
        takes_states({"inbound_nodes": [[["x", 0, 0, {}], [["rnn", 0], 3]]]}, "next")


@pytest.mark.parametrize("first", ["input layer", "batch_input_shape", "build_config"])
def test_inputs_in_every_versions_words(archive, first):
    def change(config):
        begin, lstm = layers_of(config)[:2]
        shape = begin["config"].pop("batch_shape")
        del config["config"]["build_input_shape"], config["build_config"]
        if first == "input layer":
            begin["config"]["batch_input_shape"] = shape
            return
        del layers_of(config)[0]
        if first == "batch_input_shape":
            lstm["config"]["batch_input_shape"] = shape
        else:
            config["build_config"] = {"input_shape": shape}

    assert load_model(archive(change)).input_shape == (None, 5, 3)


def test_the_slope_of_hard_sigmoid_is_that_of_the_version(legacy):
    def change(file, version):
        config = file.attrs["model_config"]
        file.attrs["model_config"] = config.replace("sigmoid", "hard_sigmoid")
        file.attrs["keras_version"] = version

    names = {
        "2.15.0": "hard_sigmoid_keras2",
        "1.2.2": "hard_sigmoid_keras2",
        "3.1.0": "hard_sigmoid",
    }
    for version, name in names.items():
        found = load_model(legacy(lambda file, version=version: change(file, version)))
        assert found.layers[0].recurrent_activation == name


@pytest.mark.parametrize("kind", ["Lambda", "TFOpLambda"])
def test_code_is_named_and_never_run(archive, kind):
    def change(config):
        code = {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None}}
        inner = {"name": "last_step", "trainable": True, "function": code}
        layers_of(config).append({"class_name": kind, "config": inner})

    with pytest.raises(ValueError, match=f"layer {kind} 'last_step' \\(it holds code\\)"):
        load_model(archive(change))


def test_users_classes_stand_in(archive):
    class Twice(Activation):
        pass

    def change(config):
        inner = {"name": "wave", "trainable": True, "activation": "tanh"}
        layers_of(config).append({"class_name": "Lambda", "config": inner})

    path = archive(change)
    for name in ("Lambda", "wave"):
        found = load_model(path, custom_objects={name: Twice})
        assert isinstance(found.layers[-1], Twice)
    with pytest.raises(ValueError, match="is no layer of nlstm's"):
        load_model(path, custom_objects={"Lambda": dict})


def test_users_losses_stand_in_or_are_left_out(archive):
    class Own(nlstm.losses.MeanSquaredError):
        pass

    path = archive(lambda config: config["compile_config"].update(loss="own"))
    with pytest.raises(ValueError, match="loss 'own'"):
        load_model(path)
    assert load_model(path, compile=False).optimizer is None
    assert isinstance(load_model(path, custom_objects={"own": Own()}).loss, Own)


@pytest.mark.parametrize(
    "key, value, wanted",
    [
        ("activation", "sinc", "sinc"),
        ("dropout", 2.0, "dropout"),
        ("units", "many", "units"),
        ("units", 10**9, "shape"),
        ("time_major", True, "time_major"),
        ("kernel_initializer", {"class_name": "Constant", "config": {"value": {}}}, "Constant"),
    ],
)
def test_wrong_arguments_are_named(archive, key, value, wanted):
    path = archive(lambda config: layers_of(config)[1]["config"].update({key: value}))
    with pytest.raises(ValueError, match=wanted):
        load_model(path)


@pytest.mark.parametrize("written", [{"class_name": "function"}, {"config": 3}])
def test_an_activation_without_a_name_is_not_taken_for_none(archive, written):
    path = archive(lambda config: layers_of(config)[1]["config"].update(activation=written))
    with pytest.raises(ValueError, match="activation of LSTM 'one': "):
        load_model(path)


def test_a_model_that_is_a_class_of_its_own(archive):
    path = archive(lambda config: {"class_name": "Mine", "config": {"width": 3}})
    with pytest.raises(ValueError, match="config of its Mine names no layers, .* load_weights"):
        load_model(path)


def test_parts_of_archives_that_are_odd(archive, model, tmp_path):
    path = archive(lambda config: None)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    parts["metadata.json"] = b'{"keras_version": 3}'
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content)
    with pytest.raises(ValueError, match="its keras_version is 3; expected such as"):
        load_model(path)
    path.write_bytes(path.read_bytes()[:200])
    for call in (load_model, model.load_weights):
        with pytest.raises(
            ValueError, match="m.keras cannot be loaded: .* it is cut off, or damaged"
        ):
            call(path)


@pytest.mark.parametrize(
    "place, wanted",
    [
        ("layers/dense", r"two is not found by name. It has layers/lstm/cell. load_weights\("),
        ("layers", "one, two are not found by name. It has no arrays"),
        ("layers/lstm/cell/vars/0", "one has 3 weights; the file has 0 at layers/lstm/cell"),
    ],
)
def test_weights_that_are_not_there(model, place, wanted, tmp_path):
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        del file[place]
    with pytest.raises(ValueError, match=wanted):
        model.load_weights(path)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">f8"])
def test_floats_of_any_kind_and_order(model, dtype, tmp_path):
    path, wanted = tmp_path / "w.weights.h5", model.get_weights()
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        for place in ("dense/vars/0", "dense/vars/1", "lstm/cell/vars/1"):
            array = file[f"layers/{place}"][()].astype(dtype)
            del file[f"layers/{place}"]
            file[f"layers/{place}"] = array
    model.load_weights(path)
    tolerance = 1e-3 if dtype == "<f2" else 0
    for one, other in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def test_weights_alone_are_no_model(model, tmp_path):
    for name in ("w.weights.h5", "w.h5"):
        model.save_weights(tmp_path / name)
        with pytest.raises(ValueError, match="it holds weights alone"):
            load_model(tmp_path / name)


# Files that mean harm


@pytest.mark.parametrize(
    "names, wanted",
    [
        (("metadata.json", "model.weights.h5"), "zip file without config.json"),
        (("config.json", "metadata.json"), "it has no model.weights.h5"),
    ],
)
def test_other_archives_are_refused(archive, names, wanted):
    with pytest.raises(ValueError, match=wanted):
        load_model(archive(lambda config: None, names=names))


def test_pytorchs_archives_are_refused_by_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", b"")
    with pytest.raises(
        ValueError, match="m.pt cannot .* PyTorch's: torch.load reads it, and load_"
    ):
        load_model(tmp_path / "m.pt")


def test_archives_that_unpack_to_far_more_are_refused(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("config.json", b" " * (1 << 25))
        bomb.writestr("metadata.json", b"{}")
    with pytest.raises(ValueError, match="config.json would unpack to 33554432 bytes"):
        load_model(path)


def test_archives_of_many_layers_are_refused_before_they_are_made(archive):
    def change(config):
        layer = json.dumps(layers_of(config)[2])
        layers_of(config)[2:] = [
            json.loads(layer.replace('"two"', f'"dense_{number}"')) for number in range(5_000)
        ]

    with pytest.raises(ValueError, match="5001 layers with weights; it holds .* arrays"):
        load_model(archive(change))


@pytest.mark.parametrize("depth", [60, 100_000])
def test_nested_configs_are_refused(archive, depth):
    path = archive(lambda config: None)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    start = '{"class_name": "Sequential", "config": {"name": "s", "layers": ['
    parts["config.json"] = start * depth + "]}}" * depth
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content)
    with pytest.raises(ValueError, match="nested more than 50 deep|recursion"):
        load_model(path)


def far_away(file):
    del file["model_weights/two/two/0/kernel"]
    file["model_weights/two/two/0/kernel"] = h5py.ExternalLink("/etc/hostname", "/x")


def soft(file):
    del file["model_weights/two/two/0/kernel"]
    file["model_weights/two/two/0/kernel"] = h5py.SoftLink("/model_weights/one")


def elsewhere(file):
    del file["model_weights/two/two/0/kernel"]
    external = [("/etc/hostname", 0, 32)]
    file["model_weights/two/two/0"].create_dataset("kernel", (4, 2), "f4", external=external)


def virtual(file):
    del file["model_weights/two/two/0/kernel"]
    layout = h5py.VirtualLayout((4, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4, 2))
    file["model_weights/two/two/0"].create_virtual_dataset("kernel", layout)


def unwritten(file):
    del file["model_weights/two/two/0/kernel"]
    file["model_weights/two/two/0"].create_dataset("kernel", (1 << 20, 1 << 20), "f4", chunks=True)


def strings(file):
    del file["model_weights/two/two/0/kernel"]
    file["model_weights/two/two/0"]["kernel"] = ["a", "b"]


def missing(file):
    del file["model_weights/two/two/0/kernel"]


def whole_numbers(file):
    del file["model_weights/two/two/0/kernel"]
    file["model_weights/two/two/0"]["kernel"] = np.zeros((4, 2), int)


def in_itself(file):
    file["model_weights"]["again"] = file["model_weights"]


def doubled(file):
    groups = [
        file["model_weights"].create_group("g0"),
        *(file.create_group(f"g{n}") for n in range(1, 40)),
    ]
    for outer, inner in zip(groups, groups[1:], strict=False):
        outer["one"] = outer["two"] = inner


def no_json(file):
    file.attrs["model_config"] = "{"


def a_list(file):
    file.attrs["model_config"] = "[1, 2]"


def numbers(file):
    file.attrs["model_config"] = np.arange(3)


def no_layers(file):
    file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {}})


@pytest.mark.parametrize(
    "change",
    [
        far_away, soft, elsewhere, virtual, unwritten, strings, missing, whole_numbers, no_json,
        a_list, numbers, no_layers, in_itself, doubled,
    ],
)  # fmt: skip
def test_hdf5_that_means_harm_is_refused(legacy, change):
    path = legacy(change)
    with pytest.raises(ValueError, match="m.h5 cannot be loaded: ."):
        load_model(path)


@pytest.mark.parametrize("part", ["model_config", "training_config"])
@pytest.mark.parametrize("text, wanted", [("{", "is no JSON"), ("[1]", "holds list")])
def test_the_part_that_is_no_config_is_named(legacy, part, text, wanted):
    path = legacy(lambda file: file.attrs.__setitem__(part, text))
    with pytest.raises(ValueError, match=f"m.h5 cannot be loaded: its {part} {wanted}"):
        load_model(path)


def test_a_damaged_heap_is_an_error_that_names_the_file(legacy, monkeypatch):
    from nlstm.interop.keras import tree

    def damaged(entry):
        raise OSError("Can't synchronously read data (bad heap index)")

    monkeypatch.setattr(tree.Entry, "read", damaged)
    with pytest.raises(ValueError, match="m.h5 cannot be loaded: Can't synchronously"):
        load_model(legacy(lambda file: None))


def test_damaged_files_are_errors_and_never_crashes(model, tmp_path):
    rng = np.random.default_rng(0)
    for ending in (".h5", ".keras", ".weights.h5"):
        path = tmp_path / f"m{ending}"
        (model.save_weights if "weights" in ending else model.save)(path)
        content = path.read_bytes()
        for draw in range(60):
            damaged = bytearray(content[: rng.integers(4, len(content)) if draw % 3 else None])
            for place in rng.integers(4, len(damaged), 20):
                damaged[place] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                model.load_weights(path)
                load_model(path)
            except (ValueError, OSError):
                pass


# Weights of other layers


def test_weights_by_name_and_mismatch(model, tmp_path):
    other = Sequential([Input((5, 3)), LSTM(4, name="one"), Dense(3, name="else")])
    wider = Sequential([Input((5, 3)), LSTM(4, name="one"), Dense(3, name="two")])
    before = wider.get_weights()
    for name in ("w.h5", "w.weights.h5"):
        path = tmp_path / name
        model.save_weights(path)
        with pytest.raises(ValueError, match=r"shape \(4, 2\); the model's has shape \(4, 3\)"):
            other.load_weights(path)
        other.load_weights(path, by_name=True)
        np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
        with pytest.raises(ValueError, match=r"\(4, 2\)"):
            wider.load_weights(path, by_name=True)
        np.testing.assert_array_equal(wider.get_weights()[0], before[0])  # nothing was changed
        with pytest.warns(UserWarning, match="two keeps its weights: .*shape"):
            wider.load_weights(path, skip_mismatch=True)
        np.testing.assert_array_equal(wider.get_weights()[0], model.get_weights()[0])
        np.testing.assert_array_equal(wider.get_weights()[3], before[3])
        wider.set_weights(before)
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="by_name and skip_mismatch are for files of Keras's"):
        model.load_weights(tmp_path / "w.safetensors", by_name=True)


def test_a_model_of_fewer_layers_is_named(model, tmp_path):
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match="weights of 2 layers, one, two; the model has 1"):
        Sequential([Input((5, 3)), LSTM(4)]).load_weights(tmp_path / "w.h5")


def test_whole_models_serve_as_weights(tmp_path, model):
    wanted = model.get_weights()
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        other = Sequential([Input((5, 3)), LSTM(4), Dense(2)])
        other.load_weights(tmp_path / f"m{ending}")
        for one, two in zip(other.get_weights(), wanted):
            np.testing.assert_array_equal(one, two)


def test_without_h5py_the_error_has_the_line_for_pip(model, tmp_path, monkeypatch):
    path = unpack("keras-2.9", "stack.h5", tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    for call in (load_model, model.load_weights, lambda path: model.save(tmp_path / "m.keras")):
        with pytest.raises(ImportError, match=r"pip install 'nlstm\[keras\]'"):
            call(path)
    assert not os.path.exists(tmp_path / "m.keras")


def test_masks_of_a_graph_are_those_of_the_version(tmp_path):
    """Keras 3 gives an LSTM that gets states no mask; Keras 2 did."""
    x = Input((4, 2), name="x")
    states = Input((3,), name="h"), Input((3,), name="c")
    h = nlstm.layers.Masking(name="masking")(x)
    y = LSTM(3, return_sequences=True, name="lstm")(h, initial_state=states)
    model = Model([x, *states], y)
    with pytest.raises(ValueError, match="gets an initial state and a mask, which Keras 3 leaves"):
        model.save(tmp_path / "m.keras")
    assert not os.path.exists(tmp_path / "m.keras")
