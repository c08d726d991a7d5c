"""What follows from a step: actions are started, records written, the picture in the Temporal UI kept right."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.timeline.effects import Effect, TriggerFired
    from domain.timeline.views import CaseView
    from workflows.case.actions import Actions
    from workflows.case.recorder import Recorder
    from workflows.case.shown import Picture


class Doing:
    """Does what a timeline wants done. Nothing here waits, so nothing here holds up the clock."""

    def __init__(self, actions: Actions, recorder: Recorder, picture: Picture) -> None:
        self._actions = actions
        self._recorder = recorder
        self._picture = picture

    def do(self, effects: Sequence[Effect], view: CaseView | None) -> None:
        """Set effects going, in their order.

        Args:
            effects: of a step, or of a remark.
            view: of the case afterwards, if whoever calls has it.
        """
        for effect in effects:
            if isinstance(effect, TriggerFired):
                self._actions.start(effect)
        if effects:
            self._recorder.tell(effects)
            self._picture.show(view)
