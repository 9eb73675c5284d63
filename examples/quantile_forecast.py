"""A forecast that says how sure it is: quantiles of the week's highest temperatures in Seattle.

    python examples/quantile_forecast.py

The model, in Keras's words, and the data that feed it:

    windows = Windows(series, 7, horizon=7, inputs=WEATHER, targets=[HIGHEST], future=SEASON)
    model = Sequential([Input((7, 6)), LSTM(64), Dropout(0.4), Dense(7 * len(QUANTILES))])
    model.compile("adam", QuantileLoss(QUANTILES))
    model.fit(windows.before(validation), validation_data=windows.since(validation), ...)
    backtest(model, series, test, horizon=7, quantiles=QUANTILES, ...)

Units, days seen, dropout and the number of epochs were chosen by the pinball loss of July to
December 2014, trained on what came before; then the model is trained anew on all three years before
2015, the year that tests it. But scores of 2015 had been seen before those settings changed for the
last time, so that they flatter the model a little. The climatology that it is compared with takes
the quantiles of the same fortnights of those three years.
"""

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

import nlstm
from nlstm.callbacks import EarlyStopping
from nlstm.datasets import seattle_weather
from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.losses import QuantileLoss
from nlstm.models import Sequential
from nlstm.windows import StandardScaler, Windows, backtest

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
WEATHER, SEASON, HIGHEST = [0, 1, 2, 3], [4, 5], 1
HORIZON = 7
BANDS = ("lightsteelblue", "cornflowerblue", "royalblue")  # from the widest to the narrowest
VALIDATION_START = np.datetime64("2014-07-01")
TEST_START = np.datetime64("2015-01-01")


def main(argv=None):
    arguments = parse(argv)
    dates, series = load()
    validation, test = np.searchsorted(dates, [VALIDATION_START, TEST_START]).tolist()
    scaler = StandardScaler().fit(series[:validation])
    columns = {"inputs": WEATHER, "targets": [HIGHEST], "future": SEASON}
    known = Windows(scaler.transform(series[:test]), arguments.days, HORIZON, **columns)
    start = time.perf_counter()
    epochs, loss = validate(known.before(validation), known.since(validation), arguments)
    print(f"Validation: pinball loss {loss:.4f} (scaled) after {epochs} epochs.")
    if arguments.validate:
        return
    model = build(known, arguments)
    model.fit(known, epochs=epochs, verbose=0)
    print(f"Trained in {time.perf_counter() - start:.1f} s, validation included.")
    found = backtest(
        model,
        series,
        test,
        HORIZON,
        sequence_length=arguments.days,
        scaler=scaler,
        quantiles=QUANTILES,
        **columns,
    )
    # Each quantile is a head of its own, so that neighbours may cross; sorted, they do not.
    found = dataclasses.replace(found, forecasts=np.sort(found.forecasts, axis=-1))
    usual = dataclasses.replace(found, forecasts=climatology(dates, series, found))
    print_tables(dates, found, usual)
    change = series[test:, HIGHEST].mean() - series[:test, HIGHEST].mean()
    print(f"The year of the test was {change:+.1f} degrees warmer than those before it.")
    draw(dates, found, usual, Path(arguments.folder))


