"""Trace ids by W3C Trace Context (level 1): by them the receiver's own traces of what belongs together are one.

That is all attempts at a message, and all events of a case or an entitlement. Nothing of what the ids are made of can
be read in them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

TRACEPARENT = "traceparent"
_VERSION, _SAMPLED = "00", "01"
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16


def traceparent(key: str, at: datetime) -> str:
    """The header of an attempt: the trace is the effect's, alike for every attempt; the span is the attempt's own.

    Args:
        key: the effect's.
        at: when the attempt is made.
    """
    return _traceparent(key, f"{key}\n{at.isoformat()}")


def traceparent_of_event(source: str, subject: str, event_id: str) -> str:
    """Where an event of the feed belongs: the trace is its subject's, the span its own. It never changes.

    Args:
        source: the installation: a case of the same id elsewhere is another trace.
        subject: whose event it is.
        event_id: names it.
    """
    return _traceparent(f"{source}\n{subject}", f"{source}\n{event_id}")


def _traceparent(trace: str, span: str) -> str:
    ids = _digits(f"trace\n{trace}", _TRACE_DIGITS), _digits(f"span\n{span}", _SPAN_DIGITS)
    return "-".join((_VERSION, *ids, _SAMPLED))


def _digits(text: str, many: int) -> str:
    """So many hexadecimal digits of a hash. They are not all 0, which would be no id."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:many]
