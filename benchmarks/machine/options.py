"""A training step of nlstm with each option of its layers and of `fit`."""

RATE = 0.2
LIMITS = {  # what nlstm promises, times the plain step
    "masking layer": 1.15,
    "lengths": 1.15,
    "half lengths": 0.6,
    "dropout": 1.1,
    "recurrent_dropout": 1.6,
    "zoneout": 1.2,
    "peephole": 1.2,
    "layer_norm": 1.5,
    "regularizers": 1.05,
    "clipping": 1.05,
    "sample weights": 1.05,
    "stateful": 1.02,
    "initial_state": 1.02,
    "bidirectional": 2.1,
    "two layers": 2.1,
    "validation data": None,  # as many rows as there are to train on; at most as the next line
    "fit and predict": None,
}
BATCHES = 4


def nlstm_steps(shape, option):
    """Return a function that takes BATCHES training steps with an option, or None."""
    import nlstm
    from nlstm.layers import LSTM, Bidirectional, Dense, Input, Masking

    nlstm.set_random_seed(0)
    x, y = shape.data(BATCHES)
    x += 0.1  # no step is all zeros
    fit = {"batch_size": shape.N, "epochs": 1, "verbose": 0}
    optimizer = nlstm.optimizers.Adam(global_clipnorm=1.0 if option == "clipping" else None)
    arguments = {
        "dropout": {"dropout": RATE},
        "recurrent_dropout": {"recurrent_dropout": RATE},
        "zoneout": {"zoneout": RATE},
        "peephole": {"peephole": True},
        "layer_norm": {"layer_norm": True},
        "stateful": {"stateful": True},
        "regularizers": {
            name: "l2" for name in ("kernel_regularizer", "recurrent_regularizer")
        },
    }.get(option, {})  # fmt: skip
    if option == "initial_state":
        given = Input((shape.T, shape.F)), Input((shape.H,)), Input((shape.H,))
        output = Dense(1)(LSTM(shape.H)(given[0], initial_state=list(given[1:])))
        model = nlstm.Model(list(given), output)
        states = [x[:, 0, :1].repeat(shape.H, 1)] * 2
        x = [x, *states]
    else:
        lstm = LSTM(shape.H, **arguments)
        if option == "bidirectional":
            lstm = Bidirectional(lstm)
        first = [Input((shape.T, shape.F))]
        if option == "masking layer":
            first.append(Masking(0.0))
        if option == "two layers":
            first.append(LSTM(shape.H, return_sequences=True))
        model = nlstm.Sequential([*first, lstm, Dense(1)])
    if option.endswith("lengths"):
        import numpy as np

        fit["lengths"] = np.full(len(x), shape.T // 2 if "half" in option else shape.T)
    if option == "sample weights":
        fit["sample_weight"] = y[:, 0] + 0.5
    if option == "validation data":
        fit["validation_data"] = x, y
    model.compile(optimizer, "mse")
    if option == "fit and predict":
        return lambda: (model.fit(x, y, **fit), model.predict(x, shape.N, verbose=0))
    return lambda: model.fit(x, y, **fit)
