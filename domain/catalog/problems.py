"""What is wrong with a catalog, and where in its document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.errors import CatalogError
from domain.wording import plural

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a catalog.

    Attributes:
        path: where, in the document.
        message: what is wrong and what would be right.
        see: the other place that it is about, such as the first of two declarations.
    """

    path: Path
    message: str
    see: Path | None = None

    def __str__(self) -> str:
        also = f" (see {path_text(self.see)})" if self.see else ""
        return f"{path_text(self.path)}: {self.message}{also}" if self.path else f"{self.message}{also}"


class CatalogProblems(CatalogError):
    """A catalog with problems, all of them.

    Attributes:
        problems: in the document's order.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        head = f"{plural(len(self.problems), 'problem')} in the catalog"
        super().__init__("\n".join([f"{head}; nothing was stored", *(f"  {problem}" for problem in self.problems)]))


def path_text(path: Path) -> str:
    """A path as people write it: ``processes[0].milestones[2].within[1].span``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
