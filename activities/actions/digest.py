"""What a digest says: every mail that it stands for, with its key and when it was due."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from activities.rendering.filters import instant_in_words
from domain.wording import plural
from store.quiet import Listed

_NAMED = 3
_WHY = (
    "These messages are more than are sent one by one within an hour, so they come together. Each of them counts as "
    "delivered."
)


def subject(mails: Sequence[Listed]) -> str:
    """How many there are, and what about."""
    names = list(dict.fromkeys(mail.case_id for mail in mails))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{plural(len(mails), 'message')} about {', '.join(names[:_NAMED])}{more}"


def text(mails: Sequence[Listed], zone: str) -> str:
    """The plain text."""
    lines = [_WHY, ""]
    for mail in mails:
        lines += [mail.subject, f"    due {instant_in_words(mail.due_at, zone)}", f"    {mail.key}", ""]
    return "\n".join(lines)


def html(mails: Sequence[Listed], zone: str) -> str:
    """The same for those who read HTML."""
    rows = "\n".join(
        f"<tr><td>{escape(instant_in_words(mail.due_at, zone))}</td><td>{escape(mail.subject)}"
        f"<br><small><code>{escape(mail.key)}</code></small></td></tr>"
        for mail in mails
    )
    head = '<tr><th align="left">due</th><th align="left">message</th></tr>'
    return f'<p>{escape(_WHY)}</p>\n<table cellpadding="6">\n{head}\n{rows}\n</table>'
