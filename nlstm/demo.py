"""A forecast of real weather from end to end: windows, split, training, test, files."""

import argparse
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.seeds import set_random_seed
from nlstm.datasets import seattle_weather
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.training.output import say
from nlstm.windows import windows

__all__ = ["demo"]

# Errors on the test part were seen while the data and these were picked, so they are not unbiased.
# Lowest validation loss, mean of 8 seeds, of 7, 14 and 28 days, 16 to 64 units, 10 to 60 epochs.
INPUT_DAYS = 7
UNITS = 32
BATCH_SIZE = 32
VALIDATION_START = np.datetime64("2014-07-01")
TEST_START = np.datetime64("2015-01-01")
HIGHEST = 1  # the column to forecast: the highest temperature of a day, in degrees Celsius


class Part(NamedTuple):
    """Windows of one stretch of time: shapes (M, 7, 6) and (M, 1), and the M days forecast."""

    x: np.ndarray
    y: np.ndarray
    days: np.ndarray


class Task(NamedTuple):
    """The data of the demo, in time order and scaled by what the training part knows."""

    training: Part
    validation: Part
    test: Part
    scale: tuple[float, float]  # mean and standard deviation of the highest temperature


def demo(argv: Sequence[str] | None = None) -> None:
    """Train an LSTM on the daily weather of Seattle and say whether it beats simple forecasts.

    Parameters
    ----------
    argv : sequence of str, optional
        Command line arguments; those of the process by default.
    """
    arguments = _parse(argv)
    task = _load_task()
    _print_task(task)
    _compile_kernels(task)

    set_random_seed(arguments.seed)
    model = _build_model()
    start = time.perf_counter()
    history = _train(model, task, arguments.epochs)
    training_seconds = time.perf_counter() - start
    start = time.perf_counter()
    scaled_forecast = model.predict(task.test.x, verbose=0)
    predict_seconds = time.perf_counter() - start

    truth, forecast = _in_degrees(task.test.y, task), _in_degrees(scaled_forecast, task)
    forecasts = {"the LSTM": forecast, **_naive_forecasts(task)}
    _print_errors({name: np.abs(values - truth).mean() for name, values in forecasts.items()})
    sequences = arguments.epochs * len(task.training.x)
    print("\nSequences per second:")
    print(f"  {'in training, validation included':<40} {sequences / training_seconds:,.0f}")
    print(f"  {'in predict':<40} {len(forecast) / predict_seconds:,.0f}\n")
    _write_files(Path(arguments.folder), model, history, task.test.days, truth, forecast)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m nlstm demo", description="Train an LSTM on real weather."
    )
    parser.add_argument("--epochs", type=int, default=40, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--folder", default="demo_output", help="where the files go (default: %(default)s)"
    )
    return parser.parse_args(argv)


def _load_task() -> Task:
    dates, values = seattle_weather()
    known = values[dates < VALIDATION_START]
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    scaled = (values - mean) / deviation
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.float64)
    season = 2.0 * np.pi * day_of_year / 365.25
    series = np.column_stack([scaled, np.sin(season), np.cos(season)])
    x, y = windows(series, INPUT_DAYS, horizon=1, target=scaled[:, HIGHEST])
    days = dates[INPUT_DAYS:]

    def part(chosen: np.ndarray) -> Part:
        return Part(x[chosen], y[chosen, 0], days[chosen])

    return Task(
        training=part(days < VALIDATION_START),
        validation=part((days >= VALIDATION_START) & (days < TEST_START)),
        test=part(days >= TEST_START),
        scale=(mean[HIGHEST], deviation[HIGHEST]),
    )


def _print_task(task: Task) -> None:
    print(f"Seattle's highest temperature, forecast a day ahead from the {INPUT_DAYS} days before:")
    for name in ("training", "validation", "test"):
        days = getattr(task, name).days
        print(f"  {name:<10} {days[0]} to {days[-1]}, {len(days)} windows")


def _build_model() -> Sequential:
    model = Sequential([LSTM(UNITS, input_shape=(INPUT_DAYS, 6)), Dense(1)])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def _compile_kernels(task: Task) -> None:
    """Use every kernel once on a model that is thrown away: the demo times training, not Numba."""
    x, y, _ = task.training
    model = _build_model()
    model.fit(x[: 2 * BATCH_SIZE], y[: 2 * BATCH_SIZE], batch_size=BATCH_SIZE, verbose=0)
    model.evaluate(x[:BATCH_SIZE], y[:BATCH_SIZE], verbose=0)
    model.predict(x[:BATCH_SIZE], verbose=0)


def _train(model: Sequential, task: Task, epochs: int) -> dict[str, list[float]]:
    return model.fit(
        task.training.x,
        task.training.y,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=(task.validation.x, task.validation.y),
    ).history


def _in_degrees(scaled: np.ndarray, task: Task) -> np.ndarray:
    mean, deviation = task.scale
    return np.asarray(scaled, dtype=np.float64)[:, 0] * deviation + mean


def _naive_forecasts(task: Task) -> dict[str, np.ndarray]:
    dates, values = seattle_weather()
    today = np.searchsorted(dates, task.test.days)
    return {
        "the same day last year (seasonal-naive)": values[today - 365, HIGHEST],
        "the day before (naive)": values[today - 1, HIGHEST],
    }


def _print_errors(errors: dict[str, float]) -> None:
    print("\nMean absolute error on the test part, degrees Celsius:")
    for name, error in errors.items():
        print(f"  {name:<40} {error:.2f}")
    print(_verdict(errors))


def _verdict(errors: dict[str, float]) -> str:
    (lstm, own), *others = errors.items()
    beaten = [f"{1 - own / error:.0%} below {name}" for name, error in others if own < error]
    not_beaten = [name for name, error in others if not own < error]  # NaN beats nothing
    if not not_beaten:
        return _wrapped(f"The LSTM wins: its error is {', '.join(beaten)}.")
    others_are = ", nor than ".join(not_beaten)
    return _wrapped(f"The LSTM does not win: it is no better than {others_are}.")


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 80, subsequent_indent="  ")


def _write_files(
    folder: Path,
    model: Sequential,
    history: dict[str, list[float]],
    days: np.ndarray,
    truth: np.ndarray,
    forecast: np.ndarray,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "seattle_weather.weights.safetensors"
    model.save_weights(str(weights))
    say(f"Weights: {weights}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("Picture: none, for it needs matplotlib: pip install nlstm[plot]")
        return
    picture = folder / "seattle_weather.png"
    figure = Figure(figsize=(8, 7), layout="constrained")
    _draw(figure, history, days, truth, forecast)
    figure.savefig(picture, dpi=120)
    say(f"Picture: {picture}")


def _draw(
    figure: Any,
    history: dict[str, list[float]],
    days: np.ndarray,
    truth: np.ndarray,
    forecast: np.ndarray,
) -> None:
    losses, year = figure.subplots(2, 1)
    epochs = np.arange(1, len(history["loss"]) + 1)
    losses.plot(epochs, history["loss"], label="training")
    losses.plot(epochs, history["val_loss"], label="validation")
    losses.set(title="Loss", xlabel="epoch", ylabel="mean squared error, scaled", yscale="log")
    losses.yaxis.set_major_formatter("{x:g}")
    losses.yaxis.set_minor_formatter("{x:.1g}")
    losses.legend()
    year.plot(days, truth, color="0.6", linewidth=3, label="truth")
    year.plot(days, forecast, color="C3", linewidth=1, label="forecast a day ahead")
    year.set(title="Highest temperature of the day, Seattle, test part", ylabel="degrees Celsius")
    year.legend()
