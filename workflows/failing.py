"""How a workflow fails: with a reason that people can read, and for good, since nothing would change it."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.errors import Refused
    from workflows.newer import NewerBuild


def failure_of(refused: Refused) -> ApplicationError:
    """A refusal, as the failure that tells it."""
    return ApplicationError(cut(str(refused)), type=refused.code, non_retryable=True)


def raised_by(error: Refused | NewerBuild) -> ApplicationError | NewerBuild:
    """What a run raises when it begins, because of what it was given; what a newer build wrote does not end it."""
    return error if isinstance(error, NewerBuild) else failure_of(error)


def failed_activity(error: ActivityError) -> ApplicationError:
    """What an activity failed with for good, as the failure of a workflow that does nothing else."""
    cause = error.cause
    kind = cause.type if isinstance(cause, ApplicationError) else None
    return ApplicationError(cut(str(cause or error)), type=kind or "Failed", non_retryable=True)
