"""Where Keras on PyTorch will not do, and Keras on JAX is asked, in a process of its own.

Masks before the first step that counts, with an initial state: Keras on JAX gives the initial state
out there, and so does nlstm; on PyTorch and on TensorFlow it gives zeros, though the states stay.

Slopes of hard_sigmoid: PyTorch's have float32's 1 / 6 in them, in float64 too.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.parity.draws import random
from tests.parity.jax_side import called
from tests.parity.pairs import Ours, weights_for
from tests.parity.peers import peer

peer("jax")
SIDE = Path(__file__).with_name("jax_side.py")
N, T, F, H = 6, 5, 3, 4
MASKED = [  # layer, options, number of initial states
    ("LSTM", {"return_sequences": sequences, "return_state": True, "go_backwards": backwards}, 2)
    for sequences in (False, True)
    for backwards in (False, True)
] + [
    ("LSTM", {"return_sequences": True, "zero_output_for_mask": True}, 2),
    ("Bidirectional", {"return_state": True}, 4),
    ("SimpleRNN", {"return_sequences": True, "return_state": True}, 1),
    ("SimpleRNN", {"go_backwards": True}, 1),
]
HARD = {"recurrent_activation": "hard_sigmoid", "activation": "gelu"}
CASES = MASKED + [
    ("LSTM", HARD | {"return_sequences": True}, 0),
    ("LSTM", HARD | {"go_backwards": True, "use_bias": False}, 0),
    ("Dense", {"activation": "hard_sigmoid"}, 0),
    ("Activation", {"activation": "hard_sigmoid"}, 0),
]


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Return, for each case, our outputs and gradients, and those of JAX."""
    folder = tmp_path_factory.mktemp("jax")
    given = {"cases": json.dumps([[name, H, options] for name, options, _ in CASES])}
    ours = []
    for k, (name, options, states) in enumerate(CASES):
        arrays = [2.0 * random(k, N, T, F)]
        if states:
            mask = np.random.default_rng(k).random((N, T)) < 0.5
            mask[0], mask[1, 0], mask[1, -1] = False, False, False
            arrays += [mask, *(random(k + i, N, H) for i in range(states))]

        def network(L, *symbols, name=name, options=options):
            return called(L, name, H, options, symbols)

        one = Ours(network, arrays, "float64")
        weights = weights_for([parameter.shape for parameter in one.parameters], k)
        one.model.set_weights(weights)
        outputs = one.start(arrays)
        slopes = [random(k + 9, *y.shape) for y in outputs]
        inputs, gradients = one.back(slopes)
        ours.append(outputs + [dx for dx in inputs if dx is not None] + gradients)
        for letter, group in (("x", arrays), ("w", weights), ("s", slopes)):
            given |= {f"{letter}_{k}_{i}": array for i, array in enumerate(group)}
    np.savez(folder / "in.npz", **given)
    command = [sys.executable, SIDE, folder / "in.npz", folder / "out.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    found = np.load(folder / "out.npz")
    names = ("y", "dx", "dw")
    theirs = [
        [found[name] for letters in names for name in found if name.startswith(f"{letters}_{k}_")]
        for k in range(len(CASES))
    ]
    return list(zip(ours, theirs))


@pytest.mark.parametrize("k", range(len(CASES)))
def test_layer(parity, sides, k):
    ours, theirs = sides[k]
    assert len(ours) == len(theirs)
    what = "masked from the start" if k < len(MASKED) else "hard_sigmoid"
    with parity.configuration(f"{CASES[k][0]}, {what} (JAX)") as agree:
        for number, (one, other) in enumerate(zip(ours, theirs)):
            agree(f"array {number}", one, other)
