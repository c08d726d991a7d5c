"""What the search of the documentation's site has to find by a heading: words in which people ask for something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SOUGHT = ("next business day", "prepaid", "stuck")
"""They are looked for in the headings of sections, which the search weighs most; a page that only names everything
once is none that helps."""


def not_found(sections: Iterable[Mapping[str, object]], less_sought: Iterable[str]) -> list[str]:
    """Those of the words that no section of a page has in its heading.

    Args:
        sections: the entries of the search's index, each with its `location` and `title`.
        less_sought: where the pages begin that do not count.
    """
    passed_over = tuple(less_sought)
    headings = [
        str(section["title"]).casefold() for section in sections if not str(section["location"]).startswith(passed_over)
    ]
    return [words for words in SOUGHT if not any(words in heading for heading in headings)]
