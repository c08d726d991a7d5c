"""What the store gives back, and what it is given beside the domain's own messages."""

from __future__ import annotations

import operator
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from domain.calendar import BusinessHours
from domain.catalog.three_way import Against
from domain.messages.case_state import CaseState
from domain.model import Value
from domain.process import TriggerKind
from domain.process.actions import Action
from domain.timeline.views import CaseView


class VersionedHours(NamedTuple):
    """Business hours with the version under which they are stored; the built-in 24x7 has version 0."""

    version: int
    hours: BusinessHours


class Change(Value):
    """What applying a catalog does to one declaration.

    Attributes:
        kind: a key of the catalog, such as `entitlements`.
        version: of business hours and processes: the one that counts from now on.
        details: what is different, one line each.
    """

    kind: str
    name: str
    what: Literal["created", "changed", "retired", "restored"]
    version: int | None = None
    details: list[str] = Field(default_factory=list)


class Diff(Value):
    """What applying a catalog changes, or with a dry run would change.

    Attributes:
        unchanged: how many declarations are stored already just so.
        against: keys of which files and what stands say different things.
        asks: nothing was stored, since somebody has to say yes to what `against` says.
        doubts: what is probably a mistake, a line each; stored all the same.
    """

    changes: list[Change]
    unchanged: int
    against: list[Against] = Field(default_factory=list)
    dry_run: bool = False
    asks: bool = False
    doubts: list[str] = Field(default_factory=list, exclude_if=operator.not_)

    @property
    def to_be_asked(self) -> list[Against]:
        """What somebody has to say yes to: what was amended by hand and is changed in a file, and what is left out."""
        return [one for one in self.against if one.why != "amended"]

    def of(self, kind: str, what: str) -> list[str]:
        """The names of what was created, changed, retired or restored of one kind."""
        return [change.name for change in self.changes if change.kind == kind and change.what == what]

    def __str__(self) -> str:
        width = max((len(change.kind) for change in self.changes), default=0)
        lines = []
        for change in self.changes:
            version = f" (version {change.version})" if change.version else ""
            lines.append(f"{change.what:<9} {change.kind:<{width}}  {change.name}{version}")
            lines += [f"{'':<{12 + width}}{detail}" for detail in change.details]
        lines.append(f"{self.unchanged} unchanged" if lines else f"nothing to change; {self.unchanged} unchanged")
        lines += map(str, self.against)
        if self.dry_run:
            lines.append("dry run: nothing was stored")
        return "\n".join(lines)


class CaseRow(Value):
    """A case as it was last recorded."""

    case_id: str
    number: int
    run_id: str
    account: str | None
    entitlement: str | None
    view: CaseView


class StoredCase(CaseRow):
    """With what another run of it goes on from: a reopening, or a preview of a change."""

    carried: CaseState


class StoredAction(Value):
    """An action and what became of it.

    Attributes:
        status: of one that is dropped, `error` says why and `failed_at` when.
        entitlement: whose it is, if it is no case's: then `case_id` is its id too.
        action: None while only its outcome is known, not yet the record of its case; so with the trigger's facts.
    """

    key: str
    case_id: str
    status: Literal["ordered", "done", "failed", "dropped"]
    milestone: str | None
    occurrence: int | None
    trigger: str | None
    kind: TriggerKind | None
    firing: int | None
    due_at: AwareDatetime | None
    at: AwareDatetime | None
    noticed_at: AwareDatetime | None
    action: Action | None
    done_at: AwareDatetime | None
    result: dict[str, Any] | None
    failed_at: AwareDatetime | None
    error: str | None
    entitlement: str | None = None


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
