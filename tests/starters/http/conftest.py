"""One API for each module of tests; a namespace for those that want one for themselves."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.starters.http_api import Api, api_beside_a_worker
from tests.support import unique
from worker.connection import connect
from worker.embedded import RunningServer
from worker.namespace import ensure_namespace_and_search_attributes


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The API, with a worker beside it."""
    async with api_beside_a_worker(client, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest_asyncio.fixture
async def alone(server: RunningServer) -> Client:
    """A client of a namespace of one's own, for tests that use the same ids each time: they were cases' before."""
    client = await connect(address=server.address, namespace=unique("namespace"))
    await ensure_namespace_and_search_attributes(client)
    return client
