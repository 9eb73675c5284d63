"""What writes files for TensorBoard; its package brings it, without TensorFlow."""

from typing import Any

__all__ = ["protocol"]


def protocol() -> tuple[Any, Any, Any]:
    """Return tensorboard's events, its scalars, and its writer of records."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ImportError(
            f"TensorBoard takes tensorboard ({error}): pip install 'nlstm[tensorboard]'"
        ) from None
    return Event, scalar_pb, RecordWriter
