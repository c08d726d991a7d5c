"""The base of every value: data that never changes once it is made, and that says which keys it knows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A value that is checked when it is made, does not change, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
