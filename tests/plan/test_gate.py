"""Readers side by side, writers alone, nobody kept out for good."""

import threading
import time

import pytest

from nlstm.plan import gate as module
from nlstm.plan.gate import Gate


def threads_of(*functions):
    made = [threading.Thread(target=function, daemon=True) for function in functions]
    for one in made:
        one.start()
    for one in made:
        one.join(20)
        assert not one.is_alive()


def test_no_reader_sees_half_a_write():
    gate, pair, seen, end = Gate(), [0, 0], [], time.monotonic() + 0.3

    def write():
        pair[0] += 1
        time.sleep(0)
        pair[1] += 1

    def read():
        first = pair[0]
        time.sleep(0)
        seen.append(first == pair[1])

    def often(way, function):
        def loop():
            while time.monotonic() < end:
                way(function)

        return loop

    threads_of(*[often(gate.exclusive, write)] * 2, *[often(gate.shared, read)] * 3)
    assert all(seen) and len(seen) > 10 and pair[0] == pair[1] > 10


def test_readers_are_inside_together():
    gate, meeting = Gate(), threading.Barrier(3, timeout=10)
    threads_of(*[lambda: gate.shared(meeting.wait)] * 3)


def test_who_is_inside_may_go_through_again():
    gate = Gate()
    assert gate.exclusive(gate.exclusive, lambda: 1) == 1
    assert gate.exclusive(gate.shared, lambda: 2) == 2
    assert gate.shared(gate.shared, lambda: 3) == 3
    assert gate.shared(gate.exclusive, lambda: 4) == 4
    threads_of(lambda: gate.exclusive(lambda: None))


@pytest.mark.parametrize("way", ["shared", "exclusive"])
def test_an_error_inside_opens_the_gate(way):
    gate = Gate()

    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(gate, way)(fail)
    threads_of(lambda: gate.exclusive(lambda: None), lambda: gate.shared(lambda: None))


@pytest.mark.parametrize("writes", [False, True])
def test_a_thread_that_was_thrown_out_is_forgotten(writes, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    gate = Gate()
    if writes:
        gate._writer, gate._closed = threading.get_ident(), True
    else:
        gate._readers.add(threading.get_ident())
    threads_of(lambda: gate.exclusive(lambda: None))
