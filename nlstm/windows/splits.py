"""Splits of a series into training and test, for `nlstm.windows.Windows` and for scikit-learn.

Windows are put in the order of time; a test part is some of them in a row; and training windows
that reach into it are taken out ("purged"), by what a window takes of its series.
"""

import math
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.windows.purge import Parts, PurgedSplit, at_least
from nlstm.windows.reach import Reach

__all__ = ["BlockedSplit", "ExpandingSplit", "PurgedKFold", "SlidingSplit"]


def _blocks(count: int, blocks: int) -> list[np.ndarray]:
    if blocks > count:
        raise ValueError(f"n_splits must be at most the number of rows, {count}; got {blocks}.")
    return np.array_split(np.arange(count), blocks)  # the first ones have one more, as in KFold


class ExpandingSplit(PurgedSplit):
    """Train on all that came before, test on what came next; then once more, further on.

    Parameters
    ----------
    n_splits : int, default 5
    test_size : int, optional
        Rows of each test part; by default ``rows // (n_splits + 1)``, or what `min_train_size`
        leaves for each. The last ends with the data.
    test_start : int or date, optional
        Where the first test begins: the first step that it forecasts, as of `Windows.since`; of
        arrays a row, of frames a row or a date. The tests share what is left then, or take
        `test_size` rows each.
    gap : int, default 0
        Rows of each series that are left out between training and test, besides those that overlap.
    max_train_size, min_train_size : int, optional
        Rows of a training part at most, the latest; and at least, or it is an error.
    purge : {"windows", "targets"}
        Which training windows are taken out: those that share a step with any test window; or only
        those that reach a step which the test forecasts. The inputs of the first test windows then
        lie in the time of training, as those of a forecast that is made today do.
    steps, horizon, stride : int, optional
        Of arrays: row n is the window of `steps` steps that begins at step ``n * stride``, and the
        `horizon` steps after it. By default a row shares nothing with others.

    Notes
    -----
    Without purge and gap the parts are those of ``sklearn.model_selection.TimeSeriesSplit`` with
    the same arguments. It costs ``(steps + horizon - 1) // stride`` rows before each test,
    ``(horizon - 1) // stride`` with ``purge="targets"``.

    Several series of `Windows` are each split at the same share of their length, as
    ``fit(validation_split=)`` does. Where they share a clock and are of unlike length, that is not
    the same date: give `test_start`, by which all series begin at one time and go on together.

    References
    ----------
    Tashman 2000, Out-of-sample tests of forecasting accuracy (rolling origin).

    Examples
    --------
    >>> from nlstm.windows import Windows
    >>> windows = Windows(np.arange(12.0), sequence_length=2)
    >>> for training, test in ExpandingSplit(2, test_size=3).split(windows):
    ...     print(training, test)
    [0 1] [4 5 6]
    [0 1 2 3 4] [7 8 9]
    >>> for training, test in ExpandingSplit(1, test_start=9).split(windows):
    ...     print(training, test)
    [0 1 2 3 4] [7 8 9]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_size: int | None = None,
        test_start: Any = None,
        gap: int = 0,
        max_train_size: int | None = None,
        min_train_size: int | None = None,
        purge: str = "windows",
        steps: int | None = None,
        horizon: int | None = None,
        stride: int | None = None,
    ) -> None:
        super().__init__(n_splits, gap, purge, steps, horizon, stride)
        self.test_size = at_least("test_size", test_size, 1)
        self.test_start = test_start
        self.max_train_size = at_least("max_train_size", max_train_size, 1)
        self.min_train_size = at_least("min_train_size", min_train_size, 1)
        if (self.min_train_size or 1) > (self.max_train_size or math.inf):
            raise ValueError(
                f"min_train_size must be at most max_train_size, {max_train_size}; got "
                f"{min_train_size}."
            )

    def _parts(self, reach: Reach) -> Parts:
        least = "min_train_size", self.min_train_size
        for training, test in _onwards(self, reach, self.test_size, *least):
            yield training[-self.max_train_size if self.max_train_size else 0 :], test


class SlidingSplit(PurgedSplit):
    """Train on the same number of rows before each test part: old ones are forgotten.

    Parameters
    ----------
    n_splits : int, default 5
    train_size : int, optional
        Rows of every training part; by default as many as there are before the first test.
    test_size : int, optional
        As of `ExpandingSplit`; by default what `train_size` leaves for each.
    test_start, gap, purge, steps, horizon, stride
        As of `ExpandingSplit`.

    Notes
    -----
    For series whose past no longer tells about the future, and to see whether that is so: compare
    with `ExpandingSplit` on the same tests.

    References
    ----------
    Tashman 2000 (rolling window).

    Examples
    --------
    >>> for training, test in SlidingSplit(2, train_size=3, test_size=2).split(np.arange(8)):
    ...     print(training, test)
    [1 2 3] [4 5]
    [3 4 5] [6 7]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        train_size: int | None = None,
        test_size: int | None = None,
        test_start: Any = None,
        gap: int = 0,
        purge: str = "windows",
        steps: int | None = None,
        horizon: int | None = None,
        stride: int | None = None,
    ) -> None:
        super().__init__(n_splits, gap, purge, steps, horizon, stride)
        self.train_size = at_least("train_size", train_size, 1)
        self.test_size = at_least("test_size", test_size, 1)
        self.test_start = test_start

    def _parts(self, reach: Reach) -> Parts:
        size = self.train_size
        for training, test in _onwards(self, reach, self.test_size, "train_size", size):
            size = min(size or training.size, training.size)
            yield training[training.size - size :], test


