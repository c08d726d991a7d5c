"""Every command of these pages is run from an empty folder, in its order, and prints what the page says."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.docs.blocks import Command, File, steps
from tests.docs.comparing import MOST_LEFT_OUT, Differs, left_out
from tests.docs.gallery import GALLERY
from tests.docs.reader import a_reader
from tests.docs.reading import PAGES, ROOT

RUN = [
    "README.md",
    "docs/guide/actions.md",
    "docs/guide/api.md",
    "docs/guide/backup.md",
    "docs/guide/catalog.md",
    "docs/guide/clients.md",
    "docs/guide/coverage.md",
    "docs/guide/customer-page.md",
    "docs/guide/feed.md",
    "docs/guide/import.md",
    "docs/guide/intake.md",
    "docs/guide/operations.md",
    "docs/guide/patterns.md",
    "docs/guide/reports.md",
    "docs/guide/scheduled-reports.md",
    "docs/guide/troubleshooting.md",
    "docs/guide/upgrades.md",
    "docs/guide/versions.md",
    "docs/guide/zammad.md",
    "docs/guide/zendesk.md",
    "docs/reference/backtest.md",
    "docs/reference/commands.md",
    "docs/reference/logs.md",
    "docs/tutorial.md",
]
"""Pages whose commands are run."""

LONG = {
    "docs/guide/actions.md",
    "docs/guide/catalog.md",
    "docs/guide/clients.md",
    "docs/guide/coverage.md",
    "docs/guide/customer-page.md",
    "docs/guide/feed.md",
    "docs/guide/patterns.md",
    "docs/guide/scheduled-reports.md",
    "docs/guide/zammad.md",
    "docs/guide/zendesk.md",
}
"""Those that start `milepost dev` again and again, or for what other tests hold as well: `make pages` runs them."""


@pytest.mark.parametrize(
    "name", [page for page in RUN if page not in LONG or os.environ.get("MILEPOST_PAGES") == "all"]
)
def test_a_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    """Its output is what the page has; at most a tenth of it is left out, and of that nothing that counts."""
    reader, page = a_reader(tmp_path), (ROOT / name).read_text()
    assert list(steps(page))
    for _, differs in reader.does(page):
        raise differs
    assert reader.omitted <= MOST_LEFT_OUT * reader.printed


def test_pages_with_consoles_are_run() -> None:
    """A page that shows what is printed is held to it: here, or the gallery sample by sample."""
    shown = {str(page.relative_to(ROOT)) for page in PAGES if "\n```console\n" in page.read_text() and page != GALLERY}
    assert sorted(shown - set(RUN)) == []


NOW = datetime.now(UTC)

PAGE = """
```yaml title="a.yaml"
a: 1
```

```console
$ milepost first \\
    --long
one
two ...

$ milepost second
```

```sh
milepost third    # why
```
"""


def test_a_page_is_read_as_its_reader_does() -> None:
    assert list(steps(PAGE)) == [
        File("a.yaml", "a: 1\n"),
        Command("milepost first \\\n    --long", "one\ntwo ...\n\n"),
        Command("milepost second", ""),
        Command("milepost third", None),
    ]
    assert Command("milepost first \\\n    --long", None).line == "milepost first --long"


@pytest.mark.parametrize(
    ("said", "printed", "omitted"),
    [
        ("\n", "", []),
        ("one\ntwo\n", "one  \ntwo\n\n", []),
        ("(noticed ...).\n", "(noticed a\n  b).\n", ["a\n  b"]),
        ("a ... z\n", "a bc z\n", ["bc"]),
        ("a\n...\nz\n", "a\nb\nc\nz\n", ["b\nc\n"]),
        ("a\n...\nz\n", "a\nz\n", []),
        ("a  ...    z\n", "a  bcdef  z\n", ["bcdef"]),
        ("a  ...    z\n", f"a  {NOW:%Y-%m-%d %H:%M}  z\n", [f"{NOW:%Y-%m-%d %H:%M}"]),
        ("until ...; then\n", f"until {NOW:%Y-%m-%d %H:%M}Z; then\n", [f"{NOW:%Y-%m-%d %H:%M}Z"]),
        ("at ...\n", f"at {NOW:%Y-%m-%dT%H:%M}:59.5Z\n", [f"{NOW:%Y-%m-%dT%H:%M}:59.5Z"]),
        ("as of ...\n", f"as of {NOW:%Y-%m-%d} 19:19:16 (18:19:16Z)\n", [f"{NOW:%Y-%m-%d} 19:19:16 (18:19:16Z)"]),
        ("as of ...\n", f"as of {NOW:%Y-%m-%d} 19:19\n  (18:19Z)\n", [f"{NOW:%Y-%m-%d} 19:19\n  (18:19Z)"]),
        ("as of ...\n", f"as of {NOW:%Y-%m-%d} 00:19 (Mon\n  23:19Z)\n", [f"{NOW:%Y-%m-%d} 00:19 (Mon\n  23:19Z)"]),
        ("... later\n", "3h12m later\n", ["3h12m"]),
        ("took ...\n", "took 0:00:02\n", ["0:00:02"]),
    ],
)
def test_what_a_page_leaves_out(said: str, printed: str, omitted: list[str]) -> None:
    assert left_out(said, printed) == omitted


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("one\n", "two\n"),
        ("one\n", "one\ntwo\n"),
        ("a ... z\n", "a  z\n"),
        ("a  ...    z\n", "a  b z\n"),
        ("a    z\n", "a  z\n"),
        ("Resolution: ...\n", "Resolution: violated\n"),
        ("on ...\n", "on Mon 2026-06-15 09:00\n"),
        ("on Mon 2026-06-15 ...\n", "on Mon 2026-06-15 09:00\n"),
        ("until ... UTC\n", "until 09:00 UTC\n"),
        ("9:00  started\n...\n", "9:00  started\n14:05  ended\n"),
        ("a line\n...\n", "a line\nit is overdue\n"),
    ],
)
def test_a_page_is_held_to_the_rest(said: str, printed: str) -> None:
    """Neither a verdict nor an instant may be left out, nor a time whose day is told elsewhere."""
    with pytest.raises(Differs):
        left_out(said, printed)
