"""What ranks say to each other where sequences are cut, on one process."""

import numpy as np
import pytest

import nlstm
from nlstm import Sequential, layers
from nlstm.distributed.engine import Engine
from nlstm.distributed.team import Team
from nlstm.training import machines


class Recorded:
    """A communicator of one rank, which keeps what was added up."""

    rank, size = 0, 1

    def __init__(self):
        self.sent = []

    def allreduce_(self, *arrays):
        self.sent.append(arrays)

    def broadcast_(self, array):
        pass


def fitted(distribute=None, **more):
    nlstm.set_random_seed(1)
    model = Sequential([layers.LSTM(4, return_sequences=True, input_shape=(7, 2)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(16, 7, 2)).astype(np.float32)
    fit = {"batch_size": 8, "epochs": 2, "verbose": 0, "distribute": distribute}
    history = model.fit(x, x[..., :1], bptt_steps=2, **fit, **more).history
    return model.get_weights(), history, model.count_params()


@pytest.mark.filterwarnings("ignore:A batch of 8 rows")
@pytest.mark.parametrize("update, times", [("piece", 4), ("sequence", 1)])
def test_gradients_travel_once_an_update(monkeypatch, update, times):
    comm = Recorded()
    engine = Engine(Team(comm))
    monkeypatch.setitem(machines._engines, "distribute", lambda: lambda given: engine)
    weights, history, _ = fitted(bptt_update=update)
    found, its_history, size = fitted("mpi", bptt_update=update)
    for one, other in zip(found, weights, strict=True):
        np.testing.assert_allclose(one, other, 1e-5, 1e-7)
    for name, values in history.items():
        np.testing.assert_allclose(its_history[name], values, 1e-6)
    gradients = [arrays for arrays in comm.sent if len(arrays) > 1]
    assert len(gradients) == 2 * 2 * times  # epochs, batches
    assert all(arrays[1].size >= size for arrays in gradients)
