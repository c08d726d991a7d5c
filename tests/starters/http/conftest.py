"""One API for each module of tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.starters.http_api import Api, api_beside_a_worker


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The API, with a worker beside it."""
    async with api_beside_a_worker(client, tmp_path_factory.mktemp("api")) as running:
        yield running
