"""The parts of a case's workflow, put together."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.messages.cases import CaseIntake
    from domain.messages.coverage import CaseCoverage
    from workflows.case.actions import Actions
    from workflows.case.changes import Changes
    from workflows.case.doing import Doing
    from workflows.case.overage import Overage
    from workflows.case.passing import Passing
    from workflows.case.plans import Plans
    from workflows.case.recorder import Recorder
    from workflows.case.running import RunningCase
    from workflows.case.shown import Picture
    from workflows.case.size import Size
    from workflows.case.taking import Taking
    from workflows.case.winding import WindingDown


class Parts:
    """A case, and what works for it.

    Attributes:
        coverage: how the case came by its entitlement, if this run has opened it.
        was_told_of: somebody has heard in this run that the case is open.
    """

    def __init__(self, intake: CaseIntake) -> None:
        self.case = RunningCase(intake)
        self.coverage: CaseCoverage | None = None
        self.was_told_of = False
        self.size = Size(self.case)
        self.recorder = Recorder(self.case)
        self.picture = Picture(self.case)
        self.actions = Actions(self.case, self.recorder)
        self.winding = WindingDown(self.case, self.actions)
        self.plans = Plans(self.case, self.recorder)
        self.passing = Passing(self.case, self.plans, self.recorder, self.picture)
        self.taking = Taking(self.case, self.plans, self.passing)
        self.overage = Overage(self.case, self.taking)
        self.changes = Changes(self.case, self.plans, self.taking, self.overage, self.picture)
        self.case.do = Doing(self.actions, self.recorder, self.picture).do
