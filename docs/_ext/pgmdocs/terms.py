"""Words of the trade lead to their gloss: the first of each on a page, wherever it stands in running text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GLOSSARY = Path(__file__).parents[2] / "glossary.md"
PLAIN = frozenset(
    [
        "axis",
        "bind",
        "converged",
        "deterministic",
        "do",
        "draw",
        "em",
        "energy",
        "factor",
        "family",
        "field",
        "fit",
        "guide",
        "input",
        "kernel",
        "label",
        "mode",
        "observed",
        "param",
        "parent",
        "plan",
        "Pyro",
        "score",
        "seed",
        "shape",
        "support",
        "table",
    ]
) | {"chain (of draws)", "chain (of rows)", "weight (of a row)", "standard deviation", "open set"}
"""Terms that are words of every day too, or stand with a second meaning: only an explicit ``{term}`` leads to them."""
SKIPPED = (nodes.reference, nodes.literal, nodes.title, nodes.math, nodes.raw, addnodes.pending_xref, nodes.term, nodes.caption,
           addnodes.desc_signature)  # fmt: skip


@cache
def glossary_terms() -> tuple[str, ...]:
    """The entries of the glossary."""
    text = GLOSSARY.read_text(encoding="utf-8").split("```{glossary}\n")[1].split("\n```")[0]
    return tuple(re.findall(r"^(\S.*)$", text, re.M))


@cache
def pattern() -> re.Pattern[str]:
    forms = []
    for term in sorted(set(glossary_terms()) - PLAIN, key=len, reverse=True):
        stem = re.escape(term).replace(r"\ ", r"\s+")
        forms.append(f"{stem[:-1]}(?:y|ies)" if term.endswith("y") else f"{stem}s?")
    return re.compile(rf"(?<![\w-])(?:{'|'.join(forms)})(?![\w-])", re.IGNORECASE)


def term_of(word: str) -> str:
    """The entry that a form of a word belongs to."""
    plain = " ".join(word.split()).lower()
    by_form = {t.lower(): t for t in glossary_terms()}
    return next(by_form[f] for f in (plain, plain[:-1], plain[:-3] + "y") if f in by_form)


def link_terms(app: Sphinx, document: nodes.document) -> None:
    """Sphinx's ``doctree-read``."""
    page = app.env.docname
    if page == "glossary":
        return
    seen = {n["reftarget"].lower() for n in document.findall(addnodes.pending_xref) if n.get("reftype") == "term"}
    for text in list(document.findall(nodes.Text)):
        if any(isinstance(parent, SKIPPED) for parent in _parents(text)) or not _in_paragraph(text):
            continue
        pieces, end = [], 0
        for match in pattern().finditer(str(text)):
            term = term_of(match[0])
            if term.lower() not in seen:
                seen.add(term.lower())
                pieces += [nodes.Text(str(text)[end : match.start()]), _link(term, match[0], page)]
                end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(str(text)[end:])])


def _link(term: str, shown: str, page: str) -> addnodes.pending_xref:
    link = addnodes.pending_xref(
        "", refdomain="std", reftype="term", reftarget=term, refexplicit=True, refdoc=page, refwarn=True
    )
    link += nodes.inline(shown, shown, classes=["xref", "std", "std-term"])
    return link


def _parents(node: nodes.Node) -> list[nodes.Node]:
    found = []
    while (node := node.parent) is not None:
        found.append(node)
    return found


def _in_paragraph(node: nodes.Node) -> bool:
    return any(isinstance(parent, nodes.paragraph) for parent in _parents(node))


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", link_terms)
