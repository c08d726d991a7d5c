"""What a digest says: every mail that it stands for, with its key and when it was due."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from activities.rendering.filters import instant_in_words
from domain.bounds import MOST_WORDS_BYTES, cut, visible
from domain.wording import plural
from store.quiet import Listed

_NAMED = 3
_MOST_ID_BYTES = 100
_WHY = (
    "These messages are more than are sent one by one within an hour, so they come together. Each of them counts as "
    "delivered."
)


def subject(mails: Sequence[Listed]) -> str:
    """How many there are, and what about."""
    names = list(dict.fromkeys(f"{mail.case_id}{_foreign(mail, _MOST_ID_BYTES)}" for mail in mails))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{plural(len(mails), 'message')} about {', '.join(names[:_NAMED])}{more}"


def text(mails: Sequence[Listed], zone: str) -> str:
    """The plain text."""
    lines = [_WHY, ""]
    for mail in mails:
        due = instant_in_words(mail.due_at, zone)
        lines += [mail.subject, f"    due {due}", f"    {mail.key}{_foreign(mail)}", ""]
    return "\n".join(lines)


def html(mails: Sequence[Listed], zone: str) -> str:
    """The same for those who read HTML."""
    rows = "\n".join(
        f"<tr><td>{escape(instant_in_words(mail.due_at, zone))}</td><td>{escape(mail.subject)}"
        f"<br><small><code>{escape(mail.key)}</code>{escape(_foreign(mail))}</small></td></tr>"
        for mail in mails
    )
    head = '<tr><th align="left">due</th><th align="left">message</th></tr>'
    return f'<p>{escape(_WHY)}</p>\n<table cellpadding="6">\n{head}\n{rows}\n</table>'


def _foreign(mail: Listed, most: int = MOST_WORDS_BYTES) -> str:
    """The id of another system behind ours, in one line; nothing where there is none."""
    return f" ({cut(visible(mail.external_id), most)})" if mail.external_id else ""
