"""Whether a command printed what a page says, and what of it the page leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

ELLIPSIS = "..."

VERDICTS = re.compile(
    r"\b(target|due|overdue|completed|violated|violation|missed|met|late|in time|compliant|nothing promised|paused|"
    r"open at exit|corrected|removed|covered|granted|exhausted|blocked|refused)\b"
)
INSTANT = re.compile(
    r"(?P<day>\b\d{4}-\d\d-\d\d)(?:[ T]\d\d:\d\d(?::\d\d)?(?:\s+\((?:[A-Z][a-z]{2}\s+)?\d\d:\d\d(?::\d\d)?Z\))?)?"
    r"|(?<![\d:])\d\d:\d\d(?!\d)"
)
"""A day, with its time or without (which may stand in UTC beside it, with the weekday if that is another), or a time
whose day stands elsewhere."""
OF_ITS_OWN = timedelta(days=7)
"""An instant that is so close to now comes from when the command is run. Pages tell of days that are long past."""

MOST_LEFT_OUT = 0.1
"""Of all that a page's commands print."""


class Differs(AssertionError):
    """A command printed something else than its page says.

    Attributes:
        printed: what it printed.
    """

    def __init__(self, message: str, printed: str = "") -> None:
        super().__init__(message)
        self.printed = printed


def left_out(said: str, printed: str) -> list[str]:
    """What of an output a page leaves out by ``...``.

    Raises:
        Differs: the rest is not as the page says, or a verdict or an instant of the story is left out.
    """
    matched = re.fullmatch(_pattern(_lines(said)), "".join(f"{line}\n" for line in _lines(printed)))
    if matched is None:
        raise Differs(f"the page says:\n{said}\nit printed:\n{printed}", printed)
    parts = [part for part in matched.groups() if part]
    for part in parts:
        for counts in _what_counts(part):
            raise Differs(f"the page leaves out {counts!r}, by which it is to be held:\n{part}", printed)
    return parts


def _what_counts(part: str) -> Iterator[str]:
    """The verdicts and instants by which a page is to be held; not those that tell when its command was run.

    A time without its day may be any day's, so also that at which something of the story is due.
    """
    yield from (found[0] for found in VERDICTS.finditer(part))
    now = datetime.now(UTC).date()
    for found in INSTANT.finditer(part):
        if found["day"] is None or abs(date.fromisoformat(found["day"]) - now) > OF_ITS_OWN:
            yield found[0]


def _lines(text: str) -> list[str]:
    """Without spaces at the ends of lines, and without the empty ones around it."""
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _pattern(lines: list[str]) -> str:
    return "".join(r"((?:.*\n)*?)" if line == ELLIPSIS else _of_line(line) + r"\n" for line in lines)


def _of_line(line: str) -> str:
    head, left, rest = line.partition(ELLIPSIS)
    if not re.search(" {2,}", rest):
        return r"((?:.|\n)+?)".join(re.escape(part) for part in line.split(ELLIPSIS))
    # A row of a table: what is left out is within its column, and spaces keep the next one in line. Said so narrowly
    # that there is one way to match, a row that differs is found at once.
    said = r"(\S(?: ?\S)*?)".join(re.escape(part) for part in (left + rest).split(ELLIPSIS))
    return re.escape(head) + re.sub(r"(?:\\ ){2,}", r" {2,}+", said)
