"""The app: all routes over one backend. It keeps nothing itself, so that any number of replicas may run."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from starters.http.backend import Backend
from starters.http.paths import ForeignIds
from starters.http.problems import handle_problems
from starters.http.routes import cases, health

ABOUT = """\
Entitlements, milestones and business hours of support cases. Every request but the health checks shows a key or a
token, as `Authorization: Bearer ...`; each route says which scopes it takes. What is refused is answered as a problem
(RFC 9457).
"""


def create_app(backend: Backend) -> FastAPI:
    """The app over a backend."""
    app = FastAPI(
        title="Milepost",
        description=ABOUT,
        version=version("milepost"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    app.state.backend = backend
    app.add_middleware(ForeignIds)
    handle_problems(app)
    for module in (health, cases):
        app.router.routes.extend(module.router.routes)  # one table, that can be walked
    return app
