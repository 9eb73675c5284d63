"""The LSTM, over whole sequences and one step at a time."""
