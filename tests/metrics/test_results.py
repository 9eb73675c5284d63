"""What a user's metric answers, as the logs have it."""

import numpy as np

from nlstm.layers import Dense, Input
from nlstm.metrics import Metric
from nlstm.models import Sequential


class Extremes(Metric):
    def __init__(self):
        super().__init__(name="extremes")
        self.largest = self.add_weight(name="largest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(np.max(y_true))

    def result(self):
        return {"largest": float(self.largest), "twice": 2 * float(self.largest)}


def test_a_dict_is_logged_by_its_names():
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse", metrics=[Extremes()])
    x, y = np.ones((4, 3)), np.arange(4.0)
    history = model.fit(x, y, validation_data=(x, y), verbose=0).history
    assert list(history) == ["loss", "largest", "twice", "val_loss", "val_largest", "val_twice"]
    assert history["largest"] == [3.0] and history["val_twice"] == [6.0]
