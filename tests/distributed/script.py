"""A client of `fit_many`: python -m tests.distributed.script EXECUTOR OUT [OPTIONS in JSON]."""

import json
import sys

import nlstm
from tests.distributed import jobs


def main(kind, out, options="{}"):
    given = json.loads(options)
    count, nan = given.pop("count", jobs.COUNT), given.pop("nan", ())
    build = jobs.Build(**given)
    arguments = {"seed": 5, "epochs": 2, "verbose": 2, "out": out}
    data = jobs.series(count, nan)
    if kind == "mpi":
        from mpi4py.futures import MPIPoolExecutor

        with MPIPoolExecutor() as executor:
            fits = nlstm.fit_many(build, data, executor=executor, **arguments)
    elif kind == "dask":
        from dask.distributed import Client, LocalCluster

        with (
            LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as one,
            Client(one) as client,
        ):
            executor = client.get_executor(retries=2)
            fits = nlstm.fit_many(build, data, executor=executor, **arguments)
    else:
        fits = nlstm.fit_many(build, data, executor=2, **arguments)
    print(repr(fits))


if __name__ == "__main__":
    main(*sys.argv[1:])
