"""``outbox``: the mails and messages that go out, and what became of them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import arguments, zones
from starters.cli.options import argument, case_option, option
from starters.cli.running import stored

if TYPE_CHECKING:
    from store import Store

USUAL = 50
MOST = 1000


class Status(StrEnum):
    """How something that goes out stands."""

    WAITS = "waits"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"
    KEPT = "kept"


def outbox(
    key: Annotated[str | None, argument("[KEY]", "Of one mail or message: show it as it was sent.")] = None,
    case: Annotated[str | None, case_option("Only of this case, or of this entitlement.")] = None,
    kind: Annotated[str | None, option("--kind", "KIND", "Only of a kind, such as email or outbound_message.")] = None,
    status: Annotated[
        Status | None,
        typer.Option(help="Only with this status. kept: written to the mail log alone, because no mail server is set."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, metavar="N", help="At most so many.")] = USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the mails and messages of all cases and entitlements: sent, waiting, failed; the newest first.

    With a key it shows one with its text, as long as texts are kept (MILEPOST_MESSAGE_DAYS).

    Example: milepost outbox --status waits
    """
    from starters.terminal.cases import console
    from starters.terminal.outbox import outbox_table

    with stored() as store:
        if key is not None:
            _one(store, key, as_json)
            return
        channel = arguments.action_kind(kind, "digest") if kind else None
        found = store.outbox.newest(case_id=case, channel=channel, status=status.value if status else None, limit=limit)
        if case and not found:
            store.names.check(subject=case)
    if as_json:
        import json

        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2, ensure_ascii=False))
        return
    console().print(outbox_table(found, zones.shown(zones.of_account())))
    if len(found) == limit:
        typer.echo(f"milepost: there may be more than these {limit}; narrow them down, or give --limit", err=True)


def _one(store: Store, key: str, as_json: bool) -> None:
    from domain.errors import NotFound
    from starters.terminal.outbox import mail_text, request_text

    mail, request = store.actions.mail(key), store.deliveries.request(key)
    if mail is None and request is None:
        known = store.deliveries.get(key)
        if known is None:
            raise NotFound(f"nothing that goes out has the key {key!r}; milepost outbox lists them")
        raise NotFound(f"the text of {key!r} is not kept: it is {known.status}, {known.answer or 'without an answer'}")
    shown = mail or request
    assert shown is not None  # noqa: S101  one of both was found
    if as_json:
        typer.echo(shown.model_dump_json(indent=2))
    else:
        typer.echo(mail_text(mail) if mail is not None else request_text(request) if request is not None else "")
