"""What is sent of an entitlement over HTTP."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from domain.bounds import MOST_AMOUNT, Words, clean
from domain.errors import Refused
from domain.ids import EventId, ForeignId, Reference
from domain.model import Value
from domain.usage.quantities import read_quantity
from starters.http.case_bodies import example
from starters.http.instants import IsoDate, IsoInstant


def _as_text(amount: Any) -> Any:
    """A whole number as people type it; anything else as it came."""
    return str(amount) if isinstance(amount, int) and not isinstance(amount, bool) else amount


def _no_boolean(cap: Any) -> Any:
    """A cap as it came; true and false are no caps.

    Raises:
        ValueError: it is one of them.
    """
    if isinstance(cap, bool):
        raise ValueError(f"{str(cap).lower()} is no cap; write a whole number, or unlimited")  # noqa: TRY004  for pydantic
    return cap


_AMOUNT_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": -MOST_AMOUNT, "maximum": MOST_AMOUNT},
        {"type": "string", "minLength": 1, "maxLength": 40},
    ]
}

Typed = Annotated[
    str,
    BeforeValidator(_as_text),
    StringConstraints(min_length=1, max_length=40),
    AfterValidator(clean),
    WithJsonSchema(_AMOUNT_SCHEMA),
]
"""An amount: a whole number; of hours a text, ``90m``, ``2h``, ``-1h30m`` or ``7.5``."""

Why = Annotated[Words, Field(min_length=1)]
"""Why it is done: it goes on record."""


class UsageRequest(Value):
    """What every request to an entitlement may say.

    Attributes:
        event_id: sent again under the same one, it is taken once.
        by: the person who does it.
    """

    event_id: EventId | None = None
    by: Words | None = None


class Visit(UsageRequest):
    """Something to be taken when it is dispatched.

    Attributes:
        reference: of the visit; it counts once.
        amount: how much of it.
        at: when it is dispatched, or planned to be: decides the period. Now, if left out.
        case_id: of the case, ours or another system's; it is told if not enough is left.
        overage: why it is taken at the overage price if nothing is left and the entitlement asks; a manager's alone.
        declined: why it is not taken so, instead: the next that matches is asked, as if the entitlement fell back.
    """

    model_config = example(reference="V-1", amount=1, case_id="4711", by="dispatch")

    reference: Reference
    amount: Typed = "1"
    at: IsoInstant | None = None
    case_id: ForeignId | None = None
    overage: Why | None = None
    declined: Why | None = None

    @model_validator(mode="after")
    def _yes_or_no(self) -> Self:
        if self.overage is not None and self.declined is not None:
            raise ValueError("overage says yes to the overage price, declined says no; write one of them")
        return self


class GivenBack(UsageRequest):
    """What a time entry or a visit took, to be given back, once.

    Attributes:
        reference: of the visit or the time entry.
        reason: why; it goes on record.
    """

    model_config = example(reference="V-1", reason="it did not take place", by="dispatch")

    reference: Reference
    reason: Why


class Adjustment(UsageRequest):
    """More, or less, that was taken than is counted; in the period of `at`, or of now.

    Attributes:
        amount: so much more; with a minus less.
        reason: why; it goes on record.
        at: an instant of the period; now, if left out.
    """

    model_config = example(amount=1, reason="one that was driven before", by="bo")

    amount: Typed
    reason: Why
    at: IsoInstant | None = None


class Grant(UsageRequest):
    """A credit for one period by hand, used before the cap; with a minus it is taken back.

    Attributes:
        amount: so much; with a minus it is taken back.
        reason: why; it goes on record.
        until: the last date, in the account's zone, that it pays for.
        until_instant: or the last instant.
        at: an instant of the period; now, if left out.
        carries_over: what is left of it at the end of the period goes on into the next.
    """

    model_config = example(amount=2, reason="goodwill: the hall stood still", by="bo")

    amount: Typed
    reason: Why
    until: IsoDate | None = None
    until_instant: IsoInstant | None = None
    at: IsoInstant | None = None
    carries_over: StrictBool = False


class Amendment(UsageRequest):
    """Another cap, another last date, or both; what is left out stays.

    Attributes:
        cap: in the unit; of hours also ``7.5`` or ``7h30m``. ``unlimited`` for none.
        ends_on: the last date, in the account's zone; ``never`` for none.
        reason: why; it goes on record.
    """

    model_config = example(cap=6, reason="two more, by order 1204", by="bo")

    cap: Annotated[
        Annotated[int, Field(ge=0, le=MOST_AMOUNT)]
        | Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(clean)]
        | None,
        BeforeValidator(_no_boolean),
    ] = None
    ends_on: IsoDate | Literal["never"] | None = None
    reason: Why

    def limit(self) -> int | Fraction | Literal["unlimited"] | None:
        """The cap as the entitlement takes it.

        Raises:
            Refused: it is none.
        """
        if self.cap is None or isinstance(self.cap, int):
            return self.cap
        if self.cap == "unlimited":
            return "unlimited"
        try:
            return read_quantity(self.cap)
        except ValueError:
            said = "a cap is a whole number from 0, or unlimited; of hours it may be 7.5 or 7h30m"
            raise Refused("bad_amount", said) from None


class Renewal(UsageRequest):
    """A new, linked record that goes on from the day after the last; as long as declared, unless `ends_on` says so.

    Attributes:
        ends_on: the last date of the new record.
        reason: why; it goes on record.
    """

    model_config = example(reason="renewed by phone", by="bo")

    ends_on: IsoDate | None = None
    reason: Why


class Cancellation(UsageRequest):
    """The end of an entitlement: from an instant, or after a last day; now, if neither is given.

    Attributes:
        reason: why; it goes on record.
        on: the last date that it covers, in the account's zone.
        at: or from this instant on.
        with_renewal: what it was renewed as is cancelled, too.
    """

    model_config = example(with_renewal=True, reason="the contract was terminated", by="bo")

    reason: Why
    on: IsoDate | None = None
    at: IsoInstant | None = None
    with_renewal: StrictBool = False


class Cover(UsageRequest):
    """Overage that is paid from what is left of its period, or of the later one of `at`.

    Attributes:
        reference: of what was taken at the overage price.
        reason: why; it goes on record.
        amount: so much of it; all that is left of it, if left out.
        at: an instant of the later period.
    """

    model_config = example(reference="V-7", reason="the cap was raised for it", by="bo")

    reference: Reference
    reason: Why
    amount: Typed | None = None
    at: IsoInstant | None = None


class Voided(UsageRequest):
    """Overage that is let go.

    Attributes:
        reference: of what was taken at the overage price.
        reason: why; it goes on record.
        amount: so much of it; all that is left of it, if left out.
    """

    model_config = example(reference="V-8", reason="goodwill", by="bo")

    reference: Reference
    reason: Why
    amount: Typed | None = None
