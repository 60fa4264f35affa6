"""Links of documents that are read on two sites: beside the files of the repository, and here.

A relative link that leaves docs/ goes to the page that the site has of the same file (an example's README, the changelog);
any other file is offered for download, as it stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

from pgmdocs.project_pages import ROOT, page_of

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
DOCS = ROOT / "docs"


def rewrite_links(text: str, home: Path, page: Path) -> str:
    """The text of a document at ``home`` as it stands at ``page``, with links that lead to the same things from there."""

    def one(match: re.Match[str]) -> str:
        target, hash_, anchor = match["target"].partition("#")
        if not target or "://" in target or target.startswith(("mailto:", "/")):
            return match[0]
        file = Path(os.path.normpath(home.parent / target))
        there = page_of(file)
        if there is None and not file.is_relative_to(DOCS) and not file.exists():
            raise FileNotFoundError(f"{home} links to {match['target']}, which is not there")
        if there is None and file.is_dir():
            return match["text"]
        return f"[{match['text']}]({os.path.relpath(there or file, page.parent)}{hash_}{anchor})"

    return outside_of_fences(text, lambda line: _LINK.sub(one, line))


def rewrite_images(text: str, home: Path, page: Path) -> str:
    """The text with the paths of its pictures as they are from ``page``."""

    def one(match: re.Match[str]) -> str:
        return f"![{match[1]}]({os.path.relpath(home.parent / match[2], page.parent)})"

    return outside_of_fences(text, lambda line: re.sub(r"!\[([^\]]*)\]\(([^):\s]+)\)", one, line))


def outside_of_fences(text: str, change: Callable[[str], str]) -> str:
    """The text with each line that is no code changed."""
    lines, fence = [], ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(`{3,}|~{3,}|:{3,})", line)
        if fence:
            fence = "" if mark and line.strip() == fence else fence
        elif mark and mark[1][0] != ":":
            fence = mark[1]
        else:
            line = change(line)
        lines.append(line)
    return "\n".join(lines)


def rewrite(app: Sphinx, name: str, source: list[str]) -> None:
    """Sphinx's ``source-read``: pages written by hand, in docs/."""
    if not name.startswith("reference/"):
        file = DOCS / f"{name}.md"
        source[0] = rewrite_links(source[0], file, file)
