"""`timeseries_dataset_from_array` against Keras's results and a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlstm.windows import timeseries_dataset_from_array

# From keras.utils.timeseries_dataset_from_array of Keras 3.15 with TensorFlow: data is
# arange(steps), targets -arange(len). Batches, one after the other: (x, y) or x.
KERAS = [
    (
        12,
        None,
        {"sequence_length": 3, "sequence_stride": 2, "sampling_rate": 2, "batch_size": 3},
        [[[0, 2, 4], [2, 4, 6], [4, 6, 8]], [[6, 8, 10]]],
    ),
    (
        9,
        9,
        {"sequence_length": 2, "sampling_rate": 3, "batch_size": 4},
        [[[[0, 3], [1, 4], [2, 5], [3, 6]], [0, -1, -2, -3]], [[[4, 7], [5, 8]], [-4, -5]]],
    ),
    (
        9,
        3,
        {"sequence_length": 2, "sequence_stride": 2, "batch_size": None},
        [[[0, 1], 0], [[2, 3], -2]],
    ),
    (
        14,
        14,
        {
            "sequence_length": 3,
            "sequence_stride": 3,
            "sampling_rate": 2,
            "batch_size": 2,
            "start_index": 2,
            "end_index": 12,
        },
        [[[[2, 4, 6], [5, 7, 9]], [-2, -5]]],
    ),
    (6, 6, {"sequence_length": 6}, [[[[0, 1, 2, 3, 4, 5]], [0]]]),
    (5, None, {"sequence_length": 4, "sampling_rate": 2}, []),
]


@pytest.mark.parametrize(("steps", "targets", "options", "batches"), KERAS)
def test_golden_batches_of_keras(steps, targets, options, batches):
    goals = None if targets is None else -np.arange(targets)
    dataset = timeseries_dataset_from_array(np.arange(steps), goals, **options)
    found = [
        [part.tolist() for part in batch] if targets is not None else batch.tolist()
        for batch in dataset
    ]
    assert found == batches and len(dataset) == len(batches)


@st.composite
def arguments(draw):
    steps = draw(st.integers(2, 30))
    numbers = st.integers(1, steps - 1)
    start = draw(st.none() | st.integers(0, steps - 1))
    end = draw(st.none() | numbers.filter(lambda end: end > (start or 0)))
    targets = draw(st.none() | st.integers(1, steps + 3))
    options = {
        "sequence_length": draw(st.integers(1, 8)),
        "sequence_stride": draw(numbers),
        "sampling_rate": draw(numbers),
        "batch_size": draw(st.sampled_from([None, 1, 3, 128])),
        "start_index": start,
        "end_index": end,
    }
    return steps, targets, options


def loop_reference(data, targets, options):
    """Return pairs of a window and its target."""
    start, end = options["start_index"] or 0, options["end_index"] or len(data)
    length, rate = options["sequence_length"], options["sampling_rate"]
    samples = []
    for place in range(start, end, options["sequence_stride"]):
        steps = [place + k * rate for k in range(length)]
        if steps[-1] >= end or (targets is not None and place >= len(targets)):
            break
        goal = None if targets is None else targets[place]
        samples.append((data[steps], goal))
    return samples


@given(arguments())
def test_dataset_is_what_a_loop_cuts(drawn):
    steps, targets, options = drawn
    data = np.arange(steps * 2.0).reshape(steps, 2)
    goals = None if targets is None else -np.arange(targets)
    expected = loop_reference(data, goals, options)
    dataset = timeseries_dataset_from_array(data, goals, **options)
    for _ in range(2):  # it may be gone through again
        batches = list(dataset)
        assert len(batches) == len(dataset)
        x = [batch if goals is None else batch[0] for batch in batches]
        y = [] if goals is None else [batch[1] for batch in batches]
        if options["batch_size"] is not None:
            sizes = [len(part) for part in x]
            assert all(size == options["batch_size"] for size in sizes[:-1])
            x, y = ([row for part in side for row in part] for side in (x, y))
        assert len(x) == len(expected)
        for row, (window, _) in zip(x, expected):
            np.testing.assert_array_equal(row, window)
        assert goals is None or [int(goal) for goal in y] == [int(g) for _, g in expected]


def test_shuffled_windows_are_all_there_in_a_new_order_at_each_pass():
    def drawn(seed):
        dataset = timeseries_dataset_from_array(
            np.arange(100), np.arange(100), 4, batch_size=10, shuffle=True, seed=seed
        )
        return [np.concatenate([x[:, 0] for x, _ in dataset]).tolist() for _ in range(2)]

    first, second = drawn(3)
    assert first != second and sorted(first) == sorted(second) == list(range(97))
    assert drawn(3) == [first, second] and drawn(4)[0] != first


def test_target_stays_with_its_window_when_shuffled():
    dataset = timeseries_dataset_from_array(np.arange(50), np.arange(50), 3, shuffle=True)
    for x, y in dataset:
        assert np.array_equal(x[:, 0], y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_index": -1}, "start_index must lie in 0 to 9; got -1"),
        ({"start_index": 10}, "start_index must lie in 0 to 9; got 10"),
        ({"end_index": 10}, "end_index must lie in 1 to 9; got 10"),
        ({"start_index": 5, "end_index": 5}, "end_index must lie in 6 to 9; got 5"),
        ({"sampling_rate": 0}, "sampling_rate must lie in 1 to 9; got 0"),
        ({"sequence_stride": 10}, "sequence_stride must lie in 1 to 9; got 10"),
        ({"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ({"sequence_length": 0}, "sequence_length must be at least 1; got 0"),
    ],
)
def test_numbers_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        timeseries_dataset_from_array(np.arange(10), None, **{"sequence_length": 2, **options})


def test_things_that_are_no_numbers_or_series_are_named():
    with pytest.raises(TypeError, match="sequence_length must be an integer; got 2.5"):
        timeseries_dataset_from_array(np.arange(10), None, 2.5)
    with pytest.raises(ValueError, match="data must have a time axis"):
        timeseries_dataset_from_array(3.0, None, 1)
    with pytest.raises(ValueError, match="targets must have a time axis"):
        timeseries_dataset_from_array(np.arange(3), 1.0, 1)
