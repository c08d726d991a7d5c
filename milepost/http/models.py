"""The types of what the client sends and of what the API answers, for programs that name them."""

from domain.catalog.declarations import Catalog
from domain.explanation import Explanation
from domain.feed.envelope import FeedEvent
from domain.messages.cases import Answer
from domain.orders.placing import Order, OrderLine, PlacedOrder
from domain.reports.result import ReportKind
from domain.timeline.views import CaseView
from domain.usage.requests import Balance
from domain.usage.rows import LedgerRow
from milepost.http.catalog import ShownCatalog
from starters.http.admin_answers import Erased, KeyMade, KeyRevoked, ShownKey
from starters.http.answers import (
    DeliveryWithPayload,
    EventPage,
    NewlyMade,
    Revoked,
    RowVerdict,
    ShownDelivery,
    ShownLink,
    ShownReport,
    Ticked,
)
from starters.http.case_bodies import NewCase, WorkOnCase
from starters.operations.applying import Applied
from starters.operations.ordering import OrderPlaced
from starters.operations.uncounted import RecordChanged
from starters.operations.usage_answers import Cancelled, Changed, Reversed, Taken
from starters.operations.verifying import Verified
from store.cases.listing import ListedCase
from store.cases.stored_actions import StoredAction
from store.values import TaskEntry

__all__ = [
    "Answer",
    "Applied",
    "Balance",
    "Cancelled",
    "CaseView",
    "Catalog",
    "Changed",
    "DeliveryWithPayload",
    "Erased",
    "EventPage",
    "Explanation",
    "FeedEvent",
    "KeyMade",
    "KeyRevoked",
    "LedgerRow",
    "ListedCase",
    "NewCase",
    "NewlyMade",
    "Order",
    "OrderLine",
    "OrderPlaced",
    "PlacedOrder",
    "RecordChanged",
    "ReportKind",
    "Reversed",
    "Revoked",
    "RowVerdict",
    "ShownCatalog",
    "ShownDelivery",
    "ShownKey",
    "ShownLink",
    "ShownReport",
    "StoredAction",
    "Taken",
    "TaskEntry",
    "Ticked",
    "Verified",
    "WorkOnCase",
]
