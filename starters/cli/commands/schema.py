"""``schema``: the contract on the wire, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from starters.cli.options import argument


def schema(
    folder: Annotated[Path, argument("FOLDER", "Where they are written; it is made if it is not there.")],
) -> None:
    """Write the JSON Schema of every message of cases and entitlements, of every answer, and of every web hook.

    index.json says which workflow takes which message under which name, and which schema a type of web hook has. A
    client in any language can be made of them, and a receiver.

    Example: milepost schema schemas
    """
    from domain.messages.contract import schema_files

    folder.mkdir(parents=True, exist_ok=True)
    files = schema_files()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    typer.echo(f"{len(files)} files are in {folder}; begin with index.json")
