"""More than one machine: one model by MPI, many models by any executor."""

from nlstm.distributed import simulator as simulator
from nlstm.distributed.many import fit_many as fit_many
from nlstm.distributed.mpi import MPI as MPI
from nlstm.distributed.results import Fits as Fits
from nlstm.distributed.results import Trial as Trial
from nlstm.distributed.results import Trials as Trials
from nlstm.distributed.results import load_fits as load_fits
from nlstm.distributed.results import load_trials as load_trials
from nlstm.distributed.sweep import sweep as sweep
from nlstm.distributed.work import Failure as Failure

__all__ = [
    "MPI",
    "Failure",
    "Fits",
    "Trial",
    "Trials",
    "fit_many",
    "load_fits",
    "load_trials",
    "simulator",
    "sweep",
]
