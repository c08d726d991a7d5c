"""The reference of the catalog has every key with its values, limits and default, and examples that can be applied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.calendar import HolidayRules
from domain.catalog.customer_page import CustomerPage
from domain.catalog.declarations import (
    Account,
    Asset,
    Catalog,
    Contact,
    ContractLineItem,
    DeclaredHours,
    Entitlement,
    EntitlementTemplate,
    Opening,
    Organisation,
    Product,
    ServiceContract,
)
from domain.catalog.endpoints import Endpoint, SecretSource
from domain.catalog.intake import IntakeSource, Signature
from domain.catalog.kinds import Kind
from domain.catalog.mailing import MailTemplate, Person, Quiet, Role
from domain.catalog.references import KnownCatalog
from domain.catalog.report_times import ReportTimes
from domain.catalog.reports import ScheduledReport
from domain.catalog.subscriptions import Subscription
from domain.criteria.fields import ACCOUNT_FIELDS, CASE_FIELDS, ENTITLEMENT_FIELDS, FieldType
from domain.open_time.spans import Offset, Span
from domain.open_time.windows import Week
from domain.process import After, Email, EntitlementProcess, FieldUpdate, Milestone, SpanRow, Task, Trigger
from domain.process.actions import OutboundMessage, Signal
from domain.process.templates import OF_A_NOTICE, OF_A_THRESHOLD, of_a_milestone
from domain.usage.allowance import Allowance, Threshold
from domain.usage.rates import ENTRY_FIELDS, RateRow
from domain.usage.term_end import Notice, TermEnd
from starters.files.catalogs import read_catalog

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "catalog.md").read_text(encoding="utf-8")

PLACES: Mapping[type[BaseModel], str] = {
    Catalog: "The document",
    Organisation: "organisation",
    Quiet: "quiet",
    CustomerPage: "customer_page",
    DeclaredHours: "Business hours",
    Week: "week",
    HolidayRules: "holidays",
    EntitlementProcess: "Processes",
    Milestone: "Milestones",
    SpanRow: "A row of a span table.",
    After: "starts: {after: ...}",
    Trigger: "Triggers",
    Email: "email",
    Task: "task",
    FieldUpdate: "field_update",
    OutboundMessage: "outbound_message",
    Signal: "signal",
    Endpoint: "Endpoints",
    SecretSource: "A secret's place.",
    Person: "People",
    MailTemplate: "Templates",
    EntitlementTemplate: "Entitlement templates",
    Product: "Products",
    Account: "Accounts",
    Contact: "Contacts",
    Asset: "Assets",
    ServiceContract: "Service contracts",
    ContractLineItem: "Contract line items",
    Entitlement: "Entitlements",
    Opening: "opening",
    Subscription: "Subscriptions",
    ScheduledReport: "Reports",
    ReportTimes: "when",
    IntakeSource: "Intake",
    Signature: "A signature.",
    Allowance: "allowance",
    RateRow: "rates",
    Threshold: "thresholds",
    TermEnd: "term_end",
    Notice: "notices",
}
"""The heading, or the bold words before a table, under which a model's keys stand."""

SHARED: Mapping[type[BaseModel], str] = {
    **dict.fromkeys(
        (
            EntitlementTemplate,
            Product,
            Account,
            Contact,
            Asset,
            ServiceContract,
            ContractLineItem,
            Entitlement,
            Endpoint,
            Person,
            MailTemplate,
            Subscription,
            ScheduledReport,
            IntakeSource,
        ),
        "What all have",
    ),
    **dict.fromkeys((Email, Task, FieldUpdate, OutboundMessage, Signal), "Actions"),
}
"""Where the keys stand that several models have in common."""

WRITTEN_OTHERWISE: Mapping[type[BaseModel], frozenset[str]] = {
    Week: frozenset({"always"}),  # is the text `week: always`
    Catalog: frozenset({"values"}),  # are declared with their fields
    EntitlementProcess: frozenset({"version"}),  # is counted when a catalog is applied, and refused in one
}


class Row(NamedTuple):
    values: str
    default: str
    meaning: str


# --- the page ---


