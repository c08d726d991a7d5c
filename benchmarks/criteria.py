"""How long the worst criteria take on the worst cases that the bounds allow.

    python benchmarks/criteria.py

Every criterion of `tests/domain/criteria/worst_criteria.py` on every case there: what it was estimated at when it was
declared (`domain/criteria/cost.py`), and what it took. Those that `apply` refuses are measured with `--refused` too;
some of them take seconds. Prints a table and writes it to `benchmarks/results/criteria.json`.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)  # else the module of this folder named calendar would stand before the standard library's

import json
import platform
from time import process_time

from domain.criteria.compiling import CriteriaError, compile_criteria, estimate
from domain.criteria.cost import MOST_NANOSECONDS, TooExpensive
from domain.criteria.evaluating import Scope
from tests.domain.criteria.worst_criteria import ALLOWED, CASES, REFUSED, SCHEMA

LIMIT_MILLISECONDS = 100.0
SHOWN = 78


def took_ms(source: str) -> float:
    """The longest that it took on any case, of the best of three."""
    longest = 0.0
    for case in CASES.values():
        scope = Scope({"case": {"id": "c", **case}, "entitlement": None, "account": None})
        times = []
        for _ in range(3):
            before = process_time()
            scope.evaluate(source)
            times.append(process_time() - before)
        longest = max(longest, min(times) * 1e3)
    return longest


def estimated_ms(source: str) -> float | None:
    """None: it is refused for its form, whatever it would take."""
    try:
        return estimate(source, SCHEMA) / 1e6
    except (TooExpensive, ValueError):
        return None


def is_refused(source: str) -> bool:
    """Whether `apply` refuses it."""
    try:
        compile_criteria(source, SCHEMA)
    except CriteriaError:
        return True
    return False


def main() -> int:
    """Measure, and say whether the limit is kept."""
    sources = [*ALLOWED, *(REFUSED if "--refused" in sys.argv[1:] else ())]
    rows = []
    print(f"{'criterion':{SHOWN}} {'estimated':>12} {'took':>10}")
    for source in sources:
        refused, estimated, took = is_refused(source), estimated_ms(source), took_ms(source)
        rows.append({"criterion": source, "refused": refused, "estimated_ms": estimated, "took_ms": took})
        said = "refused" if estimated is None else f"{estimated:.1f} ms"
        print(f"{source[:SHOWN]:{SHOWN}} {said:>12} {took:>7.1f} ms{'  refused' if refused else ''}")
    longest = max(row["took_ms"] for row in rows if not row["refused"])
    kept = longest <= LIMIT_MILLISECONDS
    print(
        f"What is allowed is estimated at {MOST_NANOSECONDS / 1e6:.0f} ms at most and took {longest:.1f} ms at most. "
        f"Limit of {LIMIT_MILLISECONDS:.0f} ms: {'kept' if kept else 'NOT KEPT'}"
    )
    written = ROOT / "benchmarks" / "results" / "criteria.json"
    written.parent.mkdir(exist_ok=True)
    result = {"python": platform.python_version(), "machine": platform.machine(), "criteria": rows, "limit_kept": kept}
    written.write_text(json.dumps(result, indent=2) + "\n")
    print(f"Written to {written.relative_to(ROOT)}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
