"""The rendering process: takes a template at a time on its standard input, and answers on its standard output.

A message is its length in four bytes, then JSON. A request is ``{"template": ..., "context": ...}``, with
``"html": true`` for a text whose values are escaped. An answer is
``{"text": ...}``, or ``{"error": ...}`` for a template that is wrong: with ``"long": true`` when it or its text is too
long, and with ``"memory": true`` when the memory did not suffice; the process ends after that one. It ends as well when
its input ends, which it does however its parent ends, and in the midst of a text that takes longer than it may.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from typing import IO, Any

from activities.rendering.sandbox import TooLong, render

try:
    import resource
except ImportError:  # Windows: the parent's own patience is the only limit there
    resource = None  # type: ignore[assignment]

MOST_MEMORY = 256 * 1024 * 1024
"""Bytes of address space."""

MOST_SECONDS = 1.0
"""Of work for a text: processor time, so that a machine that is busy with other things condemns no text."""

LENGTH = struct.Struct(">I")
"""What goes before each message."""

_LONGEST_REASON = 500


def main() -> None:
    """Answer requests until there are no more."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while (request := _next(requests)) is not None:
        answer = _answered(request)
        _send(answers, answer)
        if "memory" in answer:
            return


def _answered(request: bytes) -> dict[str, Any]:
    _limit(MOST_SECONDS)
    try:
        asked = json.loads(request)
        return {"text": render(asked["template"], asked["context"], html="html" in asked)}
    except MemoryError:
        return {"error": f"it takes more than {MOST_MEMORY // 1024**2} MB of memory", "memory": True}
    except TooLong as error:
        return {"error": str(error), "long": True}
    except Exception as error:  # noqa: BLE001  what a template does wrong with these values it will do wrong again
        return {"error": str(error)[:_LONGEST_REASON] or type(error).__name__}
    finally:
        _limit(0)


def _limit(seconds: float) -> None:
    """End the process when it has worked for so long; 0: never. Nothing handles the signal, so nothing holds it up."""
    if resource is not None:
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _next(requests: IO[bytes]) -> bytes | None:
    head = requests.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = requests.read(length)
    return body if len(body) == length else None


def _send(answers: IO[bytes], answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    answers.write(LENGTH.pack(len(body)) + body)
    answers.flush()


if __name__ == "__main__":
    main()
