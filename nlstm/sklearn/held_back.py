"""What training does not see: rows and windows held back, and what comes after a step."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from nlstm.arguments.checks import checked_integer
from nlstm.windows import Windows
from nlstm.windows.several import Several

__all__ = ["cut", "drawn", "parted"]


def drawn(
    rows: np.ndarray, share: float, labels: np.ndarray | None, random_state: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to train on and rows held back, of each label as many where there are enough."""
    stratify = None
    if labels is not None:
        counts = np.unique(labels[rows], return_counts=True)[1]
        enough = min(share, 1 - share) * rows.size >= counts.size and counts.min() > 1
        stratify = labels[rows] if enough else None
    if np.ceil(share * rows.size) >= rows.size:
        raise ValueError(
            f"validation_fraction={share} of {rows.size} rows leaves none to train on: "
            "early_stopping=False holds none back."
        )
    random = check_random_state(random_state)
    return train_test_split(rows, test_size=share, random_state=random, stratify=stratify)


def parted(windows: Windows, share: float) -> tuple[Windows, Windows]:
    """Return windows to train on, and the latest of each series, whose targets are others."""
    origins, owners = windows.origins, windows.series_index
    cuts = np.zeros(owners.max() + 1)
    for owner in np.unique(owners):
        cuts[owner] = np.quantile(origins[owners == owner], 1.0 - share)
    cuts = cuts[owners]
    early, late = origins + windows.horizon <= cuts, origins >= cuts
    if not early.any():
        raise ValueError(
            f"validation_fraction={share} of {len(windows)} windows leaves none to train on: "
            "early_stopping=False holds none back."
        )
    return windows.part(early), windows.part(late)


def cut(several: Several, steps: np.ndarray) -> Several:
    """Return the series before a step of each."""
    for name, step in zip(several.names, steps.tolist(), strict=True):
        checked_integer(f"start, in {name},", step, 1)
    arrays, given = [], []
    for one, came, step in zip(several.arrays, several.given, steps.tolist(), strict=True):
        arrays.append(one[:step])
        dates = None if came.dates is None else came.dates.first(step)
        given.append(came._replace(dates=dates))
    return several._replace(arrays=arrays, given=given)
