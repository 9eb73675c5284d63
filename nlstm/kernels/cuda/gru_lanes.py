"""A GRU's cell among the lanes of the whole form, as `lstm_whole` and `lstm_whole_back` ask for it.

A lane has all four sums of its cells, two of a cell's or one (see `lanes`): of the gates, and of
the candidate by inputs and by states. Lanes tell each other what they have before g is made, which
all lanes of a cell do.
"""

from nlstm.kernels.cuda.activations import activation as scalar_functions
from nlstm.kernels.cuda.activations import one_of_two
from nlstm.kernels.cuda.gate_cells import GATES
from nlstm.kernels.cuda.lanes import exchange, from_lane
from nlstm.kernels.cuda.launch import device_function

__all__ = ["finisher", "rates"]


def finisher(own_gates, dtype, activation, recurrent_activation):
    """Return a device function of (z, e, lane, part), own sums, which returns u, r, g, z_h.

    z becomes what is kept.
    """
    s, _ = scalar_functions(recurrent_activation, dtype)
    _, a = one_of_two(activation, recurrent_activation, dtype)

    def all_sums(z, e, lane, part):
        at = e * GATES
        z[at], z[at + 1] = s(z[at]), s(z[at + 1])
        z[at + 2] = a(z[at + 2] + z[at + 1] * z[at + 3])
        return z[at], z[at + 1], z[at + 2], z[at + 3]

    def two_sums(z, e, lane, part):
        is_late = part % 2 == 1
        first, second = (z[0] if is_late else s(z[0])), (z[1] if is_late else s(z[1]))
        other, last = exchange(first, 1), exchange(second, 1)
        u, z_x = (other if is_late else first), (first if is_late else other)
        r, z_h = (last if is_late else second), (second if is_late else last)
        g = a(z_x + r * z_h)
        z[0], z[1] = (g if is_late else u), second
        return u, r, g, z_h

    def one_sum(z, e, lane, part):
        own = z[0] if part > 1 else s(z[0])
        u, r = from_lane(own, lane), from_lane(own, lane + 1)
        z_x, z_h = from_lane(own, lane + 2), from_lane(own, lane + 3)
        g = a(z_x + r * z_h)
        z[0] = g if part == 2 else own
        return u, r, g, z_h

    return device_function({GATES: all_sums, 2: two_sums, 1: one_sum}[own_gates])


def rates(own_gates, dtype, masked, activation, recurrent_activation):
    """Return a device function that writes what own dz are of dc, to which dh is added before.

    Of (w, e, y, h before, present, lane, part, rate): w is what was kept. It returns what is added
    to dc of dh, and what of dc goes past the products.
    """
    _, a_slope = scalar_functions(activation, dtype)
    _, s_slope = scalar_functions(recurrent_activation, dtype)
    number = dtype.type
    zero, one = number(0), number(1)

    def all_sums(w, e, h, lane, part, rate):
        at = e * GATES
        u, r, g, z_h = w[at], w[at + 1], w[at + 2], w[at + 3]
        through = (one - u) * a_slope(g)
        rate[at], rate[at + 1] = (h - g) * s_slope(u), through * z_h * s_slope(r)
        rate[at + 2], rate[at + 3] = through, through * r
        return u

    def two_sums(w, e, h, lane, part, rate):
        is_late = part % 2 == 1
        other, last = exchange(w[0], 1), exchange(w[1], 1)
        u, g = (other if is_late else w[0]), (w[0] if is_late else other)
        r, z_h = (last if is_late else w[1]), (w[1] if is_late else last)
        through = (one - u) * a_slope(g)
        rate[0] = through if is_late else (h - g) * s_slope(u)
        rate[1] = through * (r if is_late else z_h * s_slope(r))
        return u

    def one_sum(w, e, h, lane, part, rate):
        u, r = from_lane(w[0], lane), from_lane(w[0], lane + 1)
        g, z_h = from_lane(w[0], lane + 2), from_lane(w[0], lane + 3)
        through = (one - u) * a_slope(g)
        factor = z_h * s_slope(r) if part == 1 else (one if part == 2 else r)
        rate[0] = (h - g) * s_slope(u) if part == 0 else through * factor
        return u

    own = device_function({GATES: all_sums, 2: two_sums, 1: one_sum}[own_gates])

    def write(w, e, y, h, present, lane, part, rate):
        u = own(w, e, h, lane, part, rate)
        to_cell = one
        if masked and not present:
            for q in range(own_gates):
                rate[e * own_gates + q] = zero
            to_cell, u = zero, one
        return to_cell, u

    return device_function(write)
