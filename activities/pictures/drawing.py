"""Drawing a picture, from any process: it starts one that draws, and waits for it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from activities.pictures.themes import Theme
from domain.errors import MilepostError
from domain.reports.picture import Picture

Form = Literal["svg", "png"]

PATIENCE = 120.0
"""Seconds for a picture; it takes two on an idle machine, most of them to begin."""

EXTRA = "pip install '.[reports]', in the checkout"
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "HOME", "LANG", "LC_ALL", "FONTCONFIG_PATH")
"""All that the process gets of ours: no address and no password is among it."""

_NEEDS = ("altair", "vl_convert")
_SOURCES = Path(__file__).parents[2]
_QUOTED = 300


class NoPicture(MilepostError):
    """A picture that was not drawn."""


def can_draw() -> bool:
    """Whether what draws is installed."""
    return all(find_spec(name) is not None for name in _NEEDS)


def draw(picture: Picture, wanted: Sequence[tuple[Form, Theme]]) -> list[bytes]:
    """Draw a picture. It takes a second or two; call it in a thread.

    Args:
        picture: what is drawn.
        wanted: in which forms and themes.

    Raises:
        NoPicture: what draws is not installed, or failed.
    """
    return draw_all([picture], wanted)[0]


def draw_all(pictures: Sequence[Picture], wanted: Sequence[tuple[Form, Theme]]) -> list[list[bytes]]:
    """Draw pictures, each in all forms and themes that are wanted: cheaper than one after the other.

    Raises:
        NoPicture: as `draw`.
    """
    if not can_draw():
        raise NoPicture(f"pictures are drawn by an extra that is not installed: {EXTRA}")
    drawn = [picture.model_dump(mode="json") for picture in pictures]
    asked = {"pictures": drawn, "wanted": [list(each) for each in wanted]}
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    paths = os.pathsep.join(dict.fromkeys([str(_SOURCES), *filter(None, sys.path)]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "activities.pictures.child"],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env=environment | {"PYTHONPATH": paths},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoPicture(f"the picture could not be drawn: {error}") from None
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:_QUOTED]
        raise NoPicture(f"the picture could not be drawn: {last or f'its process ended with {done.returncode}'}")
    return [[base64.b64decode(each) for each in drawings] for drawings in json.loads(done.stdout)]
