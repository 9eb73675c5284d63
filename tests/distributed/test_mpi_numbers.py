"""A fit on several processes gives the numbers of one: A1, A2, A3 and A10 of the design."""

import numpy as np
import pytest

from tests.distributed import cases
from tests.distributed.launch import ROOT, TCP, launched
from tests.distributed.worker import BUGS

WORKER = ROOT / "tests" / "distributed" / "worker.py"
GRADIENT, WEIGHTS, ADAM = 1e-5, 1e-4, 1e-3
FEW = ("sgd", "tiny", "adam")


def results(folder, ranks, names, **options):
    folder.mkdir()
    bug = options.pop("bug", None)
    ended = launched(ranks, WORKER, folder, *names, *(["--bug", bug] if bug else []), **options)
    assert ended.code == 0, ended.errors
    assert not ended.left
    return [dict(np.load(folder / f"rank{rank}.npz")) for rank in range(ranks)]


@pytest.fixture(scope="session")
def alone():
    """What one process makes, without mpiexec."""
    return {
        f"{name}/{key}": value for name in cases.CASES for key, value in cases.run(name).items()
    }


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """What ranks make: by their number, each rank's results."""
    folder = tmp_path_factory.mktemp("shared")
    two = results(folder / "2", 2, cases.CASES, timeout=120)
    return {2: two, 4: results(folder / "4", 4, cases.CASES, timeout=120)}


def apart(found, wanted):
    """Return the relative distance of two arrays."""
    scale = np.linalg.norm(wanted)
    return np.linalg.norm(np.asarray(found, float) - wanted) / max(scale, 1e-12)


def faults(found, wanted, names):
    """List what is further from one process's results than sums in another order are."""
    wanted = {key: one for key, one in wanted.items() if key.partition("/")[0] in names}
    listed = []
    assert wanted and wanted.keys() <= found.keys()
    for key, value in wanted.items():
        name, kind, _ = key.split("/", 2)
        bound = GRADIENT if kind == "gradient" else ADAM if name in ("adam",) else WEIGHTS
        if value.shape != found[key].shape:
            listed.append(f"{key}: {found[key].shape} for {value.shape}")
        elif not apart(found[key], value) <= bound:
            listed.append(f"{key}: {apart(found[key], value):.1e} > {bound:.0e}")
    return listed


@pytest.mark.parametrize("name", [name for name in cases.CASES if name != "normalised"])
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_give_the_numbers_of_one_process(alone, shared, ranks, name):
    for found in shared[ranks]:
        assert not faults(found, alone, [name])


@pytest.mark.parametrize("ranks", [2, 4])
def test_all_ranks_end_with_the_same_bits(shared, ranks):
    first, *rest = shared[ranks]
    for other in rest:
        assert other.keys() == first.keys()
        assert all(np.array_equal(first[key], other[key]) for key in first)


def test_moving_averages_are_those_of_the_whole_batch(alone, shared):
    # The last two weights but those of the Dense layer; normalising itself is by rank.
    mean, variance = "normalised/weight/5", "normalised/weight/6"
    for found in shared[4]:
        assert apart(found[mean], alone[mean]) < WEIGHTS
        assert apart(found[variance], alone[variance]) < WEIGHTS


def test_one_rank_gives_the_bits_of_a_plain_fit(alone, tmp_path):
    (found,) = results(tmp_path / "1", 1, ["sgd", "everything", "pieces", "sums of pieces"])
    assert all(np.array_equal(alone[key], value) for key, value in found.items())


def test_two_runs_give_the_same_bits(shared, tmp_path):
    again = results(tmp_path / "again", 2, ["sgd", "several"])
    for rank, found in enumerate(again):
        assert all(np.array_equal(shared[2][rank][key], value) for key, value in found.items())


def test_tcp_gives_the_numbers_of_one_process(alone, tmp_path):
    for found in results(tmp_path / "tcp", 2, ["sgd", "adam"], **TCP):
        assert not faults(found, alone, ["sgd", "adam"])


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(alone, tmp_path, bug, capsys):
    folder = tmp_path / bug
    folder.mkdir()
    ended = launched(3, WORKER, folder, "sgd", "--bug", bug)
    if ended.code:  # ranks that come apart say so themselves
        assert "the weights of rank 1 are not those of rank 0" in ended.errors
        return
    found = [dict(np.load(folder / f"rank{rank}.npz")) for rank in range(3)]
    assert any(faults(one, alone, ["sgd"]) for one in found)
