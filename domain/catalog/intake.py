"""Intake: the systems that tell of tickets by web hooks, and how what they send becomes cases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from domain.catalog.endpoints import SecretSource
from domain.catalog.mailing import TimeZone
from domain.criteria.payloads import Wanted
from domain.ids import Id
from domain.model import Value
from domain.process.milestones import Name

MOST_HEADER_LETTERS = 64
_HEADER = re.compile(rf"[A-Za-z0-9-]{{1,{MOST_HEADER_LETTERS}}}")


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name of a header; use letters, digits and -")
    return name


HeaderName = Annotated[str, AfterValidator(_header)]
Expression = Annotated[str, Field(max_length=4000)]
"""CEL over `payload` and `headers`. Empty: none."""

REFERENCES = (
    *("account", "contact", "asset", "service_contract", "contract_line_item"),
    *("entitlement", "product", "channel", "business_hours"),
)
"""What a source may say of a case that is opened, by the keys of its intake."""


class Signature(Value):
    """How a delivery shows that it comes from whom it says.

    Attributes:
        scheme: `hub-sha1` and `hub-sha256` (X-Hub-Signature), `zendesk`, `frappe`, `standard` (Standard Webhooks),
            `header` (a secret in a header), `basic` (a user and a password).
        header: of the scheme `header`: which one.
        user: of the scheme `basic`.
        secrets: any of which counts; several while one is rotated.
    """

    scheme: Literal["hub-sha1", "hub-sha256", "zendesk", "frappe", "standard", "header", "basic"]
    header: HeaderName | None = None
    user: str | None = Field(default=None, max_length=200)
    secrets: list[SecretSource] = Field(min_length=1, max_length=4)

    @model_validator(mode="after")
    def _is_of_its_scheme(self) -> Self:
        if (self.header is not None) != (self.scheme == "header"):
            said = "give header: the one that has the secret" if self.header is None else "leave header out"
            raise ValueError(f"scheme {self.scheme}: {said}")
        if (self.user is not None) != (self.scheme == "basic"):
            said = "give user: who logs in" if self.user is None else "leave user out"
            raise ValueError(f"scheme {self.scheme}: {said}")
        if self.user is not None and ":" in self.user:
            raise ValueError("a user has no colon in its name")
        if self.scheme != "header" and any(secret.prefix for secret in self.secrets):
            raise ValueError("prefix is for a secret in a header")
        return self


class IntakeSource(Value):
    """A system that tells of tickets, and how each delivery is read. All but the first lines are expressions.

    Attributes:
        retired: ended; it is answered as one that there is not.
        delivery_header: has the delivery's id, which is taken once; None: the same text is the same delivery.
        time_zone: of instants without an offset; None: they are refused.
        on_error: whether later deliveries of the same case wait behind one that can't be taken, or go ahead.
        when: whether a delivery is looked at; empty: each is.
        case: the id of the case; any text.
        occurred_at: when it happened, by the source's clock; empty: when it was received.
        opened_at: when the ticket was opened; empty: when it happened.
        by: who did it.
        fields: of the case, as the ticket has them now.
        initially: of the case, as every ticket has them when it is opened.
        open: whether it opens the case, if there is none; empty: always.
        change: whether fields are changed; empty: always.
        stop, resume, close, reopen: whether it does so; empty: never.
        complete: by milestone, whether it was reached.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False
    signature: Signature
    delivery_header: HeaderName | None = None
    time_zone: TimeZone | None = None
    on_error: Literal["hold", "skip"] = "hold"
    when: Expression = ""
    case: Annotated[Expression, Field(min_length=1)]
    occurred_at: Expression = ""
    opened_at: Expression = ""
    by: Expression = ""
    account: Expression = ""
    contact: Expression = ""
    asset: Expression = ""
    service_contract: Expression = ""
    contract_line_item: Expression = ""
    entitlement: Expression = ""
    product: Expression = ""
    channel: Expression = ""
    business_hours: Expression = ""
    fields: dict[str, Expression] = Field(default_factory=dict, max_length=200)
    initially: dict[str, Expression] = Field(default_factory=dict, max_length=200)
    open: Expression = ""
    change: Expression = ""
    stop: Expression = ""
    resume: Expression = ""
    complete: dict[Name, Expression] = Field(default_factory=dict, max_length=50)
    close: Expression = ""
    reopen: Expression = ""

    @field_validator("fields", "initially", "complete")
    @classmethod
    def _say_something(cls, expressions: dict[str, str]) -> dict[str, str]:
        for name, source in expressions.items():
            if not source.strip():
                raise ValueError(f"{name!r} has no expression; leave it out")
        return expressions


CONDITIONS = ("when", "open", "change", "stop", "resume", "close", "reopen")


def expressions_of(source: IntakeSource) -> Iterator[tuple[tuple[str, ...], str, Wanted | None]]:
    """The expressions of a source: where each stands, what is written there, and what it is to come to.

    What one for a field is to come to is a matter of the field (`WANTED_OF_FIELDS` of criteria), and None here.
    """
    yield from (((key,), getattr(source, key), Wanted.CONDITION) for key in CONDITIONS)
    yield ("case",), source.case, Wanted.ID
    yield from (((key,), getattr(source, key), Wanted.INSTANT) for key in ("occurred_at", "opened_at"))
    yield from (((key,), getattr(source, key), Wanted.ID) for key in ("by", *REFERENCES))
    yield from ((("complete", name), text, Wanted.CONDITION) for name, text in source.complete.items())
    for key in ("fields", "initially"):
        yield from (((key, name), text, None) for name, text in getattr(source, key).items())
