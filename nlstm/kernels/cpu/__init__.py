"""The kernels on the CPU: every operation of the contract, by name."""

from nlstm.kernels.cpu.activations.emitters import INPUT_NAMES as INPUT_NAMES
from nlstm.kernels.cpu.activations.pointwise import activation as activation
from nlstm.kernels.cpu.activations.prelu import prelu_backward as prelu_backward
from nlstm.kernels.cpu.activations.prelu import prelu_forward as prelu_forward
from nlstm.kernels.cpu.activations.ramp import ramp_backward as ramp_backward
from nlstm.kernels.cpu.activations.ramp import ramp_forward as ramp_forward
from nlstm.kernels.cpu.activations.rows import row_activation as row_activation
from nlstm.kernels.cpu.conv.taps import gather_taps as gather_taps
from nlstm.kernels.cpu.conv.taps import scatter_taps as scatter_taps
from nlstm.kernels.cpu.conv.windows import average_windows as average_windows
from nlstm.kernels.cpu.conv.windows import average_windows_backward as average_windows_backward
from nlstm.kernels.cpu.conv.windows import largest_windows as largest_windows
from nlstm.kernels.cpu.conv.windows import largest_windows_backward as largest_windows_backward
from nlstm.kernels.cpu.data.masks import keep_steps as keep_steps
from nlstm.kernels.cpu.data.masks import mask_from_lengths as mask_from_lengths
from nlstm.kernels.cpu.data.masks import mask_from_values as mask_from_values
from nlstm.kernels.cpu.data.masks import value_mask as value_mask
from nlstm.kernels.cpu.data.masks import weights_from_mask as weights_from_mask
from nlstm.kernels.cpu.data.masks import zero_masked_steps as zero_masked_steps
from nlstm.kernels.cpu.data.merging import merge_backward as merge_backward
from nlstm.kernels.cpu.data.merging import merge_forward as merge_forward
from nlstm.kernels.cpu.data.merging import sum_broadcast as sum_broadcast
from nlstm.kernels.cpu.data.pooling import average_steps as average_steps
from nlstm.kernels.cpu.data.pooling import average_steps_backward as average_steps_backward
from nlstm.kernels.cpu.data.pooling import largest_steps as largest_steps
from nlstm.kernels.cpu.data.pooling import largest_steps_backward as largest_steps_backward
from nlstm.kernels.cpu.data.random import advance as advance
from nlstm.kernels.cpu.data.random import dropout_apply as dropout_apply
from nlstm.kernels.cpu.data.random import dropout_mask as dropout_mask
from nlstm.kernels.cpu.data.random import noise_apply as noise_apply
from nlstm.kernels.cpu.data.rearrange import copy_columns as copy_columns
from nlstm.kernels.cpu.data.rearrange import repeat_each_step as repeat_each_step
from nlstm.kernels.cpu.data.rearrange import repeat_steps as repeat_steps
from nlstm.kernels.cpu.data.rearrange import reshape_rows as reshape_rows
from nlstm.kernels.cpu.data.rearrange import sum_each_step as sum_each_step
from nlstm.kernels.cpu.data.rearrange import sum_steps as sum_steps
from nlstm.kernels.cpu.data.rearrange import swap_axes as swap_axes
from nlstm.kernels.cpu.data.sequences import gather_steps as gather_steps
from nlstm.kernels.cpu.data.sequences import scatter_steps as scatter_steps
from nlstm.kernels.cpu.data.windows import gather_windows as gather_windows
from nlstm.kernels.cpu.data.windows import repeat_static as repeat_static
from nlstm.kernels.cpu.data.windows import scale_windows as scale_windows
from nlstm.kernels.cpu.data.windows import window_moments as window_moments
from nlstm.kernels.cpu.dense.dense import dense as dense
from nlstm.kernels.cpu.dense.dense import dense_scratch_size as dense_scratch_size
from nlstm.kernels.cpu.dense.embedding import embedding_backward as embedding_backward
from nlstm.kernels.cpu.dense.embedding import embedding_forward as embedding_forward
from nlstm.kernels.cpu.dense.embedding import pack_rows as pack_rows
from nlstm.kernels.cpu.dense.embedding import unpack_rows as unpack_rows
from nlstm.kernels.cpu.gru.before_backward import (
    gru_before_scratch_size as gru_before_scratch_size,
)
from nlstm.kernels.cpu.gru.cell import gru_bias as gru_bias
from nlstm.kernels.cpu.gru.cell import gru_gradients as gru_gradients
from nlstm.kernels.cpu.gru.gru import gru_before as gru_before
from nlstm.kernels.cpu.losses.choice import loss as loss
from nlstm.kernels.cpu.losses.choice import statistic as statistic
from nlstm.kernels.cpu.losses.sums import class_weights as class_weights
from nlstm.kernels.cpu.losses.sums import count_penalty as count_penalty
from nlstm.kernels.cpu.lstm.lstm import lstm as lstm
from nlstm.kernels.cpu.lstm.lstm import lstm_segments as lstm_segments
from nlstm.kernels.cpu.lstm.projection import project_recurrence as project_recurrence
from nlstm.kernels.cpu.lstm.projection import (
    project_recurrence_backward as project_recurrence_backward,
)
from nlstm.kernels.cpu.lstm.schedule import lstm_gates_shape as lstm_gates_shape
from nlstm.kernels.cpu.lstm.schedule import lstm_masked_size as lstm_masked_size
from nlstm.kernels.cpu.lstm.schedule import lstm_scratch_size as lstm_scratch_size
from nlstm.kernels.cpu.lstm.schedule import lstm_segment_steps as lstm_segment_steps
from nlstm.kernels.cpu.lstm.segments import lstm_segments_size as lstm_segments_size
from nlstm.kernels.cpu.lstm.stream import stream_step as stream_step
from nlstm.kernels.cpu.lstm.stream import stream_table as stream_table
from nlstm.kernels.cpu.machine.jit import describe as describe
from nlstm.kernels.cpu.machine.jit import lanes as lanes
from nlstm.kernels.cpu.machine.threads import enter as enter
from nlstm.kernels.cpu.machine.threads import get_num_threads as get_num_threads
from nlstm.kernels.cpu.machine.threads import leave as leave
from nlstm.kernels.cpu.machine.threads import set_num_threads as set_num_threads
from nlstm.kernels.cpu.normalised.batch_norm import batch_average as batch_average
from nlstm.kernels.cpu.normalised.batch_norm import batch_moments as batch_moments
from nlstm.kernels.cpu.normalised.batch_norm import batch_norm_backward as batch_norm_backward
from nlstm.kernels.cpu.normalised.batch_norm import batch_norm_forward as batch_norm_forward
from nlstm.kernels.cpu.normalised.layer_norm import layer_norm_backward as layer_norm_backward
from nlstm.kernels.cpu.normalised.layer_norm import layer_norm_forward as layer_norm_forward
from nlstm.kernels.cpu.normalised.lstm import lstm_normalised as lstm_normalised
from nlstm.kernels.cpu.normalised.lstm import (
    normalised_factors_shape as normalised_factors_shape,
)
from nlstm.kernels.cpu.normalised.lstm import (
    normalised_scratch_size as normalised_scratch_size,
)
from nlstm.kernels.cpu.optimizers.choice import update as update
from nlstm.kernels.cpu.optimizers.gradients import accumulate as accumulate
from nlstm.kernels.cpu.optimizers.gradients import average_weights as average_weights
from nlstm.kernels.cpu.optimizers.gradients import clip_value as clip_value
from nlstm.kernels.cpu.optimizers.gradients import decay_weights as decay_weights
from nlstm.kernels.cpu.optimizers.gradients import penalty as penalty
from nlstm.kernels.cpu.products.layout import pack_columns as pack_columns
from nlstm.kernels.cpu.products.layout import pack_gates as pack_gates
from nlstm.kernels.cpu.products.layout import pack_peephole as pack_peephole
from nlstm.kernels.cpu.products.layout import padded as padded
from nlstm.kernels.cpu.products.layout import unpack_columns as unpack_columns
from nlstm.kernels.cpu.products.layout import unpack_gates as unpack_gates
from nlstm.kernels.cpu.products.layout import unpack_peephole as unpack_peephole
from nlstm.kernels.cpu.rnn.backward import rnn_scratch_size as rnn_scratch_size
from nlstm.kernels.cpu.rnn.rnn import rnn as rnn
from nlstm.kernels.cpu.words import Words as Words
from nlstm.kernels.shared.bundles import Gains as Gains
from nlstm.kernels.shared.bundles import Gradients as Gradients
from nlstm.kernels.shared.bundles import Masks as Masks
from nlstm.kernels.shared.bundles import NormalisedWork as NormalisedWork
from nlstm.kernels.shared.bundles import Weights as Weights
from nlstm.kernels.shared.bundles import Work as Work
from nlstm.kernels.shared.bundles import Zoneout as Zoneout
