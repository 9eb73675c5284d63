"""Pictures of training, forecasts, models and what is inside them, by matplotlib.

Each function draws on an Axes and returns it. Without one it makes a Figure of its own, which no
list of open figures knows: ``ax.figure`` shows it in a notebook, ``ax.figure.savefig("a.png")``
writes it.
"""

from nlstm.plotting.effects import importance as importance
from nlstm.plotting.effects import order_test as order_test
from nlstm.plotting.errors import calibration as calibration
from nlstm.plotting.errors import residuals as residuals
from nlstm.plotting.forecasts import fan as fan
from nlstm.plotting.forecasts import forecast as forecast
from nlstm.plotting.graph import graph as graph
from nlstm.plotting.graph import plot_model as plot_model
from nlstm.plotting.heat import attribution as attribution
from nlstm.plotting.heat import gates as gates
from nlstm.plotting.lines import history as history
from nlstm.plotting.lines import memory as memory

__all__ = [
    "attribution",
    "calibration",
    "fan",
    "forecast",
    "gates",
    "graph",
    "history",
    "importance",
    "memory",
    "order_test",
    "plot_model",
    "residuals",
]
