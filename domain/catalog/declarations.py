"""The catalog: what an organisation declares, as values.

Whether references resolve and criteria compile is asked of a whole catalog (`domain.catalog.checks`), stored or not.

As YAML a catalog is a mapping with these keys, each optional; several files make one catalog:

    organisation: {name: ..., time_zone: ..., business_hours: ..., process: ...}
    fields: {priority: {type: string, values: [Low, High]}, due_at: datetime}
    business_hours, endpoints, people, templates, processes, products, accounts, contacts, assets: [...]
    service_contracts, contract_line_items, entitlement_templates, entitlements, subscriptions, reports, intake: [...]
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from datetime import date
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.customer_page import CustomerPage
from domain.catalog.endpoints import Endpoint
from domain.catalog.intake import IntakeSource
from domain.catalog.kinds import Kind
from domain.catalog.mailing import Mail, MailTemplate, Person, Quiet, RoleFields, TimeZone
from domain.catalog.reports import ScheduledReport
from domain.catalog.subscriptions import Subscription
from domain.criteria.fields import Fields
from domain.errors import Contradiction
from domain.ids import Id
from domain.model import Value
from domain.process import EntitlementProcess
from domain.process.milestones import Name
from domain.usage.allowance import Allowance, Period
from domain.usage.quantities import Quantity, check_whole
from domain.usage.term_end import AtTermEnd, TermEnd
from domain.usage.term_length import TermLength
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised

MOST_ORDERED = 100_000
"""A quantity beyond this is a slip of the pen."""

_TERM_END_NEEDS_A_COUNT = "term_end is kept by the counter of an allowance; give one, if only allowance: {unit: cases}"


class _Record(Value):
    """A declaration that is known by its id.

    Attributes:
        retired: ended; nothing is deleted by being left out of the files.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False


class Organisation(Value):
    """Who promises.

    Attributes:
        time_zone: of accounts that name none.
        business_hours: where neither milestone, process, case nor entitlement names any.
        process: of cases without an entitlement; None: they have no milestones.
        roles: which field of a case says who owner, contact, team and watchers are; of others it is that of the name.
        quiet: when mails wait; None: none does.
        customer_page: what customers see of themselves, and how links to it are signed.
    """

    name: str = Field(default="", max_length=200)
    time_zone: TimeZone = "UTC"
    business_hours: Name = ALWAYS.name
    process: Name | None = None
    roles: RoleFields = Field(default_factory=dict, exclude_if=operator.not_)
    quiet: Quiet | None = Field(default=None, exclude_if=operator.not_)
    customer_page: CustomerPage | None = Field(default=None, exclude_if=operator.not_)


class DeclaredHours(BusinessHours):
    """Business hours as a catalog declares them."""

    retired: bool = False


class Account(_Record):
    """A customer.

    Attributes:
        time_zone: of its entitlements' dates; None: the organisation's.
        manager_mail: who is told when an entitlement overflows.
        renewals_mail: who is told what was left when a term ends; None: who is told of overflows.
        without_entitlement: whether a case that no entitlement covers runs without one, or is refused.
    """

    type: str | None = None
    time_zone: TimeZone | None = None
    manager_mail: Mail | None = None
    renewals_mail: Mail | None = None
    without_entitlement: Literal["run", "refuse"] = "run"

    def for_criteria(self, organisation: Organisation) -> dict[str, Any]:
        """What criteria and templates see of it (`domain.criteria.fields.ACCOUNT_FIELDS`)."""
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "time_zone": self.time_zone or organisation.time_zone,
        }


class Contact(_Record):
    """A person who asks for help."""

    account: Id
    mail: Mail | None = None


class Product(_Record):
    """What is sold. Ordering it makes the entitlements of its templates."""

    entitlement_templates: list[Id] = Field(default_factory=list)


class Asset(_Record):
    """A product that an account has."""

    account: Id
    product: Id | None = None
    serial_number: str | None = None


class _Dated(_Record):
    """With inclusive local dates of the account's zone; without a last date it does not end."""

    starts_on: date | None = None
    ends_on: date | None = None

    @field_validator("starts_on")
    @classmethod
    def _is_of_our_times(cls, day: date | None) -> date | None:
        if day is not None and not is_promised(day):
            raise ValueError(f"{day} is no start of a contract; give a year from {FIRST_YEAR} to {LAST_YEAR}")
        return day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError(f"ends_on {self.ends_on} lies before starts_on {self.starts_on}; both dates are included")
        return self


