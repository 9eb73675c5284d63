"""What scalers learn from files: in passes of pieces, all columns together."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from nlstm.data.on_file import Pages

__all__ = ["Extent", "extent_of", "moments_of", "quantiles_of"]

PIECE = 1 << 20  # numbers that are looked at together
DIGITS = 16  # bits of a number that a pass for quantiles finds out
SIGN = np.uint64(1 << 63)


class Extent:
    """How many known values each column has, and the least and largest.

    Parameters
    ----------
    count, least, most : ndarray, shape (columns,)
    """

    def __init__(self, count: np.ndarray, least: np.ndarray, most: np.ndarray) -> None:
        self.count, self.least, self.most = count, least, most


def _pieces(tables: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Give all columns as float64, (columns, rows), a part at a time."""
    for table in tables:
        pages, columns = Pages(table), table.shape[-1]
        size = max(1, PIECE * len(table) // table.size)
        for row in range(0, len(table), size):
            part = table[row : row + size]
            yield np.array(part.reshape(-1, columns).T, np.float64, order="C")
            pages.touch(part.nbytes)
        pages.let_go()


def extent_of(tables: Sequence[np.ndarray]) -> Extent:
    """Return the extent of columns; raise where one has no value, or infinity."""
    columns = tables[0].shape[-1]
    count = np.zeros(columns, np.int64)
    least, most = np.full(columns, np.inf), np.full(columns, -np.inf)
    for part in _pieces(tables):
        low, high = part.min(axis=1), part.max(axis=1)
        if np.isnan(low).any():
            count += np.count_nonzero(~np.isnan(part), axis=1)
            low, high = np.fmin.reduce(part, axis=1), np.fmax.reduce(part, axis=1)
        else:
            count += part.shape[1]
        least, most = np.fmin(least, low), np.fmax(most, high)
    for column in range(columns):
        if not count[column]:
            raise ValueError(f"Column {column} holds NaN alone, so no scale can be learnt.")
        if np.isinf(least[column]) or np.isinf(most[column]):
            raise ValueError(f"Column {column} holds infinity, so no scale can be learnt.")
    return Extent(count, least, most)


def moments_of(
    tables: Sequence[np.ndarray],
    extent: Extent,
    function: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of columns, or of what `function` makes of them."""

    def values() -> Iterator[np.ndarray]:
        return _pieces(tables) if function is None else map(function, _pieces(tables))

    with np.errstate(over="ignore", invalid="ignore"):
        mean = sum(_sums(part) for part in values()) / extent.count
        constant = extent.least == extent.most  # whose mean need not be their own value
        if constant.any():
            own = extent.least if function is None else function(extent.least)
            mean = np.where(constant, own, mean)
        squares = sum(_sums(np.square(part - mean[:, None])) for part in values())
        return mean, np.sqrt(squares / extent.count)


def _sums(part: np.ndarray) -> np.ndarray:
    """Return the sums of known values."""
    found = part.sum(axis=1)
    return np.nansum(part, axis=1) if np.isnan(found).any() else found


def quantiles_of(
    tables: Sequence[np.ndarray], extent: Extent, shares: Sequence[float]
) -> np.ndarray:
    """Return quantiles of columns, (shares, columns), as `np.percentile` has them.

    The values on both sides of each are found exactly, by counting: a pass over the files for every
    `DIGITS` bits of their numbers.
    """
    places = np.multiply.outer(np.asarray(shares), extent.count - 1.0)
    below = np.floor(places)
    ranks = np.stack([below, np.minimum(below + 1, extent.count - 1)]).astype(np.int64)
    low, high = _of_ranks(tables, ranks)
    gap, share = high - low, places - below
    return np.where(share >= 0.5, high - gap * (1 - share), low + gap * share)


def _of_ranks(tables: Sequence[np.ndarray], ranks: np.ndarray) -> np.ndarray:
    """Return the values that would stand at `ranks`, (..., columns), of sorted columns."""
    left, found = ranks.copy(), np.zeros(ranks.shape, np.uint64)
    for shift in range(64 - DIGITS, -1, -DIGITS):
        bits, mask = np.uint64(shift), np.uint64((1 << DIGITS) - 1)
        above = np.uint64(shift + DIGITS)
        wanted = [
            {one: np.zeros(1 << DIGITS, np.int64) for one in found[..., column].ravel().tolist()}
            for column in range(ranks.shape[-1])
        ]
        for part in _pieces(tables):
            for column, counts in enumerate(wanted):
                keys = _keys(part[column])
                for begun, count in counts.items():
                    first = shift + DIGITS == 64
                    own = keys if first else keys[(keys >> above) == np.uint64(begun)]
                    count += np.bincount(((own >> bits) & mask).astype(np.intp), None, count.size)
        for place in np.ndindex(*ranks.shape):
            total = np.cumsum(wanted[place[-1]][int(found[place])])
            digit = int(np.searchsorted(total, left[place], side="right"))
            left[place] -= total[digit - 1] if digit else 0
            found[place] = (int(found[place]) << DIGITS) | digit
    return _values(found)


def _keys(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the order of the known values."""
    known = np.ascontiguousarray(values[~np.isnan(values)]) + 0.0  # of the zeros the one above
    keys = known.view(np.uint64)
    return np.where(keys & SIGN, ~keys, keys | SIGN)


def _values(keys: np.ndarray) -> np.ndarray:
    return np.where(keys & SIGN, keys & ~SIGN, ~keys).view(np.float64)
