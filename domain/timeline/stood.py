"""The times in which a clock stood, many of them: written in few bytes, and summed without looking at each."""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.timeline.facts import COMPLETED, Pause

PLAIN = 20
"""The newest times of an instance, or of a case, that are written in full; of those before only what rules need."""

_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_BYTES = 9  # twice 36 bits: seconds since 1900, beyond the year 2999
_LETTERS = _BYTES * 8 // 6
_LETTER_OF = {
    "case stopped": "s",
    "outside the process": "o",
    "entry ahead": "e",
    "milestone stopped": "m",
    "pause_when": "p",
    COMPLETED: "c",
}
_CAUSE_OF = {letter: cause for cause, letter in _LETTER_OF.items()}


# --- in few bytes ---


@lru_cache(maxsize=16_384)
def packed(from_at: datetime, to_at: datetime, causes: tuple[str, ...]) -> str:
    """A time with its end in twelve letters, and each of its causes in one."""
    begins, ends = ((at - _EPOCH) // _SECOND for at in (from_at, to_at))
    said = ",".join(_LETTER_OF.get(cause, cause) for cause in causes)
    return b64encode((begins << 36 | ends).to_bytes(_BYTES)).decode() + said


def unpacked(texts: Iterable[str]) -> Iterator[tuple[datetime, datetime, tuple[str, ...]]]:
    """What was packed: from when, until when, by which causes."""
    for text in texts:
        number = int.from_bytes(b64decode(text[:_LETTERS]))
        begins, ends = number >> 36, number & (1 << 36) - 1
        causes = tuple(_CAUSE_OF.get(said, said) for said in text[_LETTERS:].split(","))
        yield _EPOCH + begins * _SECOND, _EPOCH + ends * _SECOND, causes


def written_pauses(pauses: tuple[Pause, ...]) -> Any:
    """Pauses as JSON has them: the newest in full, those before in few bytes."""
    if len(pauses) <= PLAIN:
        return pauses
    return {"past": _text_of(pauses[:-PLAIN]), "recent": pauses[-PLAIN:]}


_SLOTS = 256
_TEXTS: list[tuple[tuple[Pause, ...], str]] = [((), "")] * _SLOTS
"""Texts that were written last, in slots by the first of their pauses; most are asked for again with a pause more."""


def _text_of(pauses: tuple[Pause, ...]) -> str:
    slot = (id(pauses[0]) >> 4) % _SLOTS
    known, text = _TEXTS[slot]
    if not known or pauses[: len(known)] != known:
        known, text = (), ""
    new = [packed(p.from_at, p.to_at, p.causes) for p in pauses[len(known) :] if p.to_at is not None]
    text = ";".join([text, *new] if text else new)
    _TEXTS[slot] = (pauses, text)
    return text


def read_pauses(written: Any) -> Any:
    """Pauses as JSON has them, or as builds before this one wrote them: all in full."""
    if not isinstance(written, dict):
        return written
    past = unpacked(written["past"].split(";"))
    return (*(Pause(from_at=begins, to_at=ends, causes=causes) for begins, ends, causes in past), *written["recent"])


# --- summed ---


class Sums(NamedTuple):
    """Open seconds of the first pauses of an instance, which have ended, by one calendar.

    Attributes:
        begins, ends: when they began and ended, in order.
        totals: what the first so many come to.
    """

    calendar: FrozenCalendar
    pauses: tuple[Pause, ...]
    begins: list[datetime]
    ends: list[datetime]
    totals: list[int]

    def knows(self, calendar: FrozenCalendar, pauses: tuple[Pause, ...]) -> bool:
        """Whether they are the sums of the first of these pauses."""
        return self.calendar is calendar and pauses[: len(self.pauses)] == self.pauses

    def with_all_of(self, pauses: tuple[Pause, ...]) -> Sums:
        """With those that have ended since."""
        known = len(self.pauses)
        new = [p for p in pauses[known:] if p.to_at is not None]
        if not new:
            return self
        totals = self.totals.copy()
        for pause in new:
            assert pause.to_at is not None  # noqa: S101  it has ended
            totals.append(totals[-1] + self.calendar.elapsed(pause.from_at, pause.to_at))
        begins = [*self.begins, *(p.from_at for p in new)]
        ends = [*self.ends, *(p.to_at for p in new if p.to_at is not None)]
        return Sums(self.calendar, pauses[: known + len(new)], begins, ends, totals)

    def between(self, since: datetime, until: datetime | None) -> int:
        """Open seconds of them between two instants."""
        first = bisect_right(self.ends, since)
        last = len(self.begins) if until is None else bisect_left(self.begins, until)
        if first >= last:
            return 0
        total = self.totals[last] - self.totals[first]
        if self.begins[first] < since:
            total -= self.calendar.elapsed(self.begins[first], since)
        if until is not None and self.ends[last - 1] > until:
            total -= self.calendar.elapsed(until, self.ends[last - 1])
        return total


def summed(calendar: FrozenCalendar, pauses: tuple[Pause, ...], known: Sums | None) -> Sums | None:
    """The sums of the pauses that have ended; None if they overlap, or lie beyond the calendar.

    Args:
        calendar: by which open time is counted.
        pauses: of an instance.
        known: its sums as they were last asked for.
    """
    try:
        if known is not None and known.knows(calendar, pauses):
            return known.with_all_of(pauses)
        if any(a.to_at is None or a.to_at > b.from_at for a, b in pairwise(pauses)):
            return None
        return Sums(calendar, (), [], [], [0]).with_all_of(pauses)
    except HorizonExceeded:
        return None


def counted(calendar: FrozenCalendar, pauses: Iterable[Pause], since: datetime, until: datetime | None) -> int:
    """Open seconds of pauses between two instants; an open pause counts only up to a given `until`."""
    total = 0
    for pause in pauses:
        to_at = pause.to_at if until is None or (pause.to_at is not None and pause.to_at <= until) else until
        from_at = max(pause.from_at, since)
        if to_at is not None and to_at > from_at:
            total += calendar.elapsed(from_at, to_at)
    return total
