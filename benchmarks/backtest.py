"""How long a backtest takes, and how time and memory grow with the log.

    python benchmarks/backtest.py [LOG]

Reads an event log of incidents (left out: the sample that is shipped, six times over, about as many cases as its
source has) and runs it through the process of `catalogs/incidents.yaml`; then the same log twice, four and eight times
over, each copy with ids of its own. Every size runs five times, by turns, each time in a process of its own; of each
measure the least counts. The limit of time is for a machine that has nothing else to do; growth is of CPU time.
Prints a table and writes it to `benchmarks/results/backtest.json`; ends with 1 if a limit is not kept.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)  # else this file would stand before the standard library's modules

import csv
import gc
import json
import multiprocessing
import platform
import resource
import tempfile
from time import perf_counter, process_time

from rich.console import Console
from rich.table import Table

from domain.reports.grouping import grouping
from starters.backtest.report import report
from starters.backtest.running import backtest, process_named, trial
from starters.files.catalogs import read_catalog
from starters.logs.events import read_log
from starters.logs.mapping import load_mapping

SAMPLE = ROOT / "starters/incident_sample/incident_event_log.csv"
SAMPLE_COPIES = 6
CATALOG = ROOT / "catalogs/incidents.yaml"
MAPPING = ROOT / "catalogs/incidents.mapping.yaml"
PROCESS = "Incident"
SIZES = (1, 2, 4, 8)
REPEATS = 5
LIMIT_SECONDS = 3.0
"""For reading and running the log once."""

LIMIT_GROWTH = 1.5
"""Of the CPU seconds per event at the largest size, as a multiple of those at the smallest."""


def copied(log: Path, copies: int, to: Path) -> None:
    """Write a log several times over, each copy with case ids of its own."""
    column = load_mapping(MAPPING).case_id
    with log.open(newline="", encoding="utf-8") as source, to.open("w", newline="", encoding="utf-8") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, reader.fieldnames or [])
        writer.writeheader()
        rows = list(reader)
        for copy in range(copies):
            writer.writerows({**row, column: f"{row[column]}-{copy}"} for row in rows)


def run_once(log: Path) -> dict[str, float]:
    """Read a log, run it and reckon its report, as the command does; what each step takes, in seconds."""
    mapping, catalog = load_mapping(MAPPING), read_catalog([CATALOG])
    gc.collect()
    before = _resident_megabytes()
    began, began_cpu = perf_counter(), process_time()
    read = read_log(log, mapping)
    is_read = perf_counter()
    tried = trial(catalog, read.cases, process_named(catalog, PROCESS), account=mapping.account)
    by = grouping("priority", catalog.fields, tried.zone)
    tested = backtest(read.cases, tried, by=by, state=mapping.state.field)
    report(tested)
    ended = perf_counter()
    return {
        "cases": len(tested.cases),
        "rows": read.rows,
        "events": tested.events,
        "read_seconds": is_read - began,
        "run_seconds": ended - is_read,
        "seconds": ended - began,
        "cpu_seconds": process_time() - began_cpu,
        "megabytes": _peak_megabytes() - before,
    }


def measured(logs: dict[int, Path]) -> dict[int, dict[str, float]]:
    """The least of each measure over the runs of each size.

    The sizes take turns, so that a machine that is slow for a while is so to all of them.
    """
    context = multiprocessing.get_context("spawn")
    best: dict[int, dict[str, float]] = {}
    for _ in range(REPEATS):
        for times, log in logs.items():
            with context.Pool(1) as pool:
                run = pool.apply(run_once, (log,))
            best[times] = {name: min(value, best.get(times, run)[name]) for name, value in run.items()}
    return best


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def print_table(rows: dict[int, dict[str, float]]) -> None:
    """Print what each size takes, in all and per event."""
    table = Table(title="A backtest, by the size of its log")
    for heading in (
        "times",
        "cases",
        "events",
        "read s",
        "run s",
        "in all s",
        "CPU s",
        "CPU us/event",
        "MB",
        "KB/event",
    ):
        table.add_column(heading, justify="right")
    for times, row in rows.items():
        table.add_row(
            f"{times}x",
            f"{row['cases']:,.0f}",
            f"{row['events']:,.0f}",
            *(f"{row[name]:.2f}" for name in ("read_seconds", "run_seconds", "seconds", "cpu_seconds")),
            f"{row['cpu_seconds'] / row['events'] * 1e6:.0f}",
            f"{row['megabytes']:.0f}",
            f"{row['megabytes'] / row['events'] * 1024:.1f}",
        )
    Console(width=120).print(table)


def main() -> int:
    """Measure, print, write; 1 if a limit of this project is not kept."""
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if given is not None and not given.is_file():
        print(f"there is no log {given}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        logs = {times: Path(folder) / f"{times}.csv" for times in SIZES}
        for times, log in logs.items():
            copied(given or SAMPLE, times if given else times * SAMPLE_COPIES, log)
        rows = measured(logs)
    print_table(rows)
    smallest, largest = rows[SIZES[0]], rows[SIZES[-1]]
    growth = (largest["cpu_seconds"] / largest["events"]) / (smallest["cpu_seconds"] / smallest["events"])
    kept = smallest["seconds"] <= LIMIT_SECONDS and growth <= LIMIT_GROWTH
    print(
        f"{smallest['cases']:.0f} cases take {smallest['seconds']:.2f} s (limit {LIMIT_SECONDS:.0f} s); an event of "
        f"{SIZES[-1]}x takes {growth:.2f} times as long as one of 1x (limit {LIMIT_GROWTH}): "
        + ("kept" if kept else "NOT KEPT")
    )
    result = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "log": given.name if given else f"{SAMPLE.name}, {SAMPLE_COPIES} times",
        "sizes": [{"times": times, **row} for times, row in rows.items()],
        "growth": growth,
        "limits_kept": kept,
    }
    written = ROOT / "benchmarks" / "results" / "backtest.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps(result, indent=2) + "\n")
    print(f"Written to {written.relative_to(ROOT)}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
