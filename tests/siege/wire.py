"""The wire: whatever a worker sends out is written to a file of its own first, as a mail server would see it.

The store takes an effect once by its key, so it can't tell how often one was sent. The wire can.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from store.cases.actions import ActionRecords

VARIABLE = "MILEPOST_SIEGE_WIRE"


class Sent(NamedTuple):
    """Something that left a worker.

    Attributes:
        at: seconds since 1970, by this machine's clock.
    """

    key: str
    at: float
    worker: int


def listen() -> None:
    """Have every mail and task of this process go over the wire, from now on."""
    wire = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def over_the_wire(receive: Callable[..., bool]) -> Callable[..., bool]:
        def send(records: ActionRecords, key: str, *given: Any, **named: Any) -> bool:
            os.write(wire, json.dumps(Sent(key, time.time(), os.getpid())).encode() + b"\n")
            return receive(records, key, *given, **named)

        return send

    ActionRecords.record_mail = over_the_wire(ActionRecords.record_mail)  # type: ignore[method-assign]
    ActionRecords.record_task = over_the_wire(ActionRecords.record_task)  # type: ignore[method-assign]


def sent(wire: Path) -> list[Sent]:
    """Everything that was sent, in its order."""
    return [Sent(*json.loads(line)) for line in wire.read_text().splitlines()] if wire.exists() else []
