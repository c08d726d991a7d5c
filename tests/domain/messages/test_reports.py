"""A report is sent by a workflow of its own id."""

from __future__ import annotations

import pytest

from domain.messages.report import is_of_report


@pytest.mark.parametrize(
    ("own_id", "is_own"),
    [
        ("report/weekly", True),
        ("report/weekly-2026-11-30T08:00:00Z", True),
        ("report/weekly-2026-11-30T08:00:00.5Z", True),
        ("report/weekly-eu", False),
        ("report/weekly-eu-2026-11-30T08:00:00Z", False),
        ("report/weekly-2026-11-30T08:00:00Z-eu", False),
        ("report/weekly-2026-11-30T08:00:00Z\n", False),
        ("report/weeklies", False),
        ("report/monthly", False),
        ("weekly", False),
    ],
)
def test_the_id_of_a_workflow_and_its_report_agree(own_id: str, is_own: bool) -> None:  # noqa: FBT001
    """Also where the id of another report begins with that of this one."""
    assert is_of_report(own_id, "weekly") is is_own
