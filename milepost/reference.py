"""The page of the Python clients: ``python -m milepost.reference > docs/reference/python-client.md``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, ForwardRef

from milepost import MilepostClient
from milepost.http import MilepostHttp, NoAnswer, NotFound, Refused, keywords, models
from milepost.http.left_out import LEFT_OUT

_HEAD = """\
# Python clients

Written by `python -m milepost.reference`. There are two: one over HTTP, for which a URL and a key are enough, and one
by Temporal's Python SDK, which opens and asks cases where Temporal can be reached; [the guide](../guide/clients.md)
has examples. What is not done they raise:

"""
_OVER_HTTP = """
## Over HTTP

    from milepost.http import MilepostHttp

"""
_MODELS = """
What is sent and answered has its types in `milepost.http.models`: {names}.
"""
_KEYWORDS = """
### Keywords of many calls

Each may be left out.

"""
_LEFT_OUT = """
### What has no call

"""
_BY_TEMPORAL = """
## By Temporal

    from milepost import MilepostClient

"""


class _Bare(str):
    """An annotation as the source has it, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return re.sub(r"Unpack\[(\w+)\]", r"\1", self)


def page() -> str:
    """The page, in Markdown."""
    errors = "".join(f"- `{error.__name__}`: {_first_line(error)}\n" for error in (Refused, NotFound, NoAnswer))
    names = ", ".join(f"`{name}`" for name in models.__all__)
    left_out = "".join(f"- `{operation}`: {why}.\n" for operation, why in LEFT_OUT.items())
    return "".join(
        [
            *(_HEAD, errors, _OVER_HTTP, _made(MilepostHttp), _MODELS.format(names=names)),
            *("\n### Cases, coverage and events\n\n", _calls(MilepostHttp)),
            *(f"\n### `{name}`\n\n{_first_line(part)}\n\n{_calls(part)}" for name, part in _parts()),
            *(_KEYWORDS, *map(_said, _typed_dicts()), _LEFT_OUT, left_out),
            *(_BY_TEMPORAL, _made(MilepostClient), "\n", _calls(MilepostClient)),
        ]
    )


def _parts() -> Iterator[tuple[str, type[Any]]]:
    """The parts of the client over HTTP, by their names."""
    with MilepostHttp("http://127.0.0.1", "") as client:
        for name, part in vars(client).items():
            if not name.startswith("_") and not inspect.ismethod(part):
                yield name, type(part)


def _made(kind: type[Any]) -> str:
    """How a client is made, and what its class says of itself."""
    said = inspect.getdoc(kind) or ""
    about = " ".join(said.partition("\n\nArgs:")[0].split())
    return f"`{kind.__name__}{_signature(kind.__init__)}`\n\n{about}\n"


def _calls(kind: type[Any]) -> str:
    """The calls of a class, in the order of its source."""
    public = {name: one for name, one in vars(kind).items() if not name.startswith("_") and inspect.isfunction(one)}
    return "".join(
        f"- `{'await ' if inspect.iscoroutinefunction(one) else ''}{name}{_signature(one)}`: {_first_line(one)}\n"
        for name, one in public.items()
    )


def _signature(function: Callable[..., Any]) -> str:
    found = inspect.signature(function)
    parameters = [
        one if one.annotation is one.empty else one.replace(annotation=_Bare(one.annotation))
        for name, one in found.parameters.items()
        if name != "self"
    ]
    answer = found.return_annotation
    says_nothing = answer in {"None", found.empty}
    return str(inspect.Signature(parameters, return_annotation=found.empty if says_nothing else _Bare(answer)))


def _typed_dicts() -> Iterator[type[Any]]:
    return (one for one in vars(keywords).values() if isinstance(one, type) and hasattr(one, "__total__"))


def _said(kind: type[Any]) -> str:
    """The keys of some keywords, with their types."""
    keys = ", ".join(f"`{name}: {_type_of(hint)}`" for name, hint in kind.__annotations__.items())
    return f"- `{kind.__name__}`: {_first_line(kind)} {keys}\n"


def _type_of(hint: Any) -> str:
    """A type as its source has it, without the None that means that it is left out."""
    return (hint.__forward_arg__ if isinstance(hint, ForwardRef) else str(hint)).removesuffix(" | None")


def _first_line(of: Any) -> str:
    return (inspect.getdoc(of) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.stdout.write(page())
