"""Value and gradient of every loss, beside live Keras; the forecasters' beside PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nlstm
from nlstm import kernels
from nlstm.losses.apart import as_steps
from nlstm.plan.plan import Plan
from tests.parity import trained
from tests.parity.batches import batch, sample_weight
from tests.parity.peers import keras, torch

pytestmark = pytest.mark.usefixtures("float64")
EXAMPLES = settings(max_examples=14, derandomize=True, deadline=None)
smoothings = st.sampled_from([0.0, 0.125, 0.5])
gammas = st.sampled_from([0.5, 1.0, 2.0, 3.5])
alphas = st.sampled_from([0.25, 0.75])
plain = {name: (("real",), {}) for name in ("MeanSquaredError", "MeanAbsoluteError", "LogCosh")}
LOSSES = plain | {
    "MeanAbsolutePercentageError": (("real",), {}),
    "MeanSquaredLogarithmicError": (("positive", "real"), {}),
    "Poisson": (("positive",), {}),
    "KLDivergence": (("shares",), {}),
    "Hinge": (("signs", "binary"), {}),
    "SquaredHinge": (("signs", "binary"), {}),
    "CategoricalHinge": (("onehot logits",), {}),
    "Huber": (("real",), {"delta": st.sampled_from([0.25, 1.0, 2.0])}),
    "CosineSimilarity": (("real",), {}),
    "BinaryCrossentropy": (("binary", "binary logits"), {"label_smoothing": smoothings}),
    "BinaryFocalCrossentropy": (
        ("binary", "binary logits"),
        {"label_smoothing": smoothings, "gamma": gammas, "alpha": alphas,
         "apply_class_balancing": st.booleans()},
    ),
    "CategoricalCrossentropy": (("onehot", "onehot logits"), {"label_smoothing": smoothings}),
    "CategoricalFocalCrossentropy": (
        ("onehot", "onehot logits"),
        {"label_smoothing": smoothings, "gamma": gammas, "alpha": alphas},
    ),
    "SparseCategoricalCrossentropy": (
        ("sparse", "sparse logits"), {"ignore_class": st.sampled_from([None, 0, 1])},
    ),
}  # fmt: skip
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")


def ours(loss, y, p, weight):
    """Return nlstm's value, called as a user does, and the gradient training would use."""
    width = loss.target_features(p.shape[-1])
    y_major, p_major, weights, _ = as_steps(y, p, weight, lambda features: width or features)
    gradient, total = np.full_like(p_major, np.nan), np.zeros(2)
    ops, rows, steps = kernels.load(None, "float64"), p_major.shape[1], p_major.shape[0]
    plan = Plan(ops, None, ops.dtype, rows, steps, True, ops.zeros(1, np.int64))
    given = y_major, p_major, p.shape[-1], weights, gradient, total
    loss.bind(plan, *given, None, p.ndim == 3)
    plan.ops.program(plan.forward)()
    return loss(y, p, weight), total[0] / total[1], gradient.swapaxes(0, 1).reshape(p.shape)


def theirs(value_of, p):
    """Return the peer's value, and its gradient by autograd."""
    tensor = torch.tensor(p, requires_grad=True)
    value = value_of(tensor)
    value.backward()
    return value, tensor.grad


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient(parity, name):
    kinds, arguments = LOSSES[name]

    @EXAMPLES
    @given(st.data())
    def run(data):
        config = {key: data.draw(value, key) for key, value in arguments.items()}
        config["reduction"] = data.draw(st.sampled_from(REDUCTIONS))
        kind = data.draw(st.sampled_from(kinds))
        if kind.endswith(" logits") and name != "CategoricalHinge":
            config["from_logits"] = True
        rows, steps = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([None, 1, 4]))
        several = kind.startswith(("onehot", "sparse", "shares"))
        features, seed = data.draw(st.integers(3 if several else 1, 4)), data.draw(st.integers(0))
        weighing = data.draw(st.sampled_from(["none", "one", "each"]))
        if config.get("ignore_class") is not None and weighing == "one":
            weighing = "each"  # Keras on PyTorch multiplies its mask into the one weight
        seed %= 2**31
        y, p = batch(kind, rows, steps, features, seed)
        weight = sample_weight(weighing, rows, steps, seed)
        loss = getattr(keras.losses, name)(**config)
        value, gradient = theirs(lambda tensor: loss(y, tensor, sample_weight=weight), p)
        called, found, slopes = ours(getattr(nlstm.losses, name)(**config), y, p, weight)
        with parity.configuration(f"loss {name}") as agree:
            agree("value", called, value)
            if weighing != "one":
                agree("value in training", found, value)
                agree("gradient", slopes, gradient)

    run()


