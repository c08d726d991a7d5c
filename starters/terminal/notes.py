"""Everything that was noted of a case, as people read it in a terminal: what, when, who and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from domain.wording import instant, with_stamps_in

if TYPE_CHECKING:
    from domain.timeline.effects import Noted


def notes_table(notes: Sequence[Noted], zone: tzinfo | None) -> RenderableType:
    """The notes of a case in their order.

    Args:
        notes: as the store has them.
        zone: in which instants are shown; UTC, if none is known.
    """
    zone = zone or UTC
    if not notes:
        return Text("The store has no notes of it yet.", style="dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right", style="dim")
    table.add_column("took effect", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("by", overflow="fold")
    table.add_column("why", overflow="fold")
    for note in notes:
        what = Text(with_stamps_in(note.text, zone))
        if note.occurred_at is not None:
            what.append(f" (happened {instant(note.occurred_at, zone)})", style="dim")
        table.add_row(str(note.number), instant(note.at, zone), what, Text(note.by or ""), Text(note.reason or ""))
    return table
