"""Whose a Temporal namespace is: the workflows in it belong to one store, which the namespace's own data names.

Workflows are found by the ids of cases and entitlements. Two stores in one namespace would count one another's cases,
and each would miss what the other's workers have recorded.
"""

from __future__ import annotations

from temporalio.api.namespace.v1 import UpdateNamespaceInfo
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import MilepostError

STORE = "milepost-store"
"""The key of the namespace's data."""


class NamespaceTaken(MilepostError):
    """The workflows of the namespace belong to another store."""


async def claim_namespace(client: Client, store_id: str, *, anyway: bool = False) -> None:
    """Note whose the namespace is, unless that is known. A server that lets nobody look or note is left alone.

    Args:
        client: the connection to Temporal.
        store_id: names the store.
        anyway: it is this store's from now on, whosever it was.

    Raises:
        NamespaceTaken: it is another store's.
    """
    service, name = client.workflow_service, client.namespace
    try:
        described = await service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    except RPCError:
        return
    owner = described.namespace_info.data.get(STORE)
    if owner == store_id:
        return
    if owner is not None and not anyway:
        raise NamespaceTaken(
            f"the namespace {name!r} belongs to another store ({owner}; this one is {store_id}), with whose cases and "
            "counts this store's would be mixed. Set TEMPORAL_NAMESPACE or MILEPOST_DATABASE_URL to those that belong "
            "together; `milepost worker --claim` gives the namespace to this store for good"
        )
    try:
        info = UpdateNamespaceInfo(
            description=described.namespace_info.description,
            owner_email=described.namespace_info.owner_email,
            data={STORE: store_id},
        )
        await service.update_namespace(UpdateNamespaceRequest(namespace=name, update_info=info))
    except RPCError:
        return
