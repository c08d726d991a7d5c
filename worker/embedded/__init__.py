"""A real Temporal server on any machine, for the demo, for development and for the tests.

`running_server` is the way in: it takes the server that the environment names, else finds or builds one and runs it
as an `EmbeddedServer`.
"""

from worker.embedded.running import RunningServer, running_server
from worker.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "RunningServer", "running_server"]
