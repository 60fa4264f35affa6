"""The lexers, and the language of fences that name none: a model's text where it reads as one, else plain text."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from pgmlang.syntax.highlight import PgmcConsoleLexer, PgmLexer

MODEL_TEXT = re.compile(
    r"^\s*(# [\w/]+\.pgm\b|model \w+|plate \w+|dim \w+|field \w+|input \w+|\w+(\[\w+\])?\s*(: .*)?~ )", re.M
)


class UnnamedListings(SphinxTransform):
    """Runs before Sphinx gives unnamed blocks the default language."""

    default_priority = 200

    def apply(self, **_: object) -> None:
        for block in self.document.findall(nodes.literal_block):
            if block.get("language", "default") in ("default", "none"):
                text = block.astext()
                if text.startswith(("pgmc ", "make ", "pip ", "python ", "git ")):
                    block["language"] = "sh"
                else:
                    block["language"] = "pgm" if MODEL_TEXT.search(text) else "text"
            elif block["language"] == "console":
                block["language"] = "pgmc-console"


def setup(app: Sphinx) -> None:
    app.add_lexer("pgm", PgmLexer)
    app.add_lexer("pgmc-console", PgmcConsoleLexer)
    app.add_transform(UnnamedListings)
