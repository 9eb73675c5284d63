"""Integrated gradients of 50 steps on 256 rows of weather, beside captum on PyTorch.

    python -m benchmarks.peers.attribution            # --rows 256 --steps 50 --rounds 7

Both in this process, with the same weights, data and number of threads, in turn; the fastest round
of each. captum takes all places of the integral at once, or in parts of `internal_batch_size` rows:
the faster one counts. It needs ``pip install captum`` beside the extra `peers`.
"""

import argparse
import time

import numpy as np
import torch
from captum.attr import IntegratedGradients

import nlstm
from nlstm.inspection import attribute
from nlstm.layers import LSTM, Dense

STEPS, FEATURES, UNITS = 120, 7, 32  # "weather" of the speed table


class Twin(torch.nn.Module):
    """The same network in PyTorch."""

    def __init__(self, model):
        super().__init__()
        kernel, recurrent, bias, dense, offset = map(torch.tensor, model.get_weights())
        self.lstm = torch.nn.LSTM(FEATURES, UNITS, batch_first=True)
        self.dense = torch.nn.Linear(UNITS, 1)
        with torch.no_grad():
            self.lstm.weight_ih_l0.copy_(kernel.T)
            self.lstm.weight_hh_l0.copy_(recurrent.T)
            self.lstm.bias_ih_l0.copy_(bias)
            self.lstm.bias_hh_l0.zero_()
            self.dense.weight.copy_(dense.T)
            self.dense.bias.copy_(offset)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


def seconds(function, rounds):
    """Return what each round took."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=nlstm.get_num_threads())
    arguments = parser.parse_args()
    nlstm.set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    nlstm.set_random_seed(0)
    model = nlstm.Sequential([LSTM(UNITS, input_shape=(STEPS, FEATURES)), Dense(1)])
    x = np.random.default_rng(0).normal(size=(arguments.rows, STEPS, FEATURES)).astype(np.float32)
    peer, given = IntegratedGradients(Twin(model)), torch.tensor(x)

    def ours():
        return attribute(model, x, steps=arguments.steps).values

    def theirs(size):
        found = peer.attribute(given, target=0, n_steps=arguments.steps, internal_batch_size=size)
        return found.detach().numpy()

    ways = {"captum, all at once": None}
    ways |= {f"captum, {size} rows at a time": size for size in (256, 1024)}
    worst = max(np.abs(ours() - theirs(size)).max() for size in ways.values())
    times = {"nlstm": [], **{name: [] for name in ways}}
    for _ in range(arguments.rounds):
        times["nlstm"] += seconds(ours, 1)
        for name, size in ways.items():
            times[name] += seconds(lambda size=size: theirs(size), 1)
    for name, found in times.items():
        print(f"{name:28} {min(found) * 1e3:9.1f} ms (median {np.median(found) * 1e3:.1f})")
    best = min(min(times[name]) for name in ways)
    print(f"largest difference of a value: {worst:.1e}")
    print(f"nlstm is {best / min(times['nlstm']):.1f} times as fast, {arguments.threads} threads")


if __name__ == "__main__":
    main()
