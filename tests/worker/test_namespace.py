from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from tests.support import assert_eventually, unique
from worker.claim import NamespaceTaken, claim_namespace
from worker.connection import connect
from worker.embedded import RunningServer
from worker.namespace import SEARCH_ATTRIBUTES, NamespaceUnfit, ensure_namespace_and_search_attributes


async def test_a_ready_namespace_has_the_search_attributes(client: Client) -> None:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    custom = dict(listed.custom_attributes)
    assert {name: custom.get(name) for name in SEARCH_ATTRIBUTES} == SEARCH_ATTRIBUTES


async def test_a_new_namespace_is_made_ready_and_again_changes_nothing(server: RunningServer) -> None:
    client = await connect(address=server.address, namespace=unique("namespace"))
    for _ in range(2):
        await ensure_namespace_and_search_attributes(client, retention=timedelta(days=3))
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=3)


async def test_an_attribute_of_another_type_is_named(server: RunningServer) -> None:
    client = await connect(address=server.address, namespace=unique("namespace"))
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=client.namespace, workflow_execution_retention_period=Duration(seconds=86_400)
        )
    )

    async def add() -> None:
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes={"MilepostNextDue": IndexedValueType.INDEXED_VALUE_TYPE_INT},
                )
            )
        except RPCError as error:
            raise AssertionError(error.message) from error

    await assert_eventually(add)
    with pytest.raises(NamespaceUnfit, match=r"MilepostNextDue .* is of type Int; Milepost needs Datetime"):
        await ensure_namespace_and_search_attributes(client)


async def test_a_namespace_knows_its_store(server: RunningServer) -> None:
    """And refuses another, whose cases would have the same ids, until somebody gives it to that one."""
    client = await connect(address=server.address, namespace=unique("namespace"))
    await ensure_namespace_and_search_attributes(client)
    for _ in range(2):
        await claim_namespace(client, "urn:milepost:one")

    async def is_refused() -> None:  # the server itself remembers for a moment how a namespace was
        with pytest.raises(
            NamespaceTaken, match=r"belongs to another store \(urn:milepost:one; this one is urn:.*two\)"
        ):
            await claim_namespace(client, "urn:milepost:two")

    await assert_eventually(is_refused)
    await claim_namespace(client, "urn:milepost:two", anyway=True)

    async def is_given_away() -> None:
        with pytest.raises(NamespaceTaken):
            await claim_namespace(client, "urn:milepost:one")

    await assert_eventually(is_given_away)
