"""How long a question to a frozen calendar takes, beside other business-time libraries.

    python benchmarks/calendar.py

Monday to Friday 09:00-17:00 in New York with the holidays of the United States, asked over one day, one week, three
months and one year. The others come with the extra `bench`. Prints a table of medians and writes them to
`benchmarks/results/calendar.json`.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)  # else this file would stand before the standard library's module of its name

import json
import platform
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib.metadata import version
from time import perf_counter
from zoneinfo import ZoneInfo

import holidays
from rich.console import Console
from rich.table import Table

from domain.calendar import BusinessHours, FrozenCalendar

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2025, 1, 8, 15, tzinfo=NEW_YORK)
HORIZON = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
HOURS = BusinessHours.model_validate(
    {
        "name": "New York office",
        "time_zone": "America/New_York",
        "week": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",)),
        "holidays": {"country": "US"},
    }
)
SPANS = {"1 day": 8, "1 week": 40, "3 months": 13 * 40, "1 year": 52 * 40}
LIMIT_MICROSECONDS = 3.0
FREEZE_LIMIT_MILLISECONDS = 5.0

Call = Callable[[], object]


@dataclass(frozen=True)
class Operation:
    """What is measured: a library's operation, as a call for each span of open hours.

    Attributes:
        call: makes the call to be timed from the hours and the target that Milepost finds.
        answer: what the call's result is in Milepost's terms (a UTC datetime, or seconds), to see that they agree.
    """

    library: str
    name: str
    call: Callable[[int, datetime], Call]
    answer: Callable[[object], object]


def median_microseconds(call: Call, *, batches: int = 25, batch_seconds: float = 0.004) -> float:
    """Return the median over batches of the mean time of a call."""
    call()
    begin = perf_counter()
    call()
    count = max(1, int(batch_seconds / max(perf_counter() - begin, 1e-7)))
    times = []
    for _ in range(batches):
        begin = perf_counter()
        for _ in range(count):
            call()
        times.append((perf_counter() - begin) / count)
    return statistics.median(times) * 1e6


def milepost(calendar: FrozenCalendar) -> list[Operation]:
    """Return this project's operations."""
    start = START.astimezone(UTC)
    return [
        Operation("milepost", "add", lambda hours, _: lambda: calendar.add(start, hours * 3600), lambda found: found),
        Operation("milepost", "elapsed", lambda _, end: lambda: calendar.elapsed(start, end), lambda found: found),
    ]


def others() -> list[Operation]:
    """Return the operations of the libraries of the extra `bench`."""
    import businesstimedelta  # noqa: PLC0415 - only a run of the benchmark needs the extra
    import pandas as pd  # noqa: PLC0415
    import pytz  # noqa: PLC0415
    from business_duration import businessDuration  # noqa: PLC0415
    from businesstime import BusinessTime  # noqa: PLC0415

    naive = START.replace(tzinfo=None)
    closed = sorted(holidays.country_holidays("US", years=range(2024, 2028)))

    zone = pytz.timezone("America/New_York")
    rules = businesstimedelta.Rules(
        [
            businesstimedelta.WorkDayRule(start_time=time(9), end_time=time(17), working_days=[0, 1, 2, 3, 4], tz=zone),
            businesstimedelta.HolidayRule(closed, tz=zone),
        ]
    )
    aware = zone.localize(naive)
    stamp = pd.Timestamp(naive, tz="America/New_York")
    business = BusinessTime(business_hours=(time(9), time(17)), holidays=closed)

    def local(end: datetime) -> datetime:
        return end.astimezone(NEW_YORK).replace(tzinfo=None)

    def pandas_add(hours: int, _: datetime) -> Call:
        step = pd.offsets.CustomBusinessHour(hours, start="09:00", end="17:00", holidays=closed)
        return lambda: stamp + step

    def delta_add(hours: int, _: datetime) -> Call:
        delta = businesstimedelta.BusinessTimeDelta(rules, hours=hours)
        return lambda: aware + delta

    def delta_between(_: int, end: datetime) -> Call:
        other = zone.fromutc(end.replace(tzinfo=None))
        return lambda: rules.difference(aware, other)

    def duration_between(_: int, end: datetime) -> Call:
        other = local(end)
        return lambda: businessDuration(naive, other, time(9), time(17), holidaylist=closed, unit="sec")

    def time_between(_: int, end: datetime) -> Call:
        other = local(end)
        return lambda: business.businesstime_hours(naive, other)

    return [
        Operation("businesstimedelta", "add", delta_add, lambda found: found.astimezone(UTC)),  # type: ignore[attr-defined]
        Operation("pandas", "add", pandas_add, lambda found: found.to_pydatetime().astimezone(UTC)),  # type: ignore[attr-defined]
        Operation(
            "businesstimedelta",
            "elapsed",
            delta_between,
            lambda found: found.hours * 3600 + found.seconds,  # type: ignore[attr-defined]
        ),
        Operation("business-duration", "elapsed", duration_between, lambda found: round(float(str(found)))),
        Operation("businesstime", "elapsed", time_between, lambda found: round(found.total_seconds())),  # type: ignore[attr-defined]
    ]


