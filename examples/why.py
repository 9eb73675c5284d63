"""Why a network forecasts what it does: tomorrow's highest temperature in Seattle.

    python examples/why.py

It trains on 2012 to 2014, is asked on 2015, and draws what it finds. What one may conclude:

- *Attribution* and *importance* say what this network uses. They say nothing about what makes the
  weather: yesterday's high does not cause today's. A quantity that gets little may be useful all
  the same, where another one says the same thing. Importance gives days the season or the high of
  other days, and so asks for forecasts of weather that there is not: its losses are large where
  quantities belong together.
- *Memory* says how long the state could hold something, and what a change of it long ago would do
  to the last state. Whether forecasts gain by it, only forecasts tell: so networks that see 1, 2,
  3, 7 and 14 days are trained beside each other.
- The *order test* says whether the network reads its days as a sequence. A loss by shuffling may
  mean no more than that it knows which day is the last: shuffling all days but that one tells the
  two apart. Whether what it has learnt of order lasts, only later years tell.

Every number is of one year and one place, and intervals are about that year's days, not about other
years. Networks of other seeds are other networks, so that all is done for several of them; what
differs from seed to seed is not knowledge about the weather. The settings are those of
docs/inspection.md with the season beside; errors of 2015 were seen while this was written, so that
they are not unbiased. They are about those of a forecast that tomorrow is as today, and seeing more
days does not help: looking inside a network is no proof that it is worth looking at.
"""

import argparse
import textwrap
from pathlib import Path

import numpy as np

import nlstm
from nlstm.datasets import seattle_weather
from nlstm.inspection import attribute, importance, leakage, memory, order_test, trace
from nlstm.layers import LSTM, Dense, Input
from nlstm.windows import StandardScaler, Windows

NAMES = ["rain", "high", "low", "wind", "season, sine", "season, cosine"]
HIGHEST = 1
LENGTH = 14  # days that the network sees
LENGTHS = (1, 2, 3, 7, 14)
TEST_START = np.datetime64("2015-01-01")
ALL, ALL_BUT_LAST = "all days shuffled", "all but the last day shuffled"
LABEL = "mean absolute error, °C"


def main(argv=None):
    arguments = parse(argv)
    days, weather = load()
    test = int(np.searchsorted(days, TEST_START))
    scaler = StandardScaler().fit(weather[:test])
    scaled = scaler.transform(weather)
    degrees = float(weather[:test, HIGHEST].std())
    windows = Windows(scaled, LENGTH, targets=[HIGHEST])
    training, later = windows.before(test), windows.since(test)
    print(leakage(training, later, scaler=scaler, series=weather))

    def error(y, p):
        return degrees * np.abs(np.ravel(y) - np.ravel(p)).mean()

    models = [trained(training, LENGTH, seed, arguments) for seed in range(arguments.seeds)]
    mistakes = print_errors(models, later, error)
    whys = [attribute(model, later) for model in models]
    print_shares(whys)
    needs = [importance(model, later, metric=error, names=NAMES, lags=[0, 1, 2, 3, 7, 13])
             for model in models]  # fmt: skip
    orders = [order_test(model, later, metric=error) for model in models]
    rows = [(ALL, [one.effects["steps shuffled"] for one in orders])]
    rows += [("reversed", [one.effects["reversed"] for one in orders])]
    kept = [shuffled_but_last(model, later, error) for model in models]
    rows += [(ALL_BUT_LAST, kept)]
    rows += [(f"without the {name}", [one.features[name] for one in needs]) for name in NAMES]
    rows += [
        (f"without lag {lag}", [one.lags[lag] for one in needs]) for lag in needs[0].lags.names
    ]
    print_losses(rows)
    errors = by_length(scaled, test, error, arguments)
    print_lengths(errors)
    conclude(mistakes, errors, rows)
    day = int(np.argmax(np.abs(later[:][1][:, 0, 0] - later[:][0][:, -1, HIGHEST])))
    print(f"\nThe pictures of one day show {days[later.origins[day]]}: the largest change of 2015.")
    draw(models[0], later, day, whys[0], needs[0], orders[0], errors, Path(arguments.folder))


