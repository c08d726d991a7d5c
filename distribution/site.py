"""Hooks of the documentation's site (`mkdocs.yml`): the pages of the project's root stand in it, too.

In the sources a link leads where the file is, so that it works wherever the sources are read. In the site the pages of
the root lie beside the folders of `docs/`, and a link to one of them, or from one of them, leads there.

What people look for by certain words, the search finds by a heading; a site in which it does not is refused.

Nothing of the site is loaded from elsewhere: a page that would is refused, so that the site can be read without a
network, and nobody is told who reads what.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from distribution.sought import not_found

ROOT = Path(__file__).parent.parent
OF_THE_ROOT = {
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "THIRD-PARTY.md": "THIRD-PARTY.md",
    "LICENSE": "LICENSE.txt",
    "NOTICE": "NOTICE.txt",
}
"""Files of the root, and where each is in the site."""

LESS_SOUGHT = {"reference/rules.md": 0.2, "decisions.md": 0.3, "CHANGELOG.md": 0.3, "THIRD-PARTY.md": 0.1}
"""Pages that name everything once: in the search they stand behind those that explain it."""

_SHIM = "https://unpkg.com/iframe-worker/shim"
"""What the theme loads from elsewhere, so that the search works from a folder; ours is in `docs/javascripts`."""

_LOADED = re.compile(
    r"<(?:script|img|iframe|link rel=\"(?:stylesheet|preconnect|preload)\")[^>]*(?:src|href)=\"(https?:[^\"]*)"
)
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for name, place in OF_THE_ROOT.items():
        files.append(File.generated(config, place, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  a hook's own
    """Lead links to where the pages are in the site, and tell the search how much a page is sought."""
    place = page.file.src_uri
    if place in LESS_SOUGHT:
        page.meta["search"] = {"boost": LESS_SOUGHT[place]}
    source = place if place in OF_THE_ROOT else f"docs/{place}"
    return _LINK.sub(lambda link: f"{link[1]}{_in_the_site(link[2], source, place)}{link[3]}", markdown)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001  a hook's own
    """Load what the theme would load from elsewhere from the site itself."""
    return _loading_nothing(output, page.file.dest_uri)


def on_post_template(output_content: str, *, template_name: str, config: MkDocsConfig) -> str:  # noqa: ARG001  likewise
    """The same for the page that says that there is none."""
    return _loading_nothing(output_content, template_name)


def on_post_build(*, config: MkDocsConfig) -> None:
    """Refuse a site whose search does not find what people look for."""
    index = json.loads((Path(config.site_dir) / "search" / "search_index.json").read_text(encoding="utf-8"))
    if missing := not_found(index["docs"], (place.replace(".md", ".html") for place in LESS_SOUGHT)):
        raise PluginError(f"the search finds no section whose heading has: {', '.join(missing)}")


def _loading_nothing(output: str, place: str) -> str:
    ours = posixpath.relpath("javascripts/search-from-a-folder.js", posixpath.dirname(place) or ".")
    output = output.replace(_SHIM, ours)
    if found := _LOADED.findall(output):
        raise PluginError(f"{place} loads from elsewhere: {', '.join(found)}")
    return output


def _in_the_site(target: str, source: str, place: str) -> str:
    """Where a link leads in the site.

    Args:
        target: of the link, as the source has it.
        source: the file that has the link, from the root of the project.
        place: of that file's page in the site.
    """
    led_to = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    there = OF_THE_ROOT.get(led_to, led_to.removeprefix("docs/"))
    return posixpath.relpath(there, posixpath.dirname(place) or ".")
