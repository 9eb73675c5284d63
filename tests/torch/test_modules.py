"""The modules as PyTorch's users handle them: state dicts, copies, files, workers, loops."""

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torch.side import called, close, drawn, nn, pair, torch

ROOT = Path(__file__).parents[2]
F, N, T = 5, 3, 6


def python(code):
    """Run code in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# The door


def test_nlstm_alone_loads_no_torch():
    assert python("import sys, nlstm; print('torch' in sys.modules)") == "False"


def test_the_door_says_what_is_missing():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n    import nlstm.torch\nexcept ImportError as error:\n    print(error)"
    )
    assert python(code) == 'nlstm.torch takes PyTorch: pip install "nlstm[torch]"'


def test_the_door_shadows_nothing():
    code = (
        "import nlstm.torch, torch, torch.nn as nn\n"
        "print(torch.__name__, nn.LSTM.__module__, issubclass(nlstm.torch.LSTM, nn.LSTM))"
    )
    assert python(code) == "torch torch.nn.modules.rnn True"


def test_the_page_of_the_api_has_every_name_and_argument():
    from nlstm import torch as door

    text = (ROOT / "docs" / "api" / "torch.rst").read_text(encoding="utf-8")
    for name in door.__all__:
        assert f".. class:: {name}(input_size, hidden_size, num_layers=1, bias=True" in text
        assert getattr(door, name).__doc__
    assert text.count(".. class::") == len(door.__all__)


# States and copies


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_state_dicts_go_both_ways(kind):
    options = {"num_layers": 2, "bidirectional": True}
    if kind == "LSTM":
        options["proj_size"] = 3
    theirs = getattr(nn, kind)(F, 6, **options)
    _, ours = pair(F, 6, kind=kind, **options)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    close(called(ours, drawn(T, N, F)), called(theirs, drawn(T, N, F)))
    ours.reset_parameters()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    close(called(ours, drawn(T, N, F)), called(theirs, drawn(T, N, F)))
    turned = {
        name: one.t().contiguous().t() if one.dim() == 2 else one.clone()
        for name, one in theirs.state_dict().items()
    }
    ours.load_state_dict(turned, assign=True)
    close(called(ours, drawn(T, N, F)), called(theirs, drawn(T, N, F)))
    assert repr(ours) == repr(theirs)


def test_copies_pickles_and_files_have_no_memory_of_the_pool():
    _, ours = pair(F, 6, 2, bidirectional=True)
    y = ours(drawn(T, N, F))[0]
    y.sum().backward()
    saved = io.BytesIO()
    torch.save(ours, saved)
    assert b"_nlstm_pool" not in saved.getvalue()
    saved.seek(0)
    for other in (
        copy.deepcopy(ours),
        copy.copy(ours),
        pickle.loads(pickle.dumps(ours)),
        torch.load(saved, weights_only=False),
    ):
        assert "_nlstm_pool" not in vars(other)
        close(other(drawn(T, N, F))[0], y, 0)


def test_other_dtypes_by_to():
    theirs, ours = pair(F, 6)
    ours(drawn(T, N, F))
    close(ours.double()(drawn(T, N, F).double())[0], theirs.double()(drawn(T, N, F).double())[0])
    close(ours.float()(drawn(T, N, F))[0], theirs.float()(drawn(T, N, F))[0])


# Errors

STATE = torch.zeros(1, N, 6)
AS_PYTORCH = {
    "features": lambda m: m(torch.zeros(N, T, F - 1)),
    "axes": lambda m: m(torch.zeros(F)),
    "rows of states": lambda m: m(torch.zeros(N, T, F), (STATE[:, :2], STATE[:, :2])),
    "units of c": lambda m: m(torch.zeros(N, T, F), (STATE, torch.zeros(1, N, 7))),
    "states of a batch": lambda m: m(torch.zeros(T, F), (STATE, STATE)),
    "states of one row": lambda m: m(torch.zeros(N, T, F), (STATE[0], STATE[0])),
    "no steps": lambda m: m(torch.zeros(N, 0, F)),
    "dropout": lambda m: type(m)(F, 6, dropout=2),
    "proj_size": lambda m: type(m)(F, 6, proj_size=6),
}


@pytest.mark.parametrize("case", AS_PYTORCH)
def test_errors_are_those_of_pytorch(case):
    found = []
    for module in pair(F, 6, batch_first=True):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            AS_PYTORCH[case](module)
        found.append((caught.type, str(caught.value)))
    assert found[0] == found[1]


def test_states_of_a_gru_are_checked_as_pytorch_does():
    found = []
    for module in pair(F, 6, kind="GRU"):
        for x, state in ((torch.zeros(T, F), STATE), (torch.zeros(T, 2, F), STATE)):
            with pytest.raises(RuntimeError) as caught:
                module(x, state)
            found.append(str(caught.value))
    assert found[:2] == found[2:]


X = torch.zeros(N, T, F)
OURS = [
    (lambda m: m(X.numpy()), TypeError, "input must be a Tensor; got ndarray"),
    (lambda m: m(X, STATE), TypeError, r"hx must be a pair of tensors, \(h_0, c_0\); got Tensor"),
    (lambda m: m(X.double()), ValueError, r"input has dtype torch.float64, .*\.to\(torch.float32"),
    (lambda m: m(X, (STATE, STATE.double())), ValueError, r"hx\[1\] has dtype torch.float64"),
    (lambda m: m(X.to("meta")), RuntimeError, "computes on the CPU, and input is on meta.*to.*cpu"),
    (lambda m: m(X, (STATE.to("meta"), STATE)), RuntimeError, r"CPU, and hx\[0\] is on meta"),
    (lambda m: m(nn.utils.rnn.pack_sequence([X[0, :, 1:]])), RuntimeError, "Expected 5, got 4"),
    (lambda m: m.to("meta")(X), RuntimeError, "CPU, and weight_ih_l0 is on meta"),
    (lambda m: m.half()(X.half()), RuntimeError, "float32 and float64, and weight_ih_l0 is .*16"),
]


@pytest.mark.parametrize("call, kind, message", OURS)
def test_errors_name_the_argument(call, kind, message):
    _, ours = pair(F, 6, batch_first=True)
    with pytest.raises(kind, match=message):
        call(ours)


# Other ways of PyTorch


def test_autocast_stays_in_float32():
    theirs, ours = pair(F, 6)
    x = drawn(T, N, F)
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(x.bfloat16())[0]
        y.sum().backward()
    assert y.dtype == torch.float32
    close(y, theirs(x.bfloat16().float())[0])


@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")
def test_what_is_exported_is_pytorchs():
    theirs, ours = pair(F, 6)
    x = drawn(T, N, F)
    try:
        torch.export.export(theirs, (x,), strict=False)
    except ValueError:
        pytest.skip("this PyTorch exports no LSTM")
    saved = torch.export.export(ours, (x,), strict=False)
    assert "aten.lstm" in str(saved.graph)
    close(saved.module()(x), theirs(x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_module():
    theirs, ours = pair(F, 6)
    x = drawn(T, N, F)
    traced = torch.jit.trace(ours, x)
    assert "aten::lstm" in str(traced.graph)
    close(traced(x), theirs(x))


def test_compiled_models_leave_the_module_to_itself():
    theirs, ours = pair(F, 6)
    model = nn.Sequential(nn.Linear(F, F), ours)
    compiled = torch.compile(model, backend="eager")
    x = drawn(T, N, F)
    close(compiled(x), theirs(model[0](x)))
    compiled(x)[0].sum().backward()
    assert ours.weight_ih_l0.grad is not None


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_of_a_data_loader(method):
    from tests.torch.worker import Encoded

    _, ours = pair(F, 16)
    encoded = Encoded(ours)
    expected = torch.stack([encoded[k] for k in range(len(encoded))])
    loader = torch.utils.data.DataLoader(
        encoded, batch_size=2, num_workers=1, multiprocessing_context=method
    )
    close(torch.cat(list(loader)), expected, 0)
    ours(drawn(T, N, F))[0].sum().backward()  # here, too


class Forecaster(nn.Module):
    """A module with the methods that Lightning calls."""

    def __init__(self, lstm):
        super().__init__()
        self.lstm, self.head = lstm, nn.Linear(lstm.hidden_size, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])

    def training_step(self, batch, number):
        x, y = batch
        return nn.functional.mse_loss(self(x), y)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.02)
        return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)


def trained(module, batches, epochs, state=None):
    """Train as Lightning's loop does; return the losses and all that a checkpoint has."""
    optimizer, schedule = module.configure_optimizers()
    if state is not None:
        for one, saved in zip((module, optimizer, schedule), state):
            one.load_state_dict(saved)
    losses = []
    for _ in range(epochs):
        module.train()
        for number, batch in enumerate(batches):

            def closure(batch=batch, number=number):
                loss = module.training_step(batch, number)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(module.parameters(), 0.5)
                return loss

            optimizer.step(closure)
        schedule.step()
        module.eval()
        with torch.no_grad():
            losses.append(sum(module.training_step(batch, 0).item() for batch in batches))
    return losses, [copy.deepcopy(one.state_dict()) for one in (module, optimizer, schedule)]


def test_a_loop_like_lightnings():
    found = []
    data = torch.utils.data.TensorDataset(drawn(12, T, F), drawn(12, 1))
    batches = list(torch.utils.data.DataLoader(data, batch_size=5))
    for lstm in pair(F, 6, num_layers=2, batch_first=True):
        torch.manual_seed(0)
        model = Forecaster(lstm)
        begun = copy.deepcopy(model)
        losses, _ = trained(model, batches, 4)
        first, state = trained(begun, batches, 2)
        begun.lstm.reset_parameters()
        rest, _ = trained(begun, batches, 2, state)
        close(torch.tensor(first + rest), torch.tensor(losses), 1e-6)
        found.append(losses)
    close(torch.tensor(found[1]), torch.tensor(found[0]), 1e-4)
    assert found[0][-1] < found[0][0]
