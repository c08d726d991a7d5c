"""Everything that the API refuses: one table of codes, each with its status and what it means."""

from __future__ import annotations

from typing import NamedTuple

from starters.operations.codes import code_of


class Refusal(NamedTuple):
    """What a code means.

    Attributes:
        status: the HTTP status of the answer.
        title: the same for every answer with this code.
    """

    status: int
    title: str


OF_HTTP = {
    "bad_json": Refusal(400, "The body is no JSON that Milepost reads"),
    "bad_request": Refusal(400, "The request cannot be read"),
    "bad_signature": Refusal(401, "No intake source takes this: there is none of this name, or it is signed otherwise"),
    "no_key": Refusal(401, "The request shows no key or token"),
    "unknown_key": Refusal(401, "The key or token is not known here"),
    "expired_key": Refusal(401, "The key or token has expired"),
    "revoked_key": Refusal(401, "The key was revoked"),
    "scope_too_small": Refusal(403, "The key does not have a scope that this needs"),
    "bound_key": Refusal(403, "The key is bound to accounts, and this concerns all of them"),
    "not_found": Refusal(404, "There is no such thing, or not for this key"),
    "bad_method": Refusal(405, "The path takes other methods"),
    "not_acceptable": Refusal(406, "The answer cannot be given in a form that the request accepts"),
    "still_running": Refusal(409, "A request with this Idempotency-Key is still being worked on"),
    "case_id_taken": Refusal(409, "This id cannot be given to a case"),
    "changed_meanwhile": Refusal(412, "It is no longer as If-Match says"),
    "too_large": Refusal(413, "The body is larger than Milepost reads"),
    "bad_media_type": Refusal(415, "The body is not said to be plain JSON"),
    "key_used_otherwise": Refusal(422, "The Idempotency-Key was used for another request"),
    "if_match_missing": Refusal(428, "Say with If-Match what is to be changed"),
    "too_many_requests": Refusal(429, "The key makes too many requests"),
    "unexpected": Refusal(500, "Something that nobody expected"),
    "no_answer": Refusal(503, "Nobody answers in time; whether it was done is not known. Ask again under the same key"),
    "store_unavailable": Refusal(503, "The database is away"),
    "not_now": Refusal(503, "It passes by itself; ask again"),
}

OF_CASES = {
    "bad_message": Refusal(422, "The request does not fit"),
    "bad_field": Refusal(422, "A field is not declared, or cannot have this value"),
    "bad_report": Refusal(422, "No report can be asked for so"),
    "no_fields": Refusal(422, "No field is given"),
    "unknown_name": Refusal(422, "The request names something that there is not"),
    "unknown_milestone": Refusal(422, "The process has no such milestone"),
    "unknown_action": Refusal(422, "No action of this key has failed"),
    "before_case": Refusal(422, "It would have happened before the case was opened"),
    "in_the_future": Refusal(422, "It would have happened in the future"),
    "too_old": Refusal(422, "It is older than what the case remembers, so nobody knows whether it was taken before"),
    "before_start": Refusal(422, "It would have happened before the milestone started"),
    "not_later": Refusal(422, "A target only moves later"),
    "too_long": Refusal(422, "It is longer than anything that is promised"),
    "deadline_of_field": Refusal(422, "The deadline is a field of the case"),
    "no_such_time": Refusal(422, "It lies outside the years for which anything is promised"),
    "past_the_horizon": Refusal(422, "It lies past what can be reckoned"),
    "not_opened": Refusal(422, "The case was refused when it was opened"),
    "not_entitled": Refusal(422, "No entitlement covers the case, or not the one that is named"),
    "not_reopened": Refusal(422, "The case cannot be reopened"),
    "not_rated": Refusal(422, "The time entry cannot be rated"),
    "wrong_id": Refusal(422, "Two ids disagree"),
    "unknown_signal": Refusal(422, "There is no such message"),
    "refused": Refusal(422, "It is refused"),
    "closed": Refusal(409, "The case is closed; POST /v1/cases/CASE/reopen takes it up again"),
    "open": Refusal(409, "The case is open"),
    "failed": Refusal(409, "The case failed"),
    "not_open": Refusal(409, "The milestone is not open"),
    "not_started": Refusal(409, "The milestone has not started"),
    "already_completed": Refusal(409, "The milestone is completed"),
    "not_completed": Refusal(409, "The milestone is not completed"),
    "too_many_extensions": Refusal(409, "The milestone was extended too often"),
    "later_occurrence": Refusal(409, "A later occurrence has started"),
    "rule_holds": Refusal(409, "The rule that completed it still holds"),
    "another_process": Refusal(409, "The case runs by another process"),
    "case_too_large": Refusal(409, "The case has grown too large; close it"),
    "decision_pending": Refusal(409, "Somebody has to decide first"),
    "nothing_to_decide": Refusal(409, "Nobody is asked about this"),
    "entry_of_another_case": Refusal(409, "The time entry belongs to another case"),
    "not_uncovered": Refusal(409, "No time entry of this id stayed uncovered"),
    "running": Refusal(409, "It runs already"),
    "under_way": Refusal(409, "It is being tried, or delivered again, already"),
    "not_kept": Refusal(410, "What it said is not kept any more"),
}

