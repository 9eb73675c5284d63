"""Japanese vowels: sequences of unlike length to classify."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["japanese_vowels"]

Part = tuple[np.ndarray, np.ndarray, np.ndarray]

FILE = Path(__file__).parent / "japanese_vowels.npz"


def japanese_vowels() -> tuple[Part, Part]:
    """Read 640 utterances of the vowels "ae" by nine speakers; the task is to name the speaker.

    Returns
    -------
    train, test : tuple of (x, y, lengths), 270 and 370 utterances
        x : ndarray(float64), shape (N, 29, 12)
            Twelve LPC cepstrum coefficients (no unit) at 7 to 29 steps. Steps from `lengths`
            on are 0 in every coefficient, and no step before them is.
        y : ndarray(int64), shape (N,)
            The speaker, 0 to 8.
        lengths : ndarray(int64), shape (N,)
            Number of steps that were spoken.

    References
    ----------
    Kudo, Toyama & Shimbo 1999; UCI Machine Learning Repository, "Japanese Vowels", CC BY 4.0.
    """
    with np.load(FILE, allow_pickle=False) as arrays:
        return _read_part(arrays, "train"), _read_part(arrays, "test")


def _read_part(arrays: Mapping[str, np.ndarray], part: str) -> Part:
    lengths = arrays[f"lengths_{part}"].astype(np.int64)
    millionths = arrays[f"steps_{part}"]
    x = np.zeros((len(lengths), 29, millionths.shape[1]))
    spoken = np.arange(29) < lengths[:, None]
    x[spoken] = millionths / 1e6
    return x, arrays[f"labels_{part}"].astype(np.int64), lengths
