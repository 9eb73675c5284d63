"""Weights that come from PyTorch's modules and go back to them."""

import numpy as np
import pytest

from nlstm import Input, Model, Sequential
from nlstm.interop.torch_state import load_torch_state, torch_state
from nlstm.layers import LSTM, Bidirectional, Dense, SimpleRNN
from tests.parity.peers import torch

X = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
MODULES = {
    "lstm": (lambda: torch.nn.LSTM(2, 4, batch_first=True), lambda **o: LSTM(4, **o)),
    "deep": (
        lambda: torch.nn.LSTM(2, 4, num_layers=2, batch_first=True),
        lambda **o: LSTM(4, num_layers=2, **o),
    ),
    "projected": (
        lambda: torch.nn.LSTM(2, 4, proj_size=3, batch_first=True),
        lambda **o: LSTM(4, proj_size=3, **o),
    ),
    "both ways": (
        lambda: torch.nn.LSTM(2, 4, bidirectional=True, batch_first=True),
        lambda **o: Bidirectional(LSTM(4, **o)),
    ),
    "simple": (lambda: torch.nn.RNN(2, 4, batch_first=True), lambda **o: SimpleRNN(4, **o)),
}


@pytest.mark.parametrize("kind", MODULES)
def test_recurrent_modules(kind):
    torch.manual_seed(0)
    make, twin = MODULES[kind]
    module, layer = make(), twin(return_sequences=True)
    x = Input((None, 2))
    model = Model(x, layer(x))
    model.build()
    load_torch_state(layer, module.state_dict())
    expected = module(torch.from_numpy(X))[0].detach().numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-6)
    other = make()
    other.load_state_dict({k: torch.from_numpy(v) for k, v in torch_state(layer).items()})
    np.testing.assert_allclose(other(torch.from_numpy(X))[0].detach(), expected, atol=1e-6)


def test_linear():
    module = torch.nn.Linear(2, 3)
    model = Sequential([Dense(3, input_shape=(None, 2))])
    model.build()
    load_torch_state(model.layers[0], module.state_dict())
    expected = module(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-6)
