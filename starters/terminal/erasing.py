"""What names somebody, and what of it is erased, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from domain.wording import instant, plural
from starters.operations.erasing import NOT_ERASED
from store.erasing import NamedText, What
from store.quiet import DIGEST

_MOST_CASES = 10


def named_lines(who: str, found: Sequence[NamedText], zone: tzinfo) -> list[str]:
    """The texts that name somebody: how many of which kind, of which cases, from when until when.

    Args:
        who: as it was asked.
        found: the oldest first.
        zone: in which instants are shown.
    """
    if not found:
        return [f"no text that is kept names {who}"]
    first, last = (instant(found[end].at.replace(microsecond=0), zone) for end in (0, -1))
    return [
        f"{who} is named by {plural(len(found), 'text')}, from {first} to {last}:",
        *(f"  {line}" for line in _kinds(found)),
        f"of {_cases(found)}",
        *_waiting(found),
    ]


def left_lines() -> list[str]:
    """What erasing does not reach."""
    return ["not erased by this:", *(f"  {line}" for line in NOT_ERASED)]


def _kinds(found: Sequence[NamedText]) -> Iterator[str]:
    for what in What:
        of_kind = [text for text in found if text.what is what]
        if not of_kind:
            continue
        line = _many(len(of_kind), what)
        if shared := sum(text.others for text in of_kind):
            line += f", {shared} of them to others too"
        if dead := sum(text.is_dead_letter for text in of_kind):
            line += f", {plural(dead, 'dead letter')} among them: dropped, and what waits behind it goes on"
        yield line


def _many(count: int, what: What) -> str:
    one, _, rest = what.value.partition(" ")
    more = "deliveries" if one == "delivery" else f"{one}s"
    return f"{count} {one if count == 1 else more}{f' {rest}' if rest else ''}"


def _cases(found: Sequence[NamedText]) -> str:
    names = list(dict.fromkeys(text.case_id for text in found if text.case_id and text.case_id != DIGEST))
    more = f" and {len(names) - _MOST_CASES} more" if len(names) > _MOST_CASES else ""
    return f"{', '.join(names[:_MOST_CASES])}{more}" if names else "no case"


def _waiting(found: Sequence[NamedText]) -> list[str]:
    keys = dict.fromkeys(text.key for text in found if text.waits)
    if not keys:
        return []
    return ["still to be sent, or to be taken:", *(f"  {key}" for key in keys)]
