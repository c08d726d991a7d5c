"""Files that a command writes: whether it can, before anything is done for them."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def check_output(file: Path, param_hint: str) -> None:
    """Refuse a file that could not be written.

    Raises:
        BadParameter: its folder is not there, it is a folder itself, or it may not be written.
    """
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}", param_hint=param_hint)
    if file.is_dir():
        raise typer.BadParameter(f"{file} is a folder; name a file", param_hint=param_hint)
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise typer.BadParameter(f"{file} may not be written", param_hint=param_hint)
