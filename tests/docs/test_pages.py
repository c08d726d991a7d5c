"""The documentation as files: what it links to is there, what there is to be read is named. No builder is needed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from starters.cli.app import loaded
from starters.cli.listed import PANELS, Listed
from tests.docs.reading import DOCS, PAGES, ROOT, anchors, links, prose, without_fenced

SITE = (ROOT / "mkdocs.yml").read_text()
OF_THE_ROOT = {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "THIRD-PARTY.md"}
COMMANDS = [listed for commands in PANELS.values() for listed in commands]
REFERENCE = (DOCS / "reference" / "commands.md").read_text()


def wrong(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links(page.read_text()):
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        if not there.is_file() or not there.is_relative_to(ROOT):
            found.append(f"{link}: there is no such file")
        elif anchor and anchor not in anchors(there.read_text()):
            found.append(f"{link}: {there.name} has no such heading")
    return found


def prompts_in_indented_blocks(text: str) -> list[str]:
    """What a page has typed at a prompt in blocks that are told by their indentation alone."""
    return re.findall(r"^ {4,}(\$ .+)$", without_fenced(text), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the project, and to a heading of it."""
    assert wrong(page) == []


@pytest.mark.parametrize("link", ["nowhere.md", "#nowhere", "glossary.md#nowhere", "../../outside.md"])
def test_a_broken_link_is_found(tmp_path: Path, link: str) -> None:
    """The check itself fails where it should; code is no link."""
    page = tmp_path / "page.md"
    (tmp_path / "glossary.md").write_text("# Glossary\n")
    page.write_text(f"# A page\n\n[a link]({link}), `[no](link.md)`\n\n    [no](link.md)\n")
    assert len(wrong(page)) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_heading_stands_once(page: Path) -> None:
    """Of two headings with the same words a link would find the first one only."""
    assert [anchor for anchor, times in Counter(anchors(page.read_text())).items() if times > 1] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_list_stands_apart(page: Path) -> None:
    """Without an empty line before it the site takes a list for a part of the paragraph."""
    parts = re.split(r"\n\n|^#.*\n", prose(page.read_text()), flags=re.MULTILINE)
    paragraphs = [part for part in parts if not re.match(r"\s*(- |\d+\. )", part)]
    assert [part for part in paragraphs if re.search(r"^- ", part, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_shows_a_prompt_is_run(page: Path) -> None:
    """A transcript is a block ```` ```console ````; what is wrong in an indented one nobody would notice."""
    assert prompts_in_indented_blocks(page.read_text()) == []


def test_a_prompt_in_an_indented_block_is_found() -> None:
    """The check itself fails where it should, also within a list."""
    page = "# A page\n\n```console\n$ milepost one\n    $ 1\n```\n\n    $ milepost two\n    2\n\n- a\n\n      $ ls\n"
    assert prompts_in_indented_blocks(page) == ["$ milepost two", "$ ls"]


def test_the_site_has_every_page_once() -> None:
    """A page that nobody put in its place would not be found."""
    named = re.findall(r"^ +- (?:[^:\n]+: )?([\w./-]+\.md)$", SITE, re.MULTILINE)
    there = [str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)]
    assert sorted(named) == sorted([*there, *OF_THE_ROOT])


def test_code_names_pages_that_are_there() -> None:
    """What a comment, a message or a catalog refers its reader to."""
    files = [path for kind in ("*.py", "*.yaml") for path in ROOT.rglob(kind) if ".venv" not in str(path)]
    named = {name for path in files for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}
    assert len(named) > 5
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


@pytest.mark.parametrize("listed", COMMANDS, ids=lambda listed: listed.name)
def test_every_command_is_in_the_reference(listed: Listed) -> None:
    """Each as something that is typed, and each of a group's commands on some page."""
    assert re.search(rf"`(?:milepost )?{listed.name}\b|^    milepost {listed.name}\b", REFERENCE, re.MULTILINE)
    command: Any = loaded(listed)
    everything = "\n".join(page.read_text() for page in PAGES)
    missing = [one for one in getattr(command, "commands", {}) if f"{listed.name} {one}" not in everything]
    assert missing == []
