"""The preview of a migration, and how far one is, as people read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo

from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from domain.messages.migrations import MigrationProgress
from domain.timeline.instances import InstanceState
from domain.timeline.preview import CasePreview, Difference, MilestoneChange, MilestoneStanding, PreviewTotals
from domain.wording import clock, numbered, plural, zone_name
from store.catalog.values import DroppedValue

SHOWN_CASES = 20
SHOWN_FAILURES = 20

_STYLES = {
    Difference.VIOLATED: "bold red",
    Difference.NO_LONGER_VIOLATED: "green",
    Difference.APPEARS: "cyan",
    Difference.GOES: "dim",
    Difference.MOVED: "",
}


@dataclass
class Foresight:
    """What a migration would do: totals over all its cases, and those that are to be listed.

    Attributes:
        only: cases are listed only if they have this.
        limit: at most so many are listed; None: all.
        matching: how many there are to list, whatever the limit.
        dropped: values that fields would list no longer.
    """

    only: Difference | None = None
    limit: int | None = None
    totals: PreviewTotals = field(default_factory=PreviewTotals)
    listed: list[CasePreview] = field(default_factory=list)
    matching: int = 0
    dropped: list[DroppedValue] = field(default_factory=list)

    def add(self, case: CasePreview) -> None:
        """Take one more case in."""
        self.totals = self.totals.plus(case)
        if self.only is None or case.has(self.only):
            self.matching += 1
            if self.limit is None or len(self.listed) < self.limit:
                self.listed.append(case)

    def as_json(self) -> str:
        """For programs."""
        document = {
            "changes": self.totals.cases > 0,
            "totals": self.totals.model_dump(mode="json"),
            "dropped": [value.model_dump(mode="json") for value in self.dropped],
            "matching": self.matching,
            "cases": [case.model_dump(mode="json") for case in self.listed],
        }
        return json.dumps(document, indent=2)


def foresight(seen: Foresight, zone: tzinfo) -> Iterator[RenderableType]:
    """What would change, for people: the cases one by one, then the totals.

    Args:
        seen: what it comes to.
        zone: in which targets are shown.
    """
    if not seen.totals.cases:
        yield Text("Nothing would change: no running case that is meant holds an older version.")
        return
    if seen.listed:
        yield _cases(seen.listed, zone)
        yield Text(f"targets in {zone_name(zone)}", style="dim")
    if unlisted := seen.matching - len(seen.listed):
        yield Text(f"... and {unlisted} more; --limit {seen.matching} lists them all", style="dim")
    yield Text()
    yield _totals(seen.totals)


def _cases(cases: list[CasePreview], zone: tzinfo) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("case", "from, to", "milestone", "target now", "target then", "what"):
        table.add_column(title, overflow="fold")
    for case in cases:
        versions = _versions(case)
        named = f"{case.case_id} ({case.external_id})" if case.external_id else case.case_id
        for number, change in enumerate(case.milestones):
            table.add_row(*((named, versions) if number == 0 else ("", "")), *_change(change, zone))
        if case.refused:
            table.add_row(named, versions, "", "", "", Text(f"would refuse: {case.refused}", style="red"))
        elif not case.milestones:
            table.add_row(named, versions, Text("every milestone stays as it is", style="dim"), "", "", "")
        for firing in case.fires:
            said = f"{firing.trigger} fires at once, due {clock(firing.due_at, zone)}"
            table.add_row("", "", firing.milestone, "", "", Text(said, style="magenta"))
    return table


def _versions(case: CasePreview) -> str:
    process = f"{case.process} {case.version_from}"
    if case.version_from != case.version_to:
        process += f" -> {case.version_to}"
    return ", ".join([process, *(f"{name} edited" for name in case.calendars)])


def _change(change: MilestoneChange, zone: tzinfo) -> tuple[str, str, str, Text]:
    name = numbered(change.milestone, change.occurrence)
    return name, _target(change.before, zone), _target(change.after, zone), _what(change)


def _target(standing: MilestoneStanding | None, zone: tzinfo) -> str:
    if standing is None or standing.state is InstanceState.REMOVED:
        return ""
    at = clock(standing.target_at, zone) if standing.target_at else "past the horizon"
    return at + ("" if standing.state is InstanceState.RUNNING else f", {standing.state}")


def _what(change: MilestoneChange) -> Text:
    text = Text()
    before, after = change.before, change.after
    for difference in change.differences:
        said = {
            Difference.MOVED: _direction(before, after),
            Difference.VIOLATED: "newly violated",
            Difference.NO_LONGER_VIOLATED: "no longer violated",
            Difference.APPEARS: "appears",
            Difference.GOES: "goes",
        }[difference]
        text.append(", " if text else "")
        text.append(said, style=_STYLES[difference])
    if before and after and before.span != after.span:
        text.append(f"{' (' if text else '('}{before.span} -> {after.span})", style="dim")
    return text


def _direction(before: MilestoneStanding | None, after: MilestoneStanding | None) -> str:
    old, new = before.target_at if before else None, after.target_at if after else None
    return "earlier" if new is not None and (old is None or new < old) else "later"


def _totals(totals: PreviewTotals) -> Text:
    text = Text()
    text.append(f"{plural(totals.cases, 'case')} would go over", style="bold")
    text.append(f", {totals.cases_changed} of them with a milestone that changes\n")
    text.append(f"targets that move: {totals.moved} ({totals.earlier} earlier, {totals.later} later)\n")
    text.append(f"newly violated: {totals.violated}", style="bold red" if totals.violated else "")
    text.append(f"; no longer violated: {totals.no_longer_violated}\n")
    text.append(f"milestones that appear: {totals.appear}; that go: {totals.go}\n")
    text.append(f"triggers that fire at once: {totals.fires}")
    if totals.refused:
        text.append(f"\ncases that would refuse: {totals.refused}", style="red")
    return text


def progress_lines(progress: MigrationProgress, *, ended: str | None = None) -> Text:
    """How far a batch is, or what came of it."""
    tally, text = progress.tally, Text()
    state = {"counting": "is counting its cases", "migrating": "is under way", "done": "is done"}[progress.state]
    text.append(f"Migration {progress.migration_id} ")
    text.append(f"was {ended} before it was done" if ended else state, style="red" if ended else "bold")
    of = "" if progress.total is None else f" of {progress.total}"
    text.append(f": {tally.migrated}{of} cases migrated")
    if tally.skipped:
        text.append(f", {tally.skipped} closed meanwhile")
    if tally.refused:
        text.append(f", {tally.refused} refused", style="red")
    if tally.unanswered:
        text.append(f", {tally.unanswered} did not answer", style="red")
    for failure in tally.failures[:SHOWN_FAILURES]:
        text.append(f"\n  {failure.case_id}: {failure.error}")
    if more := tally.failed - len(tally.failures[:SHOWN_FAILURES]):
        text.append(f"\n  ... and {more} more", style="dim")
    return text


@contextmanager
def bar(console: Console, what: str) -> Iterator[Progress]:
    """A progress bar; where nobody watches, nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(what, total=None)
        yield progress
