"""That warnings are left out of one call alone, wherever an interrupt comes."""

import sys

import numpy as np
import pytest

from nlstm.arguments.quiet import quietly
from nlstm.arguments.seeds import SeedStream
from nlstm.layers import LSTM, Dense
from nlstm.metrics import MeanAbsoluteError
from nlstm.models import Sequential

needs_contexts = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 1 keeps its warnings elsewhere"
)
MOMENTS = 6  # calls, lines and returns of __enter__ and __exit__


class InErrstate:
    """Raises KeyboardInterrupt at one of the moments inside of `np.errstate`."""

    def __init__(self, moment):
        self.left = moment

    def __call__(self, frame, event, _):
        if frame.f_code.co_name not in ("__enter__", "__exit__", "inner"):
            return None
        if frame.f_code.co_filename.endswith("_ufunc_config.py"):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def metric():
    found = MeanAbsoluteError()
    found.update_state(np.ones((3, 1)), np.zeros((3, 1)))
    return found.result


def predict():
    model = Sequential([LSTM(2, input_shape=(2, 1)), Dense(1)])
    x = np.ones((2, 2, 1))  # to become float32
    model.predict(x, verbose=0)
    return lambda: model.predict(x, verbose=0)


def generator():
    return SeedStream(3).generator


def key():
    return lambda: SeedStream(3).key(1)


@needs_contexts
@pytest.mark.parametrize("made", [metric, predict, generator, key])
@np.errstate()  # what is left off here is on in the next test
def test_an_interrupt_leaves_warnings_as_they_were(made):
    call, before, tracing = made(), np.geterr(), sys.gettrace()
    interrupts = 0
    for moment in range(1, 40):
        sys.settrace(InErrstate(moment))
        try:
            call()
        except KeyboardInterrupt:
            interrupts += 1
        finally:
            sys.settrace(tracing)
        assert np.geterr() == before, moment
    assert interrupts >= MOMENTS


def test_warnings_are_left_out_of_the_call_alone():
    zero = np.zeros(1)
    assert np.isnan(quietly(np.divide, zero, zero, invalid="ignore")).all()
    with pytest.warns(RuntimeWarning, match="invalid"):
        zero / zero
    with pytest.raises(FloatingPointError):
        quietly(np.divide, zero, zero, invalid="raise")
    assert np.geterr()["invalid"] == "warn"
