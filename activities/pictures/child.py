"""The drawing process: takes pictures on its standard input, and gives their drawings on its standard output.

It is a process of its own because drawing takes a JavaScript engine and some 140 MB, which are gone when it ends.
Asked is ``{"pictures": [...], "wanted": [["svg", "light"], ...]}``; the answer is a list of drawings, in base64,
for each picture.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import vl_convert

from activities.pictures.charts import chart
from activities.pictures.themes import Theme
from domain.bounds import visible
from domain.reports.picture import Picture

SCALE = 2
"""Pixels of a PNG for each of the picture's own: sharp on a screen of today."""


def main() -> None:
    """Draw what is asked for."""
    asked = json.loads(sys.stdin.buffer.read())
    wanted = [(form, Theme(theme)) for form, theme in asked["wanted"]]
    pictures = [Picture.model_validate(_visible(picture)) for picture in asked["pictures"]]
    drawings = [[base64.b64encode(drawn(picture, *each)).decode() for each in wanted] for picture in pictures]
    sys.stdout.write(json.dumps(drawings))


def drawn(picture: Picture, form: str, theme: Theme) -> bytes:
    """One drawing of a picture."""
    made = chart(picture, theme)
    if form == "png":
        png: bytes = vl_convert.vegalite_to_png(made, scale=SCALE)
        return png
    return _described(vl_convert.vegalite_to_svg(made), picture).encode("utf-8", "replace")


def _described(svg: str, picture: Picture) -> str:
    """With what it shows in words, for who can't see it."""
    head, _, rest = svg.partition(">")
    title, description = escape(picture.title), escape(picture.description or picture.subtitle)
    label = quoteattr(picture.title)
    return f'{head} role="img" aria-label={label}><title>{title}</title><desc>{description}</desc>{rest}\n'


def _visible(said: Any) -> Any:
    """What is said of a picture, with a space for what can not be seen: no XML holds it, and what draws fails of it."""
    match said:
        case str():
            return visible(said)
        case list():
            return [_visible(one) for one in said]
        case dict():
            return {name: _visible(one) for name, one in said.items()}
        case _:
            return said


if __name__ == "__main__":
    main()
