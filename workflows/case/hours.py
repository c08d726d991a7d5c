"""Work that is logged on a case, and what is asked about the part of it beyond a cap."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.ids import event_id_of
    from domain.messages import cases as messages
    from domain.messages.cases import Answer, CaseIntake, HoursQuestion, OverageChoice, TimeLogged
    from domain.timeline.effects import NoteKind

from workflows.case.at_work import CaseAtWork

MOOT = ("nothing_to_decide", "already_approved")
"""An entitlement says so of an entry that was reversed, or decided on by somebody else, while the case asked."""


class CaseHours(CaseAtWork):
    """A case on which work is logged."""

    async def _take_time(self, entry: TimeLogged) -> list[str]:
        """Take work done from the entitlements of hours that match, and ask about what is beyond the cap.

        Raises:
            ApplicationError: none matches.
        """
        request = messages.TimeToTake(intake=self._bare_intake, entry=entry, now=self._now())
        taken = await self._plan_by(messages.LOG_TIME, request, messages.TimeTaken, f"take {entry.minutes} minutes")
        for line in taken.lines:
            self._remark(NoteKind.TIME_LOGGED, f"{entry.minutes} min of work ({entry.id}): {line}", entry.by)
        if taken.question is None:
            return taken.lines
        return [*taken.lines, self._ask(taken.question).text]

    def _ask(self, question: HoursQuestion) -> HoursQuestion:
        """Keep a question open; what was asked before keeps its time."""
        asked = self.being_decided.get(question.entry) or self.questions.get(question.entry)
        if asked is None:
            asked = self.questions[question.entry] = question
            self._remark(NoteKind.PROMPTED, question.text)
        return asked

    async def _decide_hours(self, question: HoursQuestion, choice: OverageChoice) -> Answer:
        """Tell the entitlement what was decided; the answer goes on record.

        Raises:
            ApplicationError: the entitlement refuses; unless the question has become moot, it stays open.
        """
        self._set_aside(question)
        try:
            await self._plan_by(
                messages.DECIDE_OVERAGE,
                messages.HoursDecided(intake=self._bare_intake, question=question, choice=choice, now=self._now()),
                type(None),
                f"time entry {question.entry}: {'bill' if choice.approved else 'do not bill'} the overage",
            )
        except ApplicationError as refusal:
            if refusal.type in MOOT:
                self._remark(NoteKind.REFUSED, f"{question.overage} is asked about no longer: {refusal.message}")
            else:
                self.questions[question.entry] = question
            raise
        finally:
            del self.being_decided[question.entry]
        said = "approved" if choice.approved else "declined"
        text = f"{question.overage}: {said}" + (f", {choice.reason}" if choice.reason else "")
        self._remark(NoteKind.DECIDED, text, choice.by)
        return Answer(outcome="taken", notes=[text], case=self._view())

    def _take_silence_on_hours_for_no(self) -> None:
        """A question that nobody has answered in time counts as answered with no. The case does not wait for it."""
        for question in [q for q in self.questions.values() if q.until <= self._now()]:
            self._set_aside(question)
            self._spawn(self._time_out(question))

    async def _time_out(self, question: HoursQuestion) -> None:
        choice = OverageChoice(
            event_id=event_id_of("time-out", question.entry),
            occurred_at=question.until,
            by="time-out",
            approved=False,
            entry=question.entry,
        )
        try:
            await self._decide_hours(question, choice)
        except ApplicationError as error:
            # Nobody has said yes, so nothing is billed.
            if self.questions.pop(question.entry, None):
                self._remark(NoteKind.REFUSED, f"{question.overage} is asked about no longer: {error.message}")

    def _set_aside(self, question: HoursQuestion) -> None:
        """Nobody else decides while an answer is on its way."""
        self.questions.pop(question.entry, None)
        self.being_decided[question.entry] = question

    @property
    def _bare_intake(self) -> CaseIntake:
        return self.intake.model_copy(update={"carried": None})
