"""Parts of a whole in percent. Only all of it is 100%, and only none of it 0%, however it is rounded."""

from __future__ import annotations

_ALL = 100.0
_LEAST = 0.1
"""What is kept of a percentage."""


def share(part: int, whole: int) -> float | None:
    """A part of a whole in percent, to a tenth; None: there is no whole."""
    if not whole:
        return None
    found = round(_ALL * part / whole, 1)
    if found == _ALL and part != whole:
        return found - _LEAST if part < whole else found + _LEAST
    return found or (_LEAST if part else found)


def share_text(percent: float) -> str:
    """A percentage as people read it: whole, and with its tenth where it would be 0 or 100 without: ``99.6%``."""
    whole = round(percent)
    if whole not in {0, round(_ALL)} or round(percent, 1) == whole:
        return f"{percent:.0f}%"
    return f"{percent:.1f}%"
