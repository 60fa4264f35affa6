"""Names of the language for columns."""

from __future__ import annotations

import re
from collections.abc import Collection

WORD = re.compile(r"[^\W\d]\w*")
RESERVED = frozenset(
    ("if", "then", "else", "and", "or", "not", "true", "false", "first", "prev", "over", "inf", "pi", "in", "like", "model", "plate",
     "dim", "param", "input", "field", "factor", "net", "def", "guide", "import", "return", "chain", "grid", "edges", "by")
)  # fmt: skip
"""Words that mean something where a name could stand."""


def identifier(name: str, taken: Collection[str]) -> str:
    """A name for a column, none of ``taken``: other characters become underscores, as a binding reads them."""
    word = re.sub(r"\W", "_", name) or "column"
    if not WORD.fullmatch(word):
        word = "_" + word
    if word in RESERVED:
        word += "_"
    while word in taken:
        word += "_"
    return word


def label_text(label: str) -> str:
    """A label as a model writes it: quoted unless it is a plain word or number."""
    if (WORD.fullmatch(label) and label not in RESERVED) or re.fullmatch(r"0|[1-9]\d*(\.\d+)?|0\.\d+", label):
        return label
    return quoted(label)


def quoted(label: str) -> str:
    """A label in quotes, which no variable of its name stands for."""
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
