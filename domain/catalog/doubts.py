"""What is allowed in a catalog and is probably a mistake: told, and stored all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domain.catalog.problems import Path, Problem

_WINDOW = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")
_NOTHING = re.compile(r"0+(\.0+)?%?")
_LONG_NIGHT = 14 * 60
_DAY = 24 * 60


def doubts(document: Mapping[str, Any]) -> Iterator[Problem]:
    """What is probably a mistake in a catalog's document, each with what was probably meant.

    Args:
        document: as a file has it; whatever is wrong with it, nothing is raised.
    """
    fields = document.get("fields")
    for name, field in fields.items() if isinstance(fields, Mapping) else ():
        listed = field.get("values") if isinstance(field, Mapping) else None
        yield from _alike(("fields", str(name), "values"), listed if isinstance(listed, list) else [])
    for place, hours in _declared(document, "business_hours"):
        for key in ("week", "dates"):
            days = hours.get(key)
            for day, windows in days.items() if isinstance(days, Mapping) else ():
                for number, window in enumerate(windows if isinstance(windows, list) else ()):
                    yield from _night(("business_hours", place, key, str(day), number), window)
    for place, endpoint in _declared(document, "endpoints"):
        yield from _unheard(("endpoints", place), endpoint)
    for kind in ("entitlements", "entitlement_templates"):
        for place, declared in _declared(document, kind):
            allowance = declared.get("allowance")
            if isinstance(allowance, Mapping) and not declared.get("retired"):
                yield from _not_carried((kind, place, "allowance"), allowance, declared)
                yield from _not_asked((kind, place, "allowance"), allowance)


def _declared(document: Mapping[str, Any], kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Whatever of a kind has the shape of a declaration, with its place in the list."""
    declared = document.get(kind)
    for place, one in enumerate(declared if isinstance(declared, list) else ()):
        if isinstance(one, Mapping):
            yield place, one


def _unheard(path: Path, endpoint: Mapping[str, Any]) -> Iterator[Problem]:
    """An endpoint that names nobody. No address stands in: nobody may read the one that mails come from."""
    if "id" in endpoint and not endpoint.get("told") and not endpoint.get("retired"):
        yield Problem(
            path,
            f"nobody is told when endpoint {endpoint['id']!r} is switched off, after an answer 410 or five days of "
            "failures; write told: with a mail address, such as told: ops@example.com",
        )


def _not_carried(path: Path, allowance: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[Problem]:
    """What is to be carried over and never is. One without dates may be of an order, which knows its periods."""
    carries, term_end = allowance.get("carry_over"), declared.get("term_end")
    is_reset = isinstance(term_end, Mapping) and term_end.get("policy") == "reset"
    usual = "term" if declared.keys() & {"starts_on", "term"} else None
    if carries == "period" and not is_reset and allowance.get("period", usual) == "term":
        message = "a term has no next period, so nothing is carried over; write carry_over: renewal"
        yield Problem((*path, "carry_over"), message)
    if carries == "renewal" and is_reset:
        message = "what is reset is never renewed, so nothing is carried over; write carry_over: period"
        yield Problem((*path, "carry_over"), message)
    most = allowance.get("carry_over_cap")
    if _NOTHING.fullmatch(str(most)):
        message = f"nothing is carried over, at most {most!r}; leave both out, or write more"
        yield Problem((*path, "carry_over_cap"), message)


def _not_asked(path: Path, allowance: Mapping[str, Any]) -> Iterator[Problem]:
    """A decision that is left to agents, of which there never is one."""
    if allowance.get("decide") == "agent" and allowance.get("overflow") != "prompt":
        message = "nobody is asked what to do beyond the cap, so no agent decides; write overflow: prompt beside it"
        yield Problem((*path, "decide"), message)


def _alike(path: Path, values: Sequence[Any]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for value in values:
        if isinstance(value, str):
            before = first.setdefault(value.strip().casefold(), value)
            if before != value:
                yield Problem(
                    path, f"{before!r} and {value!r} differ in capitals or blanks alone; is one of them meant?"
                )


def _night(path: Path, window: Any) -> Iterator[Problem]:
    found = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    if found is None:
        return
    begin, end = (int(found[n]) * 60 + int(found[n + 1]) for n in (1, 3))
    open_minutes = end - begin + _DAY
    if end < begin and open_minutes >= _LONG_NIGHT:
        hours = f"{open_minutes // 60}h{open_minutes % 60:02}m".removesuffix("00m")
        meant = f"{found[3]}:{found[4]}-{found[1]}:{found[2]}"
        yield Problem(path, f"{window!r} is open for {hours}, over midnight; did you mean {meant!r}?")
