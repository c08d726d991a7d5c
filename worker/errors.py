"""What keeps a worker or a server from starting, in one sentence for the person who started it.

MilepostError
├── TemporalUnreachable    no server answers at the address, or it refuses the connection
└── ServerUnavailable      no server could be found, built or started on this machine
"""

from domain.errors import MilepostError


class TemporalUnreachable(MilepostError):
    """No Temporal server answers where one was expected."""


class ServerUnavailable(MilepostError):
    """No Temporal server of our own can run here; the message says what would help."""
