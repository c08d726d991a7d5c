"""The siege finds what was planted in the workers: a checker that agrees with everything would be worth nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.siege.faults import KILLS
from tests.siege.planted import PLANTED
from tests.siege.siege import Plan, besiege

SEEDS = 10
SECONDS = 20.0
KILLED = 3
"""Times that workers are killed, at least."""
NEVER_REACHED = 1_000
"""Of what is counted: beyond a cap nothing is counted twice."""
SHOWS_AS = {"lost-at-a-kill": "lost", "counted-twice": "usage"}
"""The kind of finding that each planted fault has to show as; others may be there too."""


def test_every_planted_fault_is_looked_for() -> None:
    """One without a kind would be planted in vain."""
    assert SHOWS_AS.keys() == PLANTED.keys()


@pytest.mark.skipif(os.environ.get("MILEPOST_PLANTED") != "all", reason="make planted: it takes many minutes")
@pytest.mark.parametrize("fault", sorted(PLANTED))
async def test_a_siege_finds_a_planted_fault(fault: str, tmp_path: Path) -> None:
    """Within ten seeds; most often in the first."""
    for seed in range(1, SEEDS + 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        siege = await besiege(
            Plan(
                seed=seed,
                seconds=SECONDS,
                pace=0.4,
                faults=KILLS,
                outages=KILLED,
                cap=NEVER_REACHED,
                harsh=False,
                fault=fault,
            ),
            folder,
        )
        if any(_is_it(fault, said) for said in siege.verdict.findings.get(SHOWS_AS[fault], [])):
            return
    pytest.fail(f"{SEEDS} seeds did not find it")


def _is_it(fault: str, said: str) -> bool:
    """Whether a finding is what was planted, not something that is wrong besides."""
    return "email" in said if fault == "lost-at-a-kill" else "was counted" in said
