"""The models of nlstm that are measured, as a user would build them."""

from benchmarks.grid import Shape

STREAMED = [(1, 8), (8, 32), (32, 128)]  # F, H of the layers that take one step at a time


def compiled_model(shape: Shape, **options):
    """Build LSTM layers, with some options, under a Dense(1), ready to train."""
    import nlstm
    from nlstm.layers import LSTM, Dense, Input
    from nlstm.models import Sequential

    nlstm.set_random_seed(0)
    layers = [Input((shape.T, shape.F))]
    for layer in range(shape.layers):
        inner = layer < shape.layers - 1
        layers.append(LSTM(shape.H, return_sequences=inner or shape.every_step, **options))
    model = Sequential([*layers, Dense(1)])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def streamed_model(F, H):
    """Build one LSTM layer for sequences of any length."""
    import nlstm
    from nlstm.layers import LSTM, Input
    from nlstm.models import Sequential

    nlstm.set_random_seed(0)
    return Sequential([Input((None, F)), LSTM(H)])
