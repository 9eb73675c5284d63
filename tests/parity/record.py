"""What the parity suite has compared: configurations and the worst error of each feature."""

import json
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from tests.tolerances import agreement


@dataclass
class Count:
    configurations: int = 0
    worst: float = 0.0


class Record:
    """Counts by feature and dtype."""

    def __init__(self):
        self.counts = defaultdict(Count)

    @contextmanager
    def configuration(self, feature, dtype="float64", tolerance=None):
        """Give `agree(name, ours, theirs)` for the arrays of one configuration.

        The error is the largest difference, relative to the peer's largest element, at least 1.
        """
        dtype = np.dtype(dtype).name
        limit = agreement(dtype) if tolerance is None else tolerance
        count = self.counts[feature, dtype]

        def agree(name, ours, theirs):
            ours, theirs = as_array(ours), as_array(theirs)
            assert ours.shape == theirs.shape, f"{name}: shape {ours.shape}, peer {theirs.shape}"
            if not ours.size:
                return
            # Where the peer gives infinity or NaN, so must we.
            with np.errstate(invalid="ignore"):
                apart = np.abs(ours - theirs)
            apart = np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, apart)
            finite = np.abs(theirs[np.isfinite(theirs)])
            error = apart.max() / max(1.0, finite.max(initial=0.0))
            assert error <= limit, f"{name}: error {error:.3g}, allowed {limit:.3g}"
            count.worst = max(count.worst, float(error))

        yield agree
        count.configurations += 1

    def lines(self):
        """Return a line for each feature."""
        return [
            f"parity: {feature}: {count.configurations} configurations, "
            f"worst error {count.worst:.1e} ({dtype})"
            for (feature, dtype), count in sorted(self.counts.items())
        ]

    def write(self, path):
        """Write {feature: {dtype: {"configurations", "worst"}}} as JSON."""
        found = defaultdict(dict)
        for (feature, dtype), count in sorted(self.counts.items()):
            found[feature][dtype] = vars(count)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


def as_array(value):
    """Return a float64 array of an array, a tensor or a number."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, np.float64)


RECORD = Record()
