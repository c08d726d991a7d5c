"""What a worker has to reach the outside with."""

from __future__ import annotations

from dataclasses import dataclass

from activities.delivery.http import HookSender
from activities.delivery.smtp import MailServer


@dataclass(frozen=True, slots=True)
class Means:
    """The ways out of a worker.

    Attributes:
        mail: where mail is handed in; None: it goes to the log of sent mail.
        hooks: sends outbound messages; None: they are done without leaving.
        pace: divides every delay before another attempt, for tests on a real wire.
        sends_rehearsals: whether what a replayed log orders is sent as well, for tests in virtual time. Else a clock of
            one's own is a rehearsal: its actions are done in the store alone.
        console: address of the console, for links in texts; None: there is none.
        temporal_ui: address of the Temporal UI, likewise.
    """

    mail: MailServer | None = None
    hooks: HookSender | None = None
    pace: float = 1
    sends_rehearsals: bool = False
    console: str | None = None
    temporal_ui: str | None = None
