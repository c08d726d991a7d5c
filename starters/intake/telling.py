"""Tells a case of one delivery: opens it if there is none, then sends the requests that follow, one after the other."""

from __future__ import annotations

from typing import NamedTuple

from domain.bounds import cut
from domain.criteria.values import Listed
from domain.errors import NotFound, Refused
from domain.ids import event_id_of
from domain.intake.news import News
from domain.intake.planning import BY, NO_NEWS, Ask, Known, check_opening, intake_of, steps
from domain.timeline.views import CaseView
from domain.wording import instant
from starters.operations.cases import CaseDesk
from store.intake import NO_CASE, Delivery

_MOST_NAME = 400
_BRING = "milepost migrate --redeclared --case"


class Told(NamedTuple):
    """What came of a delivery.

    Attributes:
        did: what was done, and what was left out, a line each.
        known: as of when what is known of the case is, by now.
    """

    case_id: str
    did: list[str]
    known: Known


class Telling:
    """Tells a case of one delivery.

    Args:
        cases: opens and asks cases.
        delivery: that was kept.
        news: what it says.
        known: as of when what is known of the case is.
        listed: the values of fields of which they are listed, as they are declared now.
    """

    def __init__(self, cases: CaseDesk, delivery: Delivery, news: News, known: Known, listed: Listed) -> None:
        self._cases = cases
        self._delivery = delivery
        self._news = news
        self._known = known
        self._listed = listed
        self._case_id = news.place.case_id
        self._by = f"{cut(news.by, _MOST_NAME)} via {BY}{delivery.source}" if news.by else f"{BY}{delivery.source}"
        self._did: list[str] = []
        self._opened = False

    async def tell(self) -> Told:
        """Tell it all.

        Raises:
            Unreadable: a field is to have what is none of its values, and the case has it not.
            Refused: the case does not take something of it, or there is none (`NO_CASE`).
            NoAnswer: nobody answers; what was sent so far is not sent twice when it is told again.
        """
        view = await self._case()
        planned = steps(self._news, self._known, view, self._listed)
        for ask in planned.asks:
            await self._ask(ask)
        self._did += [f"left out: {line}" for line in planned.left_out]
        self._did = self._did or ["nothing of it is news"]
        return Told(self._case_id, self._did, self._known.after(self._news, opened=self._opened))

    async def _case(self) -> CaseView:
        """The case as it stands; one that there was not is opened."""
        try:
            return (await self._cases.show(self._case_id)).view
        except NotFound:
            pass
        except Refused as refused:
            if refused.code != "not_opened":
                raise
        if not self._news.opens:
            raise Refused(NO_CASE, f"there is no case {self._case_id}, and this delivery opens none")
        check_opening(self._news, self._listed)
        answer = await self._cases.open(intake_of(self._news, self._by))
        self._opened = True
        self._did.append(f"open the case as of {instant(self._news.opened_at)}")
        return answer.case

    async def _ask(self, ask: Ask) -> None:
        event_id = self._event_id(ask)
        try:
            if ask.verb == "reopen":
                await self._cases.reopen(
                    self._case_id,
                    occurred_at=ask.occurred_at,
                    by=self._by,
                    reason=ask.reason,
                    event_id=event_id,
                    fields=ask.fields or {},
                )
            else:
                message = ask.model_dump(exclude={"verb", "occurred_at"}, exclude_none=True)
                message |= {"event_id": event_id, "occurred_at": ask.occurred_at.isoformat(), "by": self._by}
                await self._cases.client.request(self._case_id, ask.verb, **message)
        except Refused as refused:
            if refused.code == "bad_field":
                hint = f"a running case goes by the fields of its opening until `{_BRING} {self._case_id}`"
                raise Refused(refused.code, f"{refused}; {hint}") from None
            if refused.code not in NO_NEWS:
                raise
            self._did.append(f"left out: {ask.text}: {refused}")
        else:
            self._did.append(ask.text)

    def _event_id(self, ask: Ask) -> str:
        """One id for each request, alike however often it is sent; another one once a mended mapping is tried."""
        again = [f"retry-{self._delivery.retries}"] if self._delivery.retries else []
        milestone = [ask.milestone] if ask.milestone else []
        return event_id_of("intake", self._delivery.source, self._delivery.delivery, ask.verb, *milestone, *again)
