"""Stochastic weight averaging beside torch.optim.swa_utils: the same steps, averages and rates."""

import numpy as np

import nlstm
from nlstm.callbacks import LambdaCallback, StochasticWeightAveraging
from nlstm.layers import BatchNormalization, Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD
from tests.parity.peers import torch

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)), RNG.normal(size=(24, 1))
START, EPOCHS, ROWS = 2, 7, 8


def batches():
    return [tuple(torch.tensor(one[at : at + ROWS]) for one in (X, Y)) for at in range(0, 24, ROWS)]


def twin_of(model):
    twin = torch.nn.Sequential(
        torch.nn.Linear(3, 5),
        torch.nn.Tanh(),
        torch.nn.BatchNorm1d(5, eps=1e-3, momentum=0.01),
        torch.nn.Linear(5, 1),
    ).double()
    W, b, *_, V, c = model.get_weights()
    with torch.no_grad():
        for to, value in zip(twin[0].parameters(), (W.T, b), strict=True):
            to.copy_(torch.tensor(value))
        for to, value in zip(twin[3].parameters(), (V.T, c), strict=True):
            to.copy_(torch.tensor(value))
    return twin


def test_weights_statistics_and_learning_rates():
    nlstm.set_random_seed(0)
    layers = Dense(5, activation="tanh"), BatchNormalization(), Dense(1)
    model = Sequential(layers, dtype="float64")
    model.build((None, 3))
    model.compile(SGD(0.1), "mse")
    twin, rates = twin_of(model), []
    averaging = StochasticWeightAveraging(START, learning_rate=0.02, anneal_epochs=3)
    note = LambdaCallback(
        on_epoch_begin=lambda *_: rates.append(float(model.optimizer.learning_rate))
    )
    model.fit(X, Y, ROWS, EPOCHS, verbose=0, shuffle=False, callbacks=[averaging, note])

    optimizer = torch.optim.SGD(twin.parameters(), 0.1)
    mean = torch.optim.swa_utils.AveragedModel(twin)
    schedule = torch.optim.swa_utils.SWALR(optimizer, 0.02, anneal_epochs=3)
    optimizer.param_groups[0]["lr"] = 0.1
    expected = []
    for epoch in range(EPOCHS):
        if epoch > START:
            schedule.step()
        expected.append(optimizer.param_groups[0]["lr"])
        for x, y in batches():
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(twin(x), y).backward()
            optimizer.step()
        if epoch >= START:
            mean.update_parameters(twin)
    torch.optim.swa_utils.update_bn(batches(), mean)
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    first, _, normal, last = mean.module
    unbiased = ROWS / (ROWS - 1)  # PyTorch keeps that variance, Keras and nlstm that of the batch
    found = [
        first.weight.T,
        first.bias,
        normal.weight,
        normal.bias,
        normal.running_mean,
        normal.running_var / unbiased,
        last.weight.T,
        last.bias,
    ]
    for ours, theirs in zip(model.get_weights(), found, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)
