"""Milliseconds of calls on a GPU, by events and by the wall."""

import statistics
import time


def time_calls(call, synchronize, event, budget=0.35):
    """Return median milliseconds of a call by events and by the wall, in batches.

    event : callable. Makes (record, elapsed) where record(k) marks the stream twice.
    """
    call()
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    once = max(time.perf_counter() - start, 1e-6)
    repeats = int(max(1, min(200, budget / 8 / once)))
    for _ in range(repeats):
        call()
    synchronize()
    by_events, by_wall = [], []
    for _ in range(7 if once < 0.2 else 3):
        start = time.perf_counter()
        marks = event()
        for _ in range(repeats):
            call()
        elapsed = marks()
        synchronize()
        by_wall.append((time.perf_counter() - start) * 1e3 / repeats)
        by_events.append(elapsed() / repeats)
    return {
        "events_ms": statistics.median(by_events),
        "wall_ms": statistics.median(by_wall),
        "least_ms": min(by_events),
        "repeats": repeats,
    }


def own_event():
    """Mark nlstm's stream."""
    from nlstm.kernels.cuda.launch import cuda, stream

    first, last = cuda.event(timing=True), cuda.event(timing=True)
    first.record(stream())

    def end():
        last.record(stream())

        def elapsed():
            last.synchronize()
            return cuda.event_elapsed_time(first, last)

        return elapsed

    return end


def time_own(calls, budget=0.35):
    """Time a list of (function, *arguments), which have run before, as one graph."""
    from nlstm.kernels.cuda.launch import SIMULATED, Graph, synchronize

    start = time.perf_counter()
    ready = Graph(calls)
    made = time.perf_counter() - start
    if SIMULATED:
        ready.replay()
        return {"events_ms": 0.0, "wall_ms": 0.0, "nodes": ready.nodes}
    found = time_calls(ready.replay, synchronize, own_event, budget)
    return found | {"nodes": ready.nodes, "seconds_to_make": made}
