"""The numbers: arrays in, arrays out.

THE CONTRACT
============

Letters: ``N`` batch rows, ``T`` time steps, ``F`` input features, ``H`` units, ``O`` outputs, ``R``
rows of a product (``T * N`` for a sequence). Gate order i, f, g, o (Keras calls g "c").

Every kernel takes arrays that the caller owns, allocates nothing, trusts its caller, and gives the
same bits at any number of threads. "=" overwrites an argument, "+=" adds to it; nothing else is
written.

Layouts (private to the rooms below the public API; ``L = lanes(dtype)`` is the vector width)

=============  =============  ====================================================================
what           shape          note
=============  =============  ====================================================================
sequence       (T, N, S)      time-major; ``S >= F``. Flat values are sequences of one step.
state          (T + 1, N, S)  slot 0 is the initial state, slot t + 1 the state after step t.
                              Prediction may pass (2, N, S): slots are used in turn (t % 2).
gate weights   (B, K, 4, L)   ``B = ceil(H / L)`` blocks of L units; the four gates side by side.
gate bias      (B, 4, L)
peephole       (B, 3, L)      for the gates i, f, o
panels         (V, K, L)      ``V = ceil(O / L)`` panels of L columns (dense weights; bias (V, L)).
=============  =============  ====================================================================

Lanes past the last feature are zero in every array and gradient, and stay zero, to the end of the
last vector that has a feature. One more vector, which ``padded`` puts between rows that are a
multiple of 2 KiB apart, may hold anything.

Kernels are attributes of what ``load(device, dtype)`` returns, for arrays of that dtype, float32 or
float64. Beside them it has the device's words: see `nlstm.kernels.operations.Operations`.

What travels together goes as one argument, a named tuple or any other in the same order:
``Weights``, ``Work``, ``Masks``, ``Zoneout``, ``Gradients``, ``Gains``, ``NormalisedWork``, see
`nlstm.kernels.shared.bundles`. No kernel takes more than 14 arguments.

* ``lanes(dtype)``, ``padded(features, dtype)`` (the S of an output), ``pack_gates(kernel)``,
  ``unpack_gates(packed, H)``, ``pack_columns(kernel)``, ``unpack_columns(packed, O)``,
  ``pack_peephole(weights)``, ``unpack_peephole(packed, H)``
* ``lstm(activation, recurrent_activation) -> lstm_forward, lstm_backward``:
  forward(x, weights, work, scratch, reverse, masks, zoneout=None),
  backward(x, weights, work, gradients, scratch, reverse, masks, zoneout=None);
  ``lstm_gates_shape(T, N, H, dtype)``, ``lstm_scratch_size(T, N, F, H, dtype)``,
  ``lstm_masked_size(N, H, dtype)``
* ``lstm_paired(activation, recurrent_activation)``: the same with operands of products rounded to
  bfloat16, in `memory` of ``lstm_paired_size(T, N, F, H, dtype)`` numbers:
  forward(..., zoneout, memory), backward(..., zoneout, memory);
  ``lstm_paired_scratch_size(T, N, F, H, dtype)``
* ``lstm_segments(activation, recurrent_activation) -> segments_forward, segments_backward``: the
  same bits with the gates of one segment of the steps at a time:
  forward(x, weights, kept, own, scratch, reverse, masks, zoneout=None),
  backward(x, weights, kept, own, gradients, scratch, sums, reverse, masks, zoneout=None);
  ``lstm_segment_steps(N, F, H, dtype)``, ``lstm_segments_size(T, N, F, H, dtype)``
* without c in `work` the same are a GRU whose reset gate comes after the product;
  ``gru_bias(bias, b)``, ``gru_gradients(dW, dU, db, dbias)``
* ``gru_before(activation, recurrent_activation) -> forward, backward``: a GRU whose reset gate
  comes before the product: forward(x, weights, h, a, s, reverse, masks),
  backward(x, weights, h, a, s, gradients, scratch, reverse, masks);
  ``gru_before_scratch_size(N, F, H, dtype)``
* ``project_recurrence(projection, recurrent_kernel, outputs, product)`` and
  ``project_recurrence_backward``, for an LSTM with a projection
* ``lstm_normalised(activation, recurrent_activation) -> normalised_forward,
  normalised_backward``: with layer normalisation; gains come after the weights, and dgains after
  the gradients; ``normalised_scratch_size(T, N, F, H, dtype)``, ``normalised_factors_shape(T, N)``
* ``activation(name) -> activation_forward, activation_backward``, for layers whose own kernels
  leave it out; ``INPUT_NAMES``: those whose derivative needs the input, not the result
* ``zero_masked_steps(source, mask, first, step, out)``
* ``dense(activation) -> dense_forward, dense_backward``, ``dense_scratch_size(F, O, dtype)``
* ``dense_paired(activation)``: the same with operands of products rounded to bfloat16;
  ``dense_paired_scratch_size(R, F, O, dtype)``
* ``gather_steps(source, index, out)``, ``scatter_steps(value, start, out)``
* ``mask_from_lengths(lengths, index, mask)``, ``mask_from_values(value, sequence, mask)``,
  ``weights_from_mask(mask, weight, scaled, out)``
* ``loss(name, settings, reduction)``, ``statistic(name, *constants)``, each gives a
  function(y, p, features, weight, dp, total)
* ``class_weights(y, ignored, weight, scaled, out)`` for losses that leave out a class;
  ``count_penalty(value, rows, total)``
* ``update(rule, size)``, the kernel of a rule that is best for flat buffers of so many elements:
  "sgd_update", "rmsprop_update", "adam_update", "nadam_update", "adamax_update", "lion_update",
  "adagrad_update", "adadelta_update", each of (value, gradient, moments..., settings, step), and
  "clip_norm" of (gradient, chunks, partial, scales, limit)
* ``clip_value``, ``decay_weights``, ``average_weights``, ``accumulate``, ``penalty``
* ``advance``, ``dropout_mask``, ``dropout_apply``
* ``rnn(activation) -> rnn_forward, rnn_backward``: forward(x, weights, h, z, reverse, masks),
  backward(x, weights, h, z, dz, gradients, scratch, reverse, masks);
  ``rnn_scratch_size(N, F, H, dtype)``
* ``row_activation(name) -> activation_forward, activation_backward``, softmax included
* ``ramp_forward``, ``ramp_backward``: relu with any slope, threshold and limit
* ``pack_rows(matrix)``, ``unpack_rows(packed, O)``; ``embedding_forward``, ``embedding_backward``
* ``layer_norm_forward``, ``layer_norm_backward``; ``noise_apply``
* ``copy_columns``, ``reshape_rows``, ``repeat_steps`` and its backward pass ``sum_steps``
* ``repeat_each_step`` and its backward pass ``sum_each_step``; ``swap_axes``
* ``gather_taps``, ``scatter_taps``: what the taps of a convolution see; ``average_windows``,
  ``average_windows_backward``, ``largest_windows``, ``largest_windows_backward``
* ``batch_moments``, ``batch_norm_forward``, ``batch_norm_backward``, ``batch_average``
* ``prelu_forward``, ``prelu_backward``
* ``merge_forward``, ``merge_backward``, ``sum_broadcast``: two values made one
* ``average_steps``, ``average_steps_backward``, ``largest_steps``, ``largest_steps_backward``
* ``value_mask``, ``keep_steps``: masks of steps
* ``gather_windows(series, starts, index, offsets, out)``, ``repeat_static``, ``window_moments``,
  ``scale_windows``: windows of a series, which are never all in memory
* ``enter(crowd=1)``, ``leave(threads)``, ``get_num_threads()``, ``set_num_threads(threads)``,
  ``describe()``: the machine; call the first in a Python thread before it runs kernels
* ``stream_table(layers, N, dtype)``, ``stream_step``: one time step of a stack of layers; False,
  and nothing changed, where its input is not finite
"""

from nlstm.kernels.devices import HOST as HOST
from nlstm.kernels.devices import default_device as default_device
from nlstm.kernels.operations import load as load


def most_threads() -> int:
    """Return the number of threads that Numba started with, and more than which it has not."""
    from numba import config

    return int(config.NUMBA_NUM_THREADS)


def describe() -> dict[str, str | int]:
    """Return what kernels are compiled for.

    Keys: cpu, vector_bits, bfloat16_products, threads, threading_layer, cache_folder.
    """
    return load(HOST).describe()
