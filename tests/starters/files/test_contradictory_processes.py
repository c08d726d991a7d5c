"""Processes that contradict themselves are refused when applied: file, line, path and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import CatalogError
from starters.files.catalogs import apply_files, read_catalog
from store import Store

HEAD = """\
fields: {due_at: datetime, priority: string}
processes:
  - name: Gold
    milestones:
"""
"""The milestones begin in line 5."""

FIRST = "a.yaml:5:9: processes[0].milestones[0]: "
SECOND = "a.yaml:7:9: processes[0].milestones[1]: "
ROW = "processes[0].milestones[0].within[0]: "
STARTS = "a.yaml:7:9: processes[0].milestones[0].starts: "
TRIGGER = "a.yaml:8:13: processes[0].milestones[0].triggers[0]: "
ELEVEN = "".join(f"          - {{kind: violation, at: {n}m}}\n" for n in range(11))

CONTRADICTIONS = {
    "a recurring milestone that starts at the process": (
        "      - name: A\n        within: 1h\n        recurrence: sequential\n",
        FIRST + "milestone 'A' recurs and starts at the process; a recurring one starts with 'criteria'",
    ),
    "a recurring milestone that starts after another": (
        (
            "      - name: A\n        within: 1h\n"
            "      - name: B\n        within: 1h\n        starts: {after: A}\n        recurrence: independent\n"
        ),
        "a.yaml:9:9: processes[0].milestones[1].starts: milestone 'B' recurs and starts after another; a recurring one",
    ),
    "a start after a recurring milestone": (
        (
            "      - name: A\n        within: 1h\n        starts: criteria\n        recurrence: independent\n"
            "      - name: B\n        within: 1h\n        starts: {after: A}\n"
        ),
        "a.yaml:11:9: processes[0].milestones[1].starts: milestone 'B' starts after 'A', which recurs; name one that",
    ),
    "a start after a milestone that is not there": (
        "      - name: A\n        within: 1h\n        starts: {after: Z}\n",
        STARTS + "milestone 'A' starts after 'Z', which process 'Gold' does not have; it has: A",
    ),
    "milestones that start after one another": (
        (
            "      - name: A\n        within: 1h\n        starts: {after: B}\n"
            "      - name: B\n        within: 1h\n        starts: {after: A}\n"
        ),
        STARTS + "milestones of process 'Gold' wait for one another: A after B after A; let one of them start at",
    ),
    "a milestone that starts after itself": (
        "      - name: A\n        within: 1h\n        starts: {after: A}\n",
        STARTS + "milestones of process 'Gold' wait for one another: A after A; let one of them start at",
    ),
    "a warning longer than every span": (
        (
            "      - name: A\n        within: [{when: case.priority == 'x', span: 1h}, {span: 90m}]\n"
            "        triggers:\n          - {kind: warning, at: 2h}\n"
        ),
        TRIGGER
        + "the warning '2h' of milestone 'A' is longer than its longest span (1h30m), so it would be due before "
        "the start; give less, or a percentage",
    ),
    "a percentage over 100": (
        "      - name: A\n        within: 1h\n        triggers:\n          - {kind: warning, at: 101%}\n",
        TRIGGER + "a percentage of the span is over 0% and at most 100%, not 101%",
    ),
    "a percentage of 0": (
        "      - name: A\n        within: 1h\n        triggers:\n          - {kind: warning, at: 0%}\n",
        TRIGGER + "a percentage of the span is over 0% and at most 100%, not 0%",
    ),
    "a percentage after the target": (
        "      - name: A\n        within: 1h\n        triggers:\n          - {kind: violation, at: 50%}\n",
        TRIGGER + "a violation takes a span after the target, not '50%': '0' or '60m'",
    ),
    "a warning in business days": (
        "      - name: A\n        within: 9h\n        triggers:\n          - {kind: warning, at: 1bd}\n",
        TRIGGER + "bad offset '1bd': business days and eod make a target, not an offset; an offset is written like",
    ),
    "a violation at the end of the day": (
        "      - name: A\n        within: 9h\n        triggers:\n          - {kind: violation, at: eod}\n",
        TRIGGER + "bad offset 'eod': business days and eod make a target, not an offset; an offset is written like",
    ),
    "a name twice": (
        "      - name: A\n        within: 1h\n      - name: A\n        within: 2h\n",
        SECOND + "process 'Gold' has two milestones named 'A'; give each a name of its own",
    ),
    "names that differ by punctuation alone": (
        "      - name: A b\n        within: 1h\n      - name: a-B\n        within: 2h\n",
        SECOND + "milestones 'A b' and 'a-B' of process 'Gold' have the same id 'a-b'; names differ by more than case",
    ),
    "a span table without a last row": (
        "      - name: A\n        within:\n          - {when: case.priority == 'x', span: 1h}\n",
        "a.yaml:7:13: " + ROW + "the span table of milestone 'A' has no last row: end it with a row without criteria",
    ),
    "a row that no case reaches": (
        "      - name: A\n        within: [{span: 1h}, {when: case.priority == 'x', span: 2h}, {span: 3h}]\n",
        "a.yaml:6:18: " + ROW + "row 1 of the span table of milestone 'A' has no criteria, so that no later row is "
        "reached; give it a 'when', or move it to the end",
    ),
    "a percentage of a deadline": (
        "      - name: A\n        by: due_at\n        triggers:\n          - {kind: warning, at: 75%}\n",
        TRIGGER + "milestone 'A' has its deadline by 'due_at', so there is no span to take a percentage of; give its",
    ),
    "a span and a deadline": (
        "      - name: A\n        within: 1h\n        by: due_at\n",
        FIRST + "milestone 'A' needs either within (a span) or by (a date-time field of the case)",
    ),
    "neither a span nor a deadline": (
        "      - name: A\n",
        FIRST + "milestone 'A' needs either within (a span) or by (a date-time field of the case)",
    ),
    "eleven triggers": (
        f"      - name: A\n        within: 1h\n        triggers:\n{ELEVEN}",
        FIRST + "milestone 'A' has 11 triggers; at most 10 are allowed, over warning, violation and success together",
    ),
    "a span of nothing": (
        "      - name: A\n        within: 0m\n",
        "a.yaml:6:9: processes[0].milestones[0].within: span '0m' is 0; it has to be some time, at least 1s",
    ),
    "a table of nothing": (
        "      - name: A\n        within: []\n",
        "a.yaml:6:9: processes[0].milestones[0].within: milestone 'A' has an empty span table; give at least",
    ),
    "a span that is the number 0": (
        "      - name: A\n        within: 0\n",
        "a.yaml:6:9: processes[0].milestones[0].within: bad span '0': it has to be some time; a span is written like",
    ),
    "a span in bare days": (
        "      - name: A\n        within: 2d\n",
        "a.yaml:6:9: processes[0].milestones[0].within: bad span '2d': a bare 'd' is refused",
    ),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_a_contradictory_process_is_refused(tmp_path: Path, contradiction: str) -> None:
    """One problem, at its place; and nothing of the file is stored."""
    text, says = CONTRADICTIONS[contradiction]
    file = tmp_path / "a.yaml"
    file.write_text(HEAD + text)
    with pytest.raises(CatalogError) as error:
        read_catalog([file])
    lines = str(error.value).replace(f"{tmp_path}/", "").splitlines()
    assert lines[0] == "the catalog has 1 problem, nothing of it was stored:"
    assert lines[1].startswith(says), lines


def test_nothing_of_a_contradictory_process_is_stored(tmp_path: Path) -> None:
    """Nor of what is declared beside it."""
    file = tmp_path / "a.yaml"
    file.write_text(
        HEAD + "      - name: A\n        within: 1h\n        recurrence: sequential\naccounts: [{id: acme}]\n"
    )
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        with pytest.raises(CatalogError):
            apply_files(store, [file], by="ann")
        file.write_text(HEAD + "      - name: A\n        within: 1h\n")
        assert apply_files(store, [file], by="ann").of("accounts", "created") == []
