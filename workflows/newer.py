"""What the run before has written: read by this build as far as it knows it, or left to a newer build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.messages.inbox import problems

M = TypeVar("M", bound=BaseModel)


class NewerBuild(Exception):
    """A newer build has written what a run is given. The workflow task fails, and is tried until such a build takes it.

    Not a `FailureError`, and raised outside of every barrier: those end a run, and what ran is never ended so. Raised
    when the run begins, not when its workflow is made, which would leave a coroutine of the SDK behind.
    """


def check_format(written: object, known: int) -> None:
    """Leave what was written in a format above `known` to a newer build.

    Raises:
        NewerBuild: it was.
    """
    if isinstance(written, int) and written > known:
        raise NewerBuild(f"this was written in format {written}; this build reads formats up to {known}")


def read_continued(kind: type[M], raw: Sequence[Any]) -> M:
    """The argument that the run before gave this one. Keys that this build does not know are ignored, however deep.

    The bounds of messages do not hold for it: no build hands over more than the server takes.

    Raises:
        NewerBuild: it can't be read.
    """
    if len(raw) != 1 or not isinstance(raw[0], Mapping):
        raise NewerBuild(f"the run before gave {len(raw)} arguments; one object is expected")
    try:
        return kind.model_validate(raw[0], extra="ignore")
    except ValidationError as error:
        raise NewerBuild(f"what the run before gave can't be read: {'; '.join(problems(error))}") from error
