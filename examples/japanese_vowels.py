"""Name the speaker: utterances of unlike length, masks, softmax.

    python examples/japanese_vowels.py

The model, in Keras's words:

    model = Sequential([
        Input((29, 12)),
        Masking(),
        Bidirectional(LSTM(100)),
        Dropout(0.5),
        Dense(9, activation="softmax"),
    ])
    model.compile(Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])

Units, dropout, learning rate and epochs were chosen by `--validate`, which splits the 270 training
utterances in five and never looks at the test part.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import nlstm
from nlstm.datasets import japanese_vowels
from nlstm.layers import LSTM, Bidirectional, Dense, Dropout, Input, Masking
from nlstm.models import Sequential
from nlstm.optimizers import Adam

SPEAKERS = 9
FOLDS = 5
BATCH_SIZE = 16


def main(argv=None):
    arguments = parse(argv)
    (x, y, lengths), (x_test, y_test, _) = japanese_vowels()
    print(f"{len(x)} utterances to train on, {len(x_test)} to test on, ", end="")
    print(f"of {lengths.min()} to {lengths.max()} steps, by {SPEAKERS} speakers.")
    if arguments.validate:
        print(f"Accuracy in {FOLDS}-fold cross-validation: {cross_validate(x, y, arguments):.1%}")
        return
    start = time.perf_counter()
    model = train(x, y, arguments)
    seconds = time.perf_counter() - start
    named = model.predict(x_test, verbose=0).argmax(axis=1)
    counts = np.zeros((SPEAKERS, SPEAKERS), int)
    np.add.at(counts, (y_test, named), 1)
    print_table(counts)
    accuracy = np.trace(counts) / counts.sum()
    print(f"Test accuracy: {accuracy:.1%} after {seconds:.1f} s of training.")
    draw(counts, Path(arguments.folder))
    if accuracy < arguments.at_least:
        raise SystemExit(f"The test accuracy is below {arguments.at_least:.1%}.")


def parse(argv):
    parser = argparse.ArgumentParser(description="Name the speakers of Japanese vowels.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", default="example_output", help="where the picture goes")
    parser.add_argument("--validate", action="store_true", help="cross-validate; no test")
    parser.add_argument(
        "--at-least", type=float, default=0.0, help="test accuracy below which the run fails"
    )
    parser.add_argument("--quick", action="store_true", help="few epochs, to see that it runs")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.epochs = 3
    return arguments


def train(x, y, arguments):
    nlstm.set_random_seed(arguments.seed)
    model = Sequential(
        [
            Input(x.shape[1:]),
            Masking(),  # the steps after the end of an utterance are 0 in every channel
            Bidirectional(LSTM(arguments.units)),
            Dropout(arguments.dropout),
            Dense(SPEAKERS, activation="softmax"),
        ]
    )
    model.compile(
        Adam(arguments.learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=arguments.epochs, verbose=0)
    return model


def cross_validate(x, y, arguments):
    fold = np.random.default_rng(0).permutation(len(x)) % FOLDS
    right = 0
    for held_back in range(FOLDS):
        model = train(x[fold != held_back], y[fold != held_back], arguments)
        named = model.predict(x[fold == held_back], verbose=0).argmax(axis=1)
        right += int((named == y[fold == held_back]).sum())
    return right / len(x)


def print_table(counts):
    print("\nUtterances by speaker (row) and by whom the model heard (column):\n")
    print("      " + "".join(f"{speaker:>5}" for speaker in range(SPEAKERS)) + "   right")
    for speaker, row in enumerate(counts):
        cells = "".join(f"{count or '.':>5}" for count in row)
        print(f"{speaker:>6}{cells}{row[speaker] / row.sum():>8.0%}")
    print()


def draw(counts, folder):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("Picture: none, for it needs matplotlib: pip install nlstm[plot]")
        return
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if count > counts.max() / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    axes.set(
        title="Japanese vowels, test part: utterances", xlabel="speaker heard", ylabel="speaker"
    )
    axes.set(xticks=range(SPEAKERS), yticks=range(SPEAKERS))
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "japanese_vowels.png", dpi=120)
    print(f"Picture: {folder / 'japanese_vowels.png'}")


if __name__ == "__main__":
    main()
