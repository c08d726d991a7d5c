"""The query of a request: each parameter is one that its route knows, and what takes one value is given once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request

from domain.bounds import cut
from starters.http.problems import MOST_ERRORS, ErrorAt, Problem

_LONGEST_NAME = 100


def parameters_of(route: APIRoute) -> dict[str, bool]:
    """The parameters that a route's query may have, by their names: whether one takes several values."""
    found: dict[str, bool] = {}
    for asked in route.dependant.query_params:
        model = asked.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            found |= {name: _takes_many(field.annotation) for name, field in model.model_fields.items()}
        else:
            found[asked.alias] = _takes_many(model)
    return found


def check_query(request: Request, known: Mapping[str, bool]) -> None:
    """Refuse a query of which a part would be passed over: nobody knows which part was meant.

    Args:
        request: whose query it is.
        known: the parameters of its route, as `parameters_of` has them.

    Raises:
        Problem: it has a parameter that the route does not know, or one twice that takes one value.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = list(_wrong(given, known))
    if errors:
        said = "; ".join(f"{one.parameter}: {one.detail}" for one in errors[:3])
        raise Problem("bad_message", said, errors=errors[:MOST_ERRORS])


def _wrong(given: Mapping[str, int], known: Mapping[str, bool]) -> Iterable[ErrorAt]:
    for name, times in given.items():
        if name not in known:
            yield ErrorAt(detail="is unknown here", parameter=cut(name, _LONGEST_NAME))
        elif times > 1 and not known[name]:
            yield ErrorAt(detail=f"is given {times} times, and takes one value", parameter=name)


def _takes_many(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_takes_many(part) for part in get_args(annotation))
