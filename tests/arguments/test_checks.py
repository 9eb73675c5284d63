"""The checks of arguments: what they return, and what they say."""

import re

import numpy as np
import pytest

from nlstm.arguments.checks import (
    checked_integer,
    checked_number,
    checked_rate,
    checked_shape,
    checked_size,
    checked_weight,
    is_number,
)


def test_right_values_come_back_as_python_numbers():
    for found, wanted in (
        (checked_integer("n", np.int64(-3)), -3),
        (checked_integer("n", 2, 2, 2), 2),
        (checked_size("n", np.uint8(1)), 1),
        (checked_number("n", -1), -1.0),
        (checked_number("n", np.float32(0.5), 0.5, 1), 0.5),
        (checked_number("n", 1, above=0, at_most=1), 1.0),
        (checked_rate("n", 0), 0.0),
    ):
        assert found == wanted and type(found) is type(wanted)
    assert checked_shape("n", [None, np.int64(3)]) == (None, 3)
    assert checked_shape("n", (None,)) == (None,)
    checked_weight("n", (2,), np.zeros(2))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: checked_integer("n", 1.0), TypeError, "n must be an integer; got 1.0."),
        (lambda: checked_integer("n", True), TypeError, "n must be an integer; got True."),
        (lambda: checked_integer("n", "1"), TypeError, "n must be an integer; got '1'."),
        (lambda: checked_integer("n", 0, 1), ValueError, "n must be at least 1; got 0."),
        (lambda: checked_integer("n", 9, most=8), ValueError, "n must be at most 8; got 9."),
        (
            lambda: checked_integer("n", 2_000_001, 0, 2_000_000),
            ValueError,
            "n must lie in 0 to 2000000; got 2000001.",
        ),
        (lambda: checked_size("n", None), TypeError, "n must be a positive integer; got None."),
        (lambda: checked_size("n", False), TypeError, "n must be a positive integer; got False."),
        (
            lambda: checked_size("n", np.int8(0)),
            ValueError,
            "n must be a positive integer; got 0.",
        ),
        (lambda: checked_number("n", "1"), TypeError, "n must be a number; got '1'."),
        (lambda: checked_number("n", True), TypeError, "n must be a number; got True."),
        (lambda: checked_number("n", 1j), TypeError, "n must be a number; got 1j."),
        (lambda: checked_number("n", np.nan), ValueError, "n must be finite; got nan."),
        (
            lambda: checked_number("n", np.inf, 0),
            ValueError,
            "n must be at least 0 and finite; got inf.",
        ),
        (lambda: checked_number("n", 0, above=0), ValueError, "n must be above 0; got 0."),
        (lambda: checked_number("n", 1.0, below=1), ValueError, "n must be below 1; got 1.0."),
        (
            lambda: checked_number("n", 2, above=0.0, at_most=1.0),
            ValueError,
            "n must be above 0 and at most 1; got 2.",
        ),
        (
            lambda: checked_number("n", np.float64(-0.5), 0, at_most=1),
            ValueError,
            "n must lie in 0 to 1; got -0.5.",
        ),
        (lambda: checked_rate("n", 1), ValueError, "n must be at least 0 and below 1; got 1."),
        (
            lambda: checked_shape("n", 3),
            TypeError,
            "n must be a tuple such as (steps, features); got 3.",
        ),
        (
            lambda: checked_shape("n", (3, None)),
            ValueError,
            "n must be (steps, features), steps may be None, or (features,); got (3, None).",
        ),
        (
            lambda: checked_weight("n", (2,), np.zeros(3)),
            ValueError,
            "n has shape (2,); got (3,).",
        ),
        (
            lambda: checked_weight("n", (1,), np.zeros(1, complex)),
            TypeError,
            "n must hold real numbers; got dtype complex128.",
        ),
    ],
)
def test_wrong_values_are_named(call, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        call()


def test_numbers():
    assert all(map(is_number, (1, 1.5, np.int8(1), np.float32(1), np.nan)))
    assert not any(map(is_number, (True, np.True_, "1", None, 1j, np.complex64(1), np.ones(1))))
