"""Every metric over several batches, beside live Keras."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlstm
from tests.parity.batches import batch, sample_weight
from tests.parity.draws import examples
from tests.parity.peers import keras
from tests.parity.record import as_array

pytestmark = pytest.mark.usefixtures("float64")
EXAMPLES = examples(30)
smoothings = st.sampled_from([0.0, 0.125])
thresholds = st.sampled_from([None, 0.25, [0.7, 0.2, 0.5]])
weighings = st.sampled_from(["none", "one", "rows", "each"])
top = st.sampled_from([None, None, 2])
averages = st.sampled_from([None, "micro", "macro", "weighted"])
COUNTS = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
POINTS = [("Precision", "Recall"), ("Recall", "Precision"),
          ("Sensitivity", "Specificity"), ("Specificity", "Sensitivity")]  # fmt: skip
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
    "R2Score": (("real",), {
        "class_aggregation": st.sampled_from(
            [None, "uniform_average", "variance_weighted_average"]),
        "num_regressors": st.sampled_from([0, 2])}),
    "Accuracy": (("digits",), {}),
    "BinaryAccuracy": (("binary",), {"threshold": st.sampled_from([0.25, 0.5])}),
    "CategoricalAccuracy": (("onehot",), {}),
    "SparseCategoricalAccuracy": (("sparse",), {}),
    "TopKCategoricalAccuracy": (("onehot",), {"k": st.integers(1, 3)}),
    "SparseTopKCategoricalAccuracy": (("sparse",), {"k": st.integers(1, 3)}),
    "BinaryCrossentropy": (("binary", "binary logits"), {"label_smoothing": smoothings}),
    "CategoricalCrossentropy": (("onehot", "onehot logits"), {"label_smoothing": smoothings}),
    "SparseCategoricalCrossentropy": (
        ("sparse", "sparse logits"), {"ignore_class": st.sampled_from([None, 1])}),
    "AUC": (("binary", "binary logits"), {
        "curve": st.sampled_from(["ROC", "PR", "PRGAIN"]),
        "num_thresholds": st.sampled_from([200, 20]),
        "thresholds": st.sampled_from([None, None, [0.7, 0.25]]),
        "summation_method": st.sampled_from(["interpolation", "minoring", "majoring"]),
        "multi_label": st.booleans()}),
    "Precision": (("binary",), {"thresholds": thresholds, "top_k": top,
                                "class_id": st.sampled_from([None, 1])}),
    "Recall": (("binary",), {"thresholds": thresholds, "top_k": top,
                             "class_id": st.sampled_from([None, 1])}),
    **{name: (("binary",), {"thresholds": st.sampled_from([None, [0.7, 0.2], [0.0, 0.5, 1.0]])})
       for name in COUNTS},
    **{f"{one}At{other}": (("binary",), {
        other.lower(): st.sampled_from([0.1, 0.4, 0.8]), "class_id": st.sampled_from([None, 1]),
        "num_thresholds": st.sampled_from([1, 2, 20, 200])})
       for one, other in POINTS},
    "FBetaScore": (("onehot",), {"average": averages, "beta": st.sampled_from([0.5, 2.0]),
                                 "threshold": st.sampled_from([None, 0.375])}),
    "F1Score": (("onehot",), {"average": averages,
                              "threshold": st.sampled_from([None, 0.375])}),
}  # fmt: skip
FLAT = ("R2Score", "FBetaScore", "F1Score")  # of (rows, features) alone, in Keras
# Those that take weights of rows where outputs have steps; the others want one for each step.
EACH = (*FLAT, "AUC", "Precision", "Recall", *COUNTS, *(f"{one}At{other}" for one, other in POINTS))
ELEMENTS = ("BinaryAccuracy", "RootMeanSquaredError", "R2Score", *EACH[3:])
SHAPES = (lambda shape: shape, lambda shape: (1, shape[1]))
bools = st.booleans()
MEANS = [name for name in METRICS if name not in EACH]


@st.composite
def cases(draw, name):
    """Draw a metric's arguments, and one to three batches (y, p, weight)."""
    kinds, arguments = METRICS[name]
    config, kind = draw(st.fixed_dictionaries(arguments)), draw(st.sampled_from(kinds))
    if kind.endswith(" logits"):
        config["from_logits"] = True
    if name == "AUC":
        config["label_weights"] = draw(st.sampled_from([None, [1.0, 2.0, 0.5, 0.0]]))
    flat = name in FLAT or config.get("multi_label")  # Keras wants (rows, features)
    steps = None if flat else draw(st.sampled_from([None, 3]))
    weighing, seed = draw(weighings), draw(st.integers(0, 9999))
    if weighing == "rows" and name not in MEANS:
        weighing = "each"
    single = name in MEANS and kind in ("real", "positive", "signs", "binary")
    features, column = draw(st.sampled_from([4, 1])) if single else 4, draw(st.booleans())
    if config.get("ignore_class") and weighing in ("one", "rows"):
        weighing = "each"  # Keras cannot multiply its mask of steps into weights of rows
    if name in ("F1Score", "FBetaScore") and weighing == "one":
        weighing = "none"  # an error in Keras
    elements = name in ELEMENTS and not config.get("class_id") and steps is None and draw(bools)
    batches = []
    for number, rows in enumerate(draw(st.lists(st.integers(2, 6), min_size=1, max_size=3))):
        y, p = batch(kind, rows, steps, features, seed + number)
        if kind.startswith("sparse") and column:
            y = y[..., None]
        weight = sample_weight(weighing, rows, steps, seed + number)
        if elements:
            weight = sample_weight("each", *draw(st.sampled_from(SHAPES))(p.shape), seed + number)
        batches.append((y, p, weight))
    return config, batches


def updated(metric, batches):
    """Return the metric's results: over the batches, and over the first one anew."""
    results = []
    for part in (batches, batches[:1]):
        metric.reset_state()
        for y, p, weight in part:
            # A copy, as Keras on PyTorch multiplies masks into weights of its own dtype.
            metric.update_state(y, p, sample_weight=None if weight is None else weight.copy())
        results.append(as_array(metric.result()).copy())  # may be a view
    return results


@pytest.mark.parametrize("name", METRICS)
def test_over_batches(parity, name):
    @EXAMPLES
    @given(cases(name))
    def run(case):
        config, batches = case
        ours, theirs = (
            updated(getattr(library.metrics, name)(**config), batches) for library in (nlstm, keras)
        )
        with parity.configuration(f"metric {name}") as agree:
            agree("result", ours[0], theirs[0])
            agree("after reset_state", ours[1], theirs[1])

    run()


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_of_values(parity, name):
    @EXAMPLES
    @given(st.integers(1, 5), st.sampled_from([None, 3]), st.integers(0, 99), weighings)
    def run(rows, steps, seed, weighing):
        values, _ = batch("real", rows, None, steps or 1, seed)
        weight = sample_weight(weighing, rows, steps, seed)
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
