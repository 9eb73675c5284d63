"""More machines: one model on several, by MPI. Loaded when it is asked for."""

from nlstm.distributed.mpi import MPI as MPI

__all__ = ["MPI"]
