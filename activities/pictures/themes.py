"""How pictures look, by light and by dark: colours by their meaning, one font, and no more lines than are needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.reports.picture import Tone

FONT = "system-ui, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif"


class Theme(StrEnum):
    """By which light a picture is looked at."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a theme.

    Attributes:
        faint: of lines that only guide.
        quiet: of text that explains.
    """

    ground: str
    text: str
    quiet: str
    faint: str
    tones: dict[Tone, str]


LOOKS = {
    Theme.LIGHT: Look(
        ground="#ffffff",
        text="#1f2328",
        quiet="#59626b",
        faint="#dfe3e6",
        tones={
            Tone.MET: "#0b8a66",
            Tone.MET_LATE: "#f0c419",
            Tone.VIOLATED: "#c0392b",
            Tone.OPEN: "#8ec9ee",
            Tone.REMOVED: "#bdbdbd",
            Tone.HANDED_OVER: "#3b6fb6",
            Tone.HANDED_OVER_LATE: "#7a3e9d",
            Tone.PLAIN: "#3b6fb6",
            Tone.OVER: "#c0392b",
        },
    ),
    Theme.DARK: Look(
        ground="#16191d",
        text="#e6e8ea",
        quiet="#a5adb5",
        faint="#363c43",
        tones={
            Tone.MET: "#2fb98f",
            Tone.MET_LATE: "#f5d65c",
            Tone.VIOLATED: "#ea6a5c",
            Tone.OPEN: "#4f8fb8",
            Tone.REMOVED: "#6f767d",
            Tone.HANDED_OVER: "#7aa5e0",
            Tone.HANDED_OVER_LATE: "#b98ad6",
            Tone.PLAIN: "#7aa5e0",
            Tone.OVER: "#ea6a5c",
        },
    ),
}


def config(theme: Theme) -> dict[str, Any]:
    """What Vega-Lite is told of a theme."""
    look = LOOKS[theme]
    labels = {"labelColor": look.quiet, "titleColor": look.quiet, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "background": look.ground,
        "font": FONT,
        "padding": 20,
        "view": {"stroke": None},
        "axis": {**labels, "titleFontWeight": "normal", "domain": False, "ticks": False, "gridColor": look.faint},
        "title": {
            "anchor": "start",
            "color": look.text,
            "subtitleColor": look.quiet,
            "fontSize": 18,
            "subtitleFontSize": 13,
            "subtitlePadding": 6,
            "offset": 14,
            "frame": "bounds",
        },
        "legend": {**labels, "orient": "top", "title": None, "labelColor": look.text, "symbolType": "square"},
        "bar": {"color": look.tones[Tone.PLAIN]},
        "text": {"color": look.text, "fontSize": 12},
    }
