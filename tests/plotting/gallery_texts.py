"""What docs/gallery.md shows: texts and code, which `python -m tests.plotting.gallery` runs."""

from typing import NamedTuple


class Code(NamedTuple):
    title: str
    text: str
    code: str


class Picture(NamedTuple):
    name: str
    title: str
    text: str
    code: str
    alt: str


HEAD = """# Gallery

Written, pictures and page, by `python -m tests.plotting.gallery`.

Pictures are functions of `nlstm.plotting` (`pip install "nlstm[plot]"`). Each takes an Axes of
matplotlib as `ax=` or makes a figure of its own, and returns the Axes: titles, limits and labels
are changed there. `ax.figure` shows it in a notebook, `ax.figure.savefig("a.png")` writes it. With
`pyplot`: `figure, ax = plt.subplots()`, then `plotting.history(found, ax=ax)` and `plt.show()`. The
colours are Okabe and Ito's, which people of any colour vision tell apart.
"""

SECTIONS = (
    Code(
        "A forecast of the week",
        "The highest temperature of each of the next 7 days in Seattle, as seven quantiles, from "
        "the 7 days before and the season. It learns from 2012 to 2014; the last half year of that "
        "is held back, and 2015 is the test.",
        """\
import numpy as np

import nlstm
from nlstm import plotting
from nlstm.datasets import seattle_weather
from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.losses import QuantileLoss
from nlstm.windows import StandardScaler, Windows, backtest

days, weather = seattle_weather()
season = 2 * np.pi * (days - days.astype("datetime64[Y]")).astype(float) / 365.25
series = np.column_stack([weather, np.sin(season), np.cos(season)])
validation, test = np.searchsorted(days, np.array(["2014-07-01", "2015-01-01"], "datetime64[D]"))
scaler = StandardScaler().fit(series[:validation])
columns = {"inputs": [0, 1, 2, 3], "targets": [1], "future": [4, 5]}
windows = Windows(scaler.transform(series), 7, horizon=7, **columns)
quantiles = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)

nlstm.set_random_seed(0)
week = nlstm.Sequential([Input((7, 6)), LSTM(32), Dropout(0.3), Dense(7 * len(quantiles))])
week.compile("adam", QuantileLoss(quantiles))
held_back = windows.since(validation).before(test)
history = week.fit(windows.before(validation), validation_data=held_back, epochs=30, verbose=0)
found = backtest(week, series, test, horizon=7, scaler=scaler, quantiles=quantiles, **columns)
""",
    ),
    Picture(
        "history",
        "Training",
        "Training is a line, validation dashed; the dot is the least `val_loss`. In the first "
        "epochs the loss of training is the larger one, since it is taken with dropout, and while "
        "the network still learns. Other logs go by name: "
        '`plotting.history(history, ["loss", "mae"])`.',
        """\
ax = plotting.history(history, label="pinball loss, scaled")
""",
        "Loss of training and of validation over epochs",
    ),
    Picture(
        "forecast",
        "Forecasts and the truth",
        "What was forecast two days before, for every day of the test. The outermost two quantiles "
        "are the ends of the lightest band, and so on inwards. 2015 was warmer than the years "
        "before: where the truth leaves the bands, it leaves them mostly upwards.",
        """\
ax = plotting.forecast(found, ahead=2, dates=days, label="highest temperature, °C")
""",
        "Forecasts of 2015 with bands of quantiles, and what came",
    ),
    Picture(
        "fan",
        "A fan",
        "The last forecasts of a backtest, each over its whole horizon; a dot marks its first day.",
        """\
ax = plotting.fan(found, most=8, dates=days, label="highest temperature, °C")
""",
        "Eight forecasts of a week each, with bands that widen, and what came",
    ),
    Picture(
        "residuals",
        "Residuals",
        "Errors over time. A running mean away from 0 is a forecast that is wrong in one way for "
        "long: here it is too low in summer, as 2015 was warmer than the years that it had seen.",
        """\
ax = plotting.residuals(found, ahead=2, dates=days, label="highest temperature, °C")
""",
        "Errors of 2015 over time, with their running mean",
    ),
    Picture(
        "residuals_ahead",
        "Residuals by steps ahead",
        'How errors grow with the time ahead; `by="forecast"` draws them along the forecast.',
        """\
ax = plotting.residuals(found, by="ahead", label="highest temperature, °C")
""",
        "Bands of errors by days ahead",
    ),
    Picture(
        "calibration",
        "Calibration",
        "Does 90 % of the truth lie at or below the quantile 0.9? Below the line a quantile is too "
        "low. Forecasts that overlap fail together, so that a year says less than the number of "
        "forecasts makes one think.",
        """\
ax = plotting.calibration(found)
""",
        "Share of truth below each quantile, beside the ideal line",
    ),
    Code(
        "A forecast of tomorrow",
        "The other pictures show what is inside the network of [Looking inside](inspection.md), "
        "which forecasts one day from 14.",
        """\
from nlstm.inspection import attribute, importance, memory, order_test, trace

names = ["rain", "high", "low", "wind"]
scaler = StandardScaler().fit(weather[:test])
windows = Windows(scaler.transform(weather), sequence_length=14, targets=[1])
later = windows.since(test)

nlstm.set_random_seed(0)
model = nlstm.Sequential([Input((14, 4)), LSTM(16, name="lstm"), Dense(1)])
model.compile("adam", "mse")
history = model.fit(windows.before(test), epochs=20, verbose=0)
day = 180  # 2015-06-30
""",
    ),
    Picture(
        "model",
        "The model",
        "Layers and shapes; branches lie beside each other. `model.plot(ax)` draws on an Axes.",
        """\
ax = model.plot()
""",
        "Three boxes with shapes, and arrows between them",
    ),
    Picture(
        "gates",
        "Gates",
        "The forget gates of all units while the network reads one window, with the window above. "
        "`gate=` takes the other gates and the states too.",
        """\
ax = plotting.gates(trace(model, later), later, row=day, names=names, label="scaled input")
""",
        "Colours of 16 units over 14 days, and the weather of those days above",
    ),
    Picture(
        "attribution",
        "Attribution",
        "Which quantity of which day made the forecast differ from that for average weather. The "
        "last day's high counts most.",
        """\
why = attribute(model, later)
ax = plotting.attribution(why, later, row=day, names=names, label="scaled input")
""",
        "Colours of 4 quantities over 14 days, and the weather of those days above",
    ),
    Picture(
        "memory",
        "Memory",
        "What forget gates let through, and what a change of the state so many days before changes "
        "in the last state. Ticks on the floor are time constants of units.",
        """\
ax = plotting.memory(memory(model, later))
""",
        "Three falling curves over steps back, on a logarithmic axis",
    ),
    Picture(
        "importance",
        "Importance",
        "How much worse forecasts become where one quantity is that of another day. "
        '`plotting.importance(found, "lags")` draws steps instead.',
        """\
needs = importance(model, later, metric="mae", names=names, lags=[0, 1, 2, 3, 7, 13])
ax = plotting.importance(needs, label="mean absolute error, scaled")
""",
        "Four dots with intervals: high, then low, are needed",
    ),
    Picture(
        "order_test",
        "The order of steps",
        "Near 0 everywhere would be a bag of steps, and something simpler would do.",
        """\
ax = plotting.order_test(
    order_test(model, later, metric="mae"), label="mean absolute error, scaled"
)
""",
        "Dots with intervals: what shuffling and reversing windows costs",
    ),
)
