"""``actions``, ``retry``, ``redeliver`` and ``endpoints``: what was sent, what failed, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import arguments, zones
from starters.cli.commands.case import login
from starters.cli.options import By, argument, of_case, option
from starters.cli.running import run, stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starters.operations.redelivering import Redelivering
    from starters.operations.retrying import Retrying
    from store import Store
    from store.cases.stored_actions import StoredAction


Since = Annotated[
    str | None,
    option("--since", "TIME", "Only what failed then or later."),
]


Kind = Annotated[
    str | None,
    option("--kind", "KIND", "Only those of a kind, such as email."),
]


def actions(
    case: Annotated[str | None, of_case("[CASE]", "The id of the case.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those of all cases and entitlements that failed for good.")
    ] = False,
    since: Since = None,
    kind: Kind = None,
) -> None:
    """List what was sent for a case: when, to whom, with the receiver's answer. Or all that failed for good.

    Example: milepost actions --failed --since 2026-12-01T00:00:00Z
    """
    from starters.terminal.actions import action_lines, failed_lines

    if (case is None) is not failed:
        raise typer.BadParameter("give either a case, or --failed for what failed of all cases", param_hint="CASE")
    if since is not None and not failed:
        raise typer.BadParameter("goes with --failed", param_hint="--since")
    if kind is not None and not failed:
        raise typer.BadParameter("goes with --failed", param_hint="--kind")
    with stored() as store:
        if case is None:
            found = all_failed(store, since, kind)
            answers = store.deliveries.answers([one.key for one in found])
            lines = failed_lines(found, zones.shown(zones.of_account()), answers) or ["no action has failed for good"]
        else:
            store.cases.get(case)  # says so itself if there is none
            lines = action_lines(store, case, zones.shown(zones.of_case(case))) or [f"case {case} has had no actions"]
    for line in lines:
        typer.echo(line)


def all_failed(store: Store, since: str | None, kind: str | None, *, page: int = 1000) -> list[StoredAction]:
    """All that failed for good, those that failed first first.

    Args:
        store: where they are on record.
        since: as it was given: that failed then or later.
        kind: as it was given: of this kind only.
        page: how many are asked for at once.
    """
    at = arguments.instant(since, "--since") if since else None
    one_kind = arguments.action_kind(kind) if kind else None
    found: list[StoredAction] = []
    while True:
        after = found[-1] if found else None
        more = store.actions.failed(since=at, kind=one_kind, after=after, limit=page)
        found += more
        if len(more) < page:
            return found


def retry(
    case: Annotated[
        str | None,
        of_case("[CASE]", "The id of the case, or of the entitlement."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY]", help="Of an action that failed for good; actions lists it.", show_default=False
        ),
    ] = None,
    since: Since = None,
    kind: Kind = None,
    by: By = None,
) -> None:
    """Try again an action that failed for good, under its own key; or all of them, of all cases and entitlements.

    --since and --kind choose among all: those that failed since an instant, those of one kind, or both.

    Exit code 1: of several, some were refused.

    Example: milepost retry 4711 4711/gold/first-response/1/warning-75-percent/1/email
    """
    who = by or login()
    if since is None and kind is None:
        if case is None or key is None:
            said = "give a case and a key, or --since an instant, or --kind of action"
            raise typer.BadParameter(said, param_hint="CASE KEY")
        with stored() as store:
            known = store.actions.get(key)
            is_entitlement = known is not None and known.entitlement == case
            typer.echo(run(_retry(store, case, key, who, is_entitlement=is_entitlement)))
        return
    if case is not None:
        raise typer.BadParameter("is of all cases; leave the case out", param_hint="--since" if since else "--kind")
    with stored() as store:
        failed = all_failed(store, since, kind)
        refused = run(_retry_all(store, failed, who))
    typer.echo(f"{len(failed) - refused} of {len(failed)} are tried again")
    if refused:
        raise typer.Exit(1)


async def _retry(store: Store, whose: str, key: str, by: str | None, *, is_entitlement: bool) -> str:
    return await (await _retrying(store))(whose, key, by, is_entitlement=is_entitlement)


async def _retry_all(store: Store, failed: Sequence[StoredAction], by: str | None) -> int:
    """Try all again, and say which case or entitlement refused; returns how many did."""
    from domain.errors import NotFound, Refused

    refused = 0
    if failed:
        again = await _retrying(store)
        for one in failed:
            try:
                await again(one.case_id, one.key, by, is_entitlement=one.entitlement is not None)
            except (NotFound, Refused) as error:
                refused += 1
                typer.echo(f"milepost: {one.key}: {error}", err=True)
    return refused


def redeliver(
    key: Annotated[
        str | None,
        argument("[KEY]", "Of a mail or a message that has arrived; actions lists it."),
    ] = None,
    endpoint: Annotated[
        str | None, option("--endpoint", "ID", "All that has arrived at an endpoint; goes with --since.")
    ] = None,
    since: Annotated[str | None, option("--since", "TIME", "Only what arrived then or later.")] = None,
    by: By = None,
) -> None:
    """Send a mail or a message that has arrived once more, unchanged and under its own key.

    Or everything that an endpoint has received since an instant, for example because its own database was restored. Who
    asked, and when, goes on record.

    Exit code 1: of several, some were refused.

    Example: milepost redeliver --endpoint desk --since 2026-12-01T09:00:00Z
    """
    from starters.operations.redelivering import check_arrived

    if (key is None) is (endpoint is None) or (endpoint is None) is not (since is None):
        said = "give either a key, or --endpoint ID with --since an instant"
        raise typer.BadParameter(said, param_hint="KEY")
    who = by or login() or "somebody"
    with stored() as store:
        if endpoint is None or since is None:
            keys = [str(key)]
            check_arrived(store, keys[0])
        else:
            store.endpoints.get(endpoint)  # says so itself if there is none
            keys = store.deliveries.arrived_at(endpoint, arguments.instant(since, "--since"))
    if key is not None:
        typer.echo(run(_redeliver(key, who)))
        return
    refused = run(_redeliver_all(keys, who))
    typer.echo(f"{len(keys) - refused} of {len(keys)} are delivered again")
    if refused:
        raise typer.Exit(1)


async def _redeliver(key: str, by: str) -> str:
    return await (await _redelivering())(key, by)


async def _redeliver_all(keys: Sequence[str], by: str) -> int:
    """Deliver all again, and say which is under way already; returns how many are."""
    from domain.errors import Refused

    refused = 0
    if keys:
        again = await _redelivering()
        for key in keys:
            try:
                await again(key, by)
            except Refused as error:
                refused += 1
                typer.echo(f"milepost: {error}", err=True)
    return refused


async def _redelivering() -> Redelivering:
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.operations.redelivering import Redelivering

    return Redelivering(await connect_to_temporal(), effective_settings().task_queue)


async def _retrying(store: Store) -> Retrying:
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.operations.retrying import Retrying

    return Retrying(await connect_to_temporal(), effective_settings().task_queue, store)


def endpoints(
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="ID", help="Switch one on again, with nothing held against it.", show_default=False
        ),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(
            "--public-key",
            metavar="ID",
            help="Print the public keys by which its receiver verifies messages; its secrets are read here.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the endpoints of outbound messages: which fail, which are left alone for a while, which are switched off.

    Example: milepost endpoints --on desk
    """
    from starters.terminal.endpoints import endpoint_lines, public_key_lines

    with stored() as store:
        if public_key is not None:
            for line in public_key_lines(store.endpoints.get(public_key)):
                typer.echo(line)
            return
        if on is not None:
            store.endpoints.get(on)  # says so itself if there is none
            store.endpoints.switch(on, off_at=None)
            typer.echo(f"endpoint {on} is on; milepost retry sends what failed meanwhile")
            return
        lines = endpoint_lines(
            store.catalog.everything().endpoints, store.endpoints.states(), zones.shown(zones.of_account())
        )
    for line in lines or ["no endpoint is declared"]:
        typer.echo(line)
