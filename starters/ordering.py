"""Places orders: read from a file, stored, and told to the entitlements that count already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain.catalog_check import Problem, path_text
from domain.catalog_wording import translated
from domain.entitlement_messages import AMEND, CANCEL, workflow_id
from domain.errors import CatalogError
from domain.order_making import ToldEntitlement
from domain.orders import Order, OrderProblems
from starters.client import NoAnswer
from starters.yaml_file import Located, YamlFile
from store import Diff, Store

AN_ORDER = "an order is a mapping with the keys id, account, name, starts_on, ends_on and lines"
PATIENCE = 10.0
"""Seconds for which one entitlement is waited for."""


class OrderPlaced(BaseModel):
    """What came of an order.

    Attributes:
        changed: what it made or amended; nothing if it was placed before just so.
        told: the entitlements that count already and know of it now.
        notes: what an entitlement that counts already had to say against it; the record is changed all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: str
    revision: int
    changed: Diff
    told: list[str]
    notes: list[str]

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
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return CatalogError("\n".join([f"the order has {count}, nothing of it was made:", *map(str, sorted(problems))]))


# --- placing ---


async def place_order(
    store: Store,
    order: Order,
    *,
    by: str,
    at: datetime,
    connect: Callable[[], Awaitable[Client]],
    dry_run: bool = False,
) -> OrderPlaced:
    """Store an order, then tell the entitlements that count already what it changes of them.

    What could not be told is told when the same order is placed again.

    Args:
        store: of the catalog.
        order: as it came.
        by: who placed it; goes on record.
        at: now.
        connect: to Temporal; asked only if there is something to tell.
        dry_run: says what would change, and changes nothing.

    Raises:
        OrderProblems: with everything that is wrong; nothing of it was made.
        MilepostError: Temporal does not answer, so that a part was not told.
    """
    taken = await asyncio.to_thread(store.place_order, order, by=by, at=at, dry_run=dry_run)
    told, notes = [], []
    if taken.untold:
        client = await connect()
        for one in taken.untold:
            note = await _tell(client, one)
            if note is None:
                told.append(one.entitlement)
            elif note:
                notes.append(f"{one.entitlement}: {note}")
        await asyncio.to_thread(store.order_told, taken.order.id, taken.order.revision, at)
    return OrderPlaced(
        order=taken.order.id,
        revision=taken.order.revision,
        changed=taken.diff,
        told=list(dict.fromkeys(told)),
        notes=notes,
    )


async def _tell(client: Client, told: ToldEntitlement) -> str | None:
    """Tell one entitlement. None: it knows; "": it does not count yet and has nothing to know; else what it says."""
    handle = client.get_workflow_handle(workflow_id(told.entitlement))
    update, message = (CANCEL, told.cancelled) if told.cancelled else (AMEND, told.amended)
    try:
        await asyncio.wait_for(handle.execute_update(update, message), PATIENCE)
    except WorkflowUpdateFailedError as refused:
        return str(refused.cause)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return ""
        raise
    except TimeoutError:
        raise NoAnswer(
            f"entitlement {told.entitlement} does not answer: is a worker running? What was ordered is stored; "
            "place the same order again to tell it"
        ) from None
    return None
