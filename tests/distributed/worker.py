"""What the tests start by mpiexec: some cases, their results in a file for each rank."""

import argparse
import os
import sys

import numpy as np

from tests.distributed import cases

BUGS = ("no-all-reduce", "mean-of-means", "shuffled-by-rank")


def plant(bug):
    """Break the library, in this process alone."""
    from nlstm.distributed import mpi
    from nlstm.distributed.comm import MPIComm
    from nlstm.distributed.loss_sums import LossSums
    from nlstm.training.training import Training

    rank = mpi.MPI and int(os.environ["PMI_RANK"])
    if bug == "no-all-reduce":
        whole = MPIComm.allreduce_

        def allreduce_(self, *arrays):
            kept = [one.copy() for one in arrays]
            whole(self, *arrays)
            if len(arrays) > 1:  # of a training step
                for one, before in zip(arrays[1:], kept[1:]):
                    one[...] = before

        MPIComm.allreduce_ = allreduce_
    elif bug == "mean-of-means":
        from nlstm.distributed.reduction import Reduction

        add_up = Reduction._add_up

        def mean_of_means(self, gradients):
            share = self._share
            for one in gradients:
                one *= share.whole / (share.size * max(share.count, 1))
            add_up(self, gradients)

        Reduction._add_up = mean_of_means
    elif bug == "shuffled-by-rank":
        from nlstm.distributed.share import Share

        order, take = Training.order, Share.take

        def by_rank(self, rows):
            drawn = order(self, rows)
            return np.roll(drawn, rank) if rank else drawn

        def unmarked(self, index):
            found = take(self, index)
            self.mark = 0
            return found

        Training.order, Share.take = by_rank, unmarked
    assert bug in BUGS and LossSums is not None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--bug")
    given = parser.parse_args()
    if given.bug:
        plant(given.bug)
    found = {}
    for name in given.names:
        for key, value in cases.run(name, "mpi").items():
            found[f"{name}/{key}"] = value
    rank = os.environ["PMI_RANK"]
    np.savez(os.path.join(given.out, f"rank{rank}.npz"), **found)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
