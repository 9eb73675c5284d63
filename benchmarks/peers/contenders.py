"""One library, one shape, one process: builds the model, then trains or predicts when told to.

`python -m benchmarks.peers.contenders NAME SHAPE` reads lines of JSON ({"do": "train", "seconds":
2}) and answers each with one ({"ms": 1.7}). In between it is idle, so several of them can take
turns on the same cores. `compare.py` runs them.

All train the same network on the same float32 data: LSTM layers under Dense(1), mean squared
error, Adam at 0.001. nlstm goes through its public `fit` and `predict` with their defaults. A peer
gets its fastest usual loop: PyTorch a bare loop over tensors made before, in order, with fused
Adam; Keras whichever of `fit` and `train_on_batch` (`predict` and `predict_on_batch`), compiled by
XLA or not, is the fastest in a trial run.

A name that ends in "-bfloat16" is the library's own way there: `nlstm.set_matmul_precision`,
`torch.autocast` around forward pass and loss, Keras's policy "mixed_bfloat16".
"""

import argparse
import contextlib
import itertools
import json
import math
import os
import sys
import time

from benchmarks.grid import GRID, Shape
from benchmarks.peers.processes import TITLES, processors, stay_on_cores, versions_of


class Nlstm:
    """nlstm by its public door."""

    def __init__(self, shape: Shape, threads: int, device: str, bfloat16: bool):
        import nlstm
        from benchmarks.machine.models import compiled_model
        from nlstm.kernels.operations import DEFAULT

        nlstm.set_num_threads(threads)
        DEFAULT[0] = device
        self.how = {"train": "fit", "predict": "predict"}
        nlstm.set_matmul_precision("bfloat16" if bfloat16 else "float32")
        self.versions = versions_of("nlstm", "numba", "numpy")
        self.shape = shape
        self.x, self.y = shape.data()
        self.model = compiled_model(shape)
        if self.model.matmul_precision == "bfloat16":
            self.how["bfloat16"] = nlstm.kernels.describe()["bfloat16_products"]
        self.train(1)
        self.predict(1)

    def train(self, epochs):
        self.model.fit(self.x, self.y, batch_size=self.shape.N, epochs=epochs, verbose=0)
        return epochs * self.shape.steps_per_epoch

    def predict(self, calls):
        x = self.x[: self.shape.N]
        for _ in range(calls):
            self.model.predict(x, batch_size=self.shape.N, verbose=0)
        return calls


class Torch:
    """PyTorch: nn.LSTM, a loop over slices of tensors, fused Adam."""

    how = {"train": "loop, fused Adam", "predict": "inference_mode"}

    def __init__(self, shape: Shape, threads: int, device: str, tf32: bool, bfloat16: bool):
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        self.wait = torch.cuda.synchronize if device == "cuda" else lambda: None
        # One object for all steps: it can be entered again.
        autocast = torch.autocast("cpu", torch.bfloat16) if bfloat16 else contextlib.nullcontext()
        self.torch, self.shape, self.autocast = torch, shape, autocast
        self.versions = {"torch": torch.__version__}
        self.lstm = torch.nn.LSTM(shape.F, shape.H, shape.layers, batch_first=True).to(device)
        self.head = torch.nn.Linear(shape.H, 1).to(device)
        parameters = [*self.lstm.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=0.001, fused=True)
        x, y = (torch.from_numpy(array).to(device) for array in shape.data())
        if shape.every_step:
            y = y[:, None, :].expand(-1, shape.T, -1)
        self.batches = list(zip(x.split(shape.N), y.split(shape.N), strict=True))
        self.train(1)
        self.predict(1)

    def forward(self, x):
        outputs, _ = self.lstm(x)
        return self.head(outputs if self.shape.every_step else outputs[:, -1])

    def train(self, epochs):
        for _ in range(epochs):
            for x, y in self.batches:
                self.optimizer.zero_grad(set_to_none=True)
                with self.autocast:
                    loss = self.torch.nn.functional.mse_loss(self.forward(x), y)
                loss.backward()
                self.optimizer.step()
        self.wait()
        return epochs * len(self.batches)

    def predict(self, calls):
        x, _ = self.batches[0]
        with self.torch.inference_mode(), self.autocast:
            for _ in range(calls):
                self.forward(x)
        self.wait()
        return calls


