"""What the site needs beside Sphinx: formulas without scripts, the lexers, links out of docs/, and the generated pages.

`setup` is Sphinx's entry. Each generator gives pages by their path under ``reference/``; they are written before Sphinx
looks for its sources, and only where their text has changed, so that a second build reads little.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pgmdocs import (
    commands,
    distributions,
    errors,
    language_reference,
    links,
    listings,
    mathml,
    method_facts,
    project_pages,
    python_api,
    terms,
)

GENERATORS = (
    project_pages.pages, distributions.pages, errors.pages, commands.pages, language_reference.pages, python_api.pages,
)  # fmt: skip
"""Functions that give {path under reference/: text}."""

FOLDER = "reference"


def generated() -> dict[str, str]:
    """Every generated page: its path under ``docs/reference`` and its text."""
    pages: dict[str, str] = {}
    for generator in GENERATORS:
        for path, text in generator().items():
            assert path not in pages, f"two generators write {path}"
            pages[path] = text
    return pages


def write_pages(app: Sphinx) -> None:
    folder = Path(app.srcdir) / FOLDER
    pages = {folder / path: text for path, text in generated().items()}
    for old in folder.rglob("*.md"):
        if old not in pages:
            old.unlink()
    for path, text in pages.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", write_pages)
    app.connect("source-read", links.rewrite)
    mathml.setup(app)
    listings.setup(app)
    method_facts.setup(app)
    terms.setup(app)
    python_api.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
