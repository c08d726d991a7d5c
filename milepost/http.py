"""Milepost over HTTP, for programs that have neither Temporal nor a worker at hand: a URL and a key are enough.

    from milepost.http import MilepostHttp

    with MilepostHttp("http://127.0.0.1:8234", key) as milepost:
        answer = milepost.open("4711", account="acme", fields={"priority": "High"})
        milepost.complete_milestone("4711", "First response", by="ann")

What is refused is raised as it is by `milepost.MilepostClient`: `Refused` with its code, `NotFound`, `NoAnswer`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from clients.sending import NoAnswer
from domain.errors import NotFound, Refused
from domain.explanation import Explanation
from domain.messages.cases import Answer
from domain.timeline.views import CaseView
from domain.usage.requests import Balance

__all__ = ["MilepostHttp", "NoAnswer", "NotFound", "Refused"]

PATIENCE = 60.0
_PASSING = frozenset({429, 502, 503, 504})
_STILL_RUNNING = "still_running"
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_NOT_FOUND = 404


class MilepostHttp:
    """Opens cases and asks them over HTTP.

    Every change is sent under an event id, and again under the same one until it is answered: it is taken once.

    Args:
        url: where the API is.
        key: of it, as `milepost keys create` prints it; or a token of its issuer.
        patience: seconds for which a request is sent again.
        transport: in place of the network.
    """

    def __init__(
        self, url: str, key: str, *, patience: float = PATIENCE, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._patience = patience
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=patience, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close_connection()

    def close_connection(self) -> None:
        """Let go of the connection."""
        self._http.close()

    # --- cases ---

    def open(self, case_id: str, *, event_id: str | None = None, **intake: Any) -> Answer:
        """Open a case, or learn how the one of this id stands.

        Args:
            case_id: of Milepost or of another system.
            event_id: under which it is sent; a new one, if left out.
            **intake: what is known of it: `account`, `asset`, `fields`, `opened_at` and so on.

        Raises:
            Refused: it cannot be opened so.
            NoAnswer: nobody answers in time.
        """
        said = self.ask("POST", "/v1/cases", {"case_id": case_id, **intake}, event_id=event_id)
        return Answer.model_validate(said, extra="ignore")

    def open_many(self, cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Open up to 200 cases, and return a verdict on each."""
        verdicts: list[dict[str, Any]] = self.ask("POST", "/v1/cases:batch", {"cases": list(cases)})["verdicts"]
        return verdicts

    def request(self, case: str, name: str, **event: Any) -> Answer:
        """Send a request of a case by its name, such as `stop_clock`.

        `event_id` and `occurred_at` are made up where they are left out.

        Raises:
            Refused, NotFound: the case does not take it.
            NoAnswer: nobody answers in time.
        """
        said = self._event(case, name, event)
        return Answer.model_validate(said, extra="ignore")

    def complete_milestone(self, case: str, milestone: str, **event: Any) -> Answer:
        """Say that a milestone was reached."""
        return self.request(case, "complete_milestone", milestone=milestone, **event)

    def change_fields(self, case: str, fields: Mapping[str, Any], **event: Any) -> Answer:
        """Say that fields of a case have new values."""
        return self.request(case, "change_fields", fields=dict(fields), **event)

    def stop_clock(self, case: str, **event: Any) -> Answer:
        """Stop the clock of a case, or of one milestone."""
        return self.request(case, "stop_clock", **event)

    def resume_clock(self, case: str, **event: Any) -> Answer:
        """Let the clock of a case, or of one milestone, go on."""
        return self.request(case, "resume_clock", **event)

    def close(self, case: str, **event: Any) -> Answer:
        """Close a case."""
        return self.request(case, "close", **event)

    def reopen(self, case: str, **event: Any) -> Answer:
        """Take a closed case up again."""
        return self.request(case, "reopen", **event)

    def log_time(self, case: str, entry: str, minutes: int, **event: Any) -> list[str]:
        """Log work done on a case; returns what it took, a line for each entitlement."""
        lines: list[str] = self._event(case, "log_time", {"id": entry, "minutes": minutes, **event})["lines"]
        return lines

    def show(self, case: str) -> CaseView:
        """The case as it stands."""
        return CaseView.model_validate(self.ask("GET", _path(case))["case"], extra="ignore")

    def explanation(self, case: str) -> Explanation:
        """Why each target of a case is what it is."""
        said = self.ask("GET", f"{_path(case)}/explanation")["explanation"]
        return Explanation.model_validate(said, extra="ignore")

    def cases(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every case that the filters leave, page by page: `state`, `account`, `milestone`, `due_before` and so on."""
        query: dict[str, Any] = dict(filters)
        while True:
            page = self.ask("GET", "/v1/cases", query=query)
            yield from page["cases"]
            if page["next"] is None:
                return
            query["after"] = page["next"]

    # --- entitlements, events ---

    def coverage(self, **customer: Any) -> dict[str, Any]:
        """Which entitlement covers a customer, and why no other does."""
        said: dict[str, Any] = self.ask("GET", "/v1/coverage", query=customer)
        return said

    def balance(self, entitlement: str) -> Balance:
        """What an entitlement has left."""
        said = self.ask("GET", f"/v1/entitlements/{quote(entitlement, safe='')}")
        return Balance.model_validate(said, extra="ignore")

    def take(self, entitlement: str, reference: str, **visit: Any) -> dict[str, Any]:
        """Take a visit of an entitlement; `answer.outcome` says what came of it."""
        path = f"/v1/entitlements/{quote(entitlement, safe='')}/take"
        said: dict[str, Any] = self.ask("POST", path, {"reference": reference, **visit})
        return said

    def events(self, after: str | None = None, **filters: Any) -> tuple[list[dict[str, Any]], str]:
        """Events after a cursor, and the cursor to go on from."""
        query = {**filters, **({} if after is None else {"after": after})}
        page = self.ask("GET", "/v1/events", query=query)
        return page["events"], page["cursor"]

    # --- the way of a request ---

    def _event(self, case: str, name: str, event: Mapping[str, Any]) -> Any:
        said = {"occurred_at": datetime.now(UTC), **event}
        event_id = said.pop("event_id", None)
        return self.ask("POST", f"{_path(case)}/{name}", said, event_id=event_id)

    def ask(
        self,
        method: str,
        path: str,
        json: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        event_id: str | None = None,
    ) -> Any:
        """Send any request of the API, and return what is answered.

        Args:
            method: of HTTP.
            path: from `/v1` on.
            json: the body; instants in it are written as texts.
            query: of the path; what is None is left out.
            event_id: under which a change is sent; a new one, if left out.

        Raises:
            Refused, NotFound, NoAnswer: with what the API says.
        """
        headers = {"Idempotency-Key": event_id or str(uuid4())} if method == "POST" else {}
        body = None if json is None else {name: _plain(value) for name, value in json.items() if value is not None}
        wanted = {name: _plain(value) for name, value in (query or {}).items() if value is not None}
        deadline, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                answer = self._http.request(method, path, json=body, params=wanted, headers=headers)
                problem, wait = _problem(answer), answer.headers.get("retry-after", "")
            except httpx.TransportError as error:
                problem, wait = NoAnswer(f"the API does not answer: {error}"), ""
            if problem is None:
                return answer.json()
            passes = isinstance(problem, NoAnswer) or getattr(problem, "code", "") == _STILL_RUNNING
            pause = max(pause, float(wait)) if wait.isdecimal() else pause
            if not passes or time.monotonic() + pause > deadline:
                raise problem
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _problem(answer: httpx.Response) -> Refused | NotFound | NoAnswer | None:
    if answer.is_success:
        return None
    try:
        said = answer.json()
        code, detail = str(said["code"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "refused", f"the answer is {answer.status_code}, and nothing of Milepost's"
    if answer.status_code in _PASSING:
        return NoAnswer(detail)
    return NotFound(detail) if answer.status_code == _NOT_FOUND else Refused(code, detail)


def _path(case: str) -> str:
    return f"/v1/cases/{quote(case, safe='')}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