class Keras:
    """Keras 3 on JAX or TensorFlow, in the fastest way of those it has."""

    def __init__(self, shape: Shape, threads: int, backend: str, bfloat16: bool):
        os.environ["KERAS_BACKEND"] = backend
        packages = ["jax"] if backend == "jax" else ["tensorflow", "tensorflow-cpu"]
        if backend == "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        import keras

        if bfloat16:
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        keras.utils.set_random_seed(0)
        self.keras, self.shape = keras, shape
        self.versions = {"keras": keras.__version__} | versions_of(*packages)
        self.x, self.y = shape.data()
        self.how = {}
        # JAX always goes through XLA; for an LSTM on TensorFlow Keras itself would not choose it.
        compilers = [True] if backend == "jax" else [True, False]
        self.train = self._fastest("train", [self._train_on_batch, self._fit], compilers)
        self.predict = self._fastest("predict", [self._predict_on_batch, self._predict], compilers)

    def _fastest(self, what, ways, compilers):
        trials = {}
        for way, jit_compile in itertools.product(ways, compilers):
            name = way.__name__.lstrip("_") + (", XLA" if jit_compile else "")
            try:
                model = self._model(jit_compile)
                run = way(model, 2)
                run(1)
                seconds_per_step = _seconds_per_step(run, 0)
                if seconds_per_step < 0.25:
                    run = way(model, self.shape.steps_per_epoch)
                    seconds_per_step = _seconds_per_step(run, 0.5)
            except Exception as error:  # XLA has no form of some op in some versions
                print(f"{name}: {error!r}", file=sys.stderr)
                continue
            trials[name] = (seconds_per_step, way(model, self.shape.steps_per_epoch))
        if not trials:
            raise RuntimeError(f"Keras cannot {what} this shape in any way")
        name = min(trials, key=lambda name: trials[name][0])
        self.how[what] = name
        return trials[name][1]

    def _model(self, jit_compile):
        shape, layers = self.shape, self.keras.layers
        stack = [layers.Input((shape.T, shape.F))]
        for layer in range(shape.layers):
            inner = layer < shape.layers - 1
            stack.append(layers.LSTM(shape.H, return_sequences=inner or shape.every_step))
        model = self.keras.Sequential([*stack, layers.Dense(1)])
        model.compile(optimizer="adam", loss="mean_squared_error", jit_compile=jit_compile)
        return model

    def _fit(self, model, steps):
        x, y = (array[: steps * self.shape.N] for array in (self.x, self.y))

        def run(epochs):
            model.fit(x, y, batch_size=self.shape.N, epochs=epochs, shuffle=False, verbose=0)
            return epochs * steps

        return run

    def _train_on_batch(self, model, steps):
        rows = [slice(i * self.shape.N, (i + 1) * self.shape.N) for i in range(steps)]
        batches = [(self.x[some], self.y[some]) for some in rows]

        def run(epochs):
            for _ in range(epochs):
                for x, y in batches:
                    model.train_on_batch(x, y)
            return epochs * steps

        return run

    def _predict(self, model, _):
        x = self.x[: self.shape.N]

        def run(calls):
            for _ in range(calls):
                model.predict(x, batch_size=self.shape.N, verbose=0)
            return calls

        return run

    def _predict_on_batch(self, model, _):
        x = self.x[: self.shape.N]

        def run(calls):
            for _ in range(calls):
                model.predict_on_batch(x)
            return calls

        return run


def build(name: str, shape: Shape, threads: int, device: str):
    """Make the contender of this name, its data in memory, compiled and warm."""
    library, bfloat16 = name.removesuffix("-bfloat16"), name.endswith("-bfloat16")
    if library == "nlstm":
        return Nlstm(shape, threads, device, bfloat16)
    if library.startswith("torch"):
        return Torch(shape, threads, device, library.endswith("tf32"), bfloat16)
    return Keras(shape, threads, library.removeprefix("keras-"), bfloat16)


def _seconds_per_step(run, seconds):
    """Run whole epochs (or calls) for about so many seconds; `run` gives the steps it took."""
    start = time.perf_counter()
    steps = run(1)
    elapsed = time.perf_counter() - start
    if elapsed >= seconds:
        return elapsed / steps
    more = math.ceil(seconds / elapsed)
    start = time.perf_counter()
    steps = run(more)
    return (time.perf_counter() - start) / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=TITLES)
    parser.add_argument("shape", choices=GRID)
    parser.add_argument("--threads", type=int, default=min(2, len(processors())))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    stay_on_cores(options.threads)
    # Libraries chat on stdout; the answers go to a copy of it, the chat to stderr.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    try:
        contender = build(options.name, GRID[options.shape], options.threads, options.device)
    except ModuleNotFoundError as error:
        if options.name.startswith("nlstm"):
            raise
        answer(absent=str(error))
        return
    answer(versions=contender.versions, how=contender.how)
    for line in sys.stdin:
        order = json.loads(line)
        run = getattr(contender, order["do"])
        answer(ms=1e3 * _seconds_per_step(run, order["seconds"]))


if __name__ == "__main__":
    main()
