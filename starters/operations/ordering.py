"""Places orders: read from a file, stored, and told to the counts of the entitlements that they change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from temporalio.client import Client

from domain.catalog.complaints import translated
from domain.catalog.problems import Problem, path_text
from domain.errors import CatalogError
from domain.orders.placing import Order, OrderProblems
from domain.wording import plural
from starters.files.yaml import Located, YamlFile
from store import Store
from store.catalog.values import Diff
from store.orders import AnyRevision
from worker.relay import Told, tell_counts

AN_ORDER = "an order is a mapping with the keys id, account, name, starts_on, ends_on and lines"


class OrderPlaced(BaseModel):
    """What came of an order.

    Attributes:
        changed: what it made or amended; nothing if it was placed before just so.
        counts: what the counts of its entitlements made of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: str
    revision: int
    changed: Diff
    counts: Told

    def __str__(self) -> str:
        head = f"order {self.order}, revision {self.revision}"
        if not self.changed.changes:
            return f"{head}: nothing to change"
        changes = [line for line in str(self.changed).splitlines() if not line.endswith(" unchanged")]
        return "\n".join([head, *changes])


# --- reading ---


@dataclass(frozen=True)
class OrderFile:
    """A file with an order, to say of every problem where it is."""

    order: Order
    _file: YamlFile

    def located(self, problems: OrderProblems) -> CatalogError:
        """The problems of the order, each at its place in the file."""
        return _refused([_located(problem, self._file) for problem in problems.problems])


def read_order(path: Path) -> OrderFile:
    """The order in a YAML or JSON file.

    Raises:
        CatalogError: with every problem, each with its line.
    """
    file = YamlFile(path, AN_ORDER)
    if file.problems:
        raise _refused(file.problems)
    try:
        return OrderFile(order_of(file.document), file)
    except OrderProblems as problems:
        raise _refused([_located(problem, file) for problem in problems.problems]) from None


def order_of(document: Mapping[str, Any]) -> Order:
    """An order from plain data.

    Raises:
        OrderProblems: it is none.
    """
    try:
        return Order.model_validate(document)
    except ValidationError as error:
        raise OrderProblems(translated(error, Order, document, ())) from None


def _located(problem: Problem, file: YamlFile) -> Located:
    said = f"{path_text(problem.path)}: {problem.message}" if problem.path else problem.message
    return file.located(problem.path, said)


def _refused(problems: list[Located]) -> CatalogError:
    count = plural(len(problems), "problem")
    return CatalogError("\n".join([f"the order has {count}, nothing of it was made:", *map(str, sorted(problems))]))


# --- placing ---


async def place_order(
    store: Store,
    order: Order,
    *,
    by: str,
    at: datetime,
    connect: Callable[[], Awaitable[Client]],
    task_queue: str,
    dry_run: bool = False,
    amends: int | AnyRevision | None = AnyRevision.ANY,
) -> OrderPlaced:
    """Store an order, then tell the counts of its entitlements what it changes of them.

    Args:
        store: of the catalog.
        order: as it came.
        by: who placed it; goes on record.
        at: now.
        connect: to Temporal; asked only if there is something to tell.
        task_queue: of the workers of entitlements.
        dry_run: says what would change, and changes nothing.
        amends: as `Orders.place` takes it.

    Raises:
        OrderProblems: with everything that is wrong; nothing of it was made.
        Refused: it is a change of another revision.
    """
    taken = await asyncio.to_thread(store.orders.place, order, by=by, at=at, dry_run=dry_run, amends=amends)
    counts = Told(done=[], refused=[]) if dry_run else await tell_counts(store, connect, task_queue)
    return OrderPlaced(order=taken.order.id, revision=taken.order.revision, changed=taken.diff, counts=counts)
