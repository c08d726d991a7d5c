"""The guide to reports shows each of them; what it prints is run as any page's commands are."""

from __future__ import annotations

import re
from pathlib import Path

from domain.reports.result import ReportKind

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "reports.md"


def test_each_report_is_shown() -> None:
    shown = set(re.findall(r"^\$ milepost report (\w+)", GUIDE.read_text(), re.MULTILINE))
    assert shown >= {kind.value for kind in ReportKind if kind != "cases"}
