"""Cells that a spreadsheet had merged: saved as text, only the first row of them holds what stands in all."""

from __future__ import annotations

from starters.logs.profiles import Sheet
from starters.logs.roles import Role, is_for

_LEAST = 4
"""One row in so many, at least, has an id that is empty since it was merged with the one above."""


def unmerge(sheet: Sheet) -> None:
    """Fill in ids that were merged over the rows of a case, and other columns that are empty in the very same rows.

    Such an id stands in the first row and is empty in a quarter of them at least, and no other column that is named
    like one is filled everywhere. Other columns that look merged are only named: an empty priority may be none.
    """
    if sheet.xes or not sheet.rows:
        return
    _fill_ids(sheet)
    if likely := [name for name in sheet.columns if is_for(Role.KNOWN, name) and _looks_merged(sheet, name)]:
        names = ", ".join(likely)
        sheet.unsure.append(f"whether empty cells of {names} were merged with the ones above: if so, merged: [{names}]")


def _fill_ids(sheet: Sheet) -> None:
    ids = [name for name in sheet.columns if is_for(Role.CASE, name)]
    if any(all(row[name] for row in sheet.rows) for name in ids):
        return
    merged = next((name for name in ids if sheet.rows[0][name]), None)
    if merged is None:
        return
    empty = [not row[merged] for row in sheet.rows]
    if sum(empty) * _LEAST < len(empty):
        return  # a line of totals, more likely
    sheet.merged = [name for name in sheet.columns if [not row[name] for row in sheet.rows] == empty]
    for name in sheet.merged:
        above = ""
        for row in sheet.rows:
            above = row[name] = row[name] or above
    sheet.unsure.append(
        f"whether {', '.join(sheet.merged)} were merged over rows: where they are empty ({sum(empty)} of {len(empty)} "
        "rows) they are taken as in the row above"
    )


def _looks_merged(sheet: Sheet, name: str) -> bool:
    """Whether a column begins with a value, is empty in most rows, and holds each value once."""
    texts = list(sheet.column(name))
    once = len(set(texts)) == len(texts) > 1
    return bool(sheet.rows[0][name]) and once and len(texts) * 2 < len(sheet.rows)
