"""Applies a catalog that is one document, and tells the counts that it changes. Files are read by `starters/files`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporalio.client import Client

from activities.rendering.trial import excessive_texts
from domain.catalog.documents import read_document
from domain.catalog.problems import CatalogProblems
from domain.catalog.texts import texts
from domain.model import Value
from store import Store
from store.catalog.values import Diff
from worker.relay import Told, tell_counts


class Applied(Value):
    """What applying a catalog came to.

    Attributes:
        revision: of the catalog, after it.
        changed: what is different now, or with a dry run would be.
        counts: what the counts of changed entitlements made of it.
    """

    revision: int
    changed: Diff
    counts: Told


async def apply_document(
    store: Store,
    document: Mapping[str, Any],
    *,
    by: str,
    dry_run: bool,
    consent: bool,
    revision: int | None,
    connect: Callable[[], Awaitable[Client]],
    task_queue: str,
) -> Applied:
    """Check a catalog whole, then store all of it or nothing.

    Args:
        store: of the catalog.
        document: the declarations, as a file has them.
        by: who applies it; goes on record.
        dry_run: says what would change, and changes nothing.
        consent: as `DeclaredCatalog.apply` takes it; so with `revision`.
        revision: of the catalog that it is a change of; None: whatever it is.
        connect: to Temporal; asked only if there is something to tell.
        task_queue: of the workers of entitlements.

    Raises:
        CatalogProblems: with everything that is wrong; nothing of it was stored.
        Refused: the catalog was changed since.
    """
    diff = await asyncio.to_thread(_apply, store, document, by, dry_run, consent, revision)
    nothing = Told(done=[], refused=[])
    counts = nothing if dry_run or diff.asks else await tell_counts(store, connect, task_queue)
    return Applied(revision=await asyncio.to_thread(store.catalog.revision), changed=diff, counts=counts)


def _apply(
    store: Store, document: Mapping[str, Any], by: str, dry_run: bool, consent: bool, revision: int | None
) -> Diff:
    with store.catalog.known() as known:
        catalog = read_document(document, known)
    if problems := excessive_texts(texts(catalog)):
        raise CatalogProblems(problems)
    return store.catalog.apply(catalog, by=by, dry_run=dry_run, consent=consent, revision=revision)
