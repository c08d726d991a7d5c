"""A database of the first schema, with rows, is brought up to date and loses none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import select

from store import Store, tables
from store.cases.listing import CaseFilter
from store.database import Database, _address, _engine
from store.values import MailRecipient

MIGRATIONS = Path(__file__).parents[2] / "store" / "migrations"
AT = datetime(2025, 6, 9, 9, tzinfo=UTC)
CASE = {
    "case_id": "c-1",
    "account": "acme",
    "entitlement": "gold",
    "process": "Gold",
    "process_version": 1,
    "status": "open violation",
    "stopped": True,
    "opened_at": AT,
    "next_due": AT,
    "view": {},
    "carried": {"plan": {"business_hours": "Office", "calendar_versions": {"Office": 1}}},
    "run": 1,
    "history": 1,
    "number": 1,
    "run_id": "r",
}
MILESTONE = {
    "case_id": "c-1",
    "process": "gold",
    "milestone": "First response",
    "occurrence": 1,
    "state": "running",
    "start_at": AT,
    "target_at": AT,
    "violated": True,
    "view": {},
}

KEY = "c-1/gold/answer/1/violation-0/1/email"
ANN_HAS_IT = MailRecipient(address="Ann@example.org", has_it=True, answer="250 taken")


def test_rows_of_the_first_schema_stay(url: str) -> None:
    """On either database; what came later is empty, and new indexes find the old rows."""
    _first_schema(url)
    with Store.open(url) as store:
        assert store.cases.account_of("c-1") == "acme"
        assert store.keys.all() == []
        assert store.mail_recipients.of(KEY) == {}
        store.mail_recipients.record(KEY, {"ann@example.org": ANN_HAS_IT}, AT)
        assert store.mail_recipients.of(KEY) == {"ann@example.org": ANN_HAS_IT}
        assert [case.external_id for case in store.listing.page(CaseFilter()).cases] == [None]
        wanted = select(tables.milestones.c.case_id).where(tables.OPEN_MILESTONE, tables.milestones.c.target_at <= AT)
        with store._database.read() as connection:
            assert connection.execute(wanted).scalars().all() == ["c-1"]


def _first_schema(url: str) -> None:
    database = Database(_engine(_address(url)))
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        # Only the columns that are given are named, and these were there from the beginning.
        connection.execute(tables.cases.insert().values(CASE))
        connection.execute(tables.milestones.insert().values(MILESTONE))
    database.close()
