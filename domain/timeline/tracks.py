"""Tracks: where the instances of a milestone go on, in sight or unseen.

In sight are those of the case. Behind a completed one it goes on as if it had never been completed (`unseen`) and,
where its rule may take the completion back, also as if it had been paused since (`resting`). The same rules walk every
track, and what happens unseen is written on nothing but the instances themselves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from domain.process import Milestone
from domain.timeline.book import Book
from domain.timeline.facts import COMPLETED, Term
from domain.timeline.instances import MilestoneInstance

Behind = Literal["unseen", "resting"]


class Track:
    """The instances of a milestone that everybody sees."""

    causes: tuple[str, ...] = ()
    is_seen = True

    def __init__(self, book: Book, milestone: Milestone) -> None:
        self.book = book
        self.milestone = milestone

    @property
    def newest(self) -> MilestoneInstance | None:
        """The instance that the rules speak of now."""
        return self.book.latest(self.milestone)

    def start(self, term: Term, at: datetime) -> MilestoneInstance:
        """Begin another instance."""
        return self.book.start(self.milestone, term, at)

    def completed(self) -> list[MilestoneInstance]:
        """The completed instances that the next one may have to wait for."""
        return self.book.completed(self.milestone)


class TrackBehind(Track):
    """The instances that go on behind a completed one."""

    is_seen = False

    def __init__(self, book: Book, milestone: Milestone, owner: MilestoneInstance, behind: Behind) -> None:
        super().__init__(book, milestone)
        self.owner = owner
        self.behind = behind
        self.causes = (COMPLETED,) if behind == "resting" else ()

    @property
    def newest(self) -> MilestoneInstance | None:
        """The instance that would be the newest."""
        chain: tuple[MilestoneInstance, ...] = getattr(self.owner, self.behind)
        return chain[-1] if chain else None

    def start(self, term: Term, at: datetime) -> MilestoneInstance:
        """Begin another instance, unseen."""
        instance = self.book.made(self.milestone, term, at, occurrence=0)
        setattr(self.owner, self.behind, (*getattr(self.owner, self.behind), instance))
        return instance

    def completed(self) -> list[MilestoneInstance]:
        """The completed instances without the one that is taken as open here."""
        return [instance for instance in super().completed() if instance is not self.owner]


def tracks(book: Book, milestone: Milestone) -> list[Track]:
    """The tracks of a milestone: what is in sight, and what goes on behind its last completion."""
    found = [Track(book, milestone)]
    owner = book.last_completed(milestone)
    if owner is not None and (owner.unseen or owner.resting):
        found += [TrackBehind(book, milestone, owner, behind) for behind in BEHIND if getattr(owner, behind)]
    return found


BEHIND: tuple[Behind, ...] = ("unseen", "resting")
