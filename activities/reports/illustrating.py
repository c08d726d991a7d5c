"""Reports with their pictures, as a page has them: light or dark, as whoever looks at it likes."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence

from markupsafe import Markup

from activities.pictures.drawing import NoPicture, can_draw, draw_all
from activities.pictures.themes import Theme
from activities.reports.page import page
from domain.reports.picture import Picture
from domain.reports.picturing import picture_of
from domain.reports.result import Report

_LOG = logging.getLogger(__name__)


def illustrated_page(reports: Sequence[Report], *, title: str | None = None) -> str:
    """Some reports as one page, each with its picture if it has one; without any where nothing here can draw."""
    return page(reports, title=title, pictures=pictures_of(reports))


def pictures_of(reports: Sequence[Report]) -> list[Markup | None]:
    """The picture of each report, ready to be put into a page; None: it has none."""
    pictures = [picture_of(report) for report in reports]
    shown = [picture for picture in pictures if not picture.is_empty]
    if not shown or not can_draw():
        return [None] * len(reports)
    try:
        drawn = draw_all(shown, [("svg", Theme.LIGHT), ("svg", Theme.DARK)])
    except NoPicture as error:  # the numbers are on the page all the same
        _LOG.warning("a page goes without its pictures: %s", error)
        return [None] * len(reports)
    ready = iter(_element(picture, *both) for picture, both in zip(shown, drawn, strict=True))
    return [None if picture.is_empty else next(ready) for picture in pictures]


def _element(picture: Picture, light: bytes, dark: bytes) -> Markup:
    template = Markup(
        '<picture><source media="(prefers-color-scheme: dark)" srcset="{}"><img src="{}" alt="{}"></picture>'
    )
    return template.format(_address(dark), _address(light), picture.description)


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
