"""The envelope of an event: CloudEvents 1.0.2, with a sequence number for each subject and no gap in it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.delivery.tracing import traceparent_of_event
from domain.model import Value

PREFIX = "milepost"
VERSION = "v1"

_NOT_TOLD_APART_BY = frozenset(
    {"noticed_at", "late_seconds", "account", "entitlement", "process", "process_version", "cut"}
)
"""Data of an event that another attempt at the same step may see differently."""

_DIGITS = 12


def type_name(name: str) -> str:
    """The type of an event, such as ``milepost.case.milestone.violated.v1``, of its name within Milepost."""
    return f"{PREFIX}.{name}.{VERSION}"


def schema_uri(type_: str) -> str:
    """Names the schema of a type's data; the schema has it as its ``$id``."""
    return f"urn:milepost:schema:{type_}"


class CutText(Value):
    """A part of the data that was too long, so that only its beginning is there, or nothing.

    Attributes:
        path: where it stands, as a JSON pointer.
        size: in bytes of UTF-8.
        sha256: of these bytes.
    """

    path: str
    size: int
    sha256: str


class EventData(BaseModel):
    """What an event says. A published version of a type only gains optional fields, so a reader ignores others.

    Attributes:
        cut: the texts that were too long for an event, each with its length and digest.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    cut: list[CutText] | None = None


class Draft(Value):
    """An event before it is stored.

    Attributes:
        subject: whose sequence it belongs to: ``case/4711`` or ``entitlement/gold``.
        sequence: its number there, from 1.
        time: when it took effect.
        account: by which readers may choose.
    """

    type: str
    subject: str
    sequence: int
    time: AwareDatetime
    account: str | None
    data: dict[str, Any]

    @property
    def id(self) -> str:
        """Names the event: another attempt that says the same has the same id, and one that says otherwise another."""
        told = {name: value for name, value in self.data.items() if name not in _NOT_TOLD_APART_BY}
        whole = [self.type, self.subject, self.sequence, self.time.isoformat(), told]
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode("utf-8", "replace")).hexdigest()
        return f"{self.subject}/{self.sequence}-{digest[:_DIGITS]}"


def _traceparent(known: dict[str, Any]) -> str:
    return traceparent_of_event(known["source"], known["subject"], known["id"])


class FeedEvent(Value):
    """An event as readers get it.

    Attributes:
        id: with `source` it names the event; who sees it twice has seen it.
        source: the installation.
        time: when it took effect; `recordedtime` is when it was written.
        dataschema: names the JSON Schema of `data`.
        sequence: counts the events of the subject from 1, without a gap.
        follows: for a key that is bound to accounts, and only where it is not the number right before `sequence`: the
            number of the newest event of the subject before this one that is kept and that the key may see; 0: there
            is none.
        traceparent: a W3C Trace Context: the trace is the subject's, the span the event's own.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    sequence: int = Field(ge=1)
    follows: int | None = Field(default=None, ge=0, exclude_if=lambda number: number is None)
    recordedtime: AwareDatetime
    traceparent: str = Field(default_factory=_traceparent)
    data: dict[str, Any]
