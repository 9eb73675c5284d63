"""Convolutions, pools over windows, layers of steps, and batch normalisation beside Keras."""

import numpy as np
from hypothesis import assume, given

import nlstm
from tests.parity.draws import FLAG, cases, examples, random, random_mask
from tests.parity.pairs import compare
from tests.parity.peers import keras


def sequences(sizes, seed, steps=9):
    return random(seed, sizes.N, steps, sizes.F)


@examples(60)
@given(
    cases(
        kernel_size=[1, 2, 3, 5],
        strides=[1, 2, 3],
        dilation_rate=[1, 2],
        padding=["valid", "same", "causal"],
        activation=[None, "relu", "tanh"],
        use_bias=FLAG,
        groups=[1, 1, 2],
    )
)
def test_conv1d(parity, case):
    sizes, options, seed = case
    if options["strides"] > 1:
        options["dilation_rate"] = 1
    if sizes.F % options["groups"]:
        options["groups"] = 1
    options["filters"] = sizes.H * options["groups"]
    network = lambda L, x: L.Conv1D(**options)(x)  # noqa: E731
    compare(parity, "Conv1D", network, [sequences(sizes, seed)], seed=seed, predicted=True)


@examples(40)
@given(
    cases(
        kind=["Max", "Average"],
        pool_size=[1, 2, 3, 4],
        strides=[None, 1, 2, 3],
        padding=["valid", "same"],
    )
)
def test_pools(parity, case):
    sizes, options, seed = case
    kind, size, stride = options.pop("kind"), options["pool_size"], options["strides"]
    if kind == "Average" and options["padding"] == "same":
        # Where more is padded at one end Keras on PyTorch repeats the last step; on JAX and
        # TensorFlow, as here, what is padded does not count.
        stride = stride or size
        assume((max((-(-9 // stride) - 1) * stride + size - 9, 0)) % 2 == 0)
    network = lambda L, x: getattr(L, f"{kind}Pooling1D")(**options)(x)  # noqa: E731
    compare(parity, "Pooling1D", network, [sequences(sizes, seed)], seed=seed)


STEPS = {
    "pad": lambda L, x: L.ZeroPadding1D(2)(x),
    "pad unequally": lambda L, x: L.ZeroPadding1D((0, 3))(x),
    "crop": lambda L, x: L.Cropping1D(2)(x),
    "crop unequally": lambda L, x: L.Cropping1D((3, 0))(x),
    "repeat": lambda L, x: L.UpSampling1D(3)(x),
    "exchange": lambda L, x: L.Permute((2, 1))(x),
    "leave": lambda L, x: L.Permute((1, 2))(x),
    "slopes": lambda L, x: L.PReLU()(x),
    "shared slopes": lambda L, x: L.PReLU(shared_axes=[1])(x),
}


@examples(40)
@given(cases(kind=list(STEPS)))
def test_steps(parity, case):
    sizes, options, seed = case
    network = STEPS[options["kind"]]
    compare(parity, "ZeroPadding1D, Permute, PReLU, ...", network, [sequences(sizes, seed)],
            seed=seed)  # fmt: skip


@examples(40)
@given(cases(steps=FLAG, center=FLAG, scale=FLAG, epsilon=[1e-3, 1e-2], masked=FLAG))
def test_batch_normalization(parity, case):
    sizes, options, seed = case
    steps, masked = options.pop("steps"), options.pop("masked")
    x = random(seed, sizes.N, sizes.T, sizes.F) if steps else random(seed, sizes.N, sizes.F)
    assume(x.size // sizes.F > 1)  # of one row Keras on PyTorch raises
    masked = masked and steps and sizes.F > 1  # of one feature Keras squeezes its axis away
    arrays = [x, random_mask(seed, sizes.N, sizes.T)] if masked else [x]

    def network(L, x, *mask):
        layer = L.BatchNormalization(**options)
        return layer(x, mask=mask[0]) if mask else layer(x)

    feature = "BatchNormalization, mask" if len(arrays) > 1 else "BatchNormalization"
    compare(parity, feature, network, arrays, seed=seed)


@examples(6)
@given(cases(momentum=[0.99, 0.5], masked=FLAG))
def test_training_with_batch_normalization(parity, float64, case):
    """Three batches: weights, averages, and what they predict."""
    sizes, options, seed = case
    x, y = random(seed, 6, 5, 3), random(seed + 1, 6, 2)
    if options["masked"]:
        x[~random_mask(seed, 6, 5)] = 0.0
        x[:, 0] = 1.0

    def made(library, **more):
        L = library.layers
        start = library.Input((5, 3), **more)
        seen = L.Masking()(start) if options["masked"] else start
        normal = L.BatchNormalization(momentum=options["momentum"])(seen)
        model = library.Model(start, L.Dense(2)(L.BatchNormalization()(L.LSTM(4)(normal))))
        model.compile(library.optimizers.SGD(0.1, weight_decay=0.01), "mse")
        return model

    ours, theirs = made(nlstm, dtype="float64"), made(keras)
    ours.set_weights(theirs.get_weights())
    for model in (ours, theirs):
        for part in range(3):
            model.train_on_batch(np.roll(x, part, axis=1) if not options["masked"] else x, y)
    with parity.configuration("BatchNormalization, training", "float64", 1e-9) as agree:
        for place, pair in enumerate(zip(ours.get_weights(), theirs.get_weights(), strict=True)):
            agree(f"weights {place}", *pair)
        agree("prediction", *(model.predict(x, verbose=0) for model in (ours, theirs)))
