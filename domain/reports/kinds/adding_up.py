"""Lines of entitlements added up: a row for each group, and each unit in it, since amounts of two units have no sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from domain.reports.asking import ReportAsked
from domain.reports.kinds import parts
from domain.reports.result import Cell, Column, Report

L = TypeVar("L")


def added_up(
    asked: ReportAsked,
    lines: Sequence[L],
    *,
    word: Callable[[str, L], str],
    figures: Callable[[Sequence[L]], tuple[Cell, ...]],
    columns: Sequence[Column],
    title: str,
    finding: str,
    notes: Sequence[str],
) -> Report:
    """The report that adds lines up.

    Args:
        asked: what makes the groups; the unit does, whether it is named or not.
        lines: in the order in which they are counted.
        word: what a line has for one of the names that make the groups.
        figures: of the lines of a group.
        columns: of these figures.
        title: without what makes the groups.
        finding: in words.
        notes: what is counted.
    """
    by = asked if "unit" in asked.by else replace(asked, by=(*asked.by, "unit"))
    groups: dict[parts.Group, list[L]] = {}
    for line in lines:
        groups.setdefault(tuple(word(name, line) for name in by.by), []).append(line)
    ordered = parts.in_order({group: len(some) for group, some in groups.items()}, by)
    return parts.report(
        asked,
        title=parts.titled(title, asked),
        finding=finding,
        columns=(*parts.group_columns(by), *columns),
        rows=[(*group, *figures(groups[group])) for group in ordered],
        notes=notes,
        periods=parts.every_period(groups, by),
    )
