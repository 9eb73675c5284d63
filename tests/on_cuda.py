"""The tests of the rooms above the kernels with models on CUDA: `--device cuda`.

In the simulator where NUMBA_ENABLE_CUDASIM=1 says so, else on a GPU.
"""

import pytest

from nlstm.kernels.cuda.launch import SIMULATED
from nlstm.kernels.operations import DEFAULT, Absent

# What is not run there, by what its name has in it, each with its reason.
THREADS = "the processor's threads"
CPU = "the processor's arrays"
LARGE = "too large for the simulator"
BITS = "the same bits in batches of other sizes, which only the processor gives"
LEFT_OUT = {
    "threads": THREADS,
    "test_slices_of_units": THREADS,
    "test_a_copy_alone_keeps_weights_of_its_own": CPU,
    "test_text_without_an_input": CPU,
    "test_batches_decide_what_the_input_is": BITS,
    "test_evaluate_and_predict_take_batches": BITS,
    "test_evaluate_and_predict_can_be_stopped": BITS,
    "test_an_initial_state_goes_before_the_states_that_were_kept": BITS,
    "test_layers_that_are_called_twice_and_steps_as_rows": BITS,
    "test_long_predict.py": BITS,
    "test_a_lock_of_numba_that_an_interrupt_left_closed": THREADS,
    "test_an_autoencoder": LARGE,
    "test_branches_with_a_shared_layer": LARGE,
    "test_masks_change_from_step_to_step": LARGE,
    "test_fit_goes_on_bit_for_bit": LARGE,
    "test_beside_a_fit_in_another_thread": LARGE,  # a look takes seconds there
    "test_seed_script_learns": LARGE,
    "test_seed_numbers.py": LARGE,
    "test_interrupts.py": LARGE,  # each moment of a step, thousands of them
    "parity/test_training.py": LARGE,
}


def choose():
    """Let what is computed from now on be computed on CUDA."""
    if SIMULATED:
        from tests import simulated

        simulated.hasten()
        simulated.hasten_each()
    DEFAULT[0] = "cuda"


def leave_out(items):
    """Skip those tests."""
    for item in items:
        for part, reason in LEFT_OUT.items():
            if part in item.nodeid and (SIMULATED or reason != LARGE):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip a test of what the device has not: it was refused by name."""
    try:
        return (yield)
    except NotImplementedError as error:
        if not isinstance(error, Absent) and "is not on cuda yet" not in str(error):
            raise
        pytest.skip(f"not on cuda yet: {error}")
