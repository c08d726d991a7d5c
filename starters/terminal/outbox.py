"""What goes out, as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from rich.console import RenderableType
from rich.text import Text

from domain.wording import clock, plural, zone_name
from starters.terminal.desk import plain_table
from store.cases.outbox import Outgoing
from store.values import Mail, SentRequest

_STYLES = {"waits": "yellow", "sent": "green", "failed": "bold red", "dropped": "dim", "kept": "dim"}


def outbox_table(outgoing: Sequence[Outgoing], zone: tzinfo) -> RenderableType:
    """Mails and messages, two lines each: what and to whom, and under which key.

    Args:
        outgoing: in their order.
        zone: in which instants are shown.
    """
    if not outgoing:
        return Text("nothing goes out", style="dim")
    table = plain_table()
    table.add_column(f"at ({zone_name(zone)})", no_wrap=True)
    table.add_column("stands", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("answer", overflow="fold")
    for one in outgoing:
        what = Text(f"{one.channel.replace('_', ' ')} to {one.to}")
        if one.subject:
            what.append(f": {one.subject}")
        what.append(f"\n{one.key}{f' ({one.external_id})' if one.external_id else ''}", style="dim")
        stands = Text(one.status, style=_STYLES[one.status])
        if one.attempts > 1:
            stands.append(f"\n{plural(one.attempts, 'attempt')}", style="dim")
        table.add_row(clock(one.at.replace(microsecond=0), zone), stands, what, one.answer)
    return table


def mail_text(mail: Mail) -> str:
    """A mail as it is read."""
    head = [f"to: {', '.join(mail.to)}", f"subject: {mail.subject}"]
    return "\n".join([*head, *([mail.remark] if mail.remark else []), "", mail.body])


def request_text(request: SentRequest) -> str:
    """A message to an endpoint as it was sent, without its secrets."""
    head = [f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers.items())]
    return "\n".join([*head, "", request.body])
