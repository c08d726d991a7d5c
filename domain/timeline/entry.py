"""Entering a process, leaving it, and coming back."""

from __future__ import annotations

from domain.process import EntitlementProcess
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.pauses import pause_or_resume
from domain.timeline.plan import SAYS_WHO
from domain.timeline.sight import OPENED_AT, Sight
from domain.timeline.state import Hold
from domain.timeline.tracks import tracks


class Entry:
    """Where a case stands towards its process at one instant."""

    def __init__(self, book: Book, sight: Sight, process: EntitlementProcess) -> None:
        self.book = book
        self.state = book.state
        self.sight = sight
        self.process = process
        self.at = sight.at

    @property
    def is_inside(self) -> bool:
        """Whether the case is in its process: entered, and not left."""
        return self.state.entered_at is not None and self.state.exited_at is None

    @property
    def is_ahead(self) -> bool:
        """Whether the entry was moved to an instant that lies ahead, so that nothing starts."""
        return self.state.entered_at is not None and self.state.entered_at > self.at

    def follow(self) -> bool:
        """Enter, leave or come back as the case says now. Returns whether something changed."""
        changed = self.enter()
        if self.state.entered_at is None:
            return changed
        outside = self.state.closed_at is not None or (
            bool(self.process.exit_when) and self.sight.holds(None, "exit_when", self.process.exit_when)
        )
        if outside == (self.state.exited_at is not None):
            return changed
        if outside:
            self._exit()
        else:
            self._reenter()
        return True

    # --- in ---

    def enter(self) -> bool:
        """Enter, or follow an entry that was moved. Returns whether something changed."""
        state = self.state
        entry_at = state.opened_at if self.process.entry == OPENED_AT else self.sight.instant(self.process.entry)
        if entry_at is not None and state.not_before is not None:
            entry_at = max(entry_at, state.not_before)
        if state.entered_at is None:
            state.entry_at = entry_at
            if entry_at is None or entry_at > self.at:
                return False
            state.stay += 1
            state.entered_at = entry_at
            name, version = self.process.name, self.process.version
            text = f"the case entered process {name!r}, version {version}"
            self._note(NoteKind.ENTERED, text, f"version {version} entered")
            return True
        changed = entry_at is not None and entry_at != state.entry_at
        if changed:
            state.entry_at = state.entered_at = entry_at
        return self._wait_or_go_on() or changed

    def _wait_or_go_on(self) -> bool:
        """Hold every clock while the entry lies ahead."""
        waits = self.state.hold("entry ahead") is not None
        if waits == self.is_ahead:
            return False
        if waits:
            self.state.end_hold("entry ahead", self.at)
        else:
            self.state.holds = (*self.state.holds, Hold(cause="entry ahead", from_at=self.at))
        return True

    # --- out, and in again ---

    def _exit(self) -> None:
        self.state.exited_at = self.at
        self.state.holds = (*self.state.holds, Hold(cause="outside the process", from_at=self.at))
        self._note(NoteKind.EXITED, f"the case left process {self.process.name!r}", "left")
        for milestone in self.process.milestones:
            for track in tracks(self.book, milestone):
                instance = track.newest
                if instance is not None and instance.is_open:
                    with self.book.writing(seen=track.is_seen):
                        self.book.record_missed(instance, milestone, self.at)
                    instance.exited_at = self.at

    def _reenter(self) -> None:
        state = self.state
        state.exited_at = None
        state.reentered_at = self.at
        before = {milestone.name: tracks(self.book, milestone) for milestone in self.process.milestones}
        state.stay += 1
        state.end_hold("outside the process", self.at)
        self._note(NoteKind.REENTERED, f"the case entered process {self.process.name!r} again", "entered again")
        for milestone in self.process.milestones:
            if milestone.on_reentry == "restart":
                continue
            for track in before[milestone.name]:
                instance = track.newest
                if instance is None or instance.exited_at is None:
                    continue
                instance.exited_at = None
                instance.stay = state.stay
                with self.book.writing(seen=track.is_seen):
                    # The time outside ends before anything else follows.
                    pause_or_resume(self.book, self.sight, milestone, instance, track.causes)

    def _note(self, kind: NoteKind, text: str, before: str) -> None:
        """Put on record what became of the case and its process; `before` is what older rules say after its name."""
        name, version = self.process.name, self.process.version
        if self.book.plan.rules < SAYS_WHO:
            text = f"process {name!r} {before}"
        self.book.note(kind, self.at, text, process=name, process_version=version)
