"""What happens in the very second of a target: what is asked in it came before the target, whoever had looked."""

from __future__ import annotations

from datetime import datetime

from domain.timeline.book import Book
from domain.timeline.plan import CORNERS


def judge_anew(book: Book, at: datetime) -> None:
    """Take back violations of an instant that something of it came before; what is past by that is violated there.

    Under the rules of before `CORNERS` what is past keeps the violation that it had.

    Args:
        book: of a timeline that has taken that in.
        at: the instant.
    """
    for instance in book.state.instances:
        standing = instance.standing_violation
        if standing is None or standing.violated_at != at or instance.completed_at is not None:
            continue
        is_old = book.plan.rules < CORNERS
        if book.is_missed_now(instance, standing, at) or (is_old and book.is_past(instance, at)):
            continue
        book.correct_one(instance, standing, "what happened in the same second came before it")
        if instance.is_open and not is_old:
            book.record_missed(instance, book.plan.milestone(instance.milestone), at)