class BlockedSplit(PurgedSplit):
    """Cut the series into blocks, and in each train on the first part and test on the last.

    Parameters
    ----------
    n_splits : int, default 5
        Blocks.
    test_size : int, optional
        Rows of the test at the end of each block; by default a fifth of them, at least 1.
    gap : int, default 0
        Rows of each series left out between training and test and between blocks, besides those
        that overlap.
    purge, steps, horizon, stride
        As of `ExpandingSplit`.

    Notes
    -----
    No step is in two blocks, so that scores of the blocks come from data of their own, as little
    alike as the series allows; each model sees less of it. Of several series see `ExpandingSplit`.

    Examples
    --------
    >>> for training, test in BlockedSplit(2, test_size=1, gap=1).split(np.arange(10)):
    ...     print(training, test)
    [0 1 2] [4]
    [6 7] [9]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_size: int | None = None,
        gap: int = 0,
        purge: str = "windows",
        steps: int | None = None,
        horizon: int | None = None,
        stride: int | None = None,
    ) -> None:
        super().__init__(n_splits, gap, purge, steps, horizon, stride)
        self.test_size = at_least("test_size", test_size, 1)

    def _parts(self, reach: Reach) -> Parts:
        former = None
        for block in _blocks(reach.rows.size, self.n_splits):
            size = self.test_size or max(1, block.size // 5)
            training, test = block[: max(0, block.size - size)], block[-size:]
            if former is not None:
                training = self._after(reach, training, former)
            yield self._before(reach, training, test), test
            former = block


class PurgedKFold(PurgedSplit):
    """Test on each of k parts in turn, train on the rest, but for what reaches into the test.

    Parameters
    ----------
    n_splits : int, default 5
        Parts, at least 2; every row is tested once.
    embargo : int or float, default 0
        Rows of each series left out after the test besides those that overlap: a number, or below 1
        their share of all rows. What came right after the test is most like it.
    gap : int, default 0
        Rows of each series left out on both sides of the test besides.
    purge, steps, horizon, stride
        As of `ExpandingSplit`.

    Notes
    -----
    The model is trained on what came after the test, too. That uses every row, and tells how well
    it does in times like all of these, not how well a model of then would have done: the last is
    `ExpandingSplit`'s question. With `gap` alone this is hv-blocked cross-validation.

    References
    ----------
    Lopez de Prado 2018, Advances in Financial Machine Learning, ch. 7 (purge, embargo); Racine
    2000, Consistent cross-validatory model-selection for dependent data: hv-block
    cross-validation; Bergmeir & Benitez 2012, On the use of cross-validation for time series
    predictor evaluation.

    Examples
    --------
    >>> windows = np.zeros((9, 2))  # rows of two steps that overlap
    >>> for training, test in PurgedKFold(3, embargo=1, steps=2, horizon=0).split(windows):
    ...     print(training, test)
    [5 6 7 8] [0 1 2]
    [0 1 8] [3 4 5]
    [0 1 2 3 4] [6 7 8]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        embargo: float = 0,
        gap: int = 0,
        purge: str = "windows",
        steps: int | None = None,
        horizon: int | None = None,
        stride: int | None = None,
    ) -> None:
        super().__init__(n_splits, gap, purge, steps, horizon, stride)
        checked_integer("n_splits", n_splits, 2)
        is_share = isinstance(embargo, float | np.floating)
        if is_share and not 0 <= embargo < 1:
            raise ValueError(
                f"embargo must be a whole number of rows, or a share below 1; got {embargo}."
            )
        self.embargo = float(embargo) if is_share else checked_integer("embargo", embargo, 0)

    def _parts(self, reach: Reach) -> Parts:
        every = np.arange(reach.rows.size)
        embargo: Any = self.embargo
        if isinstance(embargo, float):
            embargo = np.ceil(embargo * np.bincount(reach.series)).astype(np.int64)
        for test in _blocks(every.size, self.n_splits):
            before = self._before(reach, every[: test[0]], test)
            after = self._after(reach, every[test[-1] + 1 :], test, embargo)
            yield np.concatenate([before, after]), test


