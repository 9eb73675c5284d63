"""A model that writes, character by character, in the manner of Python's own documentation.

    python examples/text.py

The text is what `help("topics")` reads, which every Python brings along. The model, in Keras's
words, and how it writes:

    model = Sequential([
        Input((64, letters)),            # one-hot
        LSTM(128, return_sequences=True),
        Dense(letters, activation="softmax"),
    ])
    model.compile(Adam(0.005), "sparse_categorical_crossentropy")

    stream = model.stream()              # one character at a time, the state kept in between
    odds = stream.step(one_hot)
"""

import argparse
import math
import time
from pydoc_data import topics

import numpy as np

import nlstm
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential
from nlstm.optimizers import Adam

STEPS = 64  # characters that a training sequence holds


def main(argv=None):
    arguments = parse(argv)
    text = load()[: arguments.characters]
    letters = sorted(set(text))
    code_of = {letter: code for code, letter in enumerate(letters)}
    codes = np.array([code_of[letter] for letter in text])
    cut = len(codes) * 9 // 10
    print(f"{len(codes):,} characters, {len(letters)} of them different; the last tenth tests.")

    start = time.perf_counter()
    model = train(codes[:cut], len(letters), arguments)
    seconds = time.perf_counter() - start
    print(f"Trained in {seconds:.1f} s.\n")
    bits = model.evaluate(*pairs(codes[cut:], len(letters)), verbose=0) / math.log(2)
    frequency = bits_by_frequency(codes[:cut], codes[cut:], len(letters))
    print("Bits that a character of unseen text costs:")
    print(f"  {math.log2(len(letters)):.2f}  guessing")
    print(f"  {frequency:.2f}  by how often it occurs")
    print(f"  {bits:.2f}  the LSTM")
    if bits >= frequency:
        epochs = f"{arguments.epochs} epoch{'s' * (arguments.epochs != 1)}"
        print(f"So short a training ({epochs} of {len(codes):,} characters) learns no more yet.")
    print()

    stream = model.stream()
    random = np.random.default_rng(arguments.seed)
    for temperature in (0.3, 0.6, 1.0):
        prompt = [code_of[letter] for letter in "The " if letter in code_of]
        written = sample(stream, prompt, arguments.sample, temperature, random)
        print(f"--- temperature {temperature} " + "-" * 60)
        print("".join(letters[code] for code in written))


def parse(argv):
    parser = argparse.ArgumentParser(description="Learn to write from Python's documentation.")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--characters", type=int, default=300_000)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--sample", type=int, default=400, help="characters to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="little text, to see that it runs")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.epochs, arguments.characters, arguments.sample = 1, 30_000, 60
    return arguments


def load():
    """Return the language reference as one text, one topic after the other."""
    return "\n".join(topics.topics[name] for name in sorted(topics.topics))


def pairs(codes, letters):
    """Return one-hot sequences (count, 64, letters), and codes a character on, (count, 64)."""
    count = (len(codes) - 1) // STEPS
    x, y = (codes[ahead : ahead + count * STEPS].reshape(count, STEPS) for ahead in (0, 1))
    return np.eye(letters, dtype=np.float32)[x], y


def train(codes, letters, arguments):
    nlstm.set_random_seed(arguments.seed)
    model = Sequential(
        [
            Input((STEPS, letters)),
            LSTM(arguments.units, return_sequences=True),
            Dense(letters, activation="softmax"),
        ]
    )
    model.compile(Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(*pairs(codes, letters), batch_size=32, epochs=arguments.epochs, verbose=0)
    return model


def bits_by_frequency(codes, unseen, letters):
    counts = np.bincount(codes, minlength=letters) + 1
    return -np.log2(counts[unseen] / counts.sum()).mean()


def sample(stream, prompt, count, temperature, random):
    """Return `prompt` and `count` codes more, each drawn by the odds after those before it."""
    stream.reset()
    written = list(prompt)
    one_hot = np.eye(stream.output.shape[1])
    for code in prompt:
        odds = stream.step(one_hot[code])[0]
    for _ in range(count):
        sharpened = odds.astype(np.float64) ** (1.0 / temperature)
        code = int(random.choice(odds.size, p=sharpened / sharpened.sum()))
        written.append(code)
        odds = stream.step(one_hot[code])[0]
    return written


if __name__ == "__main__":
    main()
