"""Names that somebody made up to do harm, or that are merely long or of another script, in every form of a report."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from activities.pictures.drawing import draw_all
from activities.pictures.themes import Theme
from activities.reports.page import page
from activities.reports.plain import as_text
from activities.reports.written import as_csv, as_json
from domain.reports.asking import ReportAsked
from domain.reports.compliance import Outcome
from domain.reports.kinds.compliance import compliance_report
from domain.reports.picture import Bar, Panel, Part, Picture, Tone
from domain.reports.picturing import picture_of
from domain.reports.result import Days, Report, ReportKind
from domain.reports.tally import Tally
from starters.terminal.reports import report_shown

HTML = '</td><script>alert(1)</script><img src=x onerror="alert(2)">'
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", " =1+1", "＝1+1")
LONG = "x" * 10_000
HEBREW = "שירות לקוחות (דחוף)"
OVERRIDE = "invoice\u202efdp.exe"
ESCAPES = "\x1b[31mred\x1b[0m\x07\x1b]0;title\x07"
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def report(*names: str) -> Report:
    """Compliance by a field of which each of these is a value, one late and one in time."""
    tallies: dict[tuple[str, ...], Tally] = {}
    for name in names:
        tallies[name,] = Tally()
        tallies[name,].outcomes.update({Outcome.MET: 1, Outcome.MET_LATE: 1})
    asked = ReportAsked(ReportKind.COMPLIANCE, Days(None, None, UTC), NOW, by=("team",), fields={"team": names[0]})
    return compliance_report(asked, tallies)


def shown(*names: str) -> str:
    """The report in a terminal."""
    written = io.StringIO()
    Console(file=written, width=120, force_terminal=False).print(report_shown(report(*names)))
    return written.getvalue()


def test_html_in_a_name_is_text_on_the_page() -> None:
    """No element and no attribute comes of it, neither in a cell nor in the finding or the filters."""
    found = page([report(HTML, "other")])
    assert "<script" not in found
    assert "<img" not in found
    assert found.count("&lt;/td&gt;&lt;script&gt;") >= 2
    assert HTML in json.loads(as_json(report(HTML)))["rows"][0].values()


def test_a_page_runs_and_loads_nothing() -> None:
    """It stands alone: no script, no link, no address."""
    found = page([report("a", "b")])
    for part in ("<script", "<link", "http:", "https:", "url(", "src=", "href=", "@import"):
        assert part not in found


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_in_a_name_is_text_to_a_spreadsheet(name: str) -> None:
    """It has an apostrophe before it, and the rest of it stays; JSON has it as it is."""
    rows = list(csv.reader(io.StringIO(as_csv(report(name)), newline="")))
    assert rows[1][0] == f"'{name}"
    assert json.loads(as_json(report(name)))["rows"][0]["team"] == name


def test_a_negative_number_is_no_formula() -> None:
    """Figures stay figures."""
    rows = list(csv.reader(io.StringIO(as_csv(report("a")))))
    assert rows[1] == ["a", "2", "1", "1", "0", "0", "0", "50.0"]


def test_a_quote_or_a_line_in_a_name_stays_in_its_cell() -> None:
    name = 'a "quoted", name\nof two lines'
    rows = list(csv.reader(io.StringIO(as_csv(report(name, "b")), newline="")))
    assert [row[0] for row in rows] == ["team", name, "b"] or [row[0] for row in rows] == ["team", "b", name]
    assert len(shown(name).splitlines()) == len(shown("a").splitlines())


def test_a_very_long_name_is_cut_for_people_and_whole_for_programs() -> None:
    """Ten thousand letters: a table and a page have their beginning, CSV and JSON have all."""
    assert LONG in as_csv(report(LONG))
    assert LONG in as_json(report(LONG))
    assert "x" * 200 not in page([report(LONG)])
    assert "…" in page([report(LONG)])
    assert max(map(len, shown(LONG, "b").splitlines())) <= 120


def test_right_to_left_text_stands_alone() -> None:
    """On the page each name is isolated, so that it does not turn the figures beside it; programs get it as it is."""
    found = page([report(HEBREW, "b")])
    assert f"<bdi>{HEBREW}</bdi>" in found
    assert HEBREW in as_csv(report(HEBREW))
    assert HEBREW in shown(HEBREW, "b")


def test_what_turns_the_direction_or_drives_a_terminal_is_not_shown() -> None:
    """An override of the direction, escapes and bells become spaces for people."""
    for text in (page([report(OVERRIDE, "b")]), shown(OVERRIDE, "b")):
        assert "\u202e" not in text
    for text in (page([report(ESCAPES, "b")]), shown(ESCAPES, "b")):
        assert "\x1b" not in text
        assert "\x07" not in text


def worst(name: str) -> Report:
    """A report whose finding names that one: it is the worst."""
    tallies: dict[tuple[str, ...], Tally] = {(name,): Tally(), ("other",): Tally()}
    tallies[name,].outcomes[Outcome.VIOLATED] += 1
    tallies["other",].outcomes[Outcome.MET] += 1
    asked = ReportAsked(ReportKind.COMPLIANCE, Days(None, None, UTC), NOW, by=("team",))
    return compliance_report(asked, tallies)


SVG = "{http://www.w3.org/2000/svg}"
UNSEEN = ("\x1b", "\x07", "\x00", "\u202e")
HARMFUL = (ESCAPES, OVERRIDE, LONG, "a\x00b")


@pytest.mark.parametrize("name", HARMFUL, ids=["escapes", "override", "long", "nul"])
def test_a_finding_names_what_can_be_seen(name: str) -> None:
    """In the terminal, at the head of the page and at that of a mail: cut, and nothing that acts on any of them."""
    written = io.StringIO()
    Console(file=written, width=120, force_terminal=False).print(report_shown(worst(name)))
    for text in (written.getvalue(), page([worst(name)]), as_text(worst(name))):
        assert "worst: " in text
        assert not [letter for letter in UNSEEN if letter in text]
        assert "x" * 200 not in text


def test_a_picture_of_any_names_is_well_formed() -> None:
    """XML holds no control character, however it is written: neither in what is drawn nor in what is said of it."""
    pictures = [picture_of(worst(name)) for name in HARMFUL]
    raw = Bar(label=ESCAPES, parts=[Part(tone=Tone.PLAIN, name="a\x00b", value=1)], figure="1\x1b", of="\ufffe")
    said = {"title": ESCAPES, "subtitle": "a\x00b", "description": OVERRIDE + ESCAPES}
    pictures.append(Picture(**said, panels=[Panel(heading="\x07", axis="\x0c", bars=[raw])], notes=["\x01"]))
    for picture, [svg] in zip(pictures, draw_all(pictures, [("svg", Theme.LIGHT)]), strict=True):
        root = ET.fromstring(svg)  # noqa: S314  our own
        for text in (root.attrib["aria-label"], root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")):
            assert text
            assert text.isprintable()
        assert picture.panels[0].bars[0].figure[0] in "01", "it is drawn"
