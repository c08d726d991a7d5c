"""``/v1/catalog``: what an organisation declares, read and applied whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from domain.catalog.declarations import Catalog
from domain.catalog.documents import fields_declared
from domain.scopes import Scope
from starters.http.access import check_scopes, needs
from starters.http.asking import ByAsking
from starters.http.backend import Backend
from starters.http.matching import DryRun, IfMatch, Person, Seen, revision_of, seen, tag_of
from starters.http.problems import Problem
from starters.http.refusing import refuses
from starters.http.routing import MOST_CATALOG_BYTES, guarded_router, large
from starters.operations.applying import Applied, apply_document

router = guarded_router("/v1/catalog", "Catalog")

EXAMPLE = {
    "fields": {"priority": "string"},
    "processes": [{"name": "Gold", "milestones": [{"name": "First response", "within": "4h"}]}],
    "accounts": [{"id": "acme", "name": "Acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
}


@router.get("", response_model=None, responses={200: {"model": Catalog}})
@needs(Scope.MANAGER, Scope.ADMIN)
@refuses("bound_key")
async def show_catalog(asking: ByAsking, response: Response) -> dict[str, Any]:
    """Show everything that is declared, in the latest versions. Its ETag is what If-Match takes."""
    asking.caller.check_unbound()

    def read(store: Any) -> tuple[int, dict[str, Any]]:
        with store.snapshot() as standing:
            found: Catalog = standing.catalog.everything()
            declared = found.model_dump(mode="json", by_alias=True) | {"fields": fields_declared(found)}
            return standing.catalog.revision(), declared

    revision, declared = await asking.backend.ask(read)
    response.headers["ETag"] = tag_of(revision)
    return declared


@router.post("")
@needs(Scope.MANAGER, Scope.ADMIN)
@large(MOST_CATALOG_BYTES)
@refuses("asks_for_consent", "bad_catalog", "bound_key", "changed_meanwhile", "if_match_missing")
async def apply_catalog(
    asked: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
    asking: ByAsking,
    response: Response,
    dry_run: DryRun = False,
    consent: Annotated[bool, Query(description="What was amended by hand becomes as the document says.")] = False,
    by: Person = None,
    if_match: IfMatch = None,
) -> Applied:
    """Check a catalog whole, then store all of it or nothing. With `dry_run`, a manager's too, nothing is stored.

    If-Match says which revision it is a change of: an update that came in between is not lost (412). `consent` takes
    what the document says where it was amended by hand since, and the default of what it leaves out; without it such a
    catalog is refused (`asks_for_consent`). What GET shows may be sent back as it is, or changed.
    """
    asking.caller.check_unbound()
    if not dry_run:
        check_scopes(asking.caller, {Scope.ADMIN})
    backend = asking.backend
    applied = await apply_document(
        backend.store,
        _declared(asked),
        by=asking.who(by),
        dry_run=dry_run,
        consent=consent,
        revision=await _revision(backend, seen(if_match), dry_run=dry_run),
        connect=backend.connect,
        task_queue=backend.task_queue,
    )
    if applied.changed.asks:
        said = "; ".join(map(str, applied.changed.to_be_asked[:5]))
        raise Problem("asks_for_consent", f"nothing was stored; consent=true takes what the document says: {said}")
    response.headers["ETag"] = tag_of(applied.revision)
    return applied


def _declared(asked: dict[str, Any]) -> dict[str, Any]:
    """A document that may be what GET has shown: there a process has its version, which nobody declares."""
    processes = asked.get("processes")
    if not isinstance(processes, list):
        return asked
    return asked | {"processes": [_without_version(one) for one in processes]}


def _without_version(process: Any) -> Any:
    if not isinstance(process, dict) or type(process.get("version")) is not int:
        return process
    return {key: value for key, value in process.items() if key != "version"}


async def _revision(backend: Backend, shown: Seen | None, *, dry_run: bool) -> int | None:
    """The revision that somebody has seen; None: whatever there is, as who only tries need not say.

    Raises:
        Problem: they do not say, or it is none.
    """
    if shown is None and not dry_run:
        said = 'say which catalog this is a change of: If-Match: "7", the ETag that it has; or *, whatever it is'
        raise Problem("if_match_missing", said)
    if shown is None or shown.is_any:
        return None
    stands = await backend.ask(lambda store: store.catalog.revision()) if len(shown.tags) > 1 else None
    revision = revision_of(shown.of(None if stands is None else str(stands)))
    if revision is None:
        raise Problem("changed_meanwhile", "the catalog has no such ETag; GET says which it has")
    return revision