def tables(head: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Tables whose first column has this head: where they stand, and the cells of their rows."""
    place, rows = "", None
    for line in [*PAGE.splitlines(), ""]:
        if found := re.match(r"#+ (.+)|\*\*(.+?)\*\*", line):
            place = found[1] or found[2]
        if not line.startswith("|"):
            if rows is not None:
                yield place, rows[2:]
            rows = None
            continue
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if rows is not None:
            rows.append(cells)
        elif cells[0] == head:
            rows = [cells]


@cache
def keys_at(place: str) -> dict[str, Row]:
    found = [rows for where, rows in tables("key") if where == place]
    assert len(found) == 1, f"{len(found)} tables of keys at {place!r}"
    return {key.strip("`"): Row(*rest) for key, *rest in found[0]}


def names(*, head: str, place: str) -> set[str]:
    """What the first column of a table names."""
    [rows] = [rows for where, rows in tables(head) if where == place]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


# --- the models ---


def inside(annotation: Any) -> Iterator[Any]:
    """A type and all that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from inside(part)


def models(model: type[BaseModel] = Catalog) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        for part in inside(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= models(part)
    return found


def keys() -> list[tuple[type[BaseModel], str]]:
    return [
        (model, key)
        for model in sorted(models(), key=lambda model: model.__name__)
        for key in model.model_fields
        if key not in WRITTEN_OTHERWISE.get(model, ())
    ]


def row_of(model: type[BaseModel], key: str) -> Row:
    here = keys_at(PLACES[model])
    return here[key] if key in here or model not in SHARED else keys_at(SHARED[model])[key]


def choices(field: FieldInfo) -> set[str]:
    """The values between which a key chooses."""
    found: set[str] = set()
    for part in inside(field.annotation):
        if get_origin(part) is Literal:
            found |= {str(value) for value in get_args(part)}
        elif isinstance(part, type) and issubclass(part, Enum):
            found |= {str(member.value) for member in part}
    return found


def as_written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_model_of_a_catalog_has_its_place() -> None:
    """And no place is left of a model that is gone."""
    assert models() == set(PLACES)


def test_no_table_has_a_key_that_there_is_not() -> None:
    """One that was renamed would stand there twice."""
    for model, place in PLACES.items():
        assert keys_at(place).keys() <= model.model_fields.keys() - WRITTEN_OTHERWISE.get(model, frozenset())
    assert {place for place, _ in tables("key")} == {*PLACES.values(), *SHARED.values()}


@pytest.mark.parametrize(("model", "key"), keys(), ids=lambda part: part if isinstance(part, str) else part.__name__)
def test_a_key_is_there_with_its_values_limits_and_default(model: type[BaseModel], key: str) -> None:
    """Each allowed value in so many words, where there is a choice."""
    field, row = model.model_fields[key], row_of(model, key)
    if model is Catalog:
        assert key in {"organisation", "fields", *Kind}
        return
    if SHARED.get(model) == "Actions" and key == "do":
        assert row.values == "`email`, `task`, `field_update`, `outbound_message`, `signal`"
    else:
        assert {f"`{value}`" for value in choices(field)} <= set(re.findall(r"`[^`]+`", row.values))
    for limit in (getattr(limits, name, None) for limits in field.metadata for name in ("le", "max_length")):
        assert limit is None or f"{limit:,}" in row.values
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if field.is_required():
        assert row.default == "required"
    elif default in (None, "", [], {}, ()) or isinstance(default, HolidayRules):
        assert row.default == ""
    else:
        assert row.default == f"`{as_written(default)}`"


# --- fields, criteria, texts, spans ---


def test_every_type_of_a_field_is_there() -> None:
    """With how criteria read it."""
    assert names(head="type", place="fields") == set(FieldType)


def test_what_criteria_see_is_there() -> None:
    """Exactly that."""
    built_in = {"case": CASE_FIELDS, "entitlement": ENTITLEMENT_FIELDS, "account": ACCOUNT_FIELDS}
    known = {f"{root}.{name}" for root, fields in built_in.items() for name in fields}
    assert names(head="built in", place="Criteria") == known
    assert names(head="of an entry", place="rates") == {f"entry.{name}" for name in ENTRY_FIELDS}


def test_what_texts_see_is_there() -> None:
    """Of each kind of action exactly that."""
    milestone = names(head="name", place="Of a milestone's triggers") - {"case.", "entitlement.", "account."}
    own = {root: of_a_milestone({})[root] for root in ("case", "milestone", "trigger", "owner", "links")}
    assert milestone == dotted(own)
    both = names(head="name", place="Of thresholds and of notices")
    assert both | names(head="name", place="Of thresholds also") == dotted(OF_A_THRESHOLD)
    assert both | names(head="name", place="Of notices also") == dotted(OF_A_NOTICE)


def dotted(sight: Mapping[str, Any]) -> set[str]:
    return {f"{root}.{name}" if name else root for root, seen in sight.items() for name in (seen or [""])}


def test_every_role_is_there() -> None:
    """With who that is."""
    assert names(head="role", place="Whom a mail goes to") == set(Role)


def test_spans_and_offsets_are_what_they_are_said_to_be() -> None:
    """Each that is listed can be read."""
    for text in names(head="span", place="Time spans"):
        assert str(Span.parse(text))
    for text in names(head="offset", place="Offsets"):
        assert Offset.parse(text).seconds >= 0


# --- examples ---


def examples() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_there_are_examples_of_everything() -> None:
    """Of every kind one at least."""
    assert {"organisation", "fields", *Kind} <= set(re.findall(r"^(\w+):", "".join(examples()), flags=re.MULTILINE))


def test_the_examples_are_one_catalog(tmp_path: Path) -> None:
    """All together, and each by itself beside the whole."""
    files = [tmp_path / f"{number}.yaml" for number in range(len(examples()))]
    for file, text in zip(files, examples(), strict=True):
        file.write_text(text, encoding="utf-8")
    whole = read_catalog(files)
    for file in files:
        read_catalog([file], KnownCatalog(whole))
