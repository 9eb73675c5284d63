"""The steps that take rows from one set of data: bound once, and anew when plans were forgotten."""

from types import SimpleNamespace

import numpy as np

from nlstm.training.feeds import Steps


class Bound:
    """A step that was bound for some rows."""

    def __init__(self, made, rows):
        self.rows = rows
        made.append(rows)

    def program(self, ops, data):
        return lambda: self.rows

    def take(self, index):
        assert index.size == self.rows


def test_every_size_is_bound_anew_once_plans_were_forgotten():
    made, plans = [], SimpleNamespace(generation=0)
    steps = Steps(
        lambda rows, data: Bound(made, rows),
        SimpleNamespace(ops=None, stateful=False),
        SimpleNamespace(plans=plans),
        SimpleNamespace(lengths=()),
    )
    for _ in range(2):
        for rows in (16, 2, 16, 2):
            assert steps(np.arange(rows))() == rows
        assert made == [16, 2]
        plans.generation += 1
        made.clear()
