"""Writes a page of the reference: ``python -m starters.http.reference [problems|api] > docs/reference/...md``."""

from __future__ import annotations

import sys

from starters.http.reference import api, problems

PAGES = {"problems": problems.page, "api": api.page}

if __name__ == "__main__":
    [name] = sys.argv[1:] or ["problems"]
    print(PAGES[name](), end="")
