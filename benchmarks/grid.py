"""The nine shapes that speed is judged by, their operations and their data."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shape:
    """A stack of LSTM layers under a Dense(1): N rows, T steps, F features, H units."""

    name: str
    N: int
    T: int
    F: int
    H: int
    layers: int
    # The seed script puts Dense(1) on every step and lets y of (N, 1) broadcast over them.
    # All others put it on the last step.
    every_step: bool = False

    def __str__(self):
        return f"{self.name} {self.N},{self.T},{self.F},{self.H},{self.layers}"

    @property
    def step_flops(self) -> int:
        """Floating-point operations in the matrix products of one training step, head not counted.

        A layer reads F values a step. Forward: 2 T N 4H (F + H). Backward: the same again for the
        weights' gradients, and 2 T N 4H H for the recurrent state's. A layer above the first also
        owes its input a gradient, 2 T N 4H F; the first does not, as nobody asks for it.
        Activations, biases and Adam are left out, so the figure is a floor.
        """
        flops = 0
        for layer in range(self.layers):
            F = self.H if layer else self.F
            flops += 2 * self.T * self.N * 4 * self.H * (2 * (F + self.H) + self.H)
            flops += 2 * self.T * self.N * 4 * self.H * F if layer else 0
        return flops

    @property
    def predict_flops(self) -> int:
        """Floating-point operations in the matrix products of one forward pass."""
        inputs = [self.F] + [self.H] * (self.layers - 1)
        return sum(2 * self.T * self.N * 4 * self.H * (F + self.H) for F in inputs)

    @property
    def parameters(self) -> int:
        """Weights and biases of the LSTM layers and the Dense(1) above them."""
        inputs = [self.F] + [self.H] * (self.layers - 1)
        return sum(4 * self.H * (F + self.H + 1) for F in inputs) + self.H + 1

    @property
    def steps_per_epoch(self) -> int:
        """Batches in the data: many where a step is short, to spread an epoch's own cost."""
        if self.step_flops > 2e9:
            return 8
        return 16 if self.step_flops > 2e8 else 48

    def data(self, batches: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Make x (rows, T, F) and y (rows, 1), float32, the same on every call."""
        rows = self.N * (batches or self.steps_per_epoch)
        generator = np.random.default_rng(0)
        x = generator.random((rows, self.T, self.F), dtype=np.float32)
        return x, generator.random((rows, 1), dtype=np.float32)


GRID = {
    shape.name: shape
    for shape in (
        Shape("seed", 32, 20, 10, 50, 1, every_step=True),
        Shape("darts", 32, 24, 1, 25, 1),
        Shape("weather", 256, 120, 7, 32, 1),
        Shape("forecast2", 128, 72, 8, 128, 2),
        Shape("hydro", 256, 365, 5, 128, 1),
        Shape("long", 16, 2000, 8, 64, 1),
        Shape("hydrowide", 256, 365, 32, 256, 1),
        Shape("speech", 64, 50, 500, 500, 1),
        Shape("wide", 64, 25, 1024, 1024, 1),
    )
}