def _onwards(
    split: PurgedSplit, reach: Reach, test_size: int | None, name: str, least: int | None
) -> Parts:
    """Give all that lies before each of the test parts, which end with the data.

    `least` rows, of the argument `name`, are left for the first training part.
    """
    count, splits = reach.rows.size, split.n_splits
    every = np.arange(count)
    if reach.times is not None:
        tests = _from_start(split, reach.times, test_size)
        missing = (least or 0) - split._before(reach, every[: tests[0][0]], tests[0]).size
        _check_least(name, least, missing, tests[0][0])
        yield from ((split._before(reach, every[: test[0]], test), test) for test in tests)
        return
    size = test_size or ((count - least) // splits if least else count // (splits + 1))
    missing = 1
    while True:
        if size < 1 or splits * size >= count:
            raise ValueError(
                f"{splits} test parts of {max(size, 1)} rows leave too few of {count} to train on: "
                f"take fewer splits, or a smaller {'test_size' if least is None else name}."
            )
        first = count - splits * size
        missing = (least or 0) - split._before(reach, every[:first], every[first:]).size
        if missing <= 0 or test_size is not None:
            break
        size -= -(-missing // splits)
    _check_least(name, least, missing, first)
    for begin in range(first, count, size):
        test = every[begin : begin + size]
        yield split._before(reach, every[:begin], test), test


def _check_least(name: str, least: int | None, missing: int, first: int) -> None:
    if missing > 0 and least is not None:
        raise ValueError(
            f"{name} must be at most {least - missing}, the rows left before the first test, which "
            f"begins at row {first}; got {least}. Fewer splits or a smaller test_size leave more."
        )


def _from_start(split: PurgedSplit, times: np.ndarray, test_size: int | None) -> list[np.ndarray]:
    """Return the test parts from time 0 on; rows of several series of one time stay together."""
    every, splits = np.arange(times.size), split.n_splits
    first = int(np.searchsorted(times, 0))
    moments = np.unique(times[first:])
    tests = []
    if test_size is None and moments.size >= splits:
        ends = [block[-1] for block in np.array_split(moments, splits)]
        tests = np.split(every, np.searchsorted(times, ends, side="right"))[:-1]
        tests[0] = tests[0][first:]
    elif test_size is not None:
        while len(tests) < splits and first + test_size <= times.size:
            end = int(np.searchsorted(times, times[first + test_size - 1], side="right"))
            tests.append(every[first:end])
            first = end
    if len(tests) < splits:
        raise ValueError(
            f"{splits} test parts{f' of {test_size} rows' if test_size else ''} are more than "
            f"there is from test_start={split.test_start!r} on: {int((times >= 0).sum())} rows."
        )
    return tests
