"""Which releases Milepost builds, and what is too old for the virtual clock."""

import re
from typing import NamedTuple


class Release(NamedTuple):
    """The version of a Temporal server; compares in order of release."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def of_server(cls, text: str) -> "Release | None":
        """The server's version in what ``temporal --version`` says: ``temporal version 1.9.0 (Server 1.32.0, ...)``."""
        found = re.search(r"\bserver\s+v?(\d+)\.(\d+)\.(\d+)", text, re.IGNORECASE)
        return cls(*map(int, found.groups())) if found else None


class GoProgram(NamedTuple):
    """A program that ``go install`` can make."""

    name: str
    package: str
    version: str
    title: str
    takes: str

    @property
    def folder(self) -> str:
        """The folder of its own: both programs are called ``server``."""
        return f"{self.name}-{self.version}"


OLDEST_WITH_VIRTUAL_CLOCK = Release(1, 32, 0)

SERVER = GoProgram(
    name="temporal-server",
    package="go.temporal.io/server/cmd/server",
    version="v1.32.0",
    title="the Temporal server",
    takes="five to ten minutes on two cores",
)
UI = GoProgram(
    name="temporal-ui",
    package="github.com/temporalio/ui-server/v2/cmd/server",
    version="v2.54.1",
    title="the Temporal UI",
    takes="less than a minute",
)
EXECUTABLE = "server"
