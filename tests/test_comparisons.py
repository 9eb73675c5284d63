"""What `benchmarks/compare.py` is told, measures and writes; no library beside nlstm is asked."""

import json
import os

import pytest

from benchmarks.peers import compare, processes, report, tables

BOTH = ["nlstm", "nlstm-bfloat16", "torch", "torch-bfloat16"]
ABOUT = {
    "date": "2026-01-02", "cpu": "Some CPU", "isa": "avx512", "python": "3.11", "rounds": 3,
    "peers": ["torch"], "gpu": None, "peak_gflops": {"1": 100.0, "2": 200.0}, "threads": 2,
}  # fmt: skip


def times(train, predict, **how):
    """Return what a contender leaves: three rounds, the middle one in the middle."""
    middle = {"train": train, "predict": predict}
    rounds = {what: [0.9 * ms, 1.1 * ms, ms] for what, ms in middle.items()}
    return rounds | {"versions": {"a": "1"}, "how": how}


def in_bfloat16():
    """Return a run in both precisions: ratios 2 and 4 at one shape, 8 and 1 at the other."""
    ms = {"darts": (4, 2, 16, 8), "seed": (16, 2, 8, 2)}
    results = {
        shape: {name: times(one, one / 2) for name, one in zip(BOTH, found, strict=True)}
        for shape, found in ms.items()
    }
    results["darts"]["nlstm-bfloat16"]["how"]["bfloat16"] = "multiplied in pairs"
    about = ABOUT | {"kind": "bfloat16", "precision": "bfloat16", "names": BOTH}
    return {"about": about, "results": results}


def by_threads():
    """Return a run on one thread and on four: speed-ups 2 and 3, PyTorch's unknown."""
    results = {
        "1": {"darts": {"nlstm": times(8, 6)}, "seed": {"nlstm": times(16, 3)}},
        "4": {"darts": {"nlstm": times(4, 2)}, "seed": {"nlstm": times(2, 1)}},
    }
    for shapes in results.values():
        for result in shapes.values():
            result["torch"] = {"not run": "Traceback\nModuleNotFoundError: no torch"}
    about = ABOUT | {"kind": "threads", "threads": [1, 4], "names": ["nlstm", "torch"]}
    about |= {"processors": 6, "cores": 3, "skipped": "8 threads skipped; processors here: 6."}
    return {"about": about, "results": results}


