"""Much at once, in a small way: `make rush` does it with the whole numbers."""

from __future__ import annotations

from pathlib import Path

from tests.siege.rush import RUSHES, rush

SMALL = 0.02
"""The part of its whole size that each has here."""


async def test_small_rushes_leave_nothing_behind(tmp_path: Path) -> None:
    """A hundred signals, ten updates, twenty timers of one second, forty missed triggers: all is taken and sent."""
    found = await rush(list(RUSHES), tmp_path, scale=SMALL, within=60)
    assert [str(one) for one in found if one.wrong] == []
