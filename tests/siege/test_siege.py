"""Besieged for a minute the engine loses nothing, and does nothing early or twice."""

from __future__ import annotations

import os
from pathlib import Path

from tests.siege.siege import Plan, besiege

SEED = int(os.environ.get("MILEPOST_SIEGE_SEED", "1"))
SECONDS = 30.0
"""For which it goes on; with what is drained and checked it is a minute."""


async def test_a_siege_finds_nothing_wrong(tmp_path: Path) -> None:
    """Kills, stops and nonsense: store, queries, ledgers, what was sent and two recounts say the same."""
    siege = await besiege(Plan(seed=SEED, seconds=SECONDS, pace=0.5, spoils=True), tmp_path)
    assert siege.verdict.findings == {}, str(siege)
    assert siege.verdict.effects, "nothing was due, so nothing was shown"
    assert siege.outages, "nothing was harmed, so nothing was shown"
    assert siege.spoilt.findings.keys() >= {"lost", "usage"}, "a checker that misses what was taken away shows nothing"
