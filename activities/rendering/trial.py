"""Texts tried out before anything fires them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from activities.rendering.renderer import BadTemplate, Renderer, TooMuch
from domain.catalog.problems import Problem
from domain.catalog.texts import Text


def excessive_texts(texts: Iterable[Text]) -> list[Problem]:
    """Render each text on its example, in a rendering process, and say which take more than a text may.

    What else goes wrong with an example may go well with the values of a case, so it is no problem here.
    """
    written = [text for text in texts if "{" in text.template]
    if not written:
        return []
    # In a thread of its own, since whoever applies a catalog may have an event loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _excessive(written)).result()


async def _excessive(texts: list[Text]) -> list[Problem]:
    problems: list[Problem] = []
    found: dict[str, str | None] = {}
    async with Renderer() as renderer:
        for text in texts:
            if text.template not in found:
                found[text.template] = await _excess(renderer, text)
            if excess := found[text.template]:
                problems.append(Problem(text.path, excess))
    return problems


async def _excess(renderer: Renderer, text: Text) -> str | None:
    try:
        await renderer.render(text.template, text.example)
    except TooMuch as error:
        return str(error)
    except BadTemplate:
        return None
    return None
