"""Writes what a page's commands print into the page, where it says something else.

    python -m tests.docs.writing docs/tutorial.md

Instants close to now become ``...``; what else varies is left to whoever writes. Look at what it changed: a page is
held to what it says, and this is the way around it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from tests.docs.comparing import ELLIPSIS, OF_ITS_OWN
from tests.docs.gallery import GALLERY, SAMPLES, parts
from tests.docs.reader import Reader, a_reader
from tests.docs.worlds import namespaces, world


def written(page: str, reader: Reader) -> str:
    """The page, or a part of one, with what its commands print."""
    reader.patience = 3.0
    for command, differs in reader.does(page):
        if command.output is None or not differs.printed:
            print(differs, file=sys.stderr)  # noqa: T201  what the page does not allow for
            continue
        lines = "".join(f"{line.rstrip()}\n" for line in differs.printed.strip("\n").splitlines())
        page = page.replace(f"$ {command.typed}\n{command.output}", f"$ {command.typed}\n{_timeless(lines)}", 1)
    return page


async def gallery_written(page: str, folder: Path) -> str:
    """The gallery with what the commands of each sample print in a world of its own."""
    found = []
    logging.getLogger().addHandler(logging.NullHandler())  # workers of this process are none of the commands
    async with namespaces(SAMPLES) as made:
        for number, (sample, part) in enumerate(parts(page)):
            if sample is None:
                found.append(part)
                continue
            (own := folder / str(number)).mkdir()
            async with world(await made.of_its_own(sample), own) as reader:
                found.append(await asyncio.to_thread(written, part, reader))
    return "".join(found)


def _timeless(text: str) -> str:
    now = datetime.now().astimezone().date()
    for day in (now + timedelta(days=days) for days in range(-OF_ITS_OWN.days, OF_ITS_OWN.days + 1)):
        instant = rf"(?:\w{{3}} )?{day}[ T]\d\d:\d\d(?::\d\d)?Z?"
        text = re.sub(
            rf"{instant}([^\s]* ?\w*)(?=  )", lambda found: f"{ELLIPSIS}{found[1]}".ljust(len(found[0])), text
        )
        text = re.sub(instant, ELLIPSIS, text)
    return text


if __name__ == "__main__":
    for name in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as made:
            text = name.read_text()
            if name.resolve() == GALLERY:
                name.write_text(asyncio.run(gallery_written(text, Path(made))))
            else:
                name.write_text(written(text, a_reader(Path(made))))
