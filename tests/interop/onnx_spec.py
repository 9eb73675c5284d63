"""Recurrent nodes as ONNX defines them, in NumPy: the onnx package's own know no lengths.

https://onnx.ai/onnx/operators/onnx__LSTM.html and beside it.
"""

import numpy as np
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

# By word: the function, and the defaults of alpha and beta where it takes them.
ACTIVATIONS = {
    "affine": (lambda x, a, b: a * x + b, (1.0, 0.0)),
    "elu": (lambda x, a: np.where(x >= 0, x, a * np.expm1(np.minimum(x, 0))), (1.0,)),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), (0.2, 0.5)),
    "leakyrelu": (lambda x, a: np.where(x >= 0, x, a * x), (0.01,)),
    "relu": (lambda x: np.maximum(x, 0), ()),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), ()),
    "softplus": (lambda x: np.logaddexp(x, 0), ()),
    "softsign": (lambda x: x / (1 + np.abs(x)), ()),
    "tanh": (np.tanh, ()),
}


class Recurrent(OpRun):
    op_domain = ""
    states, per, defaults = 1, 1, ("Tanh",)

    def functions(self):
        """Return the activations, those of each direction behind each other."""
        count = 2 if self.word("direction") == "bidirectional" else 1
        names = self.words("activations") or list(self.defaults) * count
        numbers = [
            list(getattr(self, f"activation_{one}", None) or []) for one in ("alpha", "beta")
        ]
        found = []
        for name in names:
            function, defaults = ACTIVATIONS[name.lower()]
            own = [rest.pop(0) if rest else one for rest, one in zip(numbers, defaults)]
            found.append(lambda x, function=function, own=own: function(x, *own))
        return [found[n * self.per : (n + 1) * self.per] for n in range(count)]

    def word(self, name):
        value = getattr(self, name, None) or "forward"
        return value.decode() if isinstance(value, bytes) else value

    def words(self, name):
        given = getattr(self, name, None) or []
        return [one.decode() if isinstance(one, bytes) else one for one in given]

    def pass_over(self, X, lengths, initial, step):
        """Run one direction of rows of unlike lengths."""
        T, N = X.shape[:2]
        H = initial[0].shape[1]
        Y, ends = np.zeros((T, N, H), X.dtype), [np.zeros_like(one) for one in initial]
        for n in range(N):
            states = [one[n : n + 1] for one in initial]
            for t in range(lengths[n]):
                states = step(X[t, n : n + 1], states)
                Y[t, n] = states[0][0]
            for end, state in zip(ends, states):
                end[n] = state[0] if lengths[n] else 0  # what a runtime gives where there is none
        return Y, ends

    def outputs(self, X, W, R, B, lengths, initial, P=None):
        T, N = X.shape[:2]
        D, H = W.shape[0], R.shape[-1]
        lengths = np.full(N, T) if lengths is None else lengths
        B = np.zeros((D, 2 * W.shape[1]), X.dtype) if B is None else B
        initial = [np.zeros((D, N, H), X.dtype) if one is None else one for one in initial]
        Ys, ends = [], []
        direction = self.word("direction")
        for d, functions in enumerate(self.functions()):
            p = None if P is None else P[d]
            step = self.step(W[d], R[d], B[d], p, functions)
            backwards = direction == "reverse" or d == 1
            turned = [np.r_[np.arange(m)[::-1], np.arange(m, T)] for m in lengths]
            order = np.stack(turned if backwards else [np.arange(T)] * N, 1)[..., None]
            Y, states = self.pass_over(
                np.take_along_axis(X, order, 0), lengths, [one[d] for one in initial], step
            )
            Ys.append(np.take_along_axis(Y, order, 0))
            ends.append(states)
        found = [np.stack(Ys, 1), *(np.stack(one) for one in zip(*ends))]
        return tuple(found[: len(self.onnx_node.output)])


class LSTM(Recurrent):
    per, defaults = 3, ("Sigmoid", "Tanh", "Tanh")

    def step(self, W, R, B, P, functions):
        f, g, h = functions
        H = R.shape[1]
        i_, o_, f_ = np.split(np.zeros(3 * H) if P is None else P, 3)

        def step(x, states):
            before, c = states
            i, o, fg, k = np.split(x @ W.T + before @ R.T + B[: 4 * H] + B[4 * H :], 4, 1)
            new = f(fg + f_ * c) * c + f(i + i_ * c) * g(k)
            return [f(o + o_ * new) * h(new), new]

        return step

    def _run(
        self, X, W, R, B=None, sequence_lens=None, initial_h=None, initial_c=None, P=None, **_
    ):
        return self.outputs(X, W, R, B, sequence_lens, [initial_h, initial_c], P)


class GRU(Recurrent):
    per, defaults = 2, ("Sigmoid", "Tanh")

    def step(self, W, R, B, P, functions):
        f, g = functions
        H = R.shape[1]
        Wb, Rb = B[: 3 * H], B[3 * H :]

        def step(x, states):
            (before,) = states
            zx, rx, hx = np.split(x @ W.T + Wb, 3, 1)
            zh, rh, hh = np.split(before @ R.T + Rb, 3, 1)
            z, r = f(zx + zh), f(rx + rh)
            if getattr(self, "linear_before_reset", 0):
                new = g(hx + r * hh)
            else:
                new = g(hx + (r * before) @ R[2 * H :].T + Rb[2 * H :])
            return [(1 - z) * new + z * before]

        return step

    def _run(self, X, W, R, B=None, sequence_lens=None, initial_h=None, **_):
        return self.outputs(X, W, R, B, sequence_lens, [initial_h])


class RNN(Recurrent):
    def step(self, W, R, B, P, functions):
        H = R.shape[1]
        return lambda x, s: [functions[0](x @ W.T + s[0] @ R.T + B[:H] + B[H:])]

    def _run(self, X, W, R, B=None, sequence_lens=None, initial_h=None, **_):
        return self.outputs(X, W, R, B, sequence_lens, [initial_h])


def answered(model, feeds):
    """Return what the reference evaluator gives for a model, in the model's own dtype."""
    return ReferenceEvaluator(model, new_ops=[LSTM, GRU, RNN]).run(None, feeds)
