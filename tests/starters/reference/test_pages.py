"""Pages of the reference say what the code says, and keep what somebody has written beside it."""

from pathlib import Path

import pytest

from starters.reference.__main__ import PAGES, main
from starters.reference.pages import BEGIN, BY_HAND, END, Section, table, written_anew

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
PAGE = f"# Page\n\n{BEGIN}\n## One\n\nold\n\n{BY_HAND}\nkept\n\n    # a line of a shell\n\n{END}\nAnd more.\n"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str, tmp_path: Path) -> None:
    """Written anew by `python -m starters.reference docs/reference`."""
    for page in PAGES:
        (tmp_path / page).write_text((REFERENCE / page).read_text())
    main(tmp_path)
    assert (tmp_path / name).read_text() == (REFERENCE / name).read_text()


@pytest.mark.parametrize("name", PAGES)
def test_what_is_new_in_the_code_changes_its_page(name: str) -> None:
    """So that the page that is committed is not the one that is made."""
    new = Section("### brand-new", "It does something that nothing else does.")
    assert new.facts in written_anew((REFERENCE / name).read_text(), [*PAGES[name](), new])


def test_what_is_written_by_hand_stays_with_its_heading() -> None:
    """Whatever comes before it, and whatever is generated above it."""
    written = written_anew(PAGE, [Section("## None", "first"), Section("## One", "new")])
    assert written == PAGE.replace("## One\n\nold", "## None\n\nfirst\n\n## One\n\nnew")


def test_no_text_is_lost_with_its_section() -> None:
    """Whoever takes a command away says what becomes of what was written about it."""
    with pytest.raises(ValueError, match="under ## One"):
        written_anew(PAGE, [Section("## Other", "new")])


def test_a_page_says_where_it_is_generated() -> None:
    """One that lost the line would otherwise lose everything."""
    with pytest.raises(ValueError, match="no part to generate"):
        written_anew("# Page\n", [])


def test_a_cell_does_not_end_at_a_bar() -> None:
    """Neither in words nor in code, where nothing but the bar is to be seen."""
    row = "| x&#124;y `b` | <code>--cap N&#124;unlimited</code> |"
    assert table("a | b", [("x|y `b`", "`--cap N|unlimited`")]) == f"\n| a | b |\n|---|---|\n{row}\n"
