"""What the store gives back of what actions made and sent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime

from domain.model import Value
from domain.process import ActionCall


class Mail(Value):
    """A mail that was sent.

    Attributes:
        answer: what the mail server said; None: none was asked.
        html: what it says in HTML; None: it is a plain text.
        remark: what else there is to say of it, such as a role that nobody had.
    """

    key: str
    case_id: str
    to: list[str]
    subject: str
    body: str
    at: AwareDatetime
    due_at: AwareDatetime | None
    answer: str | None = None
    html: str | None = None
    remark: str | None = None


class MailRecipient(Value):
    """A recipient of a mail for whom nothing is left to do.

    Attributes:
        address: as the mail has it.
        has_it: False: the mail server refuses this recipient for good.
        answer: what the mail server said, in one line; empty once it is erased.
    """

    address: str
    has_it: bool
    answer: str


class Delivery(Value):
    """Something that is sent to the outside.

    Attributes:
        channel: the kind of action.
        to: its receivers, for people.
        status: it waits for another attempt, was sent, failed for good, or had expired and was dropped.
        attempts: how many were made.
        answer: what the receiver last said, or what went wrong; empty before the first attempt.
        first_at: when the first attempt began, by the wall clock; so with `last_at`, when the last one ended.
    """

    key: str
    case_id: str
    channel: str
    to: str
    status: Literal["waits", "sent", "failed", "dropped"]
    attempts: int
    answer: str
    first_at: AwareDatetime
    last_at: AwareDatetime | None


class FailedOrder(Value):
    """An action of a case that failed for good, as it was ordered: what it takes to carry it out.

    Attributes:
        context: what its texts see.
        at: when it was ordered, by the clock of its case.
        due_at: when its trigger was due.
        event: what happened, in words with dots, such as ``milestone.warning``.
        thread: what its mails have in common with others.
        trigger: which trigger fired.
    """

    case_id: str
    call: ActionCall
    context: dict[str, Any]
    at: AwareDatetime
    due_at: AwareDatetime | None
    event: str
    thread: str
    trigger: str | None


class SentRequest(Value):
    """A request to an endpoint as it arrived, without its secrets.

    Attributes:
        endpoint: its id.
        declared_url: as the endpoint was declared, a template of a `rest` one.
        headers: without those that hold secrets, and without what is each attempt's own.
    """

    endpoint: str
    declared_url: str
    method: str
    url: str
    headers: dict[str, str]
    body: str


class Redelivery(Value):
    """Something that had arrived, and was sent again by hand.

    Attributes:
        run_id: of the workflow that does it.
        asked_at: when somebody asked for it, by the wall clock; `by` says who.
        attempts: how many were made.
        answer: what the receiver last said, or what went wrong; empty before the first attempt, and once it is erased.
        last_at: when the last attempt ended.
    """

    key: str
    run_id: str
    case_id: str
    asked_at: AwareDatetime
    by: str
    status: Literal["waits", "sent", "failed"]
    attempts: int
    answer: str
    last_at: AwareDatetime | None


class EndpointState(Value):
    """What workers know of an endpoint.

    Attributes:
        failures: attempts in a row that failed.
        failing_since: when the first of them ended.
        open_until: it is left alone until then.
        off_at: since when it is switched off; None: it is on.
        told_at: when somebody was told of that.
        said: what it last answered, or what went wrong.
    """

    endpoint: str
    failures: int
    failing_since: AwareDatetime | None
    open_until: AwareDatetime | None
    off_at: AwareDatetime | None
    said: str
    told_at: AwareDatetime | None = None


class TaskEntry(Value):
    """A task that was made.

    Attributes:
        assign_to: its owner; empty: nobody's.
        at: when it was made, by the clock of who ordered it.
        account: whose case or entitlement it is about.
        due_at: by when it is to be done; None: it says nothing of it.
        done_at: when it was ticked off, by the wall clock; None: it is open. So with `done_by`.
        external_id: the id of another system that the case's was made of.
    """

    key: str
    case_id: str
    subject: str
    assign_to: str
    body: str
    at: AwareDatetime
    account: str | None = None
    due_at: AwareDatetime | None = None
    done_at: AwareDatetime | None = None
    done_by: str | None = None
    external_id: str | None = None


class TaskTick(Value):
    """One time that a task was done, or undone."""

    key: str
    number: int
    is_done: bool
    at: AwareDatetime
    by: str
