"""In a narrow terminal headings and values are folded, not cut."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from domain.reports.compliance import ComplianceRow, compliance_table


def test_headings_of_a_table_are_whole() -> None:
    """Where they have less room than their longest word: each letter is there."""
    table, console = compliance_table(list[ComplianceRow](), by="assignment_group"), Console(width=60)
    with console.capture() as captured:
        console.print(table)
    shown = captured.get()
    assert "…" not in shown
    headings = "".join(str(column.header) for column in table.columns)
    assert Counter(filter(str.isalnum, headings)) <= Counter(filter(str.isalnum, shown))
