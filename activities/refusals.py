"""What an activity refuses, told to its workflow: for good, with a stable type, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.bounds import cut
from domain.criteria.fields import FieldsError
from domain.errors import MilepostError, Refused
from domain.messages.case_state import FORMAT, CaseState
from store.errors import StoreError


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a person has to put right into a failure that is not tried again.

    A store that is down passes by itself. A refusal is an expected answer: the worker logs it for debugging only, and
    counts it as no error.
    """
    try:
        yield
    except StoreError:
        raise
    except ValidationError as error:  # tried again it would be no better, and whoever waits would wait for ever
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ApplicationError(cut(f"{error.title}: {said}"), type="bad_message", non_retryable=True) from error
    except (MilepostError, FieldsError, OverflowError) as error:  # a sum past the last year overflows for good
        kind = error.code if isinstance(error, Refused) else type(error).__name__
        category = ApplicationErrorCategory.BENIGN
        raise ApplicationError(cut(str(error)), type=kind, non_retryable=True, category=category) from error


def check_readable(state: CaseState) -> None:
    """Leave a state in a format above what this build reads to a newer build: the activity is tried again.

    Raises:
        ApplicationError: it is in one.
    """
    if state.format > FORMAT:
        why = f"a newer build wrote this case in format {state.format}; this one reads formats up to {FORMAT}"
        raise ApplicationError(why, type="NewerBuild")
