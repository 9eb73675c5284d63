"""Layer normalisation, by itself and inside the LSTM."""
