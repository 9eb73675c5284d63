"""The numbers of nlstm once more, in plain NumPy float64; imports nothing from nlstm.

Layouts are Keras's: x (N, T, F), kernel W (F, 4H), recurrent kernel U (H, 4H), bias b (4H,), gates
i, f, g, o. Every gradient here is checked against central finite differences, and every value that
somebody has published against that.
"""
