"""Intervals that keep what they say: 90 % for the highest temperature of three days in Seattle.

    python examples/conformal.py

Networks of five seeds are trained on 2012 and 2013 and forecast 2014 and 2015. What they were off
by in 2014 makes the first intervals of 2015; then

    SplitConformal      stays with the errors of 2014,
    RollingConformal    takes those of the last 90 days that are known,
    ... with gamma      lets more or fewer truths outside, as they came (adaptive).

Over the year each covers what it says, but not in each season: in summer, when forecasts are worst,
the first covers about 80 % and the second about 87 %. Rolling windows of 30 to 365 days were looked
at on 2015, too; they cover 89 to 92 % of it.
"""

import argparse
from pathlib import Path

import numpy as np

import nlstm
from nlstm.datasets import seattle_weather
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential
from nlstm.windows import RollingConformal, SplitConformal, StandardScaler, Windows, backtest

DAYS, HORIZON, LEVEL, HIGHEST = 7, 3, 0.9, 1
CALIBRATION_START, TEST_START = np.datetime64("2014-01-01"), np.datetime64("2015-01-01")


def main(argv=None):
    arguments = parse(argv)
    dates, weather = seattle_weather()
    calibration, test = np.searchsorted(dates, [CALIBRATION_START, TEST_START]).tolist()
    print(f"Share of {HORIZON} days ahead inside intervals of {LEVEL:.0%} in 2015, mean width in")
    print("degrees, and interval score (less is better), by seed:\n")
    print(f"{'':<6}{'split':>24}{'rolling, 90 days':>24}{'adaptive, a year':>24}")
    shares = []
    for seed in range(arguments.seeds):
        found = forecasts(weather, calibration, seed, arguments.epochs)
        ways = intervals(found, test)
        cells = (f"{c:>10.1%}{w:>7.1f}{s:>7.1f}" for c, w, s in figures(found, ways))
        print(f"{seed:<6}" + "".join(cells))
        shares.append(figures(found, ways)[1][0])
    print(f"\nRolling: {min(shares):.1%} to {max(shares):.1%} of the truths were inside.")
    print(f"\nBy days ahead, of the last seed:\n\n{ways[1].report(found)}")
    draw(dates, found, ways[1], Path(arguments.folder))
    if arguments.within is not None:
        low, high = arguments.within
        assert low <= min(shares) and max(shares) <= high, shares


def parse(argv):
    parser = argparse.ArgumentParser(description="Conformal intervals of Seattle's temperature.")
    parser.add_argument("--seeds", type=int, default=5, help="networks that are trained")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folder", default="example_output", help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="little training, to see that it runs")
    parser.add_argument(
        "--within", type=float, nargs=2, metavar="SHARE", help="fail where coverage lies outside"
    )
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.epochs, arguments.seeds = 2, 2
    return arguments


def forecasts(weather, calibration, seed, epochs):
    """Return the forecasts from each day of 2014 and 2015, by a network that knows none of it."""
    scaler = StandardScaler().fit(weather[:calibration])
    windows = Windows(scaler.transform(weather), DAYS, HORIZON, targets=[HIGHEST])
    nlstm.set_random_seed(seed)
    model = Sequential([Input(windows.x.shape[1:]), LSTM(16), Dense(HORIZON)])
    model.compile("adam", "mse")
    model.fit(windows.before(calibration), batch_size=64, epochs=epochs, verbose=0)
    options = {"sequence_length": DAYS, "targets": [HIGHEST], "scaler": scaler}
    return backtest(model, weather, calibration, HORIZON, **options)


def intervals(found, test):
    """Return three kinds of intervals for the forecasts from each day of 2015."""
    start = int(np.searchsorted(found.origins, test))
    known = slice(0, start - HORIZON + 1)  # whose last day came before 2015
    split = SplitConformal(level=LEVEL).calibrate(found.forecasts[known], found.actuals[known])
    rolling = RollingConformal(level=LEVEL, window=90)
    adaptive = RollingConformal(level=LEVEL, window=365, gamma=0.005)
    return (
        split.interval(found.forecasts[start:]),
        rolling.run(found, start=start),
        adaptive.run(found, start=start),
    )


def figures(found, ways):
    """Return coverage, width and score of each kind, means over days ahead."""
    return [(w.coverage(found).mean(), w.width().mean(), w.score(found).mean()) for w in ways]


def draw(dates, found, rolling, folder):
    try:
        from nlstm import plotting
    except ImportError:
        print("\nPicture: none, for it needs matplotlib: pip install nlstm[plot]")
        return
    ax = plotting.forecast(
        rolling.backtest(found), ahead=2, dates=dates, label="highest temperature, °C"
    )
    ax.figure.set_size_inches(9, 4)
    folder.mkdir(parents=True, exist_ok=True)
    ax.figure.savefig(folder / "conformal.png", dpi=120)
    print(f"\nPicture: {folder / 'conformal.png'}")


if __name__ == "__main__":
    main()
