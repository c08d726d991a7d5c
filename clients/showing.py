"""What the Temporal UI calls a case, and says of it whatever happens: by both of its ids, where it has two."""

from __future__ import annotations

from domain.bounds import cut, visible

MOST_NAMED_BYTES = 150
"""Of a foreign id in a summary: with all else that one says it stays below the 400 bytes that the server takes."""


def case_summary(case_id: str, external_id: str | None) -> str:
    """The static summary of a case's workflow, in a line; of a long foreign id the beginning.

    Args:
        case_id: the case.
        external_id: the id of another system that its own was made of; None: there is none.
    """
    return f"Case {case_id} ({cut(visible(external_id), MOST_NAMED_BYTES)})" if external_id else f"Case {case_id}"


def case_details(external_id: str | None) -> str:
    """The static details of a case's workflow, in Markdown, with the whole of a foreign id.

    Args:
        external_id: the id of another system that the case's own was made of; None: there is none.
    """
    foreign = f", which another system calls {visible(external_id)}" if external_id else ""
    return f"A support case{foreign}. Its timeline is under *current details*; the query `timeline` has it all."
