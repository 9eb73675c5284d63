"""Why a network forecasts what it does: tomorrow's highest temperature in Seattle.

    python examples/why.py

It trains on 2012 to 2014, is asked on 2015, and draws what it finds. What one may conclude:

- *Attribution* and *importance* say what this network uses. They say nothing about what makes the
  weather: yesterday's high does not cause today's. A quantity that gets little may be useful all
  the same, where another one says the same thing.
- *Memory* says how long the state could hold something, and what a change of it long ago would do
  to the last state. Whether forecasts gain by it, only forecasts tell: so networks that see 1, 2, 3,
  7 and 14 days are trained beside each other.
- The *order test* says whether the network reads its days as a sequence. A loss by shuffling may
  mean no more than that it knows which day is the last. Here blocks of days and the last day kept
  in its place tell the two apart. Whether what it has learnt of order lasts, only later years tell.

Every number is of one year and one place, and intervals are about that year's days, not about other
years. Networks of other seeds are other networks, so that all is done for several of them; what
differs from seed to seed is not knowledge about the weather. No setting was chosen by 2015, but
the page docs/inspection.md shows the same network and year, so that 2015 is not unseen either.
"""

import argparse
from pathlib import Path

import numpy as np

import nlstm
from nlstm.datasets import seattle_weather
from nlstm.inspection import attribute, importance, leakage, memory, order_test, trace
from nlstm.layers import LSTM, Dense, Input
from nlstm.windows import StandardScaler, Windows

NAMES = ["rain", "high", "low", "wind"]
HIGHEST = 1
LENGTH = 14  # days that the network sees
LENGTHS = (1, 2, 3, 7, 14)
TEST_START = np.datetime64("2015-01-01")
LABEL = "mean absolute error, °C"


def main(argv=None):
    arguments = parse(argv)
    days, weather = seattle_weather()
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
    print_errors(models, later, error)
    whys = [attribute(model, later) for model in models]
    print_shares(whys)
    needs = [importance(model, later, metric=error, names=NAMES, lags=[0, 1, 2, 3, 7, 13])
             for model in models]  # fmt: skip
    orders = [order_test(model, later, metric=error) for model in models]
    rows = [("all days shuffled", [one.effects["steps shuffled"] for one in orders])]
    rows += [("reversed", [one.effects["reversed"] for one in orders])]
    kept = [shuffled_but_last(model, later, error) for model in models]
    rows += [("all but the last day shuffled", kept)]
    rows += [(f"without the {name}", [one.features[name] for one in needs]) for name in NAMES]
    rows += [
        (f"without lag {lag}", [one.lags[lag] for one in needs]) for lag in needs[0].lags.names
    ]
    print_losses(rows)
    errors = by_length(scaled, test, error, arguments)
    print_lengths(errors)
    conclude(errors, rows)
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
    x, y = later[:]
    errors = [error(y, model.predict(x, verbose=0)) for model in models]
    print(f"\nError on 2015, °C, of {len(models)} seeds: {spread(errors)}")
    print(f"The same day as today would be wrong by {error(y, x[:, -1, HIGHEST]):.2f}.")


def print_shares(whys):
    print("\nShare of the attribution, mean of all days (least and most of the seeds):")
    for what, parts in (("quantity", "by_feature"), ("day", "by_step")):
        sizes = np.array([np.abs(getattr(why, parts)()).mean(axis=0) for why in whys])
        shares = sizes / sizes.sum(axis=1, keepdims=True)
        titles = NAMES if what == "quantity" else [f"lag {LENGTH - 1 - n}" for n in range(LENGTH)]
        for place in np.argsort(-shares.mean(axis=0))[:4]:
            print(f"  {titles[place]:<10}{spread(shares[:, place])}")


def print_losses(rows):
    print("\nWorse by, °C, mean of the seeds (least and most of them):")
    for name, values in rows:
        print(f"  {name:<32}{spread(values)}")


def print_lengths(errors):
    print("\nError, °C, of networks that see so many days:")
    for length, values in errors.items():
        print(f"  {length:>2} days  {spread(values)}")


def conclude(errors, rows):
    """Say what the numbers allow, and no more."""
    losses = dict(rows)
    best = min(errors, key=lambda length: np.mean(errors[length]))
    gain = np.mean(errors[1]) - np.mean(errors[best])
    noise = max(max(values) - min(values) for values in errors.values())
    print("\nSo:")
    print(
        f"- Seeing {best} days is best here, {gain:.2f} °C better than seeing one day; seeds alone"
    )
    print(f"  make up to {noise:.2f} °C. {'That is more than seeds make.' if gain > noise else ''}")
    whole, part = (np.mean(losses[n]) for n in ("all days shuffled", rows[2][0]))
    print(f"- Shuffling costs {whole:.2f} °C; {part:.2f} °C where the last day stays in its place.")
    print(f"  So about {np.clip(1 - part / whole, 0, 1):.0%} of what order is worth to the network")
    print("  is which day is the last.")
    print("- None of this says why the weather was what it was, or that other years are like 2015.")


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
