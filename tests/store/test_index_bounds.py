"""Every text that an index has is bounded, so that no row is larger than an index of PostgreSQL takes."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint

from domain.bounds import MOST_ADDRESS, MOST_ATTRIBUTE_BYTES, MOST_NAME
from domain.ids import LONGEST
from store import Store, tables
from store.types import Line

LARGEST_ROW = 2704
"""Bytes of a row of a B-tree index of PostgreSQL."""
LETTER = 4
"""Bytes of UTF-8 that a letter has at most."""

WORD = 50  # of ours: a status, a kind
ID = 100  # `Id`, `CaseId`, the id of a run, a digest: ASCII
REFERENCE = 100 * LETTER
NAME = 80 * LETTER  # `domain.process.milestones.Name`
SLUG = 2 * 80  # of a name; a letter becomes two at most
KEY = ID + 2 * SLUG + 2 * 60 + 3 * 20  # of an effect: case, process, milestone, trigger and action, with numbers
HOURS = MOST_NAME * LETTER
FIELD = MOST_NAME  # an identifier, so ASCII
SENT_ID = LONGEST * LETTER  # `EventId`, an Idempotency-Key, the id of a delivery
SUBJECT = len("token/") + 255 * LETTER
ADDRESS = 6 * MOST_ADDRESS  # in lower case a letter becomes three of two bytes at most
TEAM = 200 * LETTER
CUT = MOST_ATTRIBUTE_BYTES

BOUNDS = {
    **{f"{name}.id": ID for name in ("accounts", "api_keys", "assets", "contacts", "contract_line_items")},
    **{f"{name}.id": ID for name in ("customer_links", "endpoints", "entitlement_templates", "entitlements")},
    **{f"{name}.id": ID for name in ("intake_sources", "orders", "people", "products", "reports")},
    **{f"{name}.id": ID for name in ("service_contracts", "subscriptions", "templates")},
    **{f"{name}.account": ID for name in ("assets", "contacts", "customer_links", "entitlements", "orders")},
    **{f"{name}.account": ID for name in ("service_contracts",)},
    **{f"{name}.account": REFERENCE for name in ("cases", "events", "ledger", "tasks")},
    **{f"{name}.case_id": ID for name in ("actions", "case_hours", "cases", "deliveries", "ended_cases")},
    **{f"{name}.case_id": ID for name in ("field_changes", "holdings", "intake_cases", "intake_deliveries")},
    **{f"{name}.case_id": ID for name in ("ledger", "mails", "measures", "milestones", "notes", "pauses")},
    **{f"{name}.case_id": ID for name in ("redeliveries", "sent_mails", "tasks", "triggers")},
    **{f"{name}.key": KEY for name in ("actions", "deliveries", "digests", "held_mails", "mail_recipients", "mails")},
    **{
        f"{name}.key": KEY
        for name in ("failed_orders", "redeliveries", "sent_mails", "sent_requests", "task_ticks", "tasks")
    },
    **{f"{name}.recipient": ADDRESS for name in ("digests", "held_mails", "mail_recipients", "sent_mails")},
    **{f"{name}.process": SLUG for name in ("holdings", "measures", "milestones", "pauses")},
    **{f"{name}.milestone": NAME for name in ("holdings", "measures", "milestones", "pauses")},
    **{f"{name}.status": WORD for name in ("actions", "cases", "dead_letters", "intake_deliveries")},
    **{f"{name}.entitlement": ID for name in ("entitlement_contacts", "kept_references", "untold_entitlements")},
    **{f"{name}.entitlement": REFERENCE for name in ("cases", "exported_overrides", "ledger", "usage_periods")},
    **{f"{name}.count": ID for name in ("exported_overrides", "kept_references", "ledger", "usage_periods")},
    "api_keys.digest": ID,
    "applied_files.kind": WORD,
    "applied_files.name": HOURS,
    "business_hours.name": HOURS,
    "case_fields.name": FIELD,
    "case_hours.name": HOURS,
    "cases.owner": CUT,
    "cases.priority": CUT,
    "cases.process": NAME,
    "contract_line_items.service_contract": ID,
    "dead_letters.event_id": SENT_ID,
    "dead_letters.subscription": ID,
    "deliveries.channel": WORD,
    "deliveries.status": WORD,
    "endpoint_states.endpoint": ID,
    "entitlement_contacts.contact": ID,
    "entitlements.asset": ID,
    "events.subject": REFERENCE,
    "held_mails.digest": KEY,
    "holdings.field": FIELD,
    "holdings.value": CUT,
    "intake_deliveries.delivery": SENT_ID,
    "intake_deliveries.source": ID,
    "kept_answers.key": SENT_ID,
    "kept_answers.subject": SUBJECT,
    "kept_references.digest": WORD,
    "kept_references.ledger": WORD,
    "leases.name": 2 * ID,
    "ledger.kind": WORD,
    "ledger.reference": REFERENCE,
    "page_tokens.digest": ID,
    "people.team": TEAM,
    "processes.name": NAME,
    "redeliveries.run_id": ID,
    "report_schedules.report": ID,
    "subscription_states.subscription": ID,
    "tasks.assign_to": CUT,
    "triggers.key": KEY,
}
"""Bytes that a text has at most, by its column. What an outsider or a template says is cut, or refused, before."""


def indexed() -> Iterator[tuple[str, list[Column[object]]]]:
    """The columns of every index, primary key and unique constraint."""
    for table in tables.metadata.sorted_tables:
        yield f"pk_{table.name}", list(table.primary_key.columns)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):  # it is a set: in an order of their own
            yield str(index.name), list(index.columns)
        for constraint in sorted(table.constraints, key=lambda constraint: str(constraint.name)):
            if isinstance(constraint, UniqueConstraint):
                yield f"uq_{table.name}", list(constraint.columns)


def test_every_indexed_text_has_a_bound() -> None:
    """One that is new is declared here; one that is gone is not."""
    texts = {str(column) for _, columns in indexed() for column in columns if isinstance(column.type, Line)}
    assert texts == set(BOUNDS)


@pytest.mark.parametrize(("name", "columns"), list(indexed()), ids=lambda one: one if isinstance(one, str) else "")
def test_a_row_of_texts_at_their_bounds_fits_an_index(name: str, columns: list[Column[object]]) -> None:
    """With what else a row has: lengths, gaps between columns, numbers and instants."""
    row = sum(8 + BOUNDS.get(str(column), 8) for column in columns)
    assert row + 16 <= LARGEST_ROW, name


def test_a_database_takes_texts_at_their_bounds(store: Store) -> None:
    """Letters at random, which PostgreSQL can't make shorter."""
    chance = random.Random(1)  # noqa: S311  not a secret
    with store._database.write() as connection:
        for number, (_, columns) in enumerate(indexed()):
            texts = [column for column in columns if str(column) in BOUNDS]
            if not texts:
                continue
            table = Table(f"tried_{number}", MetaData(), *(Column(column.name, Line) for column in texts))
            Index(f"ix_tried_{number}", *table.c)
            table.create(connection)
            row = {one.name: "".join(chance.choices(string.ascii_letters, k=BOUNDS[str(one)])) for one in texts}
            connection.execute(table.insert().values(row))
        connection.rollback()
