"""What ``pgmc explain`` says of each code: the pages in ``explain/*.md``, one file a range of codes.

A page is a heading, a text, and two fenced examples, ``bad`` and ``good``. Examples are model texts that a test
compiles; those marked ``console`` are command lines and what they say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pgmlang import plugins
from pgmlang.diagnostics.codes import CODES, Code, code_row
from pgmlang.diagnostics.diagnostic import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean

_PAGE = re.compile(r"^# (PGM\d{4})\n(.*?)(?=^# PGM|\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^```(bad|good)( console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Explanation:
    """One page. ``kind``: ``model`` if the examples are model texts, ``console`` if they are command lines."""

    code: str
    title: str
    text: str
    bad: str
    good: str
    kind: str


def codes() -> list[str]:
    """All codes, sorted."""
    return sorted(CODES)


def explain(code: str) -> Explanation:
    """The page of a code; ``304`` and ``pgm0304`` are understood. Raises PgmError PGM0612 for an unknown one."""
    name = code.strip().upper()
    if name.isdecimal():
        name = f"PGM{int(name):04d}"
    page = _pages().get(name)
    added = plugins.plugin(plugins.CODES, name, Code) if page is None else None
    if added is not None:
        page = _page_of(name, added.page)
    if page is None:
        alike = [c for c in CODES if c[:5] == name[:5]]
        cure = did_you_mean(name, alike or CODES) or "`pgmc explain` lists all codes"
        raise PgmError(Diagnostic("PGM0612", f"there is no code `{code}`", help=cure))
    return page


@cache
def _pages() -> dict[str, Explanation]:
    folder = files("pgmlang.diagnostics") / "explain"
    texts = [f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".md")]
    return {page.code: page for text in texts for page in map(_page, _PAGE.finditer(text))}


def _page(match: re.Match[str]) -> Explanation:
    return _page_of(*match.groups())


def _page_of(code: str, body: str) -> Explanation:
    examples = {kind: (console, text) for kind, console, text in _EXAMPLE.findall(body)}
    text = body.split("```", 1)[0].strip()
    kind = "console" if examples["bad"][0] else "model"
    return Explanation(code, code_row(code).title, text, examples["bad"][1], examples["good"][1], kind)
