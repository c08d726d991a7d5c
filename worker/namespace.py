"""What a Temporal namespace must have before a case runs in it: the namespace itself and its search attributes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import MilepostError
from worker.errors import TemporalUnreachable

T = TypeVar("T")

SEARCH_ATTRIBUTES = {
    "MilepostAccount": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "MilepostEntitlement": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "MilepostPriority": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "MilepostStatus": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "MilepostMilestone": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "MilepostState": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "MilepostNextDue": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "MilepostFailedActions": IndexedValueType.INDEXED_VALUE_TYPE_INT,
}
"""By these cases are found and listed. SQL visibility has room for ten keywords and three of each other kind."""

RETENTION = timedelta(days=30)
"""How long a new namespace keeps the history of a closed case; an existing one keeps what it has."""

_KNOWN_WITHIN = 30.0
_NOT_YET_KNOWN = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.RESOURCE_EXHAUSTED})
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 0.5
"""Seconds between two questions: a namespace takes ten of this kind a second."""


class NamespaceUnfit(MilepostError):
    """The namespace lacks what a case needs, and it could not be added."""


async def ensure_namespace_and_search_attributes(client: Client, *, retention: timedelta = RETENTION) -> None:
    """Make the client's namespace and its search attributes, where they do not exist; return when they can be used.

    The same for every kind of server. Done twice, or by two workers at once, it is done once.

    Raises:
        NamespaceUnfit: an attribute exists with another type, or the server does not let us add it.
    """
    await _ensure_namespace(client, retention)
    await _ensure_search_attributes(client)


async def register_namespace(client: Client, *, retention: timedelta = RETENTION) -> None:
    """Make the client's namespace; one that exists stays as it is.

    On a new server this is quicker than to ask first: a server remembers for a second that a name was not found.
    """
    period = Duration()
    period.FromTimedelta(retention)
    request = RegisterNamespaceRequest(
        namespace=client.namespace,
        description="Cases and entitlements of Milepost",
        workflow_execution_retention_period=period,
    )
    await _unless_there(client.workflow_service.register_namespace(request))


async def _ensure_namespace(client: Client, retention: timedelta) -> None:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await register_namespace(client, retention=retention)


async def _ensure_search_attributes(client: Client) -> None:
    operator = client.operator_service
    try:
        listed = await _once_known(
            lambda: operator.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        )
        there = dict(listed.custom_attributes)
        for name in SEARCH_ATTRIBUTES.keys() & there.keys():
            if there[name] != SEARCH_ATTRIBUTES[name]:
                raise NamespaceUnfit(
                    f"search attribute {name} of namespace {client.namespace} is of type "
                    f"{_type(there[name])}; Milepost needs {_type(SEARCH_ATTRIBUTES[name])}"
                )
        if missing := {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in there}:
            request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            await _unless_there(operator.add_search_attributes(request))
        query = " AND ".join(f"{name} IS NULL" for name in SEARCH_ATTRIBUTES)
        count = CountWorkflowExecutionsRequest(namespace=client.namespace, query=query)
        await _once_known(lambda: client.workflow_service.count_workflow_executions(count))
    except RPCError as error:
        wanted = ", ".join(f"{name} ({_type(kind)})" for name, kind in SEARCH_ATTRIBUTES.items())
        raise NamespaceUnfit(
            f"the search attributes of namespace {client.namespace} cannot be checked or added here ({error.message}); "
            f"add them by your provider's own means: {wanted}"
        ) from error


async def _once_known(call: Callable[[], Awaitable[T]]) -> T:
    """Call until the server's own caches know a new namespace or attribute: until then it refuses them."""
    deadline = asyncio.get_running_loop().time() + _KNOWN_WITHIN
    wait = _FIRST_WAIT
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in _NOT_YET_KNOWN or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


async def _unless_there(call: Awaitable[object]) -> None:
    try:
        await call
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
            raise


def _type(kind: "IndexedValueType.ValueType") -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").capitalize()


async def require_namespace(client: Client) -> None:
    """See that the namespace is there. What a server does not let one look at is taken to be.

    Raises:
        TemporalUnreachable: there is none of that name.
    """
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise TemporalUnreachable(
                f"the Temporal server at {client.service_client.config.target_host} has no namespace "
                f"{client.namespace!r}; set TEMPORAL_NAMESPACE to the one of the workers (`milepost worker` makes one "
                "that is missing)"
            ) from error
