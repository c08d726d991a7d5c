"""The catalog: what an organisation declares, as values.

These are declarations only. Whether references resolve and criteria compile is asked of a whole catalog
(`domain.catalog_check`), since what one declaration names another one declares, perhaps one that is stored already.

As YAML a catalog is a mapping with these keys, each optional; several files make one catalog:

    organisation: {name: ..., time_zone: ..., business_hours: ..., process: ...}
    fields: {priority: string, due_at: datetime}
    business_hours, processes: [...]
    products, accounts, contacts, assets, service_contracts, contract_line_items: [...]
    entitlement_templates, entitlements: [...]
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from domain.calendar import ALWAYS, BusinessHours, _checked_zone
from domain.catalog_allowance import Allowance, Period
from domain.fields import Fields
from domain.process import EntitlementProcess, Name

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$")]
"""An id that is safe in URLs, mail headers and workflow ids: letters, digits and ``. _ ~ -``."""

TimeZone = Annotated[str, AfterValidator(_checked_zone)]
Mail = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class Kind(StrEnum):
    """The kinds of declarations, by the keys of a catalog; in an order in which each names only earlier ones.

    (Parents of service contracts and line items are of their own kind.)
    """

    BUSINESS_HOURS = "business_hours"
    PROCESSES = "processes"
    ENTITLEMENT_TEMPLATES = "entitlement_templates"
    PRODUCTS = "products"
    ACCOUNTS = "accounts"
    CONTACTS = "contacts"
    ASSETS = "assets"
    SERVICE_CONTRACTS = "service_contracts"
    CONTRACT_LINE_ITEMS = "contract_line_items"
    ENTITLEMENTS = "entitlements"

    @property
    def one(self) -> str:
        """One of the kind, in words."""
        match self:
            case Kind.BUSINESS_HOURS:
                return "business hours"
            case Kind.PROCESSES:
                return "process"
            case _:
                return self.value.removesuffix("s").replace("_", " ")


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Record(_Declaration):
    """A declaration that is known by its id.

    Attributes:
        retired: ended; nothing is deleted by being left out of the files.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False


class Organisation(_Declaration):
    """Who promises.

    Attributes:
        time_zone: of accounts that name none.
        business_hours: where neither milestone, process, case nor entitlement names any.
        process: of cases without an entitlement; None: they have no milestones.
    """

    name: str = Field(default="", max_length=200)
    time_zone: TimeZone = "UTC"
    business_hours: Name = ALWAYS.name
    process: Name | None = None


class DeclaredHours(BusinessHours):
    """Business hours as a catalog declares them."""

    retired: bool = False


class Account(_Record):
    """A customer.

    Attributes:
        time_zone: of its entitlements' dates; None: the organisation's.
        manager_mail: who is told when an entitlement overflows.
        without_entitlement: whether a case that no entitlement covers runs without one, or is refused.
    """

    type: str | None = None
    time_zone: TimeZone | None = None
    manager_mail: Mail | None = None
    without_entitlement: Literal["run", "refuse"] = "run"

    def for_criteria(self, organisation: Organisation) -> dict[str, Any]:
        """What criteria and templates see of it (`domain.fields.ACCOUNT_FIELDS`)."""
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
    quantity: int = Field(default=1, ge=1)


@dataclass(frozen=True, slots=True)
class Term:
    """How long what is made from a template lasts: ``90 days``, ``12 months``, ``1 year``."""

    count: int
    unit: Literal["day", "month", "year"]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a term.

        Raises:
            ValueError: It is none; the message says what would be right.
        """
        match = re.fullmatch(r"([1-9][0-9]{0,4}) (day|month|year)s?", text)
        if match is None:
            raise ValueError(f"bad term {text!r}; a term is written like 90 days, 12 months or 1 year")
        unit: Literal["day", "month", "year"] = (
            "day" if match[2] == "day" else "month" if match[2] == "month" else "year"
        )
        return cls(int(match[1]), unit)

    def last_day(self, first: date) -> date:
        """The last date of a term that begins on `first`: 12 months from 1 March end on the last of February."""
        if self.unit == "day":
            return first + timedelta(days=self.count - 1)
        months = first.year * 12 + first.month - 1 + self.count * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        day = min(first.day, calendar.monthrange(year, month + 1)[1])
        after = date(year, month + 1, day)
        # From the 31st a month later the term ends with that shorter month, not a day before its end.
        return after if day < first.day else after - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(str(value)),
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )


class EntitlementTemplate(_Record):
    """What an order of a product grants."""

    term: Term
    type: str | None = None
    process: Name | None = None
    business_hours: Name | None = None
    allowance: Allowance | None = None


class Entitlement(_Dated):
    """What an account may ask for. Its status is derived (`domain.catalog_status`), never stored.

    Attributes:
        contacts: whom it covers, of the account's people; nobody named: everybody. So with channels and products.
        process: None: its cases have no milestones.
        allowance: None: cases are not counted.
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
    cancelled_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _periods_have_a_start(self) -> Self:
        allowance = self.allowance
        if allowance and allowance.period is not Period.TERM and self.starts_on is None:
            raise ValueError(
                f"an allowance per {allowance.period.value} is counted from the start; give starts_on: a date"
            )
        return self

    def for_criteria(self) -> dict[str, Any]:
        """What criteria and templates see of it (`domain.fields.ENTITLEMENT_FIELDS`)."""
        shown = self.model_dump(mode="json", exclude={"allowance", "cancelled_at", "retired"})
        allowance = self.allowance
        return shown | {
            "unit": allowance.unit if allowance else None,
            "cap": allowance.cap if allowance else None,
            "period": allowance.period.value if allowance else None,
        }


Declaration = (
    DeclaredHours
    | EntitlementProcess
    | EntitlementTemplate
    | Product
    | Account
    | Contact
    | Asset
    | ServiceContract
    | ContractLineItem
    | Entitlement
)

MODELS: dict[Kind, type[Declaration]] = {
    Kind.BUSINESS_HOURS: DeclaredHours,
    Kind.PROCESSES: EntitlementProcess,
    Kind.ENTITLEMENT_TEMPLATES: EntitlementTemplate,
    Kind.PRODUCTS: Product,
    Kind.ACCOUNTS: Account,
    Kind.CONTACTS: Contact,
    Kind.ASSETS: Asset,
    Kind.SERVICE_CONTRACTS: ServiceContract,
    Kind.CONTRACT_LINE_ITEMS: ContractLineItem,
    Kind.ENTITLEMENTS: Entitlement,
}
"""What declares one of each kind."""


def name_of(declaration: Declaration) -> str:
    """What others refer to it by: its id; of business hours and processes the name."""
    return declaration.name if isinstance(declaration, DeclaredHours | EntitlementProcess) else declaration.id


class Catalog(_Declaration):
    """Declarations: all of an organisation's, or those that are to be added to it."""

    organisation: Organisation | None = None
    fields: Fields = Field(default_factory=dict)
    business_hours: list[DeclaredHours] = Field(default_factory=list)
    processes: list[EntitlementProcess] = Field(default_factory=list)
    entitlement_templates: list[EntitlementTemplate] = Field(default_factory=list)
    products: list[Product] = Field(default_factory=list)
    accounts: list[Account] = Field(default_factory=list)
    contacts: list[Contact] = Field(default_factory=list)
    assets: list[Asset] = Field(default_factory=list)
    service_contracts: list[ServiceContract] = Field(default_factory=list)
    contract_line_items: list[ContractLineItem] = Field(default_factory=list)
    entitlements: list[Entitlement] = Field(default_factory=list)

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
