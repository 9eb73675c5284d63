"""The AMX tile as this machine can run it: with `tests.reference.amx` for its instructions.

All else of it is compiled: loops, addresses and the tiles' shapes are the real ones.
"""

import ctypes
import threading
from collections import Counter

import numba
import numpy as np
from llvmlite import binding, ir
from numba.core.registry import cpu_target

from nlstm.kernels.cpu.machine.jit import start_threads
from nlstm.kernels.cpu.products import tile
from nlstm.kernels.cpu.products.frame import tile_signature
from tests.kernels import test_dense, test_pairs
from tests.kernels.lstm_case import random_case, run_kernels
from tests.reference.amx import Tiles
from tests.reference.bfloat16 import rounded

ADDRESS, TILE, STRIDE = ctypes.c_size_t, ctypes.c_uint8, ctypes.c_int64
INSTRUCTIONS = {
    "ldtilecfg": [ADDRESS],
    "tileloadd64": [TILE, ADDRESS, STRIDE],
    "tilestored64": [TILE, ADDRESS, STRIDE],
    "tdpbf16ps": [TILE, TILE, TILE],
    "tilerelease": [],
}


def amx_module(triple):
    """Return the IR of what stands for the pair tile, as `product`."""
    module = ir.Module()
    module.triple = triple
    function = tile.define_tile(module, "float32", "amx_tile")
    function.name, function.linkage = "product", ""
    return module


class ModelledTile:
    """The tile's code, its `address`, and the registers of each thread that ran it."""

    def __init__(self):
        self._threads, self._faults = {}, []
        triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
        text = str(amx_module(triple))
        self._calls = {name: self._modelled(name) for name in INSTRUCTIONS}
        for name, call in self._calls.items():
            symbol = f"nlstm_model_{name}"
            binding.add_symbol(symbol, ctypes.cast(call, ctypes.c_void_p).value)
            text = text.replace(f"llvm.x86.{name}", symbol)
        target = binding.Target.from_triple(triple).create_target_machine(
            cpu=processor, features=features, opt=2
        )
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(text), target)
        self._engine.finalize_object()
        self.address = self._engine.get_function_address("product")

    def _modelled(self, name):
        def call(*arguments):
            # By the system's number: Python forgets threads of others between calls.
            tiles = self._threads.setdefault(threading.get_native_id(), Tiles())
            try:
                getattr(tiles, name)(*arguments)
            except ValueError as fault:  # which cannot leave compiled code
                self._faults.append(fault)

        return ctypes.CFUNCTYPE(None, *INSTRUCTIONS[name])(call)

    def counts(self):
        """Return how often each instruction was run since this was last asked."""
        assert not self._faults, self._faults
        found = Counter()
        for tiles in self._threads.values():
            found += tiles.counts
            tiles.counts.clear()
        return dict(found)


def check_layers():
    """Run layers with it in the pair tile's place, which stays there: in a process of their own."""
    start_threads()
    made, name = ModelledTile(), tile_signature("float32", "pair_tile")[1]
    binding.add_symbol(name, made.address)
    tile._loaded.add((np.dtype(np.float32), "pair_tile"))

    case = random_case(40, 3, 33, 50, np.float32)
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        found.append(run_kernels(case, paired=True))
        assert made.counts()["tdpbf16ps"] > 1000
    test_pairs.assert_agrees(found[0], case)
    assert all(np.array_equal(one, found[1][name]) for name, one in found[0].items())
    predicted = run_kernels(case, train=False, paired=True)
    assert np.array_equal(predicted["h"], found[0]["h"])

    x, W, b, dy = test_dense.random_case(20, 70, 45, np.float32)
    y = test_dense.run(x, W, b, dy, "linear", paired=True)["y"]
    assert np.abs(y - (rounded(x) @ rounded(W) + b)).max() < 1e-5
    assert made.counts()["tdpbf16ps"] > 100
