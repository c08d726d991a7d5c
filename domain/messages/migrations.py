"""What a migration of running cases is asked and says: which cases, to which versions, and how far it is.

All of it is JSON on the wire, as everything that travels.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from domain.bounds import MOST_LIST_ITEMS, Words
from domain.ids import Reference
from domain.model import Value
from domain.timeline.plan import Plan

MIGRATION_WORKFLOW = "MigrationWorkflow"

SURVEY_MIGRATION = "survey_migration"
FIND_OUTDATED_CASES = "find_outdated_cases"
MIGRATE_CASE = "migrate_case"

PROGRESS = "progress"
ORDER = "order"

MOST_AT_ONCE = 50
"""Cases that one batch migrates at the same time, at most."""

MOST_VERSION = 10**9
"""Of a process; the store's integers end there too."""

MigrationId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,79}$")]
"""Short enough that with a case's id it makes an event id."""


References = Annotated[list[Reference], Field(max_length=MOST_LIST_ITEMS)]


def workflow_id(migration_id: str) -> str:
    """The id of a batch's workflow."""
    return f"migration/{migration_id}"


def event_id(migration_id: str, case_id: str) -> str:
    """The id under which a batch asks a case: however often it is sent, it is taken once."""
    return f"{migration_id}/{case_id}"


def hours_in_use(plan: Plan) -> dict[str, int]:
    """The business hours that a plan goes by, each with the version that was frozen.

    Not among them: what is kept only because something is still counted by it, as it was before a migration.
    """
    names: set[str | None] = {plan.business_hours}
    if plan.process is not None:
        names.add(plan.process.business_hours)
        for milestone in plan.process.milestones:
            names.update({milestone.business_hours, *(row.business_hours for row in milestone.within or [])})
    return {name: version for name, version in sorted(plan.calendar_versions.items()) if name in names}


class Versions(Value):
    """The versions that count: of each process, and of all business hours."""

    processes: dict[str, int] = Field(default_factory=dict)
    business_hours: dict[str, int] = Field(default_factory=dict)


class CaseSelection(Value):
    """Which of the running cases that hold an older version are meant; all of them, if nothing is said.

    A case that is selected goes over as a whole: to the latest version of its process (or to `process_version`) and of
    all its business hours. Several values of one attribute are alternatives; different attributes all have to hold.

    Attributes:
        process: cases in this process.
        process_version: the version to which they go, instead of the latest; also an older one.
        calendar: cases that hold an older version of these business hours.
        accounts: cases of one of these accounts; so with `entitlements` and `cases`.
        fields: cases whose fields have these values.
        redeclared: also cases of no older version that go by fields, or lists of their values, which are declared
            otherwise by now. Each case has to be looked into for that.
    """

    process: Words | None = None
    process_version: Annotated[int, Field(ge=1, le=MOST_VERSION)] | None = None
    calendar: Words | None = None
    accounts: References = Field(default_factory=list)
    entitlements: References = Field(default_factory=list)
    cases: References = Field(default_factory=list)
    fields: dict[str, Any] = Field(default_factory=dict)
    redeclared: bool = Field(default=False, exclude_if=operator.not_)

    @model_validator(mode="after")
    def _version_of_what(self) -> CaseSelection:
        if self.process_version is not None and self.process is None:
            raise ValueError("a version is one of a process: name the process too")
        return self

    def goals(self, latest: Versions) -> Versions:
        """The versions to which the selected cases go."""
        if self.process is None or self.process_version is None:
            return latest
        return latest.model_copy(update={"processes": {**latest.processes, self.process: self.process_version}})


class CaseFailure(Value):
    """A case that did not take its migration; it stays as it was."""

    case_id: str
    error: str


class MigrationTally(Value):
    """How many cases a batch has been through, and what came of them.

    Attributes:
        migrated: went over.
        skipped: closed in the meantime.
        refused: did not take it.
        unanswered: did not answer, however often they were asked.
        failures: those refused and unanswered, the first of very many.
    """

    migrated: int = 0
    skipped: int = 0
    refused: int = 0
    unanswered: int = 0
    failures: list[CaseFailure] = Field(default_factory=list)

    @property
    def done(self) -> int:
        """All of them together."""
        return self.migrated + self.skipped + self.refused + self.unanswered

    @property
    def failed(self) -> int:
        """Those that stayed behind."""
        return self.refused + self.unanswered


class CarriedMigration(Value):
    """A batch that goes on in another run.

    Attributes:
        goals: the versions to which it brings its cases, as they were when it began.
        total: how many cases there were to migrate when it began.
        after: it has been through the cases up to this id, in the order of their ids.
    """

    goals: Versions
    total: int
    after: str = ""
    tally: MigrationTally = MigrationTally()


class MigrationOrder(Value):
    """The one argument with which a batch is started.

    Attributes:
        at_once: how many cases are migrated at the same time.
        by: who is recorded on the cases; so with `reason`.
        carried: set by Milepost itself when the batch goes on in another run.
    """

    migration_id: MigrationId
    selection: CaseSelection = CaseSelection()
    at_once: int = Field(default=10, ge=1, le=MOST_AT_ONCE)
    by: Words | None = None
    reason: Words | None = None
    carried: CarriedMigration | None = None


class MigrationProgress(Value):
    """How far a batch is.

    Attributes:
        total: how many cases there were to migrate when it began; None while they are being counted.
    """

    migration_id: str
    state: Literal["counting", "migrating", "done"]
    total: int | None
    goals: Versions
    tally: MigrationTally


# --- activities: what the workflow asks to be done ---


class Survey(Value):
    """How many cases there are to migrate, and to which versions.

    Attributes:
        selection: the one asked for, its values as cases hold them.
    """

    selection: CaseSelection
    goals: Versions
    total: int


class OutdatedRequest(Value):
    """Asks for the next cases, in the order of their ids."""

    selection: CaseSelection
    goals: Versions
    after: str = ""
    limit: PositiveInt


class OutdatedCase(Value):
    """A running case that holds an older version of its process, of business hours, or of the fields of cases."""

    case_id: str
    process: str
    process_version: int


class OutdatedPage(Value):
    """The next cases; none: there are no more."""

    cases: list[OutdatedCase]


class CaseMigration(Value):
    """Asks for one case to be migrated."""

    migration_id: MigrationId
    case_id: str
    process_version: int
    by: str | None = None
    reason: str | None = None


class CaseMigrated(Value):
    """What came of it."""

    outcome: Literal["migrated", "skipped", "refused"]
    said: str = ""