def parse(argv):
    parser = argparse.ArgumentParser(description="Forecast quantiles of Seattle's temperature.")
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--days", type=int, default=7, help="that the model sees")
    parser.add_argument("--dropout", type=float, default=0.4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", default="example_output", help="where the picture goes")
    parser.add_argument("--validate", action="store_true", help="stop before the test")
    parser.add_argument("--quick", action="store_true", help="few epochs, to see that it runs")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.epochs = 2
    return arguments


def load():
    """Return the days, and their weather beside the season as a point on a circle."""
    dates, weather = seattle_weather()
    season = 2.0 * np.pi * day_of_year(dates) / 365.25
    return dates, np.column_stack([weather, np.sin(season), np.cos(season)])


def day_of_year(dates):
    return (dates - dates.astype("datetime64[Y]")).astype(np.float64)


def build(windows, arguments):
    nlstm.set_random_seed(arguments.seed)
    model = Sequential(
        [
            Input(windows.x.shape[1:]),
            LSTM(arguments.units),
            Dropout(arguments.dropout),
            Dense(HORIZON * len(QUANTILES)),
        ]
    )
    model.compile("adam", QuantileLoss(QUANTILES))
    return model


def validate(known, held_back, arguments):
    """Return the best number of epochs, and its loss."""
    model = build(known, arguments)
    patience = EarlyStopping(patience=15)
    losses = model.fit(
        known,
        epochs=arguments.epochs,
        validation_data=held_back,
        callbacks=[patience],
        verbose=0,
    ).history["val_loss"]
    return int(np.argmin(losses)) + 1, min(losses)


def climatology(dates, series, found):
    """Return the quantiles of the days within a week of the same day of the year, before 2015."""
    past = dates < TEST_START
    forecasts = np.empty_like(found.forecasts)
    for origin, forecast in zip(found.origins, forecasts, strict=True):
        for ahead in range(HORIZON):
            apart = np.abs(day_of_year(dates) - day_of_year(dates[origin + ahead]))
            near = past & (np.minimum(apart, 365.25 - apart) <= 7)
            forecast[ahead, 0] = np.quantile(series[near, HIGHEST], QUANTILES)
    return forecasts


def print_tables(dates, found, usual):
    first, last = dates[found.origins[[0, -1]]]
    print(f"\n{len(found.origins)} forecasts of {HORIZON} days, made from {first} to {last}.\n")
    print("Share of days at or below each quantile, nominal and actual:\n")
    print(f"{'nominal':>10}{'LSTM':>10}{'climatology':>14}")
    own, other = found.coverage(), usual.coverage()
    for level in QUANTILES:
        print(f"{level:>10.0%}{own[level]:>10.1%}{other[level]:>14.1%}")
    print("\nShare of days in the middle:\n")
    for low, high in zip(QUANTILES[:3], reversed(QUANTILES), strict=False):
        inside = [coverage[high] - coverage[low] for coverage in (own, other)]
        print(f"{high - low:>10.0%}{inside[0]:>10.1%}{inside[1]:>14.1%}")
    print("\nDegrees Celsius, by days ahead:\n")
    print(f"{'':<24}" + "".join(f"{ahead:>7}" for ahead in range(1, HORIZON + 1)) + "    mean")
    rows = {
        "pinball, LSTM": found.pinball(),
        "pinball, climatology": usual.pinball(),
        "median's error, LSTM": found.mae(),
        "... of climatology": usual.mae(),
    }
    for name, errors in rows.items():
        cells = "".join(f"{error:>7.2f}" for error in errors[:, 0])
        print(f"{name:<24}{cells}{errors.mean():>8.2f}")
    gain = 1.0 - found.pinball().mean() / usual.pinball().mean()
    print(f"\nPinball loss {abs(gain):.0%} {'below' if gain > 0 else 'above'} climatology's.")


def draw(dates, found, usual, folder):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("Picture: none, for it needs matplotlib: pip install nlstm[plot]")
        return
    figure = Figure(figsize=(8, 7), layout="constrained")
    year, share = figure.subplots(2, 1, height_ratios=(2, 1))
    ahead = 1  # forecasts made two days before
    days = dates[found.origins + ahead]
    forecast = found.forecasts[:, ahead, 0]
    for low in range(len(QUANTILES) // 2):
        high = len(QUANTILES) - 1 - low
        label = f"{QUANTILES[low]:.0%} to {QUANTILES[high]:.0%}"
        band = forecast[:, low], forecast[:, high]
        year.fill_between(days, *band, color=BANDS[low], label=label, lw=0)
    year.plot(days, forecast[:, len(QUANTILES) // 2], color="darkblue", lw=1, label="median")
    year.plot(days, found.actuals[:, ahead, 0], ".", color="black", markersize=3, label="truth")
    year.set(title="Highest temperature in Seattle, two days ahead", ylabel="degrees Celsius")
    year.legend(ncols=3)
    share.plot([0, 1], [0, 1], color="0.7", label="ideal")
    for name, one in (("LSTM", found), ("climatology", usual)):
        coverage = one.coverage()
        share.plot(list(coverage), list(coverage.values()), "o-", label=name)
    share.set(title="Coverage", xlabel="quantile", ylabel="share of days at or below it")
    share.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "quantile_forecast.png", dpi=120)
    print(f"Picture: {folder / 'quantile_forecast.png'}")


if __name__ == "__main__":
    main()
