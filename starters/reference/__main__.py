"""Writes pages of the reference anew: ``python -m starters.reference docs/reference``."""

from __future__ import annotations

import sys
from pathlib import Path

from starters.reference import commands, messages
from starters.reference.pages import written_anew

PAGES = {"commands.md": commands.sections, "messages.md": messages.sections}
"""By the name of its file: what makes the sections of a page."""


def main(folder: Path) -> None:
    """Write each page in the folder anew; what is written by hand in it stays."""
    for name, sections in PAGES.items():
        page = folder / name
        page.write_text(written_anew(page.read_text(encoding="utf-8"), sections()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