OF_ENTITLEMENTS = {
    "no_allowance": Refusal(422, "The entitlement counts nothing"),
    "unit": Refusal(422, "The entitlement counts in another unit"),
    "bad_amount": Refusal(422, "The amount cannot be"),
    "no_amount": Refusal(422, "The amount is nothing"),
    "too_much": Refusal(422, "It is more than there is"),
    "bad_dates": Refusal(422, "The dates do not go together"),
    "bad_record": Refusal(422, "The entitlement cannot be so"),
    "ends_on": Refusal(422, "The last date cannot change so"),
    "needs_end": Refusal(422, "Its rules need a last date"),
    "no_end": Refusal(422, "It has no last date"),
    "outside_term": Refusal(422, "The instant lies outside the term"),
    "period_unknown": Refusal(422, "The instant lies in no period"),
    "earlier_period": Refusal(422, "An earlier period does not pay for a later one"),
    "unknown_reference": Refusal(422, "Nothing was taken under this reference"),
    "hours_are_logged": Refusal(422, "Hours are taken by time entries"),
    "cases_are_opened": Refusal(422, "A case takes its part when it is opened"),
    "carries_nothing": Refusal(422, "The entitlement carries nothing over"),
    "account": Refusal(422, "The account of an entitlement does not change"),
    "starts_on": Refusal(422, "The first date of an entitlement does not change"),
    "period": Refusal(422, "The periods of an entitlement do not change"),
    "aligned": Refusal(422, "The periods of an entitlement do not change"),
    "nothing_to_amend": Refusal(422, "Nothing is to be changed"),
    "carries_over": Refusal(409, "Of what is unlimited nothing is carried over"),
    "has_thresholds": Refusal(409, "Its thresholds stand in the way"),
    "never_given_back": Refusal(409, "A case never gives back what it took"),
    "already_reversed": Refusal(409, "It was reversed before"),
    "reversed": Refusal(409, "It was reversed"),
    "already_approved": Refusal(409, "It was decided before"),
    "already_cancelled": Refusal(409, "It was cancelled before"),
    "already_renewed": Refusal(409, "It was renewed before"),
    "cancelled": Refusal(409, "The entitlement is cancelled"),
    "expired": Refusal(409, "The entitlement has expired"),
    "ended": Refusal(409, "The entitlement has ended"),
    "retired": Refusal(409, "The entitlement is retired"),
    "is_reset": Refusal(409, "The entitlement begins another term by itself"),
    "no_overage": Refusal(409, "There is no overage of this reference"),
    "nothing_left": Refusal(409, "Not enough is left"),
    "blocked": Refusal(409, "The entitlement takes no more"),
    "unlimited": Refusal(409, "The entitlement has no cap"),
    "counted": Refusal(409, "The entitlement was given an allowance just now"),
    "too_many_covers": Refusal(409, "Too much overage is covered from other periods"),
    "too_many_grants": Refusal(409, "The entitlement has too many grants"),
    "too_many_planned": Refusal(409, "Too much is planned ahead"),
    "not_frozen": Refusal(422, "The periods cannot be reckoned"),
}

OF_ORGANISATIONS = {
    "bad_catalog": Refusal(422, "The catalog has problems; nothing of it was stored"),
    "asks_for_consent": Refusal(409, "The catalog says otherwise than what was amended by hand; say yes to it"),
    "made_before": Refusal(409, "It was made before, and its secret was told then alone"),
    "no_address": Refusal(422, "No address is known of this person"),
    "still_waits": Refusal(409, "What names this person is still to be sent, or to be taken"),
    "no_dead_letter": Refusal(409, "The delivery is no dead letter"),
    "bad_order": Refusal(422, "The order has problems; nothing of it was made"),
    "no_pictures": Refusal(501, "No picture can be drawn here"),
    "not_signed": Refusal(409, "Nothing signs links here"),
    "unknown_type": Refusal(422, "There is no such type of event"),
    "bad_cursor": Refusal(400, "This is no cursor of this list"),
    "cursor_of_another_feed": Refusal(400, "The cursor is of another installation"),
    "cursor_too_old": Refusal(410, "What comes after the cursor is not kept any more"),
    "cursor_before_restore": Refusal(410, "The cursor is from before a restore of the database"),
}

REFUSALS: dict[str, Refusal] = {**OF_HTTP, **OF_CASES, **OF_ENTITLEMENTS, **OF_ORGANISATIONS}

OF_ANY = (
    *(
        "bad_json",
        "bad_request",
        "no_key",
        "unknown_key",
        "expired_key",
        "revoked_key",
        "scope_too_small",
        "not_acceptable",
    ),
    *("still_running", "too_large", "bad_media_type", "bad_message", "key_used_otherwise", "too_many_requests"),
    *("unexpected", "no_answer", "store_unavailable", "not_now"),
)
"""Codes with which any request may be refused, whatever it asks for."""


def refusal_of(code: str) -> tuple[str, Refusal]:
    """A code as the API tells it, and what it means; one that is not in the table is refused in general."""
    known = code_of(code)
    return known, REFUSALS.get(known, REFUSALS["refused"])
