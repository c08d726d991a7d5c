"""Files of pictures that a command is asked for: checked before anything is done, and written at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from starters.cli.outputs import check_output

if TYPE_CHECKING:
    from domain.reports.picture import Picture

SUFFIXES = (".svg", ".png")


def check_picture_file(file: Path, param_hint: str) -> None:
    """Refuse a picture that could not be written.

    Raises:
        BadParameter: the file is of another kind, it could not be written, or nothing here can draw.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(
            f"{file} is no picture; name a file that ends with .svg or .png", param_hint=param_hint
        )
    check_output(file, param_hint)
    from activities.pictures.drawing import EXTRA, can_draw

    if not can_draw():
        said = f"pictures are drawn by an extra that is not installed: {EXTRA}"
        raise typer.BadParameter(said, param_hint=param_hint)


def write_picture(file: Path, picture: Picture, *, dark: bool = False) -> None:
    """Draw a picture into a file, as its name says.

    Raises:
        NoPicture: it could not be drawn.
    """
    from activities.pictures.drawing import draw
    from activities.pictures.themes import Theme

    theme = Theme.DARK if dark else Theme.LIGHT
    [drawn] = draw(picture, [("png" if file.suffix.lower() == ".png" else "svg", theme)])
    file.write_bytes(drawn)
