"""Choosing a device, and what is said where there is no GPU. None is needed here."""

import copy
import ctypes
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import nlstm
from nlstm import Model, Sequential
from nlstm.kernels import devices, gpus
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import clone_model

NO_GPU = gpus.missing() is not None
pytestmark = pytest.mark.skipif(not NO_GPU, reason="a GPU is there")


@pytest.fixture(autouse=True)
def unchosen(monkeypatch):
    """Put the choice back, and forget what the driver said."""
    monkeypatch.setattr(devices, "DEFAULT", list(devices.DEFAULT))
    gpus.found.cache_clear()
    yield
    gpus.found.cache_clear()


@pytest.fixture
def with_package(monkeypatch):
    monkeypatch.setattr(gpus, "find_spec", lambda name: object())


def driver(monkeypatch, error=0, names=()):
    """Stand for NVIDIA's driver."""

    def name_of(text, size, device):
        text.value = names[device.value].encode()
        return 0

    def put(value):
        def into(pointer, *rest):
            ctypes.cast(pointer, ctypes.POINTER(type(pointer._obj))).contents.value = value(*rest)
            return 0

        return into

    library = SimpleNamespace(
        cuInit=lambda flags: error,
        cuDeviceGetCount=put(lambda: len(names)),
        cuDeviceGet=put(lambda number: number),
        cuDeviceGetName=name_of,
        cuDeviceTotalMem_v2=put(lambda device: 80 << 30),
        cuDeviceGetAttribute=put(lambda attribute, device: {75: 9, 76: 0}[attribute]),
    )
    monkeypatch.setattr(gpus.ctypes, "CDLL", lambda name: library)


def absent(name):
    raise OSError(name)


WAYS = [
    lambda: nlstm.set_device("cuda"),
    lambda: nlstm.device("cuda").__enter__(),
    lambda: Sequential(device="cuda"),
    lambda: Model(*ends(), device="cuda"),
    lambda: seed().to("cuda"),
]


def ends():
    x = Input((3, 2))
    return x, Dense(1)(LSTM(2)(x))


def seed(**options):
    return Sequential([LSTM(2, input_shape=(3, 2)), Dense(1)], **options)


@pytest.mark.parametrize("way", WAYS)
def test_a_missing_package_is_named_with_the_pip_line(monkeypatch, way):
    monkeypatch.setattr(gpus, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r'numba-cuda is not installed: pip install "nlstm\[cud'):
        way()


@pytest.mark.parametrize("way", WAYS)
def test_a_missing_driver_is_named(monkeypatch, with_package, way):
    monkeypatch.setattr(gpus.ctypes, "CDLL", absent)
    with pytest.raises(RuntimeError, match="driver .* is not installed"):
        way()


@pytest.mark.parametrize(
    "error, names, device, message",
    [
        (gpus.NO_DEVICE, [], "cuda", "driver sees no GPU"),
        (999, [], "cuda", "driver does not start .cuInit gives error 999"),
        (0, ["A"], "cuda:1", "there is no GPU 1: .* there are 1"),
    ],
)
def test_a_missing_device_is_named(monkeypatch, with_package, error, names, device, message):
    driver(monkeypatch, error, names)
    with pytest.raises(RuntimeError, match=message):
        nlstm.set_device(device)
    assert nlstm.get_device() == devices.DEFAULT[0]


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:1", "", None, 1])
def test_other_names_are_errors(name):
    with pytest.raises(ValueError, match='device must be .*"auto"; got'):
        nlstm.set_device(name)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch, with_package):
    driver(monkeypatch, 0, ["A", "B"])
    assert devices.checked_device("auto") == "cuda"
    assert devices.checked_device("cuda:0") == "cuda"
    assert devices.checked_device("cuda:01") == "cuda:1"
    gpus.found.cache_clear()
    driver(monkeypatch, gpus.NO_DEVICE)
    assert devices.checked_device("auto") == "cpu"


def test_choices_lie_inside_each_other(monkeypatch, with_package):
    driver(monkeypatch, 0, ["A", "B"])
    nlstm.set_device("cuda:1")
    assert seed().device == "cuda:1"
    with nlstm.device("cpu"):
        assert nlstm.get_device() == seed().device == "cpu"
        assert seed(device="cuda").device == "cuda"
    assert nlstm.get_device() == "cuda:1"
    nlstm.set_device("auto")
    assert nlstm.get_device() == "cuda"


@pytest.mark.parametrize("make", [seed, lambda **options: Model(*ends(), **options)])
def test_models_know_their_device(make):
    model = make(device="cpu")
    assert model.device == "cpu"
    assert "device" not in model.get_config()
    assert model.to("cpu") is model
    assert copy.deepcopy(model).device == pickle.loads(pickle.dumps(model)).device == "cpu"
    assert clone_model(model).device == "cpu"


def test_models_inside_are_on_the_device_of_the_model_around(monkeypatch, with_package):
    driver(monkeypatch, 0, ["A"])
    inner = seed(device="cuda", name="inner")
    with pytest.raises(ValueError, match=r"inner computes on cuda, .* inner.to\('cpu'\) moves it"):
        Sequential([inner], device="cpu")
    inner.to("cpu")
    outer = Sequential([inner], device="cpu")
    outer.to("cuda")
    assert inner.device == outer.device == "cuda"


@pytest.mark.parametrize(
    "value, message", [("tpu", "NLSTM_DEVICE in the environment: device must"), ("", None)]
)
def test_the_environment_chooses(value, message):
    code = "import sys, nlstm; assert 'numba.cuda' not in sys.modules; print(nlstm.get_device())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"NLSTM_DEVICE": value},
    )
    if message is None:
        assert done.stdout == "cpu\n", done.stderr
    else:
        assert message in done.stderr and "Traceback" in done.stderr


def test_info_lists_gpus(monkeypatch, with_package, capsys):
    from nlstm.__main__ import main

    driver(monkeypatch, 0, ["NVIDIA A", "NVIDIA B"])
    main(["info"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split(maxsplit=2)[2] == "NVIDIA B, 80 GiB, compute capability 9.0"
    assert lines[-3].startswith("numba-cuda")
    gpus.found.cache_clear()
    driver(monkeypatch, gpus.NO_DEVICE)
    main(["info"])
    assert "sees no GPU" in capsys.readouterr().out.splitlines()[-1]


def test_warmup_takes_a_device(monkeypatch, capsys):
    from nlstm.__main__ import main

    seen = []
    monkeypatch.setattr(nlstm, "warmup", lambda: seen.append(nlstm.get_device()))
    main(["warmup"])
    main(["warmup", "--device", "cpu"])
    assert seen[1] == "cpu" and len(seen) == 2
    monkeypatch.setattr(gpus, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="numba-cuda is not installed"):
        main(["warmup", "--device", "cuda"])


def test_streams_of_the_cpu_read_the_weights_themselves():
    model = seed(device="cpu")
    stream = model.stream()
    assert repr(stream) == "<Stream (1, 2) -> (1, 1), 2 layers that compute>"
    model.set_weights([np.zeros_like(one) for one in model.get_weights()])
    assert stream.step([1.0, 2.0])[0, 0] == 0.0
