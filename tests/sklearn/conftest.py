import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """Keep steps of a few microseconds from waiting for a second processor."""
    import nlstm
    from nlstm.kernels.cpu.machine import threads

    before = threads._Choice.threads
    nlstm.set_num_threads(1)
    yield
    nlstm.set_num_threads(before or nlstm.get_num_threads())
    threads._Choice.threads = before
