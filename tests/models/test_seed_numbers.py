"""The seed script's numbers, which every processor gives: x86 of any age and ARM."""

import numpy as np
import pytest

import nlstm
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential

LOSSES = [0.194232789, 0.103502955, 0.096795118, 0.094631934, 0.092078389]
PREDICTED = [
    [0.33942154, 0.53819579, 0.51797283],
    [0.21817732, 0.58239138, 0.50484842],
    [0.18562082, 0.558909, 0.56540871],
]


def test_first_epochs_of_the_seed_script():
    np.random.seed(0)
    nlstm.set_random_seed(0)
    model = Sequential([LSTM(50, input_shape=(20, 10), return_sequences=True), Dense(1)])
    model.compile(optimizer="adam", loss="mean_squared_error")
    x, y = np.random.rand(1000, 20, 10), np.random.rand(1000, 1)
    found = model.fit(x, y, epochs=len(LOSSES), batch_size=32, verbose=0)
    assert found.history["loss"] == pytest.approx(LOSSES, abs=1e-6)
    predicted = model.predict(np.random.rand(200, 20, 10), verbose=0)
    assert predicted[::67, ::9, 0] == pytest.approx(np.array(PREDICTED), abs=1e-6)
