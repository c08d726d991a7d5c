"""What of an entitlement stays as it was declared first, and what its running count would not take.

What was counted was counted by it; and what a count refuses is not stored, so that catalog and count go on saying the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from domain.catalog.declarations import Entitlement
from domain.catalog.kinds import Kind
from domain.catalog.references import Known
from domain.catalog.status import EntitlementStatus, status
from domain.usage.renewals import renewal_id
from domain.usage.term_end import AtTermEnd

_ALLOWANCE = ("unit", "period", "aligned")
_COUNTED_BY = ("allowance", "ends_on", "term_end")
WRITTEN = ("cancelled_at", "renews", "reckoned_from")
"""What people and time write into a record, and files need not speak of."""

Refusal = tuple[tuple[str, ...], str]
"""The path in a declaration of what is refused, and a sentence."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an entitlement stands when it is declared anew.

    Attributes:
        at: now.
        zone: of its dates.
        renewal: what it goes on as; None: it was not renewed.
        is_counted: whether something of a count of it is on record.
    """

    at: datetime
    zone: ZoneInfo
    renewal: Entitlement | None = None
    is_counted: bool = False


def with_what_was_written(old: Entitlement, new: Entitlement) -> Entitlement:
    """An entitlement as it is to be, with what people and time wrote into its record and its declaration leaves out.

    A cancellation and a renewal are written into the record alone, so files that do not speak of them take nothing
    back.

    Args:
        old: as it is stored.
        new: as it is declared.
    """
    left_out = {name: getattr(old, name) for name in WRITTEN if getattr(new, name) in (None, getattr(old, name))}
    return new.model_copy(update=left_out)


def is_same_kind(old: Entitlement, new: Entitlement) -> bool:
    """Whether one entitlement may go on as the other: both are of one account, and count the same unit."""
    units = [one.allowance and one.allowance.unit for one in (old, new)]
    return old.account == new.account and units[0] == units[1]


def renewal_of(entitlement: Entitlement, known: Known) -> Entitlement | None:
    """The record that an entitlement goes on as; None: it was not renewed.

    It has the first id that was free when it was made: an earlier one may be another's.
    """
    name = renewal_id(entitlement.id)
    while isinstance(found := known.find(Kind.ENTITLEMENTS, name), Entitlement):
        if found.renews == entitlement.id and is_same_kind(entitlement, found):
            return found
        name = renewal_id(name)
    return None


def refused_changes(old: Entitlement, new: Entitlement) -> Iterator[tuple[str, str]]:
    """What can't be changed of an entitlement and differs: the key in its declaration, and a sentence.

    Args:
        old: as it is declared already.
        new: as it is to be.
    """
    for key, what, before, after in _fixed(old, new):
        if before != after:
            message = (
                f"the {what} of entitlement {new.id!r} cannot change from {_shown(before)} to {_shown(after)}; "
                "cancel it and declare a new one under a new id"
            )
            yield key, message
            if key == "allowance" and what == "unit":
                return  # with another unit, or none, the rest of the allowance is another too


def refused_at_once(old: Entitlement, new: Entitlement, standing: Standing) -> Iterator[Refusal]:
    """What can't be changed of an entitlement as it stands now: of one that is cancelled, has ended or was renewed.

    Args:
        old: as it is stored.
        new: as it is to be, `with_what_was_written`.
        standing: of the stored one.
    """
    name, stands = f"entitlement {old.id!r}", status(old, standing.at, standing.zone)
    is_cancelled = stands is EntitlementStatus.CANCELLED
    if is_cancelled and new.cancelled_at != old.cancelled_at:
        message = (
            f"{name} was cancelled at {_shown(old.cancelled_at)}, which cannot change to {_shown(new.cancelled_at)}"
        )
        yield ("cancelled_at",), f"{message}; give the first instant, or leave cancelled_at out"
    if old.allowance is None or any(refused_changes(old, new)):
        return  # nothing was counted until now, or it is another allowance
    yield from _refused_opening(old, new, standing)
    if is_cancelled:
        why, instead = f"{name} was cancelled at {_shown(old.cancelled_at)}", "another under a new id"
    elif stands is EntitlementStatus.EXPIRED and standing.is_counted:
        why, instead = f"the term of {name} ended on {old.ends_on}", "renew it"
    else:
        yield from _refused_of_what_runs(old, new, standing)
        return
    for path, before, after in _changes(old, new):
        yield path, f"{why}: {_kept(path[-1], before, after)}; declare it so, or {instead}"


def _refused_opening(old: Entitlement, new: Entitlement, standing: Standing) -> Iterator[Refusal]:
    """A count reads its opening balance when it begins: with its declaration, if the end of its term is awaited."""
    if new.opening != old.opening and (standing.is_counted or old.term_end is not None):
        message = f"entitlement {old.id!r} is counted already, and an opening balance is of a new one"
        right = "leave opening out" if old.opening is None else "declare opening as it was"
        yield ("opening",), f"{message}; {right}, and adjust by hand what was used"


def refused_ends(old: Entitlement, new: Entitlement, standing: Standing) -> Iterator[Refusal]:
    """A changed last date that is over already, of what is counted and was not cancelled. What is unchanged may be so.

    Args:
        old: as it is stored.
        new: as it is to be.
        standing: of the stored one.
    """
    today = standing.at.astimezone(standing.zone).date()
    if old.allowance is None or new.ends_on in {None, old.ends_on} or new.ends_on >= today:
        return
    if status(old, standing.at, standing.zone) is not EntitlementStatus.CANCELLED:
        message = f"entitlement {old.id!r} is counted and can't end on {new.ends_on}, which is over"
        yield ("ends_on",), f"{message}; give today ({today}) or a later date, or cancel it"


def refused_without_end(old: Entitlement | None, new: Entitlement) -> Iterator[Refusal]:
    """A last date that is no end (9999-12-31) of what is renewed, or told of, at its end. What stands so may stay.

    Args:
        old: as it is stored; None: it is new.
        new: as it is to be.
    """
    at_end = new.term_end
    if new.ends_on != date.max or at_end is None or not (at_end.notices or at_end.policy is AtTermEnd.RENEW):
        return
    if old is None or (old.ends_on, old.term_end) != (new.ends_on, at_end):
        message = f"{new.ends_on} means that its term does not end, and term_end is of one that does"
        yield ("ends_on",), f"{message}; give another date, or leave term_end out"


def _refused_of_what_runs(old: Entitlement, new: Entitlement, standing: Standing) -> Iterator[Refusal]:
    name, renewal = f"entitlement {old.id!r}", standing.renewal
    if renewal is not None and new.ends_on != old.ends_on:
        why = f"{name} goes on as {renewal.id!r} from {_shown(renewal.starts_on)}"
        kept = _kept("ends_on", old.ends_on, new.ends_on)
        yield ("ends_on",), f"{why}: {kept}; declare it so, or another end of {renewal.id!r}"
    else:
        yield from refused_ends(old, new, standing)


def _changes(old: Entitlement, new: Entitlement) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """What differs of all that it is counted by: path, before and after."""
    for key in _COUNTED_BY:
        before, after = getattr(old, key), getattr(new, key)
        if isinstance(before, BaseModel) and type(before) is type(after):
            for name in type(before).model_fields:
                if getattr(before, name) != getattr(after, name):
                    yield (key, name), getattr(before, name), getattr(after, name)
        elif before != after:
            yield (key,), before, after


def _kept(key: str, before: Any, after: Any) -> str:
    is_long = any(isinstance(value, BaseModel | list) for value in (before, after))
    return f"what it has as {key} stays" if is_long else f"its {key} stays {_shown(before)}, not {_shown(after)}"


def _fixed(old: Entitlement, new: Entitlement) -> Iterator[tuple[str, str, Any, Any]]:
    yield "account", "account", old.account, new.account
    yield "starts_on", "starts_on", old.starts_on, new.starts_on
    yield "term_end", "length of each term", _length(old), _length(new)
    if old.allowance is None:
        return  # nothing was counted until now
    for name in _ALLOWANCE:
        yield "allowance", name, getattr(old.allowance, name), new.allowance and getattr(new.allowance, name)


def _length(entitlement: Entitlement) -> Any:
    """Of each of the terms that follow one another; None if the entitlement has one term."""
    end = entitlement.term_end
    return end.term if end is not None and end.policy is AtTermEnd.RESET else None


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return "none" if value is None else str(value)
