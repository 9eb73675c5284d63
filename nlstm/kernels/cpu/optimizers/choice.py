"""Update rules by name, and which form of one serves a buffer."""

from nlstm.kernels.cpu.optimizers import adaptive, descent, gradients

__all__ = ["RULES", "update"]

PARALLEL_ELEMENTS = 1_000_000  # below it one thread is done before the others have started

RULES = {
    "sgd_update": descent.sgd_update_forms,
    "lion_update": descent.lion_update_forms,
    "adagrad_update": descent.adagrad_update_forms,
    "adadelta_update": descent.adadelta_update_forms,
    "adam_update": adaptive.adam_update_forms,
    "nadam_update": adaptive.nadam_update_forms,
    "adamax_update": adaptive.adamax_update_forms,
    "rmsprop_update": adaptive.rmsprop_update_forms,
    "clip_norm": gradients.clip_norm_forms,
}


def update(rule, size):
    """Return the kernel of a key of `RULES` for flat buffers of so many elements."""
    return RULES[rule][size >= PARALLEL_ELEMENTS]
