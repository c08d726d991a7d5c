"""What the search of the site is held to when the site is built (`distribution/site.py`)."""

from __future__ import annotations

from distribution.sought import SOUGHT, not_found
from tests.docs.reading import DOCS, anchors

FOUND = [{"location": f"guide/page.html#{number}", "title": f"The {words}"} for number, words in enumerate(SOUGHT)]


def test_words_that_no_heading_has_are_named() -> None:
    """In any case of letters; pages that name everything once do not count."""
    assert not_found(FOUND, ["CHANGELOG.html"]) == []
    assert not_found([{**entry, "title": entry["title"].upper()} for entry in FOUND], []) == []
    assert not_found(FOUND[1:], ["CHANGELOG.html"]) == [SOUGHT[0]]
    assert not_found([{**entry, "location": "CHANGELOG.html#0"} for entry in FOUND], ["CHANGELOG.html"]) == [*SOUGHT]


def test_the_guides_have_a_heading_for_each_of_them() -> None:
    """As the site will have it, without building it."""
    guides = [page for page in DOCS.rglob("*.md") if page.parent.name == "guide"]
    headings = [heading.replace("-", " ") for page in guides for heading in anchors(page.read_text())]
    assert not_found([{"location": "", "title": heading} for heading in headings], []) == []
