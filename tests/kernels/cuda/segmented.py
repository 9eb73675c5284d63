"""A recurrence that keeps one state of some, as `nlstm.layers.segments` asks for it."""


def segmented(s, names, every, h, c, sequences, given):
    """Return both passes of the contract's `lstm` in segments, the states in the places h and c.

    Parameters
    ----------
    s : Side
    names : (str, str)
        The activations.
    every : int
        Steps of a segment.
    h, c : states of all steps; the first is there, the last will be. No c of a GRU.
    sequences : bool
        Whether all of h is wanted.
    given : x, weights, reverse, masks, zoneout.
    """
    ops, dtype = s.ops, s.dtype
    x, weights, *options = given
    (T, N, F), H = x.shape, h.shape[2]
    count = -(-T // every)
    forward, backward = ops.lstm_segments(*names)
    kept_h = h if sequences else s.out(count + 1, N, H)
    kept_c = None if c is None else s.out(count + 1, N, H)
    own_h = None if sequences else s.out(every + 1, N, H)
    own_c = None if c is None else s.out(every + 1, N, H)
    kept = ops.Work(kept_h, kept_c)
    own = ops.Work(own_h, own_c, s.scratch(ops.lstm_gates_shape(every, N, H, dtype)))
    scratch = s.scratch(ops.lstm_scratch_size(every, N, F, H, dtype))
    sums = s.scratch(ops.lstm_segments_size(every, N, F, H, dtype))
    pairs = [(h, kept_h, T if sequences else count)]
    if c is not None:
        pairs.append((c, kept_c, count))

    def there():
        for state, place, _ in pairs:
            ops.copy(place[0], state[0])
        forward(x, weights, kept, own, scratch, *options)
        for state, place, last in pairs:
            ops.copy(state[T], place[last])

    def back(gradients):
        backward(x, weights, kept, own, gradients, scratch, sums, *options)

    return there, back
