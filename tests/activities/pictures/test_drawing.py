"""Pictures as they are drawn: SVG whose text is text, PNG, light and dark, by a process of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from activities.pictures import drawing
from activities.pictures.drawing import NoPicture, draw, draw_all
from activities.pictures.themes import LOOKS, Theme
from domain.reports.asking import ReportAsked
from domain.reports.compliance import Outcome
from domain.reports.kinds.compliance import compliance_report
from domain.reports.picture import Bar, Panel, Part, Picture, Tone
from domain.reports.picturing import picture_of
from domain.reports.result import Days, ReportKind
from domain.reports.tally import Tally

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '</text><script>alert("&")</script>'
MONTHS = [f"2026-{month:02}" for month in range(1, 7)]


def bar(label: str, met: int, violated: int, *, facet: str = "", is_all: bool = False) -> Bar:
    whole = met + violated
    if not whole:
        return Bar(label=label, facet=facet)
    counts = {Tone.MET: met, Tone.VIOLATED: violated}
    parts = [Part(tone=tone, name=tone.value, value=100 * count / whole) for tone, count in counts.items() if count]
    figure = f"{100 * met / whole:.0f}%"
    return Bar(label=label, facet=facet, parts=parts, figure=figure, of=f"of {whole}", is_all=is_all)


PICTURE = Picture(
    title="92% in time, worst: Globex 71%",
    subtitle=f"Compliance of {EVIL}",
    panels=[
        Panel(
            heading="By account",
            axis="in time",
            is_share=True,
            bars=[
                bar("Acme", 9, 1),
                bar(EVIL, 5, 2),
                bar("שלום", 0, 3),
                bar("nobody", 0, 0),
                bar("all", 14, 6, is_all=True),
            ],
        ),
        Panel(
            axis="in time",
            is_share=True,
            is_trend=True,
            bars=[bar(month, 4, 1 if month != "2026-03" else -4) for month in MONTHS],
        ),
    ],
    notes=["In time: met, of those that were met or missed."],
    description=f"Acme: 90% of 10. {EVIL}: 71% of 7.",
)


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, Theme], bytes]:
    """The picture in every form, from one process."""
    wanted = [(form, theme) for form in ("svg", "png") for theme in Theme]
    return dict(zip(wanted, draw(PICTURE, wanted), strict=True))  # type: ignore[arg-type]  # the two forms there are


def texts(svg: bytes) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  our own


@pytest.mark.parametrize("theme", Theme)
def test_an_svg_has_its_text_as_text(drawn: dict[tuple[str, Theme], bytes], theme: Theme) -> None:
    """Names from outside too, whatever they look like; nothing of them becomes a part of the picture."""
    svg = drawn["svg", theme]
    said = texts(svg)
    assert PICTURE.title in said
    assert {"Acme", EVIL, "שלום", "nobody", "all", "90% of 10", "71% of 7", "0% of 3", "of 5"} <= set(said)
    assert [month for month in MONTHS if month in said] == MONTHS
    root = ET.fromstring(svg)  # noqa: S314  our own
    assert not [element for element in root.iter() if "script" in element.tag]
    assert not [element for element in root.iter() if "style" in element.attrib or "onload" in element.attrib]


def test_it_is_described_for_who_cannot_see_it(drawn: dict[tuple[str, Theme], bytes]) -> None:
    root = ET.fromstring(drawn["svg", Theme.LIGHT])  # noqa: S314  our own
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", PICTURE.title)
    assert (root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")) == (PICTURE.title, PICTURE.description)


def test_bars_are_as_long_as_their_shares(drawn: dict[tuple[str, Theme], bytes]) -> None:
    """On one scale from nought: the bar of each outcome is drawn in its colour, and no other is."""
    colours = LOOKS[Theme.LIGHT].tones
    root = ET.fromstring(drawn["svg", Theme.LIGHT])  # noqa: S314  our own
    widths: dict[str, list[float]] = {}
    for path in root.iter(f"{SVG}path"):
        if path.attrib.get("aria-roledescription") == "bar" and path.attrib["d"].startswith("M0,") is not None:
            width = float(path.attrib["d"].partition("h")[2].partition("v")[0])
            widths.setdefault(path.attrib["fill"], []).append(width)
    assert set(widths) == {colours[Tone.MET], colours[Tone.VIOLATED]}
    whole = widths[colours[Tone.VIOLATED]][2]  # all of three
    assert widths[colours[Tone.MET]][0] == pytest.approx(0.9 * whole, abs=0.5)
    assert widths[colours[Tone.MET]][1] == pytest.approx(5 / 7 * whole, abs=0.5)


def test_light_and_dark_differ_in_colours_alone(drawn: dict[tuple[str, Theme], bytes]) -> None:
    light, dark = drawn["svg", Theme.LIGHT], drawn["svg", Theme.DARK]
    assert texts(light) == texts(dark)
    assert LOOKS[Theme.DARK].ground.encode() in dark
    assert LOOKS[Theme.LIGHT].ground.encode() not in dark
    assert LOOKS[Theme.LIGHT].tones[Tone.MET].encode() not in dark


@pytest.mark.parametrize("theme", Theme)
def test_a_png_is_one(drawn: dict[tuple[str, Theme], bytes], theme: Theme) -> None:
    """Twice as fine as the SVG."""
    png = drawn["png", theme]
    assert png.startswith(b"\x89PNG\r\n")
    width = int.from_bytes(png[16:20], "big")
    root = ET.fromstring(drawn["svg", theme])  # noqa: S314  our own
    assert width == pytest.approx(2 * float(root.attrib["width"]), abs=2)


def compliance(by: tuple[str, ...], counts: Mapping[tuple[str, ...], dict[Outcome, int]]) -> Picture:
    """The picture of compliance in the first quarter."""
    tallies = {group: Tally() for group in counts}
    for group, outcomes in counts.items():
        tallies[group].outcomes = Counter(outcomes)
    days = Days(date(2026, 1, 1), date(2026, 3, 31), UTC)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    return picture_of(compliance_report(ReportAsked(ReportKind.COMPLIANCE, days, now, by=by), tallies))


VIOLATED: dict[tuple[str, ...], dict[Outcome, int]] = {
    (name, month): {Outcome.VIOLATED: 3} for name in ("Acme", "Globex") for month in ("2026-01", "2026-03")
}
SETS = {
    "one group": compliance(("milestone",), {("First response",): {Outcome.MET: 9, Outcome.MET_LATE: 1}}),
    "forty groups": compliance(
        ("account",),
        {
            (f"Account {number:02} of a customer with a long name",): {
                Outcome.MET: number,
                Outcome.MET_LATE: number % 3,
                Outcome.VIOLATED: 40 - number,
                Outcome.OPEN: number % 2,
            }
            for number in range(1, 41)
        },
    ),
    "no data": compliance(("account",), {}),
    "all violated": compliance(("account",), {(name,): {Outcome.VIOLATED: 14} for name in ("Acme", "Globex")}),
    "all violated by month": compliance(("account", "month"), VIOLATED),
}
"""Reports as there may be, and one of each that there is least or most to draw of."""


@pytest.fixture(scope="module")
def drawn_sets() -> dict[tuple[str, str, Theme], bytes]:
    """All of them in every form, from one process."""
    wanted: list[Any] = [(form, theme) for form in ("svg", "png") for theme in Theme]
    drawn = draw_all(list(SETS.values()), wanted)
    return {
        (name, *which): one
        for name, each in zip(SETS, drawn, strict=True)
        for which, one in zip(wanted, each, strict=True)
    }


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("name", SETS)
def test_every_set_of_data_is_drawn_as_svg(
    drawn_sets: dict[tuple[str, str, Theme], bytes], name: str, theme: Theme
) -> None:
    """Well formed, on the ground of its theme, with each name and each figure as text; and in PNG twice as large."""
    picture, svg, png = SETS[name], drawn_sets[name, "svg", theme], drawn_sets[name, "png", theme]
    root = ET.fromstring(svg)  # noqa: S314  our own
    said = texts(svg)
    assert LOOKS[theme].ground.encode() in svg
    bars = [bar for panel in picture.panels for bar in panel.bars]
    assert " ".join(picture.title.split()) in " ".join(" ".join(said).split())
    for bar in bars if not picture.is_empty else []:
        assert not bar.figure or any(line.startswith(bar.figure) for line in said)
        assert any((line.endswith("…") and bar.label.startswith(line[:-1])) or line == bar.label for line in said), (
            bar.label
        )
        assert not bar.facet or bar.facet in said
    assert ("There is nothing to draw: no figure lies in these days." in said) == picture.is_empty
    assert png.startswith(b"\x89PNG\r\n")
    size = [int.from_bytes(png[begin : begin + 4], "big") for begin in (16, 20)]
    assert size == [pytest.approx(2 * float(root.attrib[of]), abs=2) for of in ("width", "height")]


def test_a_narrow_picture_has_its_whole_title() -> None:
    """Over two columns it goes on in the next line; beyond what is drawn on it would be cut off."""
    axis = Panel(axis="in time", is_share=True, is_trend=True, bars=[bar(month, 4, 1) for month in MONTHS[:2]])
    subtitle = "Milestone compliance of Acme Corporation by month, 2026-01-01 to 2026-02-28; priority High"
    narrow = Picture(title=PICTURE.title, subtitle=subtitle, panels=[axis], description="")
    [svg] = draw(narrow, [("svg", Theme.LIGHT)])
    root = ET.fromstring(svg)  # noqa: S314  our own
    lines = ["".join(line.itertext()) for line in root.iter(f"{SVG}tspan")] or texts(svg)
    widest = max(lines, key=len)
    assert " ".join(lines).count("Acme Corporation") == 1
    assert len(widest) * 6.5 < float(root.attrib["width"]), "letters of 13 pixels are 6 wide, or some more"


def test_nothing_to_draw_is_said() -> None:
    nothing = PICTURE.model_copy(update={"panels": [Panel(axis="in time", bars=[])]})
    [svg] = draw(nothing, [("svg", Theme.LIGHT)])
    assert "There is nothing to draw: no figure lies in these days." in texts(svg)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_NEEDS", ("no_such_module_here",))
    with pytest.raises(NoPicture, match=r"pip install '\.\[reports\]'"):
        draw(PICTURE, [("svg", Theme.LIGHT)])


def test_what_can_not_be_drawn_is_said_without_a_traceback() -> None:
    with pytest.raises(NoPicture, match="could not be drawn: ValueError"):
        draw(PICTURE, [("svg", "sepia")])  # type: ignore[list-item]  # no theme