def rows_of(text):
    """Read a table: cells by row."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_table_of_bfloat16_has_both_ratios_and_their_means():
    text = tables.text_of(in_bfloat16())
    head, _, *rows = rows_of(text)
    titles = ["nlstm float32", "nlstm bfloat16", "PyTorch float32", "PyTorch autocast"]
    own = [*titles, "bfloat16 x own float32", "bfloat16 x autocast"]
    expected = ["shape N,T,F,H,layers", f"step ms: {own[0]}", *own[1:]]
    assert head == [*expected, f"predict ms: {own[0]}", *own[1:]]
    assert rows[0][1:7] == ["4", "2", "16", "8", "2.00", "4.00"]
    assert rows[1][7:] == ["8", "1", "4", "1", "8.00", "1.00"]
    assert rows[2] == ["geometric mean", *[*[""] * 4, "4.00", "2.00"] * 2]
    assert "2 threads, float32 and bfloat16 multiplied in pairs; median" in text


def test_table_of_bfloat16_without_autocast_lacks_its_ratio():
    measured = in_bfloat16()
    measured["results"]["seed"]["torch-bfloat16"] = {"not run": "gone"}
    _, _, *rows = rows_of(tables.text_of(measured))
    assert [row[6] for row in rows] == ["4.00", "-", "-"] and rows[1][4] == "-"
    assert "PyTorch autocast (seed) not run: gone" in tables.text_of(measured)


def test_table_of_threads_has_speed_ups_over_the_first():
    text = tables.text_of(by_threads())
    head, _, *rows = rows_of(text)
    assert head[1:] == ["step ms, threads: 1", "4", "predict ms, threads: 1", "4"]
    assert rows[0] == ["darts 32,24,1,25,1: nlstm", "8", "4 (2.00x)", "6", "2 (3.00x)"]
    assert rows[1] == ["darts 32,24,1,25,1: PyTorch", *"----"]
    assert rows[2][1:] == ["16", "2 (8.00x)", "3", "1 (3.00x)"]
    assert rows[4:] == [
        ["geometric mean: nlstm", "", "4.00", "", "3.00"],
        ["geometric mean: PyTorch", "", "-", "", "-"],
    ]
    assert "1, 4 threads of 6 processors on 3 cores, float32; median" in text
    notes = text.splitlines()[-2:]
    assert notes == ["8 threads skipped; processors here: 6.", notes[1]]
    assert notes[1] == "PyTorch not run: ModuleNotFoundError: no torch"


def test_report_writes_sections_of_their_own_and_the_readme_of_none(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- speed table -->\nas it was\n<!-- end of speed table -->\n")
    for name, path in {"ROOT": tmp_path, "RESULTS": tmp_path / "r", "README": readme}.items():
        monkeypatch.setattr(report, name, path)
    files = []
    for measured in (in_bfloat16(), by_threads()):
        files.append(tmp_path / f"{measured['about']['kind']}.json")
        files[-1].write_text(json.dumps(measured))
    monkeypatch.setattr("sys.argv", ["report", *map(str, files)])
    report.main()
    (page,) = (tmp_path / "r").iterdir()
    text = page.read_text()
    assert "\n## In bfloat16\n\n`python benchmarks/compare.py --precision bfloat16`\n\n|" in text
    assert "\n## By number of threads\n\n`python benchmarks/compare.py --threads 1,4`\n\n|" in text
    assert "as it was" in readme.read_text()


def options_of(monkeypatch, line, processors=4):
    """Read a command line on a machine of so many processors."""
    monkeypatch.setattr(compare, "processors", lambda: {n: str(n) for n in range(processors)})
    monkeypatch.setattr("sys.argv", ["compare", *line.split()])
    return compare.read_options()


@pytest.mark.parametrize(
    "line, kind, threads, peers",
    [
        ("", "training", [2], ["torch", "keras-jax", "keras-tensorflow"]),
        ("--threads 16", "training", [16], ["torch", "keras-jax", "keras-tensorflow"]),
        ("--device cuda", "training", [2], ["torch", "torch-tf32", "keras-jax"]),
        ("--precision bfloat16", "bfloat16", [2], ["torch"]),
        ("--precision bfloat16 --peers none", "bfloat16", [2], []),
        ("--threads 1,2,4,2", "threads", [1, 2, 4], []),
        ("--threads 1,8 --peers torch", "threads", [1], ["torch"]),
        ("--threads 1,2 --precision bfloat16", "threads", [1, 2], []),
        ("--stream --threads 1", "stream", [1], ["torch", "keras-jax", "keras-tensorflow"]),
    ],
)
def test_command_line_says_what_is_compared(monkeypatch, line, kind, threads, peers):
    options = options_of(monkeypatch, line)
    assert (options.kind, options.threads, options.peers) == (kind, threads, peers)


@pytest.mark.parametrize("line", ["", "--precision bfloat16", "--startup"])
def test_where_there_is_one_processor_one_thread_is_measured(monkeypatch, line):
    assert options_of(monkeypatch, line, processors=1).threads == [1]
    assert options_of(monkeypatch, f"{line} --threads 2", processors=1).threads == [2]


@pytest.mark.parametrize(
    "line, reason",
    [
        ("--threads 0,1", "0,1: a number of threads is 1 or more"),
        ("--threads 1,two", "invalid counts value: '1,two'"),
        ("--threads 8,16", "8, 16 threads skipped; processors here: 4."),
        ("--threads 1,2 --stream", "expected no --startup, --stream or --device cuda"),
        ("--precision bfloat16 --startup", "expected no --startup, --stream or --device cuda"),
        ("--precision bfloat16 --device cuda", "expected no --startup, --stream or --device cuda"),
        ("--precision float16", "(choose from"),
        ("--precision bfloat16 --peers torch-tf32", "choose from torch, keras-jax"),
        ("--peers torch-bfloat16", "choose from torch, torch-tf32"),
    ],
)
def test_command_line_refuses(monkeypatch, capsys, line, reason):
    with pytest.raises(SystemExit):
        options_of(monkeypatch, line)
    assert reason in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processors by number")
def test_second_processors_of_a_core_come_last(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 0, 1, 2, 3})
    monkeypatch.setattr(processes, "core_of", lambda n: str(n // 2))
    assert list(processes.processors()) == [0, 2, 5, 1, 3]
    assert len(set(processes.processors().values())) == 3


def test_run_in_both_precisions_on_a_list_of_threads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "measure_peak", lambda _: {"isa": "any", "gflops": {"1": 1.0}})
    monkeypatch.setattr(compare, "processors", lambda: {0: "0"})
    kept = tmp_path / "found.json"
    line = "--threads 1,2 --precision bfloat16 --shapes darts --rounds 1 --seconds 0.001 --json"
    monkeypatch.setattr("sys.argv", ["compare", *line.split(), str(kept)])
    compare.main()
    out, err = capsys.readouterr()
    assert "2 threads skipped; processors here: 1." in out and "2 threads skipped" in err
    measured = json.loads(kept.read_text())
    assert tables.text_of(measured) == out.rstrip("\n")
    found = measured["results"]["1"]["darts"]
    assert list(found) == ["nlstm", "nlstm-bfloat16"] and list(measured["results"]) == ["1"]
    assert ["bfloat16" in one["how"] for one in found.values()] == [False, True]
    assert all(len(one[what]) == 1 for one in found.values() for what in ("train", "predict"))
