"""Every metric over several batches, beside live Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nlstm
from tests.parity.batches import batch, sample_weight
from tests.parity.peers import keras

EXAMPLES = settings(max_examples=12, derandomize=True, deadline=None)
smoothings = st.sampled_from([0.0, 0.125])
thresholds = st.sampled_from([None, 0.25, [0.7, 0.2, 0.5]])
averages = st.sampled_from([None, "micro", "macro", "weighted"])
METRICS = {
    "MeanSquaredError": (("real",), {}),
    "RootMeanSquaredError": (("real",), {}),
    "MeanAbsoluteError": (("real",), {}),
    "MeanAbsolutePercentageError": (("real",), {}),
    "MeanSquaredLogarithmicError": (("positive",), {}),
    "LogCoshError": (("real",), {}),
    "CosineSimilarity": (("real",), {}),
    "Poisson": (("positive",), {}),
    "KLDivergence": (("shares",), {}),
    "Hinge": (("signs", "binary"), {}),
    "SquaredHinge": (("signs", "binary"), {}),
    "CategoricalHinge": (("onehot",), {}),
    "R2Score": (("real",), {"class_aggregation": st.sampled_from(
        [None, "uniform_average", "variance_weighted_average"])}),
    "BinaryAccuracy": (("binary",), {"threshold": st.sampled_from([0.25, 0.5])}),
    "CategoricalAccuracy": (("onehot",), {}),
    "SparseCategoricalAccuracy": (("sparse",), {}),
    "TopKCategoricalAccuracy": (("onehot",), {"k": st.integers(1, 3)}),
    "SparseTopKCategoricalAccuracy": (("sparse",), {"k": st.integers(1, 3)}),
    "BinaryCrossentropy": (("binary", "binary logits"), {"label_smoothing": smoothings}),
    "CategoricalCrossentropy": (("onehot", "onehot logits"), {"label_smoothing": smoothings}),
    "SparseCategoricalCrossentropy": (
        ("sparse", "sparse logits"), {"ignore_class": st.sampled_from([None, 1])}),
    "AUC": (("binary",), {
        "curve": st.sampled_from(["ROC", "PR"]), "num_thresholds": st.sampled_from([200, 20]),
        "summation_method": st.sampled_from(["interpolation", "minoring", "majoring"]),
        "multi_label": st.booleans()}),
    "Precision": (("binary",), {"thresholds": thresholds,
                                "class_id": st.sampled_from([None, 1])}),
    "Recall": (("binary",), {"thresholds": thresholds, "class_id": st.sampled_from([None, 1])}),
    "FBetaScore": (("onehot",), {"average": averages, "beta": st.sampled_from([0.5, 2.0]),
                                 "threshold": st.sampled_from([None, 0.375])}),
    "F1Score": (("onehot",), {"average": averages,
                              "threshold": st.sampled_from([None, 0.375])}),
}  # fmt: skip
FLAT = ("R2Score", "FBetaScore", "F1Score")  # of (rows, features) alone, in Keras


@pytest.fixture(scope="module", autouse=True)
def float64():
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def both(name, config, batches):
    """Return the two results, and both after a second round that starts anew."""
    found = []
    for library in (nlstm, keras):
        metric = getattr(library.metrics, name)(**config)
        for y, p, weight in batches:
            metric.update_state(y, p, sample_weight=weight)
        result = np.asarray(metric.result(), np.float64)
        metric.reset_state()
        metric.update_state(*batches[0])
        found.append((result, np.asarray(metric.result(), np.float64)))
    return zip(*found)


@pytest.mark.parametrize("name", METRICS)
def test_over_batches(parity, name):
    kinds, arguments = METRICS[name]

    @EXAMPLES
    @given(st.data())
    def run(data):
        config = {key: data.draw(value, key) for key, value in arguments.items()}
        kind = data.draw(st.sampled_from(kinds))
        if kind.endswith(" logits"):
            config["from_logits"] = True
        steps = None if name in FLAT else data.draw(st.sampled_from([None, 3]))
        seed, count = data.draw(st.integers(0, 9999)), data.draw(st.integers(1, 3))
        weighing = data.draw(st.sampled_from(["none", "each"]))
        if config.get("multi_label"):
            steps = None  # Keras wants (rows, labels)
        batches = []
        for number in range(count):
            rows = data.draw(st.integers(2, 6))
            y, p = batch(kind, rows, steps, 4, seed + number)
            batches.append((y, p, sample_weight(weighing, rows, steps, seed + number)))
        # Keras's own AUC sums weights by way of float32.
        tolerance = 1e-6 if name == "AUC" else None
        with parity.configuration(f"metric {name}", tolerance=tolerance) as agree:
            for what, pair in zip(("result", "after reset_state"), both(name, config, batches)):
                agree(what, *pair)

    run()


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_of_values(parity, name):
    @EXAMPLES
    @given(st.integers(1, 5), st.sampled_from([None, 3]), st.booleans(), st.integers(0, 99))
    def run(rows, steps, weighted, seed):
        values, _ = batch("real", rows, None, 1 if steps is None else steps, seed)
        weight = sample_weight("each" if weighted else "none", rows, None, seed)
        found = []
        for library in (nlstm, keras):
            metric = getattr(library.metrics, name)()
            for scale in (1.0, 2.0):
                metric.update_state(scale * values, sample_weight=weight)
            found.append(metric.result())
        with parity.configuration(f"metric {name}") as agree:
            agree("result", *found)

    run()


def test_a_function_as_metric(parity):
    y, p = batch("real", 5, 3, 2, 1)
    found = []
    for library in (nlstm, keras):
        square = keras.ops.square if library is keras else np.square
        metric = library.metrics.MeanMetricWrapper(
            lambda a, b, square=square: square(a - b)[..., 0], name="own"
        )
        metric.update_state(y, p, sample_weight=np.array([1.0, 0.0, 2.0, 0.5, 1.0]))
        found.append(metric.result())
    with parity.configuration("metric MeanMetricWrapper") as agree:
        agree("result", *found)
