"""What the Temporal UI shows of a migration: how far it is, in Markdown."""

from __future__ import annotations

from domain.messages.migrations import MigrationProgress

MOST_LISTED = 20
"""Cases that stayed behind, at most, of which the reason is shown; the query `progress` has more."""


def migration_details(progress: MigrationProgress) -> str:
    """The current details of a batch."""
    tally = progress.tally
    of = "" if progress.total is None else f" of {progress.total}"
    lines = [
        f"**{progress.state}**, {tally.done}{of} cases",
        "",
        "| migrated | closed meanwhile | refused | did not answer |",
        "|---|---|---|---|",
        f"| {tally.migrated} | {tally.skipped} | {tally.refused} | {tally.unanswered} |",
    ]
    if tally.failures:
        lines += ["", "Stayed as they were:"]
        lines += [f"- {failure.case_id}: {failure.error}" for failure in tally.failures[:MOST_LISTED]]
    return "\n".join(lines)
