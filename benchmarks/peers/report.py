"""Measured tables into the repository, and the README's speed table from them.

    python benchmarks/compare.py --json grid.json
    python benchmarks/compare.py --stream --json stream.json
    python benchmarks/compare.py --startup --json startup.json
    python benchmarks/compare.py --precision bfloat16 --json bfloat16.json
    python benchmarks/compare.py --threads 1,2,4,8 --json threads.json
    python -m benchmarks.peers.report grid.json stream.json startup.json bfloat16.json threads.json

Writes benchmarks/results/<date>-<cpu>-<isa>.md, one file for each day, processor and kind of vector
instructions, and fills the README's table from the first run of the grid; --no-readme leaves it.
The file is written whole: give all runs of its day.
"""

import argparse
import json
import re
import statistics
from pathlib import Path

from benchmarks import markdown
from benchmarks.grid import GRID
from benchmarks.peers.processes import TITLES
from benchmarks.peers.tables import text_of

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"

HEADINGS = {
    "training": "Training and predicting",
    "bfloat16": "In bfloat16",
    "threads": "By number of threads",
    "stream": "One step at a time",
    "startup": "The first second",
}


def command(about: dict) -> str:
    """Give the words that choose this kind of run."""
    words = ["python benchmarks/compare.py"]
    if about["kind"] in ("stream", "startup"):
        words += [f"--{about['kind']}"]
    if about.get("precision", "float32") != "float32":
        words += ["--precision", about["precision"]]
    if about["kind"] == "threads":
        words += ["--threads", ",".join(map(str, about["threads"]))]
    return " ".join(words)


def result_file(about: dict) -> Path:
    """Name the file of one day, processor and kind of vector instructions."""
    words = re.findall(r"[a-z0-9]+", about["cpu"].lower().replace("(r)", "").replace("(tm)", ""))
    return RESULTS / f"{about['date']}-{'-'.join(words)}-{about['isa']}.md"


def result_page(runs: list[dict]) -> str:
    """Write the page of runs that share day, processor and vector instructions."""
    about = runs[0]["about"]
    lines = [f"# {about['date']}, {about['cpu']}, {about['isa']}", ""]
    for run in runs:
        lines += [f"## {HEADINGS[run['about']['kind']]}", "", f"`{command(run['about'])}`", ""]
        table, _, notes = text_of(run).partition("\n\n")
        # Each note a paragraph, or Markdown runs them together.
        lines += [table, "", notes.strip().replace("\n", "\n\n"), ""]
    return "\n".join(lines).rstrip() + "\n"


def readme_table(run: dict) -> str:
    """Make the README's few columns, and the line that says where they come from."""
    about, results = run["about"], run["results"]
    peak = about["peak_gflops"][str(about["threads"])]
    rows = [
        ["rows, steps, features, units, layers", "nlstm ms", "best peer ms", "ratio", "% of peak"]
    ]
    for name, result in results.items():
        shape = GRID[name]
        ms = {
            who: statistics.median(found["train"])
            for who, found in result.items()
            if "train" in found
        }
        own = ms.pop("nlstm")
        sizes = f"{shape.N}, {shape.T}, {shape.F}, {shape.H}, {shape.layers}"
        row = [f"{name}: {sizes}", markdown.number(own), "-", "-"]
        if ms:
            best = min(ms, key=ms.get)
            row[2:] = [f"{markdown.number(ms[best])} ({TITLES[best]})", f"{ms[best] / own:.1f}x"]
        rows.append([*row, f"{100 * shape.step_flops / own / 1e6 / peak:.0f}"])
    page = result_file(about)
    where = (
        f"One training step (forward, backward, Adam), float32, {about['threads']} threads of "
        f"{about['cpu']} ({about['isa']}), {about['date']}. "
        f"[All columns, versions and notes]({page.relative_to(ROOT).as_posix()})"
    )
    return f"{markdown.table(rows)}\n\n{where}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help="what compare.py --json wrote")
    parser.add_argument("--no-readme", action="store_true")
    options = parser.parse_args()
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in options.files]
    pages = {}
    for run in runs:
        pages.setdefault(result_file(run["about"]), []).append(run)
    RESULTS.mkdir(exist_ok=True)
    for path, together in pages.items():
        path.write_text(result_page(together), encoding="utf-8")
        print(path.relative_to(ROOT))
    grids = [run for run in runs if run["about"]["kind"] == "training"]
    if grids and not options.no_readme:
        markdown.fill(README, "speed table", readme_table(grids[0]))
        print(README.relative_to(ROOT))


if __name__ == "__main__":
    main()