class ServiceContract(_Dated):
    """An agreement with an account; perhaps part of a larger one."""

    account: Id
    parent: Id | None = None


class ContractLineItem(_Dated):
    """A line of a service contract; perhaps part of another."""

    service_contract: Id
    parent: Id | None = None
    product: Id | None = None
    asset: Id | None = None
    quantity: int = Field(default=1, ge=1, le=MOST_ORDERED)


class EntitlementTemplate(_Record):
    """What an order of a product grants."""

    term: TermLength
    type: str | None = None
    process: Name | None = None
    business_hours: Name | None = None
    allowance: Allowance | None = None
    term_end: TermEnd | None = None

    @model_validator(mode="after")
    def _grants_something(self) -> Self:
        if not (self.retired or self.type or self.process or self.business_hours or self.allowance):
            raise ValueError(
                f"template {self.id!r} grants nothing; give it one of process, allowance, business_hours and type"
            )
        if self.term_end is not None and self.allowance is None:
            raise ValueError(_TERM_END_NEEDS_A_COUNT)
        return self


class Opening(Value):
    """What was used of an entitlement before it was counted here.

    Attributes:
        as_of: the first date that is counted here.
        used: of the period of that date, in the unit.
        carried: over from the period before.
    """

    as_of: date
    used: Quantity = 0
    carried: Quantity = 0


class Entitlement(_Dated):
    """What an account may ask for. Its status is derived (`domain.catalog.status`), never stored.

    Attributes:
        contacts: whom it covers, of the account's people; nobody named: everybody. So with channels and products.
        process: None: its cases have no milestones.
        allowance: None: cases are not counted.
        term_end: None: it expires, and nobody hears of it before.
        renews: the entitlement whose renewal it is.
        reckoned_from: the first record's start, from which months are counted in a renewal; None: `starts_on`.
        opening: what was used of it elsewhere before; None: nothing.
        cancelled_at: from this instant it matches nothing and takes nothing.
    """

    account: Id
    asset: Id | None = None
    service_contract: Id | None = None
    contract_line_item: Id | None = None
    contacts: list[Id] = Field(default_factory=list)
    channels: list[str] = Field(default_factory=list)
    products: list[Id] = Field(default_factory=list)
    type: str | None = None
    process: Name | None = None
    business_hours: Name | None = None
    allowance: Allowance | None = None
    term_end: TermEnd | None = None
    renews: Id | None = None
    reckoned_from: date | None = None
    opening: Opening | None = None
    cancelled_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _periods_have_a_start(self) -> Self:
        allowance = self.allowance
        if allowance and allowance.period is not Period.TERM and self.starts_on is None:
            raise ValueError(
                f"an allowance per {allowance.period.value} is counted from the start; give starts_on: a date"
            )
        return self

    @model_validator(mode="after")
    def _opens_in_its_term(self) -> Self:
        opening = self.opening
        if opening is None:
            return self
        if self.allowance is None:
            raise Contradiction("an opening balance is of what is counted; give an allowance", "opening")
        for name in ("used", "carried"):
            check_whole(getattr(opening, name), self.allowance.unit, name)
        is_before = self.starts_on is not None and opening.as_of < self.starts_on
        if is_before or (self.ends_on is not None and opening.as_of > self.ends_on):
            raise Contradiction(f"as_of {opening.as_of} lies outside the term; give a date of it", "opening", "as_of")
        return self

    @model_validator(mode="after")
    def _terms_can_end(self) -> Self:
        if self.term_end is None:
            return self
        if self.allowance is None:
            raise ValueError(_TERM_END_NEEDS_A_COUNT)
        if self.term_end.policy is AtTermEnd.RESET:
            if self.starts_on is None:
                raise ValueError("terms that follow one another are counted from the start; give starts_on: a date")
            if self.ends_on is not None:
                raise ValueError(
                    f"one that is reset goes on from term to term ({self.term_end.term} each) and has no last date; "
                    "leave ends_on out"
                )
        elif self.ends_on is None and (self.term_end.notices or self.term_end.policy is AtTermEnd.RENEW):
            raise ValueError("without ends_on its term does not end; give ends_on: a date, or leave term_end out")
        return self

    def for_criteria(self) -> dict[str, Any]:
        """What criteria and templates see of it (`domain.criteria.fields.ENTITLEMENT_FIELDS`)."""
        unseen = {"allowance", "cancelled_at", "opening", "reckoned_from", "retired", "renews", "term_end"}
        shown = self.model_dump(mode="json", exclude=unseen)
        allowance = self.allowance
        cap = allowance.cap if allowance else None
        return shown | {
            "unit": allowance.unit if allowance else None,
            "cap": None if cap is None else int(cap) if cap.denominator == 1 else float(cap),
            "period": allowance.period.value if allowance else None,
        }


