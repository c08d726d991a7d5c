"""Sending what rows ask for to their cases, and one verdict on each. Sent again, a row changes nothing more."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Literal
from uuid import uuid4

from clients.cases import MilepostClient
from domain.errors import MilepostError, NotFound, Refused
from domain.ids import case_id_of
from domain.messages.cases import Answer
from domain.model import Value
from domain.wording import plural
from starters.imports.rows import Asked, Row
from starters.operations.bulk import AT_ONCE, PASSING, in_order
from starters.operations.cases import CaseDesk

Outcome = Literal["taken", "already", "refused", "unreadable", "unanswered"]
_CLOSED = "closed"


class Verdict(Value):
    """What came of a row.

    Attributes:
        row: its number below the header, from 1.
        line: of the file.
        case: as the file names it.
        outcome: `already`: all of it was taken before, or stood so. `refused`: some of it. `unanswered`: nobody
            answered in time; whether it was taken is not known, and sending it again is safe.
        text: in a line.
    """

    row: int
    line: int
    case: str
    outcome: Outcome
    text: str


async def send_rows(desk: CaseDesk, rows: Iterable[Row], *, at_once: int = AT_ONCE) -> AsyncIterator[Verdict]:
    """Send what rows ask for, and yield a verdict on each in the file's order.

    Once nobody answers nothing more is sent: the rest is `unanswered`.

    Args:
        desk: opens the cases and asks them.
        rows: of the file.
        at_once: so many are under way together.

    Raises:
        Exception: one that nobody expected.
    """

    async def sent(row: Row) -> Verdict:
        return await _send(desk, row)

    async for row, said in in_order(rows, sent, at_once=at_once):
        if isinstance(said, PASSING):
            yield verdict_of(row, "unanswered", str(said))
        elif isinstance(said, Exception):
            raise said
        else:
            yield said


def summary(verdicts: Counter[Outcome]) -> str:
    """How many rows came to what, in a line."""
    parts = [f"{count} {outcome}" for outcome, count in verdicts.items() if count]
    return f"{plural(sum(verdicts.values()), 'row')}: {', '.join(parts) or 'nothing to do'}"


async def _send(desk: CaseDesk, row: Row) -> Verdict:
    if row.trouble is not None:
        return verdict_of(row, "unreadable", row.trouble)
    said: list[str] = []
    changed = False
    try:
        if row.intake is not None:
            changed = (await desk.open(row.intake)).outcome != "already"
            said.append("opened" if changed else "was open")
    except Refused as refused:
        if refused.code == _CLOSED:
            return verdict_of(row, "already", "was opened and closed before")
        return verdict_of(row, "refused", str(refused))
    is_refused = False
    for asked in row.asked:
        try:
            is_new = await _ask(desk.client, case_id_of(row.case_id), asked)
            changed = changed or is_new
            said.append(asked.says if is_new else f"{asked.says} before")
        except PASSING:
            raise
        except (Refused, NotFound) as refused:
            is_refused = True
            said.append(f"not {asked.says}: {refused}")
        except MilepostError as error:
            is_refused = True
            said.append(str(error))
    outcome: Outcome = "refused" if is_refused else "taken" if changed else "already"
    return verdict_of(row, outcome, ", ".join(said))


async def _ask(client: MilepostClient, case_id: str, asked: Asked) -> bool:
    """Ask a case, and say whether it took something that it had not taken before."""
    if asked.update == "log_time":
        await client.log_time(case_id, **asked.message)
        return True
    # Under its event id the server would give its first answer again; under another the case says what it knows.
    said = await client.ask(case_id, asked.update, asked.message, update_id=str(uuid4()))
    return bool(Answer.model_validate(said, extra="ignore").outcome == "taken")


def verdict_of(row: Row, outcome: Outcome, text: str) -> Verdict:
    """A verdict in one line, with what was read otherwise than the file has it."""
    said = " ".join("; ".join([text, *row.remarks]).split())
    return Verdict(row=row.number, line=row.line, case=row.case_id, outcome=outcome, text=said)
