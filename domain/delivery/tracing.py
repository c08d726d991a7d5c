"""Trace ids by W3C Trace Context (level 1): by them the receiver's own traces of all attempts are one."""

from __future__ import annotations

import hashlib
from datetime import datetime

TRACEPARENT = "traceparent"
_VERSION, _SAMPLED = "00", "01"
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16


def traceparent(key: str, at: datetime) -> str:
    """The header of an attempt: the trace is the effect's, alike for every attempt; the span is the attempt's own.

    Args:
        key: the effect's. Nothing of it can be read in the header.
        at: when the attempt is made.
    """
    trace = _digits(f"trace\n{key}", _TRACE_DIGITS)
    return "-".join((_VERSION, trace, _digits(f"span\n{key}\n{at.isoformat()}", _SPAN_DIGITS), _SAMPLED))


def _digits(text: str, many: int) -> str:
    """So many hexadecimal digits of a hash. They are not all 0, which would be no id."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:many]
