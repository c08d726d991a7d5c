"""The secrets of sources, read where a delivery is verified and kept nowhere."""

from __future__ import annotations

import logging

from activities.actions.secret_sources import read_secret
from activities.delivery.outcomes import NotDelivered
from domain.catalog.endpoints import SecretSource
from domain.catalog.intake import IntakeSource, Signature
from domain.errors import Refused

_LOG = logging.getLogger(__name__)


def secrets_of(source: IntakeSource) -> tuple[Signature, list[str]]:
    """How a source signs now, by those of its secrets that are there, and these in the same order.

    Any of them counts. One that is not there yet, or not any more while it is rotated, is told in the log.

    Raises:
        Refused: none of them is there. The log says why; whoever sends hears nothing of it.
    """
    there: list[SecretSource] = []
    known: list[str] = []
    for one in source.signature.secrets:
        try:
            known.append(read_secret(one))
        except NotDelivered as error:
            _LOG.warning("a secret of intake source %s does not count: %s", source.id, error)
        else:
            there.append(one)
    if not known:
        _LOG.warning("nothing of intake source %s can be taken: none of its secrets is there", source.id)
        said = f"no delivery of {source.id} can be verified now; the log of the server says why. Send it again"
        raise Refused("not_now", said)
    return source.signature.model_copy(update={"secrets": there}), known
