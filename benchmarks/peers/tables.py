"""The tables of `compare.py`, made of what it has measured, and the notes below them."""

import math
import statistics

from benchmarks import markdown
from benchmarks.grid import GRID
from benchmarks.peers import startup, stream
from benchmarks.peers.processes import BFLOAT16_OF, TITLES

MEASURED = {"train": "step ms", "predict": "predict ms"}
# Ratios by title: the time of the fastest of some, over the time of one.
IN_FLOAT32 = {"x best": (list(TITLES)[1:], "nlstm"), "x PyTorch": (["torch"], "nlstm")}
IN_BFLOAT16 = {
    "bfloat16 x own float32": (["nlstm"], "nlstm-bfloat16"),
    "bfloat16 x autocast": (["torch-bfloat16"], "nlstm-bfloat16"),
}


def result_table(results: dict, names: list[str], peak_gflops: float | None) -> str:
    """Make the one table: a row per shape, and the geometric mean of the ratios."""
    in_float32 = "nlstm-bfloat16" not in names
    known = IN_FLOAT32 if in_float32 else IN_BFLOAT16
    ratio_of = {title: pair for title, pair in known.items() if {*pair[0]} & {*names}}
    rates = ["GFLOP/s", "% of peak"] if in_float32 else []  # the peak is float32's
    end = "" if in_float32 else " float32"
    titles = [TITLES[name] + (end if name in BFLOAT16_OF else "") for name in names]
    first, *others = [*titles, *ratio_of]
    header = ["shape N,T,F,H,layers", f"step ms: {first}", *others, *rates]
    table = [[*header, f"predict ms: {first}", *others]]
    ratios: dict[str, list] = {what: [] for what in MEASURED}
    for shape, result in results.items():
        row = [str(GRID[shape])]
        for what, found in ratios.items():
            ms = _medians(result, what)
            found.append([_ratio(ms, *pair) for pair in ratio_of.values()])
            row += [_number(ms.get(name)) for name in names]
            row += ["-" if ratio is None else f"{ratio:.2f}" for ratio in found[-1]]
            if what == "train" and rates:
                gflops = GRID[shape].step_flops / ms["nlstm"] / 1e6
                share = f"{100 * gflops / peak_gflops:.0f}" if peak_gflops else "-"
                row += [f"{gflops:.0f}", share]
        table.append(row)
    if ratio_of and len(results) > 1:
        blank = [""] * len(names)
        train, predict = (_geometric_means(found) for found in ratios.values())
        table.append(["geometric mean", *blank, *train, *[""] * len(rates), *blank, *predict])
    return markdown.table(table)


def threads_table(results: dict, names: list[str]) -> str:
    """Make the table by number of threads; beside a time its speed-up over the first number."""
    first, *others = results
    header = ["shape N,T,F,H,layers"]
    for title in MEASURED.values():
        header += [f"{title}, threads: {first}", *others]
    end = {name: f": {TITLES[name]}" if len(names) > 1 else "" for name in names}
    table, speed_ups = [header], {name: {what: [] for what in MEASURED} for name in names}
    for shape in results[first]:
        for name in names:
            row = [f"{GRID[shape]}{end[name]}"]
            for what, found in speed_ups[name].items():
                start, *ms = (_medians(one[shape], what).get(name) for one in results.values())
                found.append([start / one if start and one else None for one in ms])
                row += [_number(start), *(_number(*pair) for pair in zip(ms, found[-1]))]
            table.append(row)
    if others and len(results[first]) > 1:
        for name in names:
            train, predict = (_geometric_means(found) for found in speed_ups[name].values())
            table.append([f"geometric mean{end[name]}", "", *train, "", *predict])
    return markdown.table(table)


def _medians(result, what):
    return {name: statistics.median(found[what]) for name, found in result.items() if what in found}


def _number(ms, speed_up=None):
    if ms is None:
        return "-"
    return markdown.number(ms) + (f" ({speed_up:.2f}x)" if speed_up else "")


def _ratio(ms, over, under):
    there = [ms[name] for name in over if name in ms]
    return min(there) / ms[under] if there and under in ms else None


def _geometric_means(rows):
    return [
        "-" if None in column else f"{math.exp(statistics.fmean(map(math.log, column))):.2f}"
        for column in zip(*rows)
    ]


def notes(results: dict, about: dict) -> str:
    """Say below the table where, when and with what it was measured, and what did not run."""
    peak = ", ".join(f"{gflops:.0f} GFLOP/s on {n}" for n, gflops in about["peak_gflops"].items())
    versions, absent = dict(about.get("versions", {})), {}
    precision = "float32"
    for shape, result in results.items():
        for name, found in result.items():
            versions |= found.get("versions", {})
            if "bfloat16" in found.get("how", {}):
                precision = f"float32 and bfloat16 {found['how']['bfloat16']}"
            if "not run" in found and about["kind"] != "stream":  # whose table says it
                absent.setdefault((name, found["not run"].strip().splitlines()[-1]), []).append(
                    shape
                )
    threads = str(about["threads"]).strip("[]")
    threads += " thread" if threads == "1" else " threads"
    if about["kind"] == "threads":
        threads += f" of {about['processors']} processors on {about['cores']} cores"
    lines = [
        f"{about['date']}, {about['cpu']} ({about['isa'] or 'beside a GPU'}), {threads}, "
        f"{precision}; median of {about['rounds']} rounds; "
        f"{'FMA peak ' + peak if peak else about['gpu']}.",
        "Python " + ", ".join([about["python"], *(f"{k} {v}" for k, v in versions.items())]) + ".",
    ]
    unsteady = [
        f"{TITLES[name]} at {shape} {what} {min(found[what]):.3g} to {max(found[what]):.3g} ms"
        for shape, result in results.items()
        for name, found in result.items()
        for what in ("train", "predict")
        if what in found and max(found[what]) > 1.3 * min(found[what])
    ]
    if unsteady:
        lines.append(f"Was the machine quiet? Rounds differ by over 30 %: {'; '.join(unsteady)}.")
    lines += filter(None, [about.get("skipped")])
    for (name, reason), shapes in absent.items():
        where = "" if len(shapes) == len(results) else f" ({', '.join(shapes)})"
        lines.append(f"{TITLES[name]}{where} not run: {reason}")
    return "\n".join(lines)


def text_of(measured: dict) -> str:
    """Show what one run measured: its table and the notes below."""
    about, results = measured["about"], measured["results"]
    if about["kind"] == "startup":
        body, found = startup.startup_table(results), {}
    elif about["kind"] == "stream":
        body, found = stream.stream_table(results), results
    elif about["kind"] == "threads":
        body = threads_table(results, about["names"])
        found = {
            f"{shape} on {n}": result
            for n, of_shapes in results.items()
            for shape, result in of_shapes.items()
        }
    else:
        peak = about["peak_gflops"].get(str(about["threads"]))
        body = result_table(results, about.get("names", ["nlstm", *about["peers"]]), peak)
        found = results
    return f"{body}\n\n{notes(found, about)}"