def parse(argv):
    parser = argparse.ArgumentParser(description="Why a network forecasts what it does.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5, help="networks of each kind")
    parser.add_argument("--folder", default="example_output", help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="little training, to see that it runs")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.epochs, arguments.seeds = 2, 2
    return arguments


def load():
    """Return the days, and their weather beside the season as a point on a circle."""
    days, weather = seattle_weather()
    season = 2.0 * np.pi * (days - days.astype("datetime64[Y]")).astype(np.float64) / 365.25
    return days, np.column_stack([weather, np.sin(season), np.cos(season)])


def trained(windows, length, seed, arguments):
    nlstm.set_random_seed(seed)
    model = nlstm.Sequential([Input((length, len(NAMES))), LSTM(16, name="lstm"), Dense(1)])
    model.compile("adam", "mse")
    model.fit(windows, epochs=arguments.epochs, verbose=0)
    return model


def shuffled_but_last(model, later, error):
    """Return what is lost where the last day stays and those before it are shuffled."""
    x, y = later[:]
    order = np.random.default_rng(0).permuted(np.tile(np.arange(LENGTH - 1), (len(x), 1)), axis=1)
    changed = x.copy()
    changed[:, :-1] = x[np.arange(len(x))[:, None], order]
    return error(y, model.predict(changed, verbose=0)) - error(y, model.predict(x, verbose=0))


def by_length(scaled, test, error, arguments):
    """Return the errors of networks that see so many days, one for each seed."""
    errors = {}
    for length in LENGTHS:
        windows = Windows(scaled, length, targets=[HIGHEST])
        # The same days to learn from for all: those that the longest can forecast.
        training = windows.part(windows.origins >= LENGTH).before(test)
        x, y = windows.since(test)[:]
        errors[length] = [
            error(y, trained(training, length, seed, arguments).predict(x, verbose=0))
            for seed in range(arguments.seeds)
        ]
    return errors


def spread(values):
    return f"{np.mean(values):6.2f}  ({min(values):.2f} to {max(values):.2f})"


def print_errors(models, later, error):
    """Print and return the errors of all models, and of the forecast that all stays as it is."""
    x, y = later[:]
    errors = [error(y, model.predict(x, verbose=0)) for model in models]
    usual = error(y, x[:, -1, HIGHEST])
    print(f"\nError on 2015, °C, of {len(models)} seeds: {spread(errors)}")
    print(f"A forecast that tomorrow is as today is wrong by {usual:.2f}.")
    return errors, usual


def print_shares(whys):
    print("\nShare of the attribution, mean of all days (least and most of the seeds):")
    for what, parts in (("quantity", "by_feature"), ("day", "by_step")):
        sizes = np.array([np.abs(getattr(why, parts)()).mean(axis=0) for why in whys])
        shares = sizes / sizes.sum(axis=1, keepdims=True)
        titles = NAMES if what == "quantity" else [f"lag {LENGTH - 1 - n}" for n in range(LENGTH)]
        for place in np.argsort(-shares.mean(axis=0))[:4]:
            print(f"  {titles[place]:<16}{spread(shares[:, place])}")


def print_losses(rows):
    print("\nWorse by, °C, mean of the seeds (least and most of them):")
    for name, values in rows:
        print(f"  {name:<32}{spread(values)}")


def print_lengths(errors):
    print("\nError, °C, of networks that see so many days:")
    for length, values in errors.items():
        print(f"  {length:>2} days  {spread(values)}")


def conclude(mistakes, errors, rows):
    """Say what the numbers allow, and no more."""
    (own, usual), losses = mistakes, dict(rows)
    best = min(errors, key=lambda length: np.mean(errors[length]))
    gain = np.mean(errors[1]) - np.mean(errors[best])
    noise = max(max(values) - min(values) for values in errors.values())
    whole, part = (np.mean(losses[name]) for name in (ALL, ALL_BUT_LAST))
    print("\nSo:")
    if max(own) < usual:
        share = 1.0 - np.mean(own) / usual
        say(f"Every seed beats 'as today', by {share:.0%} in the mean: all below explains no more.")
    else:
        say("Not every seed beats 'as today': a forecast that is worth little is explained here.")
    if gain > noise:
        say(f"Networks that see {best} days are better than those that see one, by {gain:.2f} °C.")
    else:
        say(
            f"Networks that see more than one day gain {gain:.2f} °C at most, and seeds differ by "
            f"up to {noise:.2f} °C: however far back a network looks, it is no better for it here."
        )
    mostly = "mostly " if 4 * part < whole else "not only "
    say(
        f"Shuffling costs {whole:.2f} °C, but {part:.2f} °C where the last day stays in its place: "
        f"what was learnt of order is {mostly}which day is the last."
    )
    say("None of this says why the weather was what it was, or that other years are like 2015.")


def say(text):
    print(textwrap.fill(f"- {text}", 90, subsequent_indent="  "))


def draw(model, later, day, why, needs, order, errors, folder):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("Picture: none, for it needs matplotlib: pip install nlstm[plot]")
        return
    from nlstm import plotting

    figure = Figure(figsize=(12, 12), layout="constrained")
    axes = figure.subplots(3, 2)
    options = {"row": day, "names": NAMES, "label": "scaled input"}
    plotting.gates(trace(model, later), later, ax=axes[0, 0], **options)
    plotting.attribution(why, later, ax=axes[0, 1], **options)
    plotting.memory(memory(model, later), ax=axes[1, 0])
    seen = axes[1, 1]
    for length, values in errors.items():
        seen.plot([length] * len(values), values, "o", color="#0072B2", alpha=0.6)
    seen.plot(list(errors), [np.mean(one) for one in errors.values()], color="#D55E00")
    seen.set(title="Networks that see fewer days", xlabel="days seen", ylabel=LABEL)
    seen.spines[["top", "right"]].set_visible(False)
    plotting.importance(needs, label=LABEL, ax=axes[2, 0])
    plotting.order_test(order, label=LABEL, ax=axes[2, 1])
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "why.png", dpi=100)
    print(f"Picture: {folder / 'why.png'}")


if __name__ == "__main__":
    main()
