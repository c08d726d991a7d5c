"""Values are checked against the declared fields, and travel as plain JSON."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from domain.criteria.fields import Fields, FieldsError, FieldType, check_values, utc_text

DECLARED = {
    "priority": FieldType.STRING,
    "reopened": FieldType.INTEGER,
    "amount": FieldType.NUMBER,
    "vip": FieldType.BOOLEAN,
    "due_at": FieldType.DATETIME,
    "tags": FieldType.LIST,
    "extra": FieldType.ANY,
}


NEW_YORK = timezone(timedelta(hours=-4))


class Priority(StrEnum):
    HIGH = "High"


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("priority", "High", "High"),
        ("priority", Priority.HIGH, "High"),
        ("reopened", 3, 3),
        ("reopened", 3.0, 3),
        ("amount", 3, 3.0),
        ("amount", Decimal("2.5"), 2.5),
        ("vip", False, False),
        ("due_at", "2025-06-13T16:45:00-04:00", "2025-06-13T20:45:00Z"),
        ("due_at", "2025-06-13T20:45:00Z", "2025-06-13T20:45:00Z"),
        ("due_at", datetime(2025, 6, 13, 16, 45, 0, 500000, NEW_YORK), "2025-06-13T20:45:00.500000Z"),
        ("tags", ("a", 1), ["a", 1]),
        ("extra", Priority.HIGH, "High"),
        ("extra", [Decimal(1), None], [1.0, None]),
        ("extra", True, True),
    ],
)
def test_values_become_plain_json_of_their_declared_type(name: str, value: Any, plain: Any) -> None:
    """An enum's member, a Decimal, a tuple and a date-time leave as what JSON knows, exactly."""
    checked = check_values({name: value}, DECLARED)
    assert checked == {name: plain}
    assert type(checked[name]) is type(plain)
    assert json.loads(json.dumps(checked)) == checked


@pytest.mark.parametrize("name", DECLARED)
def test_null_fits_every_type(name: str) -> None:
    """A field can be cleared."""
    assert check_values({name: None}, DECLARED) == {name: None}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("priorty", "High", "unknown field 'priorty' of case: did you mean 'priority'?"),
        ("zzz", 1, "unknown field 'zzz' of case: there are amount, due_at, extra, priority, reopened, tags, vip"),
        ("priority", 1, "case.priority is declared as string: 1 is no text; in quotes it would be"),
        ("priority", "\ud800", "half a surrogate pair"),
        ("reopened", True, "case.reopened is declared as integer: true is no whole number, such as 3"),
        ("reopened", 2.5, "2.5 is no whole number"),
        ("reopened", "3", "'3' is no whole number"),
        ("reopened", 2**63, "is outside -9223372036854775808 to 9223372036854775807"),
        ("amount", "12", "case.amount is declared as number: '12' is no number, such as 3 or 2.5"),
        ("amount", float("nan"), "no finite number"),
        ("amount", 10**400, "no finite number"),
        ("amount", Decimal("sNaN"), "no finite number"),
        ("vip", "true", "'true' is neither true nor false"),
        ("vip", 1, "1 is neither true nor false"),
        ("due_at", "2025-06-13T16:45:00", "has no offset, and so is no instant; write one, such as 2025-06-13T16:45"),
        ("due_at", datetime(2025, 6, 13), "has no offset"),  # noqa: DTZ001 - without a zone is the point
        ("due_at", "Friday", "'Friday' is no ISO 8601 date-time"),
        ("due_at", 1, "1 is no ISO 8601 date-time"),
        ("due_at", "0001-01-01T00:00:00+05:00", "outside the years 1 to 9999"),
        ("tags", "a", "'a' is no list; a list of one is ['a']"),
        ("tags", [["a"]], "a list is neither text, number"),
        ("extra", {"a": 1}, "an object is no value of a field; give each of its keys a field of its own"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would_be_right(name: str, value: Any, says: str) -> None:
    """One message: which field, what came, what is wanted."""
    with pytest.raises(FieldsError) as refused:
        check_values({name: value}, DECLARED)
    assert says in str(refused.value)


def test_all_misfits_are_named_at_once() -> None:
    """Nobody wants to learn of them one by one."""
    with pytest.raises(FieldsError) as refused:
        check_values({"vip": 1, "nmae": "x"}, {"vip": FieldType.BOOLEAN, "name": FieldType.STRING}, of="account")
    assert refused.value.problems == (
        "account.vip is declared as boolean: 1 is neither true nor false",
        "unknown field 'nmae' of account: did you mean 'name'?",
    )


def test_equal_instants_have_equal_texts() -> None:
    """Whatever their offset was."""
    assert utc_text(datetime(2025, 6, 13, 20, tzinfo=UTC)) == utc_text(datetime(2025, 6, 13, 16, tzinfo=NEW_YORK))


class Declaration(BaseModel):
    fields: Fields


@pytest.mark.parametrize(
    ("name", "says"),
    [("due at", "such as 'due_at'"), ("2nd", "such as '_2nd'"), ("in", "name it 'in_'"), ("é", "such as 'field'")],
)
def test_a_name_that_criteria_cannot_spell_is_refused(name: str, says: str) -> None:
    """When it is declared, not when somebody first writes a criterion."""
    with pytest.raises(ValidationError, match=says):
        Declaration.model_validate({"fields": {name: "string"}})


def test_an_unknown_type_is_refused() -> None:
    """With the types there are."""
    with pytest.raises(ValidationError, match="'string', 'integer', 'number', 'boolean', 'datetime', 'list' or 'any'"):
        Declaration.model_validate({"fields": {"a": "text"}})
