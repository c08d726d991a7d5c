"""What zone words in the cells of a log most likely mean: a guess for a proposal, never for the reading itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

LIKELY = {
    "EST": "-05:00",
    "EDT": "-04:00",
    "CST": "-06:00",
    "CDT": "-05:00",
    "MST": "-07:00",
    "MDT": "-06:00",
    "PST": "-08:00",
    "PDT": "-07:00",
    "WET": "+00:00",
    "WEST": "+01:00",
    "CET": "+01:00",
    "CEST": "+02:00",
    "MEZ": "+01:00",
    "MESZ": "+02:00",
    "EET": "+02:00",
    "EEST": "+03:00",
}
"""Those of North America as RFC 5322 (section 4.3) has them, and those that European summer time goes with."""

_BEHIND_A_TIME = re.compile(r"\d[:.]\d\d(?:[:.]\d\d)?(?:[.,]\d+)?(?: ?[AaPp][Mm])? ?\(?([A-Z]{2,5})\)?(?![A-Za-z])")
_NO_ZONE = frozenset({"AM", "PM", "UTC", "GMT", "UCT"})


def zone_words(texts: Iterable[str]) -> list[str]:
    """The words that stand behind times of day as their zones and mean several clocks, each once."""
    found = (match[1] for text in texts if (match := _BEHIND_A_TIME.search(text)))
    return sorted(set(found) - _NO_ZONE)


def likely_zones(words: Iterable[str]) -> dict[str, str]:
    """What those of the words that are known most likely mean."""
    return {word: LIKELY[word] for word in words if word in LIKELY}
