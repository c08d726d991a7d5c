"""The events of cases, written with their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from domain.feed.case_data import subject_of
from domain.feed.cases import bridge, case_events
from store.errors import StoreError
from store.events import append, last_of, last_of_others, put_beside, stored_from

if TYPE_CHECKING:
    from domain.messages.steps import CaseRecord


class FeedGap(StoreError):
    """Events come before those that belong before them: their record is written again, until these have come."""


def counted_on(connection: Connection, record: CaseRecord) -> CaseRecord:
    """A record whose events go on behind those of its case's earlier runs, however it has counted them.

    A build from before the feed forgets how many events a case has. When a newer one serves the case again, it begins
    the feed anew: what readers have seen must neither vanish nor get its numbers from something else.
    """
    if record.feed is None or not record.feed.is_snapshot:
        return record
    last = last_of_others(connection, subject_of(record.view.case_id), record.run_id)
    return record.counted_after(last) if last else record


def put_case_events(connection: Connection, record: CaseRecord, *, bridges: bool = False) -> None:
    """Write the events of a case's record, in its transaction.

    Args:
        connection: of the transaction.
        record: that has them.
        bridges: events that are missing before them are lost for good: a snapshot takes their place.

    Raises:
        FeedGap: events are missing before them.
    """
    drafts = case_events(record)
    if not drafts:
        return
    subject, first = drafts[0].subject, drafts[0].sequence
    stored = stored_from(connection, subject, first - 1)
    if first > 1 and first - 1 not in stored:
        last = last_of(connection, subject)
        if last < first and not bridges:
            raise FeedGap(f"{subject}: event {last + 1} has not come yet, and {first} is here")
        if last < first:
            drafts.insert(0, bridge(record, last))
    stored.pop(drafts[0].sequence - 1, None)
    put_beside(connection, drafts, stored, run_id=record.run_id)


def put_following_events(connection: Connection, records: Sequence[CaseRecord]) -> None:
    """Write the events of records, each of which follows what is stored of its case, in one transaction.

    Args:
        connection: of the transaction.
        records: of different cases.
    """
    drafts = [(draft, record.run_id) for record in records for draft in case_events(record)]
    if drafts:
        append(connection, drafts)
