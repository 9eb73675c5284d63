"""PyTorch as `benchmarks/compare.py` drives it."""

import pytest

from benchmarks.grid import Shape
from benchmarks.peers.contenders import build
from tests.parity.peers import torch


@pytest.mark.parametrize("name, dtype", [("torch", "float32"), ("torch-bfloat16", "bfloat16")])
def test_precision_is_that_of_the_name_forward_and_of_no_weight(name, dtype):
    contender = build(name, Shape("tiny", 2, 3, 4, 5, 1), torch.get_num_threads(), "cpu")
    found = []
    contender.head.register_forward_hook(lambda *given: found.append(given[-1].dtype))
    steps, calls = contender.train(1), contender.predict(2)
    assert found == [getattr(torch, dtype)] * (steps + calls)
    assert {one.dtype for one in contender.lstm.parameters()} == {torch.float32}
    assert {one.grad.dtype for one in contender.lstm.parameters()} == {torch.float32}
