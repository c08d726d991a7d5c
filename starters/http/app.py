"""The app: all routes over one backend. It keeps nothing itself, so that any number of replicas may run."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from starters.http.backend import Backend
from starters.http.ending import Ending
from starters.http.heads import Heads
from starters.http.nowhere import handle_what_leads_nowhere
from starters.http.paths import ForeignIds
from starters.http.problems import handle_problems
from starters.http.rate import USUAL_RATE, RateLimit
from starters.http.routes import (
    actions,
    bulk,
    cases,
    catalog,
    coverage,
    customer_links,
    customer_pages,
    entitlements,
    erasures,
    events,
    health,
    intake,
    keys,
    orders,
    pages,
    reports,
    tasks,
)
from starters.http.tokens import Issuer, Tokens

ABOUT = """\
Entitlements, milestones and business hours of support cases. Every request but the health checks, the page of
problems, and customers' pages by their links, shows a key or a token, as `Authorization: Bearer ...`; each route says
which scopes it takes. What is refused is answered as a problem (RFC 9457).
"""


def create_app(
    backend: Backend,
    *,
    requests_per_second: float = USUAL_RATE,
    issuer: Issuer | None = None,
    api_url: str | None = None,
) -> FastAPI:
    """The app over a backend.

    Args:
        backend: what it works with.
        requests_per_second: of one key, in this process.
        issuer: whose tokens are taken beside keys; None: nobody's.
        api_url: where customers reach it, for links to their pages; None: where a request for one was sent.
    """
    app = routed()
    app.state.backend = backend
    app.state.api_url = api_url
    app.state.rate = RateLimit(requests_per_second)
    app.state.tokens = None if issuer is None else Tokens(issuer)
    app.add_middleware(ForeignIds)
    app.add_middleware(Heads, but={pages.ENTRANCE})
    app.add_middleware(Ending)
    handle_problems(app)
    handle_what_leads_nowhere(app)
    return app


def routed() -> FastAPI:
    """An app with all routes, and nothing behind them yet: all that the document is made of."""
    app = FastAPI(
        title="Milepost",
        description=ABOUT,
        version=version("milepost"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        # Nobody sets up any, and yet it is looked for at each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in (  # one table, that can be walked
        *(cases.router, bulk.router, coverage.router, entitlements.router, orders.router, catalog.router, tasks.router),
        *(actions.router, events.router, reports.router, customer_links.router, intake.open_router, intake.router),
        *(keys.router, erasures.router),
        *(health.router, pages.router, pages.open_router, pages.entrance, customer_pages.router),
    ):
        app.router.routes.extend(router.routes)
    return app
