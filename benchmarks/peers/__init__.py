"""nlstm beside PyTorch and Keras, each in a process of its own."""