def freezing() -> dict[str, float]:
    """Return what it takes to make a calendar of a year: in milliseconds, and cached in microseconds."""
    HOURS.freeze(*HORIZON)  # imports the country's module
    cold = []
    for year in range(1976, 2076, 5):  # far enough apart to share nothing that is cached
        begin = perf_counter()
        HOURS.freeze(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
        cold.append((perf_counter() - begin) * 1e3)
    compiling = []
    for day in range(20):
        text = HOURS.freeze(HORIZON[0], HORIZON[0] + timedelta(days=365 + day)).model_dump_json()
        begin = perf_counter()
        FrozenCalendar.model_validate_json(text).next_open(START)
        compiling.append((perf_counter() - begin) * 1e3)
    text = HOURS.freeze(*HORIZON).model_dump_json()
    return {
        "freeze_year_ms": statistics.median(cold),
        "freeze_year_worst_ms": max(cold),
        "freeze_cached_us": median_microseconds(lambda: HOURS.freeze(*HORIZON)),
        "decode_and_compile_year_ms": statistics.median(compiling),
        "decode_compiled_us": median_microseconds(lambda: FrozenCalendar.model_validate_json(text).next_open(START)),
        "json_bytes": float(len(text)),
    }


def measure(operation: Operation, calendar: FrozenCalendar) -> dict[str, float | bool]:
    """Return an operation's median for each span, and whether its answers are Milepost's."""
    row: dict[str, float | bool] = {}
    agrees = True
    for span, hours in SPANS.items():
        end = calendar.add(START, hours * 3600)
        call = operation.call(hours, end)
        agrees &= operation.answer(call()) == (end if operation.name == "add" else hours * 3600)
        row[span] = median_microseconds(call)
    return {**row, "agrees": agrees}


def print_table(rows: dict[tuple[str, str], dict[str, float | bool]], versions: dict[str, str]) -> None:
    """Print the medians, and how many times as long as Milepost each takes."""
    table = Table(title="Median microseconds a call (times as long as Milepost)")
    table.add_column("library")
    table.add_column("operation")
    for span in SPANS:
        table.add_column(span, justify="right")
    table.add_column("same answers")
    for (library, name), row in rows.items():
        ours = rows["milepost", name]
        cells = [f"{row[span]:,.1f} ({row[span] / ours[span]:,.0f}x)" for span in SPANS]
        table.add_row(f"{library} {versions.get(library, '')}".strip(), name, *cells, "yes" if row["agrees"] else "no")
    Console(width=120).print(table)


def main() -> int:
    """Measure, print, write; 1 if a limit of this project is not kept."""
    warnings.simplefilter("ignore")  # the others' own
    calendar = HOURS.freeze(*HORIZON)
    try:
        operations = [*milepost(calendar), *others()]
    except ImportError as error:
        print(f"{error}; install the libraries to compare with: pip install -e '.[bench]'", file=sys.stderr)
        return 2
    rows = {
        (operation.library, operation.name): measure(operation, calendar)
        for operation in sorted(operations, key=lambda operation: operation.name)
    }
    versions = {
        library: version(library) for library in ("businesstimedelta", "pandas", "business-duration", "businesstime")
    }
    made = freezing()
    print_table(rows, versions)
    print(
        f"Freezing a year takes {made['freeze_year_ms']:.2f} ms (worst {made['freeze_year_worst_ms']:.2f}), "
        f"{made['freeze_cached_us']:.1f} us when cached; 17 months are {made['json_bytes']:.0f} bytes of JSON.\n"
        f"Decoding a year and compiling it takes {made['decode_and_compile_year_ms']:.2f} ms, "
        f"{made['decode_compiled_us']:.1f} us once its like was compiled."
    )
    slowest = max(float(row[span]) for (library, _), row in rows.items() if library == "milepost" for span in SPANS)
    kept = slowest <= LIMIT_MICROSECONDS and made["freeze_year_ms"] <= FREEZE_LIMIT_MILLISECONDS
    print(
        f"Limits of {LIMIT_MICROSECONDS:.0f} us a call and {FREEZE_LIMIT_MILLISECONDS:.0f} ms a year: "
        + ("kept" if kept else "NOT KEPT")
    )
    result = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions,
        "microseconds": [{"library": library, "operation": name, **row} for (library, name), row in rows.items()],
        "freezing": made,
        "limits_kept": kept,
    }
    written = ROOT / "benchmarks" / "results" / "calendar.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps(result, indent=2) + "\n")
    print(f"Written to {written.relative_to(ROOT)}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
