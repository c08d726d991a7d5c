"""Coverage as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never
from zoneinfo import ZoneInfo

from domain.wording import clock
from starters.operations.verifying import AllowanceLeft, CoveredBy, Verified


def coverage_text(verified: Verified) -> str:
    """What was verified, in lines."""
    return "\n".join(_lines(verified))


def _lines(verified: Verified) -> Iterator[str]:
    yield _verdict(verified)
    if verified.chosen is not None:
        yield from _facts(verified.chosen)
    if verified.unpromised is not None:
        yield f"  {verified.unpromised}"
    if verified.others:
        yield "not chosen:" if verified.chosen else "none of these matches:"
        width = max(len(other.entitlement) for other in verified.others)
        for other in verified.others:
            yield f"  {other.entitlement:<{width}}  {other.why}"
        if verified.more:
            yield "  and others, which do not match either"


def _verdict(verified: Verified) -> str:
    chosen = verified.chosen
    if chosen is None:
        what = "refused" if verified.next_case == "refused" else "run without an entitlement"
        return f"not covered: no entitlement matches; a case would {'be ' if what == 'refused' else ''}{what}"
    name = f"{chosen.entitlement} ({chosen.name})" if chosen.name else chosen.entitlement
    matches = f"{name} matches by its {chosen.by}, and nothing is left of it"
    match verified.next_case:
        case "covered":
            return f"covered by {name}, which matches by its {chosen.by}"
        case "falls_back":
            return f"covered by {verified.covered_by}: {matches}"
        case "blocked":
            return f"not covered: {matches}; a case would be refused"
        case "asked":
            return f"not covered: {matches}; somebody would be asked about one more"
        case "uncovered":
            return f"not covered: {matches}; a case would run without an entitlement"
        case "refused":
            return f"not covered: {matches}; the account takes no case without an entitlement"
        case _:
            assert_never(verified.next_case)


def _facts(chosen: CoveredBy) -> Iterator[str]:
    term = f"{chosen.starts_on or 'always'} to {chosen.ends_on or 'no end'}, {chosen.time_zone}"
    facts = {
        "type": chosen.type,
        "process": chosen.process,
        "business hours": chosen.business_hours,
        "term": term,
        "allowance": _allowance(chosen.allowance, chosen.time_zone),
    }
    for name, fact in facts.items():
        if fact:
            yield f"  {name:<14}  {fact}"


def _allowance(left: AllowanceLeft | None, zone: str) -> str:
    if left is None:
        return "nothing is counted"
    used = f"{left.used:g} used"
    has = f"unlimited {left.unit}, {used}" if left.cap is None else _left(left)
    until = f", until {clock(left.period_ends_before, ZoneInfo(zone))}" if left.period_ends_before else ""
    recorded = "" if left.live else "; as the store recorded it last, since no worker answers for the entitlement"
    return f"{has}{until}{recorded}"


def _left(left: AllowanceLeft) -> str:
    granted = f" and {left.granted:g} granted" if left.granted else ""
    return f"{left.remaining:g} of {left.cap:g} {left.unit} left{granted}"
