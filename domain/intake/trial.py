"""What a delivery would do, told before anything is done: for whoever writes a mapping."""

from __future__ import annotations

from typing import Any

from domain.intake.news import News
from domain.wording import instant


def would_do(news: News) -> list[str]:
    """The requests that follow from a delivery, a line each, whatever the case is like by then.

    A case that has such values or stands so already is not asked; one of which something newer is known neither.
    """
    at = instant(news.place.occurred_at)
    lines = [_opening(news)] if news.opens else []
    if news.reopens:
        lines.append(f"if the case is closed: reopen it at {at}")
    if news.changes and news.fields:
        lines.append(f"change what is not so: {_values(news.fields)} at {at}")
    lines += [f"complete {name} at {at}" for name in news.completes]
    if news.stops:
        lines.append(f"if its clock runs: stop it at {at}")
    if news.resumes:
        lines.append(f"if its clock stands: let it go on at {at}")
    if news.closes:
        lines.append(f"close the case at {at}")
    return lines or ["nothing"]


def _opening(news: News) -> str:
    whose = ", ".join(f"{key} {name}" for key, name in news.references.items()) or "of no account"
    values = _values({**news.fields, **news.initially})
    return f"if there is no case {news.place.case_id}: open it as of {instant(news.opened_at)}, {whose}; {values}"


def _values(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items()) or "no field"
