"""Attributions beside captum's, on the same network in PyTorch."""

import numpy as np
import pytest

import nlstm
from nlstm.inspection import attribute
from nlstm.layers import LSTM, Bidirectional, Dense, Embedding
from tests.parity.peers import peer, torch

captum = peer("captum.attr")

STEPS, FEATURES, UNITS, TOKENS = 12, 5, 8, 11
LIMIT = 1e-4
DTYPES = ("float32", "float64")
# captum's own warnings come from inside it
pytestmark = pytest.mark.filterwarnings(r"ignore:::captum($|\..*)")


class Twin(torch.nn.Module):
    """An LSTM, of one or both directions, and a dense layer, with the weights of a model."""

    def __init__(self, model, dtype, both=False, tokens=False):
        super().__init__()
        weights = [torch.tensor(one) for one in model.get_weights()]
        kind = {"dtype": getattr(torch, dtype)}
        self.embedding = None
        if tokens:
            self.embedding = torch.nn.Embedding(TOKENS, FEATURES, **kind)
            self.embedding.weight.data = weights.pop(0)
        options = {"batch_first": True, "bidirectional": both, **kind}
        self.lstm = torch.nn.LSTM(FEATURES, UNITS, **options)
        for suffix in ["l0", "l0_reverse"][: 1 + both]:
            kernel, recurrent, bias = (weights.pop(0) for _ in range(3))
            getattr(self.lstm, f"weight_ih_{suffix}").data = kernel.T.contiguous()
            getattr(self.lstm, f"weight_hh_{suffix}").data = recurrent.T.contiguous()
            getattr(self.lstm, f"bias_ih_{suffix}").data = bias
            getattr(self.lstm, f"bias_hh_{suffix}").data.zero_()
        self.dense = torch.nn.Linear(UNITS * (1 + both), 3, **kind)
        self.dense.weight.data, self.dense.bias.data = weights[0].T.contiguous(), weights[1]

    def forward(self, x):
        y, (h, _) = self.lstm(x if self.embedding is None else self.embedding(x))
        return self.dense(torch.cat(tuple(h), dim=1))


def pair(dtype="float64", both=False, tokens=False):
    """Return a model with random weights, its twin, and data."""
    layer = Bidirectional(LSTM(UNITS)) if both else LSTM(UNITS)
    first = Embedding(TOKENS, FEATURES) if tokens else nlstm.Input((STEPS, FEATURES), dtype=dtype)
    model = nlstm.Sequential([first, layer, Dense(3)], dtype=dtype)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, STEPS, FEATURES)).astype(dtype)
    if tokens:
        x = rng.integers(0, TOKENS, (6, STEPS))
    model.predict(x, verbose=0)
    model.set_weights([rng.normal(scale=0.4, size=one.shape) for one in model.get_weights()])
    return model, Twin(model, dtype, both, tokens), x


def compare(parity, feature, dtype, found, wanted):
    """Hold the sums over everything, over steps and over features, and each value, to the limit."""
    wanted = wanted.detach().numpy()
    with parity.configuration(feature, dtype, LIMIT) as agree:
        agree("values", found, wanted)
        for axis in range(1, found.ndim):
            agree(f"sums over axis {axis}", found.sum(axis=axis), wanted.sum(axis=axis))
        agree("sums", found.reshape(6, -1).sum(1), wanted.reshape(6, -1).sum(1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_integrated_gradients(parity, dtype, both, baseline):
    model, twin, x = pair(dtype, both)
    found = attribute(model, x, target=1, baseline=baseline, steps=50)
    explained = captum.IntegratedGradients(twin).attribute(
        torch.tensor(x), baseline, target=1, n_steps=50, return_convergence_delta=True
    )
    compare(parity, "captum, integrated gradients", dtype, found.values, explained[0])
    np.testing.assert_allclose(found.gaps, explained[1].numpy(), rtol=0, atol=LIMIT)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients(parity, dtype):
    model, twin, x = pair(dtype, both=True)
    targets = [0, 1, 2, 2, 1, 0]
    given = torch.tensor(x, requires_grad=True), torch.tensor(targets)
    found = attribute(model, x, target=targets, method="gradient")
    wanted = captum.Saliency(twin).attribute(given[0], given[1], abs=False)
    compare(parity, "captum, gradient", dtype, found.values, wanted)
    found = attribute(model, x, target=targets, method="gradient_x_input")
    wanted = captum.InputXGradient(twin).attribute(*given)
    compare(parity, "captum, gradient x input", dtype, found.values, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [(1, 1), (1, None), (None, 1), (3, 2)])
def test_occlusion(parity, dtype, window):
    model, twin, x = pair(dtype)
    sizes = tuple(size or most for size, most in zip(window, (STEPS, FEATURES)))
    found = attribute(model, x, target=2, method="occlusion", window=window, baseline=0.3)
    wanted = captum.Occlusion(twin).attribute(torch.tensor(x), sizes, baselines=0.3, target=2)
    compare(parity, "captum, occlusion", dtype, found.values, wanted)


def test_smoothgrad_is_near(parity):
    """Noise is drawn in its own way, so the means of many draws are compared."""
    model, twin, x = pair()
    found = attribute(model, x, target=0, method="smoothgrad", samples=400, noise=0.1)
    deviation = torch.tensor(0.1 * x.std(axis=(0, 1)))
    noisy = torch.tensor(x).repeat_interleave(400, 0)
    torch.manual_seed(0)
    noisy = noisy + torch.randn(noisy.shape, dtype=noisy.dtype) * deviation
    wanted = captum.Saliency(twin).attribute(noisy.requires_grad_(), target=0, abs=False)
    wanted = wanted.reshape(6, 400, STEPS, FEATURES).mean(1).detach().numpy()
    np.testing.assert_allclose(found.values, wanted, atol=0.02 * np.abs(wanted).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("baseline", [None, 4])
def test_tokens(parity, dtype, baseline):
    model, twin, x = pair(dtype, tokens=True)
    found = attribute(model, x, target=1, baseline=baseline, steps=50)
    inner, outer = twin.embedding, twin
    base = 0.0 if baseline is None else inner(torch.full(x.shape, baseline)).detach()
    outer.embedding = None
    explained = captum.IntegratedGradients(outer).attribute(
        inner(torch.tensor(x)).detach(), base, target=1, n_steps=50
    )
    compare(parity, "captum, tokens", dtype, found.values, explained.sum(dim=2))
