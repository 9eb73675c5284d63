"""The kernels on the CPU: every operation of the contract, by name."""

from nlstm.kernels.cpu.activations import INPUT_NAMES as INPUT_NAMES
from nlstm.kernels.cpu.counting import count_weights as count_weights
from nlstm.kernels.cpu.counting import mask_from_lengths as mask_from_lengths
from nlstm.kernels.cpu.counting import mask_from_values as mask_from_values
from nlstm.kernels.cpu.counting import weights_from_mask as weights_from_mask
from nlstm.kernels.cpu.dense import dense as dense
from nlstm.kernels.cpu.dense import dense_scratch_size as dense_scratch_size
from nlstm.kernels.cpu.jit import lanes as lanes
from nlstm.kernels.cpu.layout import pack_columns as pack_columns
from nlstm.kernels.cpu.layout import pack_gates as pack_gates
from nlstm.kernels.cpu.layout import pack_peephole as pack_peephole
from nlstm.kernels.cpu.layout import padded as padded
from nlstm.kernels.cpu.layout import unpack_columns as unpack_columns
from nlstm.kernels.cpu.layout import unpack_gates as unpack_gates
from nlstm.kernels.cpu.layout import unpack_peephole as unpack_peephole
from nlstm.kernels.cpu.losses import loss as loss
from nlstm.kernels.cpu.lstm import lstm as lstm
from nlstm.kernels.cpu.lstm_normalised import lstm_normalised as lstm_normalised
from nlstm.kernels.cpu.lstm_normalised import (
    normalised_scratch_size as normalised_scratch_size,
)
from nlstm.kernels.cpu.masks import zero_masked_steps as zero_masked_steps
from nlstm.kernels.cpu.notice import announce_compilation as announce_compilation
from nlstm.kernels.cpu.optimizers import adam_update as adam_update
from nlstm.kernels.cpu.optimizers import adam_update_parallel as adam_update_parallel
from nlstm.kernels.cpu.optimizers import sgd_update as sgd_update
from nlstm.kernels.cpu.optimizers import sgd_update_parallel as sgd_update_parallel
from nlstm.kernels.cpu.pointwise import activation as activation
from nlstm.kernels.cpu.random import advance as advance
from nlstm.kernels.cpu.random import dropout_apply as dropout_apply
from nlstm.kernels.cpu.random import dropout_mask as dropout_mask
from nlstm.kernels.cpu.schedule import lstm_gates_shape as lstm_gates_shape
from nlstm.kernels.cpu.schedule import lstm_scratch_size as lstm_scratch_size
from nlstm.kernels.cpu.sequences import gather_steps as gather_steps
from nlstm.kernels.cpu.sequences import scatter_steps as scatter_steps
from nlstm.kernels.cpu.stream import stream_step as stream_step
from nlstm.kernels.cpu.stream import stream_table as stream_table
from nlstm.kernels.cpu.threads import enter as enter
from nlstm.kernels.cpu.threads import get_num_threads as get_num_threads
from nlstm.kernels.cpu.threads import set_num_threads as set_num_threads
from nlstm.kernels.cpu.tile import load_tile as load_tile