@pytest.mark.parametrize("name", LOSSES)
def test_each_value(parity, name):
    """Without a reduction, of one row alone, and along another axis."""
    kinds, arguments = LOSSES[name]

    @EXAMPLES
    @given(st.data())
    def run(data):
        config = {key: data.draw(value, key) for key, value in arguments.items()}
        kind, seed = data.draw(st.sampled_from(kinds)), data.draw(st.integers(0, 9999))
        if kind.endswith(" logits") and name != "CategoricalHinge":
            config["from_logits"] = True
        rows, steps = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([None, 1, 4]))
        weighing = data.draw(st.sampled_from(["none", "one", "each"]))
        y, p = batch(kind, rows, steps, 3, seed)
        if config.get("ignore_class") is not None and weighing == "one":
            weighing = "each"
        weight = sample_weight(weighing, rows, steps, seed)
        if "ntropy" in name and not kind.startswith("sparse") or name == "CosineSimilarity":
            axis = config["axis"] = data.draw(st.integers(-p.ndim, p.ndim - 1))
            y, p = np.moveaxis(y, -1, axis), np.moveaxis(p, -1, axis)
            weight = None if weight is None or weight.ndim else weight
            if axis not in (-1, p.ndim - 1):
                config.pop("label_smoothing", None)  # Keras divides by the last axis's size
        ours, theirs = (
            getattr(library.losses, name)(**config, reduction=None) for library in (nlstm, keras)
        )
        with parity.configuration(f"loss {name}, reduction=None") as agree:
            # Keras drops the axis of one row where one weight comes.
            agree(
                "values", np.ravel(ours(y, p, weight)), theirs(y, p, sample_weight=weight).ravel()
            )
        if "axis" in config or p.ndim > 2:
            return
        reduction = data.draw(st.sampled_from(REDUCTIONS))
        mine, other = (
            getattr(library.losses, name)(**config, reduction=reduction)
            for library in (nlstm, keras)
        )
        weight = None
        if not kind.startswith("sparse"):
            weight = data.draw(st.sampled_from([None, np.array(0.5), np.array([0.5, 0.0, 2.0])]))
        with parity.configuration(f"loss {name} of one axis") as agree:
            agree("value", mine(y[0], p[0], weight), other(y[0], p[0], sample_weight=weight))

    run()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["MeanSquaredError", "SparseCategoricalCrossentropy"])
def test_masked_steps(parity, name, reduction):
    """A mask reaches the loss of both models: what they report, and the weights after a step."""
    sparse = name.startswith("Sparse")

    @settings(EXAMPLES, max_examples=4)
    @given(st.integers(0, 999), st.booleans())
    def run(seed, weighted):
        options = {"sequences": True, "masked": True, "outputs": 3}
        x, y = trained.inputs(seed), trained.targets(seed, sequences=True, outputs=3)
        x[np.random.default_rng(seed).random(x.shape[:2]) < 0.4] = 0.0
        if sparse:
            y, options["activation"] = y.argmax(axis=-1), "softmax"
        weight = sample_weight("each" if weighted else "none", trained.ROWS, trained.STEPS, seed)
        values = []
        both = trained.pair(keras, seed, **options)
        for library, model in zip((nlstm, keras), both):
            loss = getattr(library.losses, name)(reduction=reduction)
            model.compile(library.optimizers.SGD(0.125), loss)
            values.append(model.train_on_batch(x, y, sample_weight=weight))
        with parity.configuration("loss of masked steps") as agree:
            agree("loss", *values)
            for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
                agree(f"weight {number}", *pair)

    run()


def gaussian(tensor, y, epsilon):
    location, raw = tensor.split(y.shape[-1], dim=-1)
    scale = torch.nn.functional.softplus(raw) + epsilon
    return -torch.distributions.Normal(location, scale).log_prob(torch.tensor(y))


def student_t(tensor, y, epsilon):
    location, raw, freedom = tensor.split(y.shape[-1], dim=-1)
    scale = torch.nn.functional.softplus(raw) + epsilon
    freedom = 2 + torch.nn.functional.softplus(freedom)
    return -torch.distributions.StudentT(freedom, location, scale).log_prob(torch.tensor(y))


@pytest.mark.parametrize(
    "name, blocks, peer", [("GaussianNLL", 2, gaussian), ("StudentTNLL", 3, student_t)]
)
def test_likelihoods(parity, name, blocks, peer):
    @EXAMPLES
    @given(st.integers(1, 5), st.sampled_from([None, 4]), st.integers(1, 2), st.integers(0, 999))
    def run(rows, steps, outputs, seed):
        epsilon = 2.0**-10
        y, _ = batch("real", rows, steps, outputs, seed)
        _, p = batch("real", rows, steps, outputs * blocks, seed + 1)
        value, gradient = theirs(lambda tensor: peer(tensor, y, epsilon).mean(), p)
        called, found, slopes = ours(getattr(nlstm.losses, name)(epsilon), y, p, None)
        with parity.configuration(f"loss {name} (PyTorch)") as agree:
            agree("value", called, value)
            agree("value in training", found, value)
            agree("gradient", slopes, gradient)

    run()
