"""What is beyond a cap: work that is logged on a case, and what somebody is asked about it or about the case itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.ids import event_id_of
    from domain.messages import names
    from domain.messages.case_state import EntitlementChange, HoursQuestion, OveragePrompt
    from domain.messages.cases import Answer, OverageChoice, TimeLogged, TimeReversed
    from domain.messages.steps import HoursDecided, OpenedCase, OverageDecided, TimeTaken, TimeToReverse, TimeToTake
    from domain.messages.work_notes import ABOUT_WORK, UncoveredWork, logged_note, reversed_note
    from domain.timeline.effects import Noted, NoteKind
    from domain.timeline.events import EntitlementChanged
    from workflows.case.plans import plan_by
    from workflows.case.running import RunningCase
    from workflows.case.taking import Taking
    from workflows.waiting import seal

OBSOLETE = ("nothing_to_decide", "already_approved")
"""An entitlement says so of an entry that was reversed, or decided on by somebody else, while the case asked."""

ONE_AT_A_TIME = "what-is-asked-about-an-entry-waits-its-turn"
NOTED_ONCE = "an-entry-is-noted-once"
"""Patches: an older build noted an entry whenever it came."""


class Overage:
    """Asks about what is beyond a cap, and follows what is decided."""

    def __init__(self, case: RunningCase, taking: Taking) -> None:
        self._case = case
        self._taking = taking
        self._entries: set[str] = set()  # about which something is asked just now

    # --- work that is logged ---

    async def log_time(self, entry: TimeLogged) -> list[str]:
        """Take work done from the entitlements of hours that match, and ask about what is beyond the cap.

        Raises:
            ApplicationError: the entry can't be taken.
        """
        await self._case.ready()
        async with self._one_at_a_time(entry.id):
            return await self._log_time(entry)

    async def reverse_time(self, asked: TimeReversed) -> Answer:
        """Undo a time entry that stayed uncovered, once.

        Raises:
            ApplicationError: there is none of that id.
        """
        case = self._case
        await case.ready()
        async with self._one_at_a_time(asked.entry):
            request = TimeToReverse(case_id=case.case_id, entry=asked.entry, notes=self._untold(asked.entry))
            work = await plan_by(names.REVERSE_TIME, request, UncoveredWork, f"reverse time entry {asked.entry}")
            text = reversed_note(asked.entry, work.minutes)
            if work.is_reversed:
                return Answer(outcome="already", notes=[text], case=case.view())
            case.remark(
                NoteKind.TIME_REVERSED, text, asked.by, reason=asked.reason, entry=asked.entry, minutes=work.minutes
            )
            return Answer(outcome="taken", notes=[text], case=case.view())

    async def _log_time(self, entry: TimeLogged) -> list[str]:
        case = self._case
        intake = case.intake_with_fields.model_copy(update={"opened_at": case.timeline.state.opened_at})
        request = TimeToTake(intake=intake, entry=entry, now=case.now(), notes=self._untold(entry.id))
        taken = await plan_by(names.LOG_TIME, request, TimeTaken, f"take {entry.minutes} minutes")
        if not taken.is_known or not workflow.patched(NOTED_ONCE):
            for line in taken.lines:
                said = logged_note(entry.id, entry.minutes, line)
                case.remark(NoteKind.TIME_LOGGED, said, entry.by, entry=entry.id, minutes=entry.minutes)
        if taken.question is None:
            return taken.lines
        return [*taken.lines, self._ask(taken.question).text]

    @asynccontextmanager
    async def _one_at_a_time(self, entry: str) -> AsyncIterator[None]:
        """Wait for whatever is asked about a time entry already: what comes of it is noted by then."""
        while entry in self._entries and workflow.patched(ONE_AT_A_TIME):
            await workflow.wait_condition(lambda: entry not in self._entries)
        self._entries.add(entry)
        try:
            yield
        finally:
            self._entries.discard(entry)

    def _untold(self, entry: str) -> list[Noted]:
        """What was noted of a time entry, and is not known to be in the store."""
        notes = [each for each in self._case.kept.unrecorded if isinstance(each, Noted) and each.kind in ABOUT_WORK]
        return [note for note in notes if note.facts is not None and note.facts.entry == entry]

    def _ask(self, question: HoursQuestion) -> HoursQuestion:
        """Keep a question open; what was asked before keeps its time."""
        asked = self._case.being_decided.get(question.entry) or self._question(question.entry)
        if asked is None:
            self._case.kept.questions.append(question)
            self._case.remark(NoteKind.PROMPTED, question.text, **_about(question))
        return asked or question

    def _question(self, entry: str) -> HoursQuestion | None:
        return next((q for q in self._case.kept.questions if q.entry == entry), None)

    # --- decisions ---

    def asked(self, choice: OverageChoice) -> OveragePrompt | HoursQuestion:
        """What a choice answers.

        Raises:
            ApplicationError: nothing that the case asks.
        """
        case = self._case
        if choice.entry in case.being_decided:
            why = f"the overage of time entry {choice.entry!r} is being decided on"
            raise ApplicationError(why, type="nothing_to_decide", non_retryable=True)
        prompt = None if case.is_closed else case.kept.prompt
        asked = self._question(choice.entry) if choice.entry else prompt
        if asked is None:
            about = f"time entry {choice.entry!r}" if choice.entry else "the case itself"
            entries = ", ".join(question.entry for question in case.kept.questions)
            others = f"; there is about its time entries: name one of them (entry): {entries}" if entries else ""
            why = f"there is nothing to decide about {about}{others}"
            raise ApplicationError(why, type="nothing_to_decide", non_retryable=True)
        return asked

    async def decide(self, choice: OverageChoice) -> Answer:
        """Do what somebody has decided.

        Raises:
            ApplicationError: nothing is asked, or it can't be done; then the question stays open.
        """
        await self._case.ready()
        asked = self.asked(choice)
        if isinstance(asked, OveragePrompt):
            return await self._decide_case(asked, choice)
        return await self._decide_hours(asked, choice)

    async def until_decided(self) -> None:
        """Wait for a decision on the case that is on its way: it comes first, and would undo a change."""
        if self._case.prompt_being_decided and workflow.patched("a-change-waits-for-a-decision"):
            await workflow.wait_condition(lambda: self._case.prompt_being_decided is None)

    def ask_before(self, change: EntitlementChange, prompt: OveragePrompt) -> Answer:
        """Have somebody decide before the case goes over to an entitlement that has nothing left.

        Raises:
            ApplicationError: the case waits for another decision.
        """
        kept = self._case.kept
        if kept.prompt is not None:
            why = f"the case waits for a decision on entitlement {kept.prompt.entitlement}; decide that first"
            raise ApplicationError(why, type="decision_pending", non_retryable=True)
        kept.prompt = prompt.model_copy(update={"change": change})
        self._case.remark(NoteKind.PROMPTED, kept.prompt.text, change.by, entitlement=kept.prompt.entitlement)
        return Answer(outcome="taken", notes=[kept.prompt.text], case=self._case.view())

    def settle(self, change: EntitlementChange) -> None:
        """A change that was made answers what was asked about the case."""
        kept = self._case.kept
        if kept.prompt is not None and workflow.patched("a-change-settles-what-was-asked"):
            settled, kept.prompt = kept.prompt, None
            text = f"one more of entitlement {settled.entitlement} is needed no longer"
            self._case.remark(NoteKind.DECIDED, text, change.by, entitlement=settled.entitlement)

    async def _decide_case(self, prompt: OveragePrompt, choice: OverageChoice) -> Answer:
        """Go over to the entitlement that a decision leads to; its process is entered now."""
        self._case.kept.prompt, self._case.prompt_being_decided = None, prompt
        try:
            return await self._follow(prompt, choice)
        finally:
            self._case.prompt_being_decided = None

    async def _follow(self, prompt: OveragePrompt, choice: OverageChoice) -> Answer:
        case = self._case
        opened = await self._decided(prompt, choice)
        said = "approved" if choice.approved else "declined"
        reason = f": {choice.reason}" if choice.reason else ""
        text = f"one more of entitlement {prompt.entitlement} is {said}{reason}"
        case.remark(NoteKind.DECIDED, text, choice.by, entitlement=prompt.entitlement)
        if opened is None:
            return Answer(outcome="taken", notes=[text], case=case.view())
        case.kept.account, case.kept.entitlement = opened.account or case.kept.account, opened.entitlement
        case.kept.prompt = opened.prompt
        coverage = opened.coverage if opened.coverage and workflow.patched("a-decision-says-what-covers") else None
        if coverage is not None:
            case.remark(NoteKind.COVERED, coverage.text, entitlement=opened.entitlement)
        if opened.prompt is not None:
            case.remark(NoteKind.PROMPTED, opened.prompt.text, entitlement=opened.prompt.entitlement)
        # Lets the recorder write down what was decided, before and apart from what follows; histories have two records.
        await workflow.wait_condition(lambda: True)
        changed = EntitlementChanged(
            # What was asked for has been done with this: asked for again, it is known.
            event_id=prompt.change.event_id if prompt.change else choice.event_id,
            occurred_at=choice.occurred_at,
            by=choice.by,
            reason=choice.reason,
            entitlement=opened.entitlement,
            plan=opened.plan,
            from_opening=prompt.change is not None and prompt.change.from_opening,
        )
        return (await self._taking.take(changed)).model_copy(update={"coverage": coverage})

    async def _decided(self, prompt: OveragePrompt, choice: OverageChoice) -> OpenedCase | None:
        """What a decision leads to; None: the case keeps what it has."""
        case, stays = self._case, prompt.change is not None and not choice.approved
        request = OverageDecided(
            intake=case.intake,
            prompt=prompt,
            choice=choice,
            opened_at=case.timeline.state.opened_at,
            now=case.now(),
        )
        summary = "take one more at the overage price" if choice.approved else "stay" if stays else "fall back"
        kind: type[OpenedCase | None] = type(None) if stays else OpenedCase
        try:
            return await plan_by(names.DECIDE_OVERAGE, request, kind, summary)
        except ApplicationError:
            case.kept.prompt = prompt
            raise

    async def _decide_hours(self, question: HoursQuestion, choice: OverageChoice) -> Answer:
        """Tell the entitlement what was decided; the answer goes on record.

        Raises:
            ApplicationError: the entitlement refuses; unless the question has become obsolete, it stays open.
        """
        case = self._case
        self._set_aside(question)
        summary = f"time entry {question.entry}: {'bill' if choice.approved else 'do not bill'} the overage"
        request = HoursDecided(intake=case.intake, question=question, choice=choice, now=case.now())
        try:
            await plan_by(names.DECIDE_OVERAGE, request, type(None), summary)
        except ApplicationError as refusal:
            if refusal.type in OBSOLETE:
                self._drop(question, refusal)
            else:
                case.kept.questions.append(question)
            raise
        finally:
            del case.being_decided[question.entry]
        said = "approved" if choice.approved else "declined"
        text = f"{question.overage}: {said}" + (f", {choice.reason}" if choice.reason else "")
        case.remark(NoteKind.DECIDED, text, choice.by, **_about(question))
        return Answer(outcome="taken", notes=[text], case=case.view())

    def _set_aside(self, question: HoursQuestion) -> None:
        """Nobody else decides while an answer is on its way."""
        kept = self._case.kept
        kept.questions = [other for other in kept.questions if other.entry != question.entry]
        self._case.being_decided[question.entry] = question

    def _drop(self, question: HoursQuestion, refusal: ApplicationError) -> None:
        text = f"{question.overage} is asked about no longer: {refusal.message}"
        self._case.remark(NoteKind.REFUSED, text)

    # --- silence ---

    def take_silence_for_no(self) -> None:
        """What nobody has decided in time counts as answered with no. The case does not wait for that."""
        case = self._case
        if not case.is_open:
            return
        for question in [q for q in case.kept.questions if q.until <= case.now()]:
            self._set_aside(question)
            case.jobs.start(self._time_out_hours(question))
        prompt = case.kept.prompt
        if prompt is not None and prompt.until <= case.now() and not case.is_closed:
            case.kept.prompt, case.prompt_being_decided = None, prompt
            case.jobs.start(self._time_out_case(prompt))

    async def _time_out_hours(self, question: HoursQuestion) -> None:
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
            if self._question(question.entry):
                self._set_aside(question)
                del self._case.being_decided[question.entry]
                self._drop(question, error)
        seal(silence=question.entry)

    async def _time_out_case(self, prompt: OveragePrompt) -> None:
        case = self._case
        asked_for = prompt.change.event_id if prompt.change else prompt.entitlement
        choice = OverageChoice(
            event_id=event_id_of("time-out", case.case_id, asked_for),
            occurred_at=prompt.until,
            by="time-out",
            approved=False,
        )
        try:
            await self._decide_case(prompt, choice)
        except ApplicationError as error:
            # Nobody has said yes, so nothing is taken; the case goes on as it is.
            case.kept.prompt = None
            what = "the case keeps what it has" if prompt.change else "no other entitlement was found"
            case.remark(NoteKind.REFUSED, f"{what}: {error.message}")
        seal(silence=prompt.entitlement)


def _about(question: HoursQuestion) -> dict[str, Any]:
    """What a record about a question says for programs."""
    return {"entry": question.entry, "minutes": question.minutes, "entitlement": question.entitlement}
