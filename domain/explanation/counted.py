"""The open time that was counted towards a target, in words: a table of its windows, and what lies between them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import date, timedelta

from domain.explanation.parts import InstanceExplained
from domain.explanation.sentences import closed_dates, offset_change, special_date
from domain.explanation.sum_parts import CountedWindow, SpecialDate
from domain.explanation.words import LABEL, day_begin, under
from domain.wording import between, day_text, span

_TIMES = 43
"""Columns of the times of a window."""
_DEEP = " " * 16


class Counted:
    """What is said of the time that an instance has counted.

    Args:
        instance: as it is explained.
        width: columns of a line.
    """

    def __init__(self, instance: InstanceExplained, width: int) -> None:
        self._instance = instance
        self._reckoning = instance.reckoning
        self._width = width

    def lines(self) -> list[str]:
        """A line for each window, date or change of clocks, under their label; none if nothing was counted."""
        reckoning = self._reckoning
        if not any(window.open_seconds for window in reckoning.windows):
            return []
        backwards = reckoning.total_seconds < 0
        rows = [(window.from_at, self._window(window)) for window in reckoning.windows]
        rows += [(day_begin(d.date, reckoning.from_at), special_date(d)) for d in self._specials()]
        rows += [(change.after, offset_change(change)) for change in reckoning.offset_changes]
        rows += [(day_begin(days[0], reckoning.from_at), closed_dates(days)) for days in self._closed_days()]
        rows.sort(key=lambda row: row[0], reverse=backwards)
        heading = "backwards, since more than all of it is used" if backwards else "open time"
        texts = [f"{heading:<{_TIMES}} {'open':>8} {'in all':>8}", *(text for _, text in rows)]
        room = self._width - LABEL - 2
        return under("Counted", [line for text in texts for line in textwrap.wrap(text, room, subsequent_indent=_DEEP)])

    def _window(self, window: CountedWindow) -> str:
        day = day_text(window.from_at.date())
        if window.windows > 1:
            times = f"{day} to {day_text(window.to_at.date())}, {window.windows} more"
        else:
            times = f"{day}  {between(window.from_at, window.to_at)}"
        said = f"{times:<{_TIMES}} {span(window.open_seconds):>8} {span(window.running_seconds):>8}"
        stood = [] if window.windows > 1 else list(self._stood_in(window))
        return said + (f"  (stood {', '.join(stood)})" if stood else "")

    def _stood_in(self, window: CountedWindow) -> Iterator[str]:
        for pause in self._instance.pauses:
            begin, end = max(pause.from_at, window.from_at), min(pause.until_at, window.to_at)
            if pause.counts == "counted" and pause.causes and begin < end:
                whole = (begin, end) == (window.from_at, window.to_at)
                yield "all the time" if whole else between(begin, end)

    def _specials(self) -> list[SpecialDate]:
        """The dates that are not already named among the business days."""
        reckoning = self._reckoning
        if reckoning.basis != "business days":
            return reckoning.special_dates
        return [d for d in reckoning.special_dates if d.date > reckoning.from_at.date()]

    def _closed_days(self) -> Iterator[list[date]]:
        """The dates before a window that are closed every week, those of one gap together."""
        week = self._instance.calendar.week
        named = {special.date for special in self._reckoning.special_dates}
        groups = [w for w in self._reckoning.windows if w.windows > 1]
        shown = sorted((w for w in self._reckoning.windows if w.windows == 1), key=lambda w: w.from_at)
        ends = [min(self._reckoning.from_at, *(w.from_at for w in shown)), *(w.to_at for w in shown)]
        for end, window in zip(ends, shown, strict=False):
            gap = [end.date() + timedelta(days=n) for n in range((window.from_at.date() - end.date()).days)]
            if any(end <= group.from_at <= window.from_at for group in groups):
                continue
            days = [day for day in gap if not week.days[day.weekday()] and day not in named]
            if days:
                yield days
