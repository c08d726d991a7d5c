"""How long it takes to tell who covers a customer, with 100,000 entitlements in the store.

    python benchmarks/coverage.py

On SQLite, and on PostgreSQL where a server of it is on this machine: the median of questions by account, contact, asset
and contract, picked at random; beside it the same questions with 1,000 entitlements, to see that the time does not grow
with the catalog, and the questions of an account that has very many of its own. Prints a table and writes it to
`benchmarks/results/coverage.json`. Ends with 1 if a median is over the limit.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)

import contextlib
import json
import platform
import random
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Table as SqlTable
from sqlalchemy import text

from domain.catalog.declarations import Catalog, Declaration, Entitlement
from domain.catalog.kinds import Kind
from domain.coverage.matching import CoverageQuestion, choose
from store import Store, tables
from store.database import Database
from tests.postgresql import NoPostgreSQL, private_postgresql

AT = datetime(2026, 6, 11, 12, tzinfo=UTC)
MANY, FEW = 100_000, 1_000
LIMIT_MILLISECONDS = 10.0
ROUNDS = 400
OF_AN_ACCOUNT = 10
"""Entitlements of an ordinary account: half of what is bought is for an asset, some for a contact."""

BIG = "big"
"""An account that has a tenth of all entitlements, each for an asset of its own, and as many that have expired."""

Question = dict[str, Any]


def catalog(entitlements: int) -> Catalog:
    """A catalog of so many entitlements."""
    big = entitlements // 10
    ordinary = (entitlements - 2 * big) // OF_AN_ACCOUNT
    names = [f"a{number}" for number in range(ordinary)]
    declared: dict[str, list[dict[str, Any]]] = {
        "accounts": [{"id": name} for name in (*names, BIG)],
        "products": [{"id": "router"}, {"id": "switch"}],
        "contacts": [{"id": f"{name}-ann", "account": name} for name in names],
        "assets": [
            *({"id": f"{name}-{n}", "account": name, "product": "router"} for name in names for n in range(5)),
            *({"id": f"{BIG}-{n}", "account": BIG, "product": "router"} for n in range(big)),
        ],
        "service_contracts": [{"id": f"{name}-2026", "account": name} for name in names],
        "entitlements": [
            *(one for name in names for one in _of(name)),
            *({"id": f"{BIG}-{n}", "account": BIG, "asset": f"{BIG}-{n}"} for n in range(big)),
            *({"id": f"{BIG}-old-{n}", "account": BIG, "ends_on": "2025-12-31"} for n in range(big)),
        ],
    }
    return Catalog.model_validate(declared)


def _of(name: str) -> Iterator[dict[str, Any]]:
    term = {"account": name, "starts_on": "2026-01-01", "ends_on": "2026-12-31"}
    for number in range(5):
        yield {"id": f"{name}-asset-{number}", "asset": f"{name}-{number}", **term}
    yield {"id": f"{name}-ann", "contacts": [f"{name}-ann"], **term}
    yield {"id": f"{name}-contract", "service_contract": f"{name}-2026", "allowance": {"cap": 50}, **term}
    yield {"id": f"{name}-phone", "channels": ["phone"], **term}
    yield {"id": f"{name}-switch", "products": ["switch"], **term}
    yield {"id": f"{name}-old", "account": name, "ends_on": "2025-12-31"}


def questions(entitlements: int) -> dict[str, Callable[[random.Random], Question]]:
    """What is asked, each of a customer picked at random."""
    big = entitlements // 10
    ordinary = (entitlements - 2 * big) // OF_AN_ACCOUNT

    def account(pick: random.Random) -> str:
        return f"a{pick.randrange(ordinary)}"

    def of_asset(pick: random.Random) -> Question:
        return {"asset": f"{account(pick)}-{pick.randrange(5)}", "channel": "phone"}

    def of_all(pick: random.Random) -> Question:
        name = account(pick)
        return {
            "account": name,
            "contact": f"{name}-ann",
            "asset": f"{name}-{pick.randrange(5)}",
            "service_contract": f"{name}-2026",
            "channel": "phone",
        }

    return {
        "by account": lambda pick: {"account": account(pick)},
        "by contact": lambda pick: {"contact": f"{account(pick)}-ann"},
        "by asset": of_asset,
        "by all of them": of_all,
        "asset of a big account": lambda pick: {"asset": f"{BIG}-{pick.randrange(big)}"},
    }


def median_milliseconds(store: Store, ask: Callable[[random.Random], Question]) -> float:
    """The median of many questions."""
    pick = random.Random(1)
    times = []
    for _ in range(ROUNDS):
        question = CoverageQuestion(at=AT, **ask(pick))
        begin = perf_counter()
        found = store.catalog.coverage_candidates(question)
        coverage = choose(found.scope, found.candidates)
        times.append(perf_counter() - begin)
        if coverage.chosen is None:
            raise AssertionError(f"nobody covers {question}")
    return statistics.median(times) * 1000


def fill(database: Database, declared: Catalog) -> None:
    """Write a catalog as applying it would, but many rows at a time; one by one takes many minutes."""
    with database.write() as connection:
        for kind in Kind:
            table = tables.DECLARED[kind]
            rows = [_row(table, declaration) for declaration in declared.of(kind)]
            if rows:
                connection.execute(table.insert(), rows)
        covered = [{"entitlement": one.id, "contact": name} for one in declared.entitlements for name in one.contacts]
        connection.execute(tables.entitlement_contacts.insert(), covered)
    if connection.dialect.name == "postgresql":
        with database.write() as connection:
            connection.execute(text("ANALYZE"))  # as its autovacuum does soon


def _row(table: SqlTable, declaration: Declaration) -> dict[str, Any]:
    row = {column.name: getattr(declaration, column.name, None) for column in table.c}
    if isinstance(declaration, Entitlement):
        row["for_contacts"] = bool(declaration.contacts)
    return row | {"definition": declaration.model_dump(mode="json", exclude={"retired"})}


def measure(url: str, entitlements: int) -> dict[str, float]:
    """Fill a store and ask it."""
    database = Database.open(url)
    with Store(database) as store:
        fill(database, catalog(entitlements))
        return {name: median_milliseconds(store, ask) for name, ask in questions(entitlements).items()}


# --- the databases ---


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[Callable[[], str]]:
    """Addresses of new databases."""
    names = iter(range(100))
    yield lambda: f"sqlite:///{folder / f'{next(names)}.db'}"


@contextlib.contextmanager
def postgresql(_: Path) -> Iterator[Callable[[], str] | None]:
    """Addresses of new databases on a server of its own on the loopback; None where there is none."""
    try:
        with private_postgresql() as server:
            yield server.new
    except NoPostgreSQL:
        yield None


# --- the table ---


def main() -> int:
    """Measure, print, write down; 1 if a limit is missed."""
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name, database in {"SQLite": sqlite, "PostgreSQL": postgresql}.items():
        folder = Path(tempfile.mkdtemp(prefix="milepost-benchmark-"))
        try:
            with database(folder) as new:
                if new is not None:
                    few, many = measure(new(), FEW), measure(new(), MANY)
                    results[name] = {what: {"few": few[what], "many": many[what]} for what in many}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    _print(results)
    written = ROOT / "benchmarks" / "results" / "coverage.json"
    written.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    document = {"entitlements": {"few": FEW, "many": MANY}, "median_milliseconds": results, **machine}
    written.write_text(json.dumps(document, indent=2) + "\n")
    slowest = max(found["many"] for medians in results.values() for found in medians.values())
    return 1 if slowest > LIMIT_MILLISECONDS else 0


def _print(results: dict[str, dict[str, dict[str, float]]]) -> None:
    table = Table(title="Who covers a customer? Median in milliseconds")
    for heading in ("database", "question", f"of {FEW:,}", f"of {MANY:,}", "ratio"):
        table.add_column(heading, justify="left" if heading in {"database", "question"} else "right")
    for database, medians in results.items():
        for question, found in medians.items():
            ratio = f"{found['many'] / found['few']:.2f}"
            table.add_row(database, question, f"{found['few']:.2f}", f"{found['many']:.2f}", ratio)
    Console().print(table)
    if "PostgreSQL" not in results:
        Console().print("No server of PostgreSQL is on this machine, so it was not measured.")


if __name__ == "__main__":
    sys.exit(main())
