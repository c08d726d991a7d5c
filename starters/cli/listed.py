"""Which commands there are: where each one is written, and what ``milepost --help`` says of it.

A command's module is imported when the command is run or asked for help, so that each answers as quickly as it can.
"""

from __future__ import annotations

from typing import NamedTuple

TAKES_NEGATIVE = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""How a command reads its line of which an argument may be ``-90m`` or ``-2h``: the ``h`` asks for no help."""


class Listed(NamedTuple):
    """A command of the list.

    Attributes:
        name: as it is typed.
        where: its module in `starters.cli.commands` and its name there: a function, or the app of a group of commands.
        says: the first paragraph of its help.
        takes_negative: an argument of it may begin with a minus.
    """

    name: str
    where: str
    says: str
    takes_negative: bool = False


PANELS: dict[str, tuple[Listed, ...]] = {
    "Start": (
        Listed(
            "demo", "replay:demo", "Replay real incidents on a real Temporal server, and see which promises were kept."
        ),
        Listed(
            "dev",
            "serving:dev",
            "Run everything on this machine: a Temporal server with its UI, the store, a worker, the HTTP API.",
        ),
        Listed(
            "worker",
            "serving:worker",
            "Run a worker: it walks the cases of its task queue (MILEPOST_TASK_QUEUE). "
            "Ctrl-C lets it finish what it is at.",
        ),
        Listed(
            "upgrade",
            "upgrade:app",
            "Say which build of the workers (MILEPOST_BUILD_ID) gets new cases, and see which still have old ones.",
        ),
        Listed("db", "database:app", "Make the tables of Milepost's database, or bring them up to date."),
        Listed(
            "api",
            "api:api",
            "Serve the HTTP API. Ctrl-C lets it finish what it is at. Any number may run over one store.",
        ),
        Listed("keys", "keys:app", "Make keys of the HTTP API, list them, revoke them."),
    ),
    "Cases": (
        Listed("open", "case:open_case", "Open a case: find its entitlement, start the clocks of its milestones."),
        Listed(
            "import",
            "importing:import_rows",
            "Open a case for each row of a file, or log a time entry; one line of verdict for each.",
        ),
        Listed(
            "list",
            "desk:list_cases",
            "List the open cases: of each what is due first, the time that is left for it, and when that is.",
        ),
        Listed(
            "show",
            "show:show",
            "Show a case: its milestones with their targets and what is left, and what happened on its timeline.",
        ),
        Listed(
            "explain",
            "explain:explain",
            "Explain a case's targets: calendar, start, span, each pause and holiday, until the target comes out.",
        ),
        Listed(
            "complete",
            "case:complete",
            "Complete a milestone of a case. Whether it was in time is decided by the time at which it happened.",
        ),
        Listed("change", "case:change", "Change fields of a case; its milestones follow at once."),
        Listed(
            "stop", "case:stop", "Stop the clock of a case, or of one milestone. Nothing fires while it is stopped."
        ),
        Listed(
            "resume",
            "case:resume",
            "Resume the clock of a case, or of one milestone. Targets move by the open time that passed.",
        ),
        Listed(
            "close",
            "case:close",
            "Close a case. Milestones that are open stay open at exit; closing completes none of them.",
        ),
        Listed(
            "reopen",
            "afterwards:reopen",
            "Take a closed case up again. The time between was a pause, and nothing is taken of its entitlement twice.",
        ),
        Listed(
            "clear",
            "afterwards:clear",
            "Take the completion of a milestone back, as if it had never been. What fell due meanwhile fires, late.",
        ),
        Listed(
            "extend",
            "afterwards:extend",
            "Move a target later, by open time or to an instant; never earlier.",
            takes_negative=True,
        ),
        Listed(
            "entitle",
            "afterwards:entitle",
            "Move a case to another entitlement. Open milestones stay open at exit; the new process starts its own.",
        ),
        Listed(
            "decide",
            "afterwards:decide",
            "Answer a case whose entitlement has nothing left: yes takes one more at the overage price, no falls back.",
        ),
        Listed(
            "log-time",
            "afterwards:log_time",
            "Log work done on a case: it is taken from the entitlements of hours that cover it.",
            takes_negative=True,
        ),
        Listed(
            "reverse-time",
            "afterwards:reverse_time",
            "Undo a time entry that stayed uncovered, once. What an entitlement has taken is given back with reverse.",
        ),
        Listed(
            "actions",
            "actions:actions",
            "List what was sent for a case: when, to whom, with the receiver's answer. Or all that failed for good.",
        ),
        Listed(
            "outbox",
            "outbox:outbox",
            "List the mails and messages of all cases and entitlements: sent, waiting, failed; the newest first.",
        ),
        Listed(
            "retry",
            "actions:retry",
            "Try again an action that failed for good, under its own key; "
            "or all of them, of all cases and entitlements.",
        ),
        Listed(
            "redeliver",
            "actions:redeliver",
            "Send a mail or a message that has arrived once more, unchanged and under its own key.",
        ),
        Listed(
            "erase",
            "erasing:erase",
            "Erase the texts that name one person: mails, messages and answers, deliveries of other systems.",
        ),
        Listed(
            "endpoints",
            "actions:endpoints",
            "List the endpoints of outbound messages: which fail, which are left alone for a while, "
            "which are switched off.",
        ),
        Listed(
            "tasks",
            "tasks:app",
            "List the tasks that triggers made, in the order in which they were made; or tick one off.",
        ),
        Listed(
            "events",
            "feed:events",
            "Print the event feed, one JSON object a line; the last line, on stderr, is the cursor to go on from.",
        ),
        Listed(
            "subscriptions",
            "subscriptions:app",
            "Subscriptions to the event feed: how they stand; pause, resume and move them.",
        ),
        Listed(
            "verify",
            "coverage:verify",
            "Say which entitlement covers a customer and what is left of it, and why each of the others does not.",
        ),
    ),
    "Entitlements in use": (
        Listed(
            "entitlements",
            "entitlements:list_entitlements",
            "List the entitlements that have not ended: whose they are, when they end, and what is left of each.",
        ),
        Listed(
            "balance",
            "audit:balance",
            "Show what an entitlement has left, and what was used of it in this period and the ones before.",
        ),
        Listed(
            "audit",
            "audit:audit",
            "Check that the ledger of each entitlement adds up to its balance, and that each open case is at work.",
        ),
        Listed(
            "intake",
            "intake:app",
            "Deliveries from other systems, by web hooks: try a mapping, list what could not be taken, take it again.",
        ),
        Listed(
            "report",
            "report:report",
            "Report on milestones and entitlements, from the store: compliance, times, usage and more.",
        ),
        Listed(
            "links", "links:app", "Make links to customers' pages, list them, revoke them; or write a page to a file."
        ),
        Listed(
            "take",
            "usage:take",
            "Take a visit, or another unit, from an entitlement when it is dispatched, and say what is left.",
        ),
        Listed(
            "adjust",
            "usage:adjust",
            "Correct by hand what was used, up or down, with who and why: not below nothing, nor beyond what is left.",
            takes_negative=True,
        ),
        Listed(
            "reverse",
            "usage:reverse",
            "Give back all that a time entry or a visit took, once, in the period from which it was taken.",
        ),
        Listed(
            "amend",
            "usage:amend",
            "Change the cap or the last date of an entitlement. The stored catalog changes with it.",
        ),
        Listed(
            "cancel",
            "usage:cancel",
            "End an entitlement: from then on it covers and gives nothing. Running cases keep their clocks.",
        ),
        Listed(
            "renew",
            "usage:renew",
            "Renew an entitlement, early or late: a new, linked record goes on from the day after its last date.",
        ),
        Listed(
            "cover",
            "usage:cover",
            "Pay for overage from what is left of its period, or of a later one; in part if less is left.",
        ),
        Listed(
            "grant",
            "usage:grant",
            "Give a credit for one period by hand. It is used before the cap, and percentages leave it out.",
            takes_negative=True,
        ),
        Listed(
            "void",
            "usage:void",
            "Write overage off: it is not billed, and an override that was billed already is cancelled out by another.",
        ),
    ),
    "Rules and logs": (
        Listed("apply", "catalog:apply", "Apply a catalog: check it whole, then store all of it, or nothing."),
        Listed(
            "order",
            "orders:order",
            "Place an order: make the contract, the line items and the entitlements of each product's templates.",
        ),
        Listed(
            "plan",
            "migration:plan",
            "Show what newer versions would do to running cases: which targets move, and which would be violated.",
        ),
        Listed(
            "migrate",
            "migration:migrate",
            "Move running cases to the latest version of their process and business hours.",
        ),
        Listed(
            "replay",
            "replay:replay",
            "Walk the cases of an event log through real workflows, on the log's own dates, in virtual time.",
        ),
        Listed(
            "backtest",
            "backtest:backtest",
            "Run a past event log through a process, to see what it would have promised and kept.",
        ),
        Listed(
            "logs", "logs:app", "Event logs: what a file holds, and the mapping by which backtest and replay read it."
        ),
        Listed(
            "schema",
            "schema:schema",
            "Write the JSON Schema of every message of cases and entitlements, of every answer, and of every web hook.",
        ),
        Listed(
            "hours",
            "hours:app",
            "Reckon in business time: when so much open time has passed, and how much lies between two instants.",
        ),
    ),
}
"""By the panel of the help, in the order in which people read them."""
