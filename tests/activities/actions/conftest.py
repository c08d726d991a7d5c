"""A store and a renderer, for actions that go out on a real wire."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.rendering.renderer import Renderer
from store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def rendering() -> AsyncIterator[Renderer]:
    async with Renderer() as one:
        yield one
