"""The cells of gated recurrences: what becomes of a unit's four sums, and back.

An LSTM's are those of its gates. A GRU's whose reset gate comes after the product are those of its
update and reset gates, and the candidate's by inputs and by states:

    g = act(z_x + r z_h)    h = u h' + (1 - u) g

Its state is the cell as well, c = h, so the forms of the LSTM serve both.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.activations import activation as scalar_functions
from nlstm.kernels.cuda.activations import one_of_two
from nlstm.kernels.cuda.launch import device_function

__all__ = ["GATES", "GRU", "LSTM", "cell_backward", "cell_forward", "renewed"]

LSTM, GRU = "lstm", "gru"
GATES = 4


@cache
def cell_forward(cell, dtype, activation, recurrent_activation):
    """Compile (the four sums, c) -> (four numbers for the way back, the new c and h)."""
    a, _ = scalar_functions(activation, dtype)
    s, _ = scalar_functions(recurrent_activation, dtype)

    def lstm(z_i, z_f, z_g, z_o, c):
        i, f, g, o = s(z_i), s(z_f), a(z_g), s(z_o)
        new = f * c + i * g
        return i, f, g, o, new, o * a(new)

    def gru(z_u, z_r, z_x, z_h, h):
        u, r = s(z_u), s(z_r)
        g = a(z_x + r * z_h)
        new = u * (h - g) + g
        return u, r, g, z_h, new, new

    return device_function(gru if cell == GRU else lstm)


@cache
def renewed(cell, dtype, activation, recurrent_activation):
    """Compile (an LSTM's i, f, g, o or a GRU's u, r, g, z_h; c) -> the new c and h."""
    _, a = one_of_two(activation, recurrent_activation, dtype)

    def lstm(i, f, g, o, c):
        new = f * c + i * g
        return new, o * a(new)

    def gru(u, r, g, z_h, h):
        new = u * (h - g) + g
        return new, new

    return device_function(gru if cell == GRU else lstm)


@cache
def cell_backward(cell, dtype, activation, recurrent_activation):
    """Compile (dh, dc, the four numbers, c after the step and before it) -> (four dz, dc).

    dh then comes of dz alone.
    """
    a, a_slope = scalar_functions(activation, dtype)
    _, s_slope = scalar_functions(recurrent_activation, dtype)
    one = np.dtype(dtype).type(1)

    def lstm(dh, dc, i, f, g, o, c, c_before):
        y = a(c)
        do = dh * y * s_slope(o)
        dc += dh * o * a_slope(y)
        return dc * g * s_slope(i), dc * c_before * s_slope(f), dc * i * a_slope(g), do, dc * f

    def gru(dh, dc, u, r, g, z_h, h, h_before):
        slope = dh + dc
        dz_u = slope * (h_before - g) * s_slope(u)
        dz_x = slope * (one - u) * a_slope(g)
        return dz_u, dz_x * z_h * s_slope(r), dz_x, dz_x * r, slope * u

    return device_function(gru if cell == GRU else lstm)
