"""Entitlement processes: what an organisation promises, milestone by milestone.

A process is a declaration. It is checked when it is applied to the catalog, never when a case runs: a case that holds a
process may rely on every rule that is checked here.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from domain.errors import Contradiction
from domain.model import Value
from domain.process.actions import slug
from domain.process.milestones import Criteria, Milestone, Name


class EntitlementProcess(Value):
    """An ordered list of milestones under one name and version.

    Attributes:
        entry: ``opened_at``, or the name of a date-time field of the case at whose instant the process is entered.
        exit_when: criteria for leaving the process; a closed case always leaves it.
    """

    name: Name
    version: int = Field(default=1, ge=1)
    business_hours: str | None = None
    entry: str = "opened_at"
    exit_when: Criteria = ""
    milestones: list[Milestone] = Field(min_length=1)
    retired: bool = False

    @model_validator(mode="after")
    def _check(self) -> EntitlementProcess:
        named = {m.name: m for m in self.milestones}
        ids: dict[str, str] = {}
        for number, milestone in enumerate(self.milestones):
            if milestone.id in ids:
                raise Contradiction(
                    f"process {self.name!r} has two milestones named {milestone.name!r}; give each a name of its own"
                    if ids[milestone.id] == milestone.name
                    else f"milestones {ids[milestone.id]!r} and {milestone.name!r} of process {self.name!r} have the "
                    f"same id {milestone.id!r}; names differ by more than case and punctuation",
                    "milestones",
                    number,
                )
            ids[milestone.id] = milestone.name
        for number, milestone in enumerate(self.milestones):
            if problem := self._contradicted_start(milestone, named):
                raise Contradiction(problem, "milestones", number, "starts")
        return self

    def _contradicted_start(self, milestone: Milestone, named: dict[str, Milestone]) -> str | None:
        """Why a milestone can't start after the one that it names, if it can't."""
        if milestone.predecessor is None:
            return None
        before = named.get(milestone.predecessor)
        if before is None:
            return (
                f"milestone {milestone.name!r} starts after {milestone.predecessor!r}, which process {self.name!r} "
                f"does not have; it has: {', '.join(named)}"
            )
        if before.recurs:
            return f"milestone {milestone.name!r} starts after {before.name!r}, which recurs; name one that does not"
        path, above = [milestone.name], milestone
        while above.predecessor in named and above.name not in path[:-1]:
            above = named[above.predecessor]
            path.append(above.name)
        if above.name != milestone.name:  # each of a ring says so; who only leads into it does not
            return None
        return (
            f"milestones of process {self.name!r} wait for one another: {' after '.join(path)}; let one of "
            "them start at 'process' or 'criteria'"
        )

    @property
    def id(self) -> str:
        """Its part of an effect's key; the same for all its versions."""
        return slug(self.name)

    def milestone(self, name: str) -> Milestone | None:
        """The milestone of that name, if there is one."""
        return next((m for m in self.milestones if m.name == name), None)


def named_hours(process: EntitlementProcess) -> set[str]:
    """The business hours that a process names, in its milestones too."""
    named = {process.business_hours}
    for milestone in process.milestones:
        named.add(milestone.business_hours)
        named.update(row.business_hours for row in milestone.within or [])
    return {name for name in named if name}
