"""Batches that suit a loss or a metric, in float64."""

import numpy as np

KINDS = ("real", "positive", "shares", "logits", "onehot", "onehot logits", "sparse",
         "sparse logits", "binary", "binary logits", "signs", "digits")  # fmt: skip


def batch(kind, rows, steps, features, seed):
    """Return y and p: (rows, features), or (rows, steps, features) where there are steps."""
    rng = np.random.default_rng(seed)
    shape = (rows, features) if steps is None else (rows, steps, features)
    y, p = rng.normal(size=(2, *shape))
    if kind == "positive" or kind == "shares" or "onehot" in kind or "sparse" in kind:
        y, p = rng.uniform(0.1, 0.9, (2, *shape))
    if kind == "shares":
        y /= y.sum(axis=-1, keepdims=True)
    if kind == "binary":
        p = rng.uniform(0.02, 0.98, shape)
    if kind.startswith("binary"):
        y = rng.integers(0, 2, shape).astype(float)
    if kind == "signs":
        y = rng.choice([-1.0, 1.0], shape)
    if kind == "digits":
        y, p = rng.integers(0, 3, (2, *shape)).astype(float)
    if kind.startswith(("onehot", "sparse")):
        classes = rng.integers(0, features, shape[:-1])
        y = np.eye(features)[classes] if kind.startswith("onehot") else classes.astype(float)
    if kind in ("shares", "onehot", "sparse"):
        p /= p.sum(axis=-1, keepdims=True)
    if kind.endswith("logits"):
        p = 2 * rng.normal(size=shape)
    return y, p


def sample_weight(kind, rows, steps, seed):
    """Return weights: "none", "one", for the "rows", or for "each" step of each row.

    Eighths, which float32 holds exactly: Keras on PyTorch makes the sums of AUC in float32.
    """
    if kind == "none":
        return None
    if kind == "one":
        return np.array(seed % 5 / 4)
    shape = (rows,) if steps is None or kind == "rows" else (rows, steps)
    return np.maximum(np.random.default_rng(seed + 7).integers(-2, 17, shape), 0) / 8
