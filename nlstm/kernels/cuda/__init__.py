"""The kernels on an NVIDIA GPU: the operations of the contract that it has, by name.

Layouts: gate weights (1, K, H, 4), the four gates of a unit side by side; gate bias (1, H, 4);
gates (T, N, 4 H) in the order unit, gate; sequences (T, N, F) and states (T + 1, N, H) without
padding. `launch` alone knows the package that compiles for the GPU.
"""

from nlstm.kernels.cuda.activations import INPUT_NAMES as INPUT_NAMES
from nlstm.kernels.cuda.dense import dense as dense
from nlstm.kernels.cuda.dense import dense_scratch_size as dense_scratch_size
from nlstm.kernels.cuda.embedding import embedding_backward as embedding_backward
from nlstm.kernels.cuda.embedding import embedding_forward as embedding_forward
from nlstm.kernels.cuda.embedding import pack_rows as pack_rows
from nlstm.kernels.cuda.embedding import unpack_rows as unpack_rows
from nlstm.kernels.cuda.gradients import accumulate as accumulate
from nlstm.kernels.cuda.gradients import average_weights as average_weights
from nlstm.kernels.cuda.gradients import clip_norm as clip_norm
from nlstm.kernels.cuda.gradients import clip_value as clip_value
from nlstm.kernels.cuda.gradients import decay_weights as decay_weights
from nlstm.kernels.cuda.gradients import penalty as penalty
from nlstm.kernels.cuda.layer_norm import layer_norm_backward as layer_norm_backward
from nlstm.kernels.cuda.layer_norm import layer_norm_forward as layer_norm_forward
from nlstm.kernels.cuda.layouts import lanes as lanes
from nlstm.kernels.cuda.losses import class_weights as class_weights
from nlstm.kernels.cuda.losses import count_penalty as count_penalty
from nlstm.kernels.cuda.losses import loss as loss
from nlstm.kernels.cuda.lstm import lstm as lstm
from nlstm.kernels.cuda.lstm import lstm_gates_shape as lstm_gates_shape
from nlstm.kernels.cuda.lstm import lstm_masked_size as lstm_masked_size
from nlstm.kernels.cuda.lstm import lstm_scratch_size as lstm_scratch_size
from nlstm.kernels.cuda.pointwise import activation as activation
from nlstm.kernels.cuda.pointwise import row_activation as row_activation
from nlstm.kernels.cuda.projection import project_recurrence as project_recurrence
from nlstm.kernels.cuda.projection import project_recurrence_backward as project_recurrence_backward
from nlstm.kernels.cuda.ramp import ramp_backward as ramp_backward
from nlstm.kernels.cuda.ramp import ramp_forward as ramp_forward
from nlstm.kernels.cuda.random import advance as advance
from nlstm.kernels.cuda.random import dropout_apply as dropout_apply
from nlstm.kernels.cuda.random import dropout_mask as dropout_mask
from nlstm.kernels.cuda.random import noise_apply as noise_apply
from nlstm.kernels.cuda.rearrange import average_steps as average_steps
from nlstm.kernels.cuda.rearrange import average_steps_backward as average_steps_backward
from nlstm.kernels.cuda.rearrange import copy_columns as copy_columns
from nlstm.kernels.cuda.rearrange import largest_steps as largest_steps
from nlstm.kernels.cuda.rearrange import largest_steps_backward as largest_steps_backward
from nlstm.kernels.cuda.rearrange import merge_backward as merge_backward
from nlstm.kernels.cuda.rearrange import merge_forward as merge_forward
from nlstm.kernels.cuda.rearrange import repeat_steps as repeat_steps
from nlstm.kernels.cuda.rearrange import reshape_rows as reshape_rows
from nlstm.kernels.cuda.rearrange import sum_broadcast as sum_broadcast
from nlstm.kernels.cuda.rearrange import sum_steps as sum_steps
from nlstm.kernels.cuda.rnn import rnn as rnn
from nlstm.kernels.cuda.rnn import rnn_scratch_size as rnn_scratch_size
from nlstm.kernels.cuda.rules import adadelta_update as adadelta_update
from nlstm.kernels.cuda.rules import adagrad_update as adagrad_update
from nlstm.kernels.cuda.rules import adam_update as adam_update
from nlstm.kernels.cuda.rules import adamax_update as adamax_update
from nlstm.kernels.cuda.rules import lion_update as lion_update
from nlstm.kernels.cuda.rules import nadam_update as nadam_update
from nlstm.kernels.cuda.rules import rmsprop_update as rmsprop_update
from nlstm.kernels.cuda.rules import sgd_update as sgd_update
from nlstm.kernels.cuda.sequences import gather_steps as gather_steps
from nlstm.kernels.cuda.sequences import keep_steps as keep_steps
from nlstm.kernels.cuda.sequences import mask_from_lengths as mask_from_lengths
from nlstm.kernels.cuda.sequences import mask_from_values as mask_from_values
from nlstm.kernels.cuda.sequences import scatter_steps as scatter_steps
from nlstm.kernels.cuda.sequences import value_mask as value_mask
from nlstm.kernels.cuda.sequences import weights_from_mask as weights_from_mask
from nlstm.kernels.cuda.sequences import zero_masked_steps as zero_masked_steps
from nlstm.kernels.cuda.statistics import statistic as statistic
from nlstm.kernels.cuda.windows import gather_windows as gather_windows
from nlstm.kernels.cuda.windows import repeat_static as repeat_static
from nlstm.kernels.cuda.windows import scale_windows as scale_windows
from nlstm.kernels.cuda.windows import window_moments as window_moments
from nlstm.kernels.cuda.words import Words as Words