Declaration = (
    DeclaredHours
    | Endpoint
    | Person
    | MailTemplate
    | EntitlementProcess
    | EntitlementTemplate
    | Product
    | Account
    | Contact
    | Asset
    | ServiceContract
    | ContractLineItem
    | Entitlement
    | Subscription
    | ScheduledReport
    | IntakeSource
)

MODELS: dict[Kind, type[Declaration]] = {
    Kind.BUSINESS_HOURS: DeclaredHours,
    Kind.ENDPOINTS: Endpoint,
    Kind.PEOPLE: Person,
    Kind.TEMPLATES: MailTemplate,
    Kind.PROCESSES: EntitlementProcess,
    Kind.ENTITLEMENT_TEMPLATES: EntitlementTemplate,
    Kind.PRODUCTS: Product,
    Kind.ACCOUNTS: Account,
    Kind.CONTACTS: Contact,
    Kind.ASSETS: Asset,
    Kind.SERVICE_CONTRACTS: ServiceContract,
    Kind.CONTRACT_LINE_ITEMS: ContractLineItem,
    Kind.ENTITLEMENTS: Entitlement,
    Kind.SUBSCRIPTIONS: Subscription,
    Kind.REPORTS: ScheduledReport,
    Kind.INTAKE: IntakeSource,
}
"""What declares one of each kind."""


def name_of(declaration: Declaration) -> str:
    """What others refer to it by: its id; of business hours and processes the name."""
    return declaration.name if isinstance(declaration, DeclaredHours | EntitlementProcess) else declaration.id


class Catalog(Value):
    """Declarations: all of an organisation's, or those to be added. Some fields have all their `values` listed."""

    organisation: Organisation | None = None
    fields: Fields = Field(default_factory=dict)
    values: dict[str, list[str | int]] = Field(default_factory=dict, exclude=True)
    business_hours: list[DeclaredHours] = Field(default_factory=list)
    endpoints: list[Endpoint] = Field(default_factory=list)
    people: list[Person] = Field(default_factory=list)
    templates: list[MailTemplate] = Field(default_factory=list)
    processes: list[EntitlementProcess] = Field(default_factory=list)
    entitlement_templates: list[EntitlementTemplate] = Field(default_factory=list)
    products: list[Product] = Field(default_factory=list)
    accounts: list[Account] = Field(default_factory=list)
    contacts: list[Contact] = Field(default_factory=list)
    assets: list[Asset] = Field(default_factory=list)
    service_contracts: list[ServiceContract] = Field(default_factory=list)
    contract_line_items: list[ContractLineItem] = Field(default_factory=list)
    entitlements: list[Entitlement] = Field(default_factory=list)
    subscriptions: list[Subscription] = Field(default_factory=list)
    reports: list[ScheduledReport] = Field(default_factory=list)
    intake: list[IntakeSource] = Field(default_factory=list)

    def of(self, kind: Kind) -> list[Declaration]:
        """The declarations of one kind, in their order."""
        return list(getattr(self, kind.value))

    def find(self, kind: Kind, name: str) -> Declaration | None:
        """The last declaration of that kind and name."""
        return next((found for found in reversed(self.of(kind)) if name_of(found) == name), None)

    def everything(self) -> Iterator[tuple[Kind, Declaration]]:
        """Every declaration, kind by kind."""
        for kind in Kind:
            for declaration in self.of(kind):
                yield kind, declaration
