"""Reading what a build of Milepost has stored: as far as this build knows it."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from store.errors import StoreError

M = TypeVar("M", bound=BaseModel)


def read_stored(kind: type[M], written: Any) -> M:
    """A value as a build of Milepost has stored it. Keys that this build does not know are ignored, however deep.

    Raises:
        StoreError: it can't be read. That passes: another build is to read it.
    """
    try:
        return kind.model_validate(written, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        why = f"what is stored as {kind.__name__} can't be read ({place}: {first['msg']})"
        raise StoreError(f"{why}; if a newer Milepost has written it, use that one") from error
