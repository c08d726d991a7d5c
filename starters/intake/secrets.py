"""The secrets of sources, read where a delivery is verified and kept nowhere."""

from __future__ import annotations

import logging

from activities.actions.secret_sources import read_secret
from activities.delivery.outcomes import NotDelivered
from domain.catalog.intake import IntakeSource
from domain.errors import Refused

_LOG = logging.getLogger(__name__)


def secrets_of(source: IntakeSource) -> list[str]:
    """The secrets of a source as they are now.

    Raises:
        Refused: one of them is not there. The log says which; whoever sends hears nothing of it.
    """
    try:
        return [read_secret(one) for one in source.signature.secrets]
    except NotDelivered as error:
        _LOG.warning("nothing of intake source %s can be taken: %s", source.id, error)
        said = f"no delivery of {source.id} can be verified now; the log of the server says why. Send it again"
        raise Refused("not_now", said) from None
