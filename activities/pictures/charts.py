"""Pictures as charts of Vega-Lite. Imported by the drawing process alone: it needs the extra `reports`."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from activities.pictures.themes import LOOKS, Theme, config
from domain.reports.picture import Bar, Panel, Picture, Tone

WIDTH = 900
_BAR_STEP, _TREND_HEIGHT = 26, 150
_WIDEST, _NARROWEST, _ROOM_FOR_BOTH, _ROOM_FOR_FIGURE = 64, 11, 40, 28
"""Pixels for a column of a trend, and how many it takes to be written over."""
_LETTER, _LEAST_LEFT, _MOST_LEFT, _RIGHT = 7, 45, 250, 190
"""Pixels: for a letter, to the left of every scale, and to the right of bars for what is said of them."""
_TITLE_LETTERS, _NOTE_LETTERS, _NOTE_HEIGHT = 80, 130, 18
NOTHING = "There is nothing to draw: no figure lies in these days."


def chart(picture: Picture, theme: Theme) -> dict[str, Any]:
    """The Vega-Lite specification of a picture in a theme."""
    left = _left(picture)
    parts = [_nothing(theme)] if picture.is_empty else list(_charts(picture, theme, left))
    if picture.notes:
        parts.append(_notes(picture.notes, theme, 0 if picture.is_empty else left))
    width = _width(picture, left)
    title = alt.TitleParams(
        text=textwrap.wrap(picture.title, _TITLE_LETTERS * width // WIDTH) or [""],
        subtitle=textwrap.wrap(picture.subtitle, _NOTE_LETTERS * width // WIDTH) or [""],
    )
    whole = alt.vconcat(*parts, spacing=24).properties(title=title).resolve_scale(color="shared")
    made: dict[str, Any] = whole.to_dict(validate=False)
    return made | {"config": config(theme)}


def _left(picture: Picture) -> int:
    """Pixels to the left of every scale: enough for the names of bars, and alike for all panels."""
    longest = max((len(bar.label) for panel in picture.panels if not panel.is_trend for bar in panel.bars), default=0)
    return min(max(longest * _LETTER + 12, _LEAST_LEFT), _MOST_LEFT)


def _width(picture: Picture, left: int) -> int:
    """Pixels that are drawn on: a title that goes on beyond them would be cut off. Few columns take little."""
    if picture.is_empty or picture.notes or not all(panel.is_trend for panel in picture.panels):
        return WIDTH
    columns = [Counter(bar.facet for bar in panel.bars) for panel in picture.panels]
    return max(left + count * _step(count, left) for of_facets in columns for count in of_facets.values())


def _step(columns: int, left: int) -> int:
    """Pixels from column to column of a trend."""
    return max(min((WIDTH - left) // max(columns, 1), _WIDEST), _NARROWEST)


def _charts(picture: Picture, theme: Theme, left: int) -> Iterator[alt.LayerChart]:
    tones = [tone for tone in Tone if any(tone is part.tone for part in _parts(picture))]
    colour = _colour(picture, tones, theme)
    for panel in picture.panels:
        if not panel.is_trend:
            yield _bars(panel, panel.bars, colour, theme, left)
            continue
        for number, facet in enumerate(dict.fromkeys(bar.facet for bar in panel.bars)):
            bars = [bar for bar in panel.bars if bar.facet == facet]
            heading = ": ".join(part for part in (panel.heading, facet) if part)
            said = {"heading": heading} | ({"axis": ""} if number else {})
            yield _trend(panel.model_copy(update=said), bars, colour, theme, left)


def _parts(picture: Picture) -> Iterator[Any]:
    for panel in picture.panels:
        for bar in panel.bars:
            yield from bar.parts


def _colour(picture: Picture, tones: Sequence[Tone], theme: Theme) -> alt.Color:
    """The colour of a part by its tone; what they mean is written above, unless nothing is meant."""
    names = {part.tone: part.name for part in _parts(picture)}
    look = LOOKS[theme]
    scale = alt.Scale(domain=[names[tone] for tone in tones], range=[look.tones[tone] for tone in tones])
    return alt.Color("name:N", scale=scale, legend=None if tones == [Tone.PLAIN] else alt.Legend())


# --- bars that lie, one below the other -------------------------------------------------------------------------------


def _bars(panel: Panel, bars: Sequence[Bar], colour: alt.Color, theme: Theme, left: int) -> alt.LayerChart:
    y = alt.Y("place:O", title=None, axis=_names(bars, left), scale=_places(bars, 0.3))
    x = alt.X("begins:Q", title=None, scale=_scale(panel, bars), axis=_lengths(panel, ticks=4))
    segments = alt.Chart(
        alt.Data(values=list(_segments(bars))), height={"step": _BAR_STEP}, width=WIDTH - left - _RIGHT
    )
    said = alt.Chart(alt.Data(values=list(_sayings(panel, bars))))
    drawn = segments.mark_bar(clip=True).encode(y=y, x=x, x2="ends:Q", color=colour)
    text = said.mark_text(align="left", dx=7).encode(y=y, x=alt.X("at:Q"), text="says:N")
    return alt.layer(drawn, text).properties(title=_heading(panel, theme, offset=8))


def _names(bars: Sequence[Bar], left: int) -> alt.Axis:
    labels, bold = json.dumps([bar.label for bar in bars]), json.dumps([bar.is_all for bar in bars])
    return alt.Axis(
        labelExpr=f"{labels}[datum.value]",
        labelFontWeight={"condition": {"test": f"{bold}[datum.value]", "value": "bold"}, "value": "normal"},
        labelLimit=left - 8,
        labelPadding=8,
        minExtent=left,
        maxExtent=left,
        grid=False,
        labelOverlap=False,
    )


# --- columns that stand, one for each period --------------------------------------------------------------------------


def _trend(panel: Panel, bars: Sequence[Bar], colour: alt.Color, theme: Theme, left: int) -> alt.LayerChart:
    step = _step(len(bars), left)
    x = alt.X("place:O", title=None, axis=_periods(bars, step), scale=_places(bars, 0.2))
    y = alt.Y("begins:Q", title=None, scale=_scale(panel, panel.bars), axis=_lengths(panel, ticks=3, extent=left))
    segments = alt.Chart(alt.Data(values=list(_segments(bars))), width={"step": step}, height=_TREND_HEIGHT)
    layers: list[Any] = [segments.mark_bar(clip=True).encode(x=x, y=y, y2="ends:Q", color=colour)]
    has_both = step >= max(_ROOM_FOR_BOTH, max((len(bar.of) for bar in bars), default=0) * 6)
    if step >= _ROOM_FOR_FIGURE:
        said, quiet = alt.Chart(alt.Data(values=list(_sayings(panel, bars)))), LOOKS[theme].quiet
        place = {"x": x, "y": alt.Y("at:Q")}
        figure = said.mark_text(dy=-20) if has_both else said.mark_text(dy=-7, fontSize=10)
        layers.append(figure.encode(**place, text="figure:N"))
        if has_both:
            layers.append(said.mark_text(dy=-7, fontSize=10, color=quiet).encode(**place, text="of:N"))
    return alt.layer(*layers).properties(title=_heading(panel, theme, offset=30 if has_both else 18))


def _periods(bars: Sequence[Bar], step: int) -> alt.Axis:
    width = max((len(bar.label) for bar in bars), default=0) * _LETTER + 6
    every = -(-width // step)
    labels = json.dumps([bar.label if place % every == 0 else "" for place, bar in enumerate(bars)])
    return alt.Axis(
        labelExpr=f"{labels}[datum.value]",
        labelAngle=0,
        labelLimit=width,
        labelPadding=8,
        grid=False,
        labelOverlap=False,
    )


# --- what both have ---------------------------------------------------------------------------------------------------


def _places(bars: Sequence[Bar], apart: float) -> alt.Scale:
    """A place for each bar, in their order, for empty ones too."""
    return alt.Scale(domain=list(range(len(bars))), paddingInner=apart)


def _scale(panel: Panel, bars: Sequence[Bar]) -> alt.Scale:
    return alt.Scale(domain=[0, _most(panel, bars)], nice=not panel.is_share)


def _lengths(panel: Panel, *, ticks: int, extent: int | None = None) -> alt.Axis:
    named = {} if extent is None else {"minExtent": extent, "maxExtent": extent}
    return alt.Axis(tickCount=ticks, labelExpr="datum.label + '%'" if panel.is_share else alt.Undefined, **named)


def _segments(bars: Sequence[Bar]) -> Iterator[dict[str, Any]]:
    for place, bar in enumerate(bars):
        begins = 0.0
        for part in bar.parts:
            ends = begins + part.value
            yield {"place": place, "begins": begins, "ends": ends, "name": part.name}
            begins = ends


def _sayings(panel: Panel, bars: Sequence[Bar]) -> Iterator[dict[str, Any]]:
    """What is written beside each bar: behind its end, or that of the scale where all are shares of one."""
    for place, bar in enumerate(bars):
        end = 100 if panel.is_share else sum(part.value for part in bar.parts)
        says = f"{bar.figure} {bar.of}".strip()
        yield {"place": place, "at": end, "says": says, "figure": bar.figure, "of": bar.of}


def _most(panel: Panel, bars: Sequence[Bar]) -> float:
    if panel.is_share:
        return 100
    return panel.most or max((sum(part.value for part in bar.parts) for bar in bars), default=0) or 1


# --- what is written --------------------------------------------------------------------------------------------------


def _heading(panel: Panel, theme: Theme, *, offset: int) -> alt.TitleParams:
    look = LOOKS[theme]
    if not panel.heading:
        said, colour = panel.axis, look.quiet
        return alt.TitleParams(said, fontSize=12, fontWeight="normal", color=colour, offset=offset, frame="group")
    return alt.TitleParams(
        text=panel.heading,
        subtitle=panel.axis,
        fontSize=14,
        subtitleFontSize=12,
        subtitlePadding=3,
        color=look.text,
        offset=offset,
        frame="group",
    )


def _nothing(theme: Theme) -> alt.Chart:
    base = alt.Chart(alt.Data(values=[{"said": NOTHING}]), width=WIDTH - 40, height=60)
    return base.mark_text(align="left", x=0, fontSize=14, color=LOOKS[theme].quiet).encode(text="said:N")


def _notes(notes: Sequence[str], theme: Theme, left: int) -> alt.Chart:
    lines = [line for note in notes for line in textwrap.wrap(note, _NOTE_LETTERS)]
    values = [{"line": number, "said": line} for number, line in enumerate(lines)]
    base = alt.Chart(alt.Data(values=values), width=WIDTH - left, height=_NOTE_HEIGHT * len(lines))
    text = base.mark_text(align="left", x=-left, fontSize=11, color=LOOKS[theme].quiet)
    return text.encode(y=alt.Y("line:O", axis=None, sort=None), text="said:N")
