"""A Bayesian network as the text of a `.pgm` model with literal tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import product

from pgmlang.families import FAMILIES, LEARNED, SERIES
from pgmlang.formats.checks import cannot_say, linear_values, require_directed
from pgmlang.signatures.functions import BLOCKS, FUNCTIONS, REDUCTIONS
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor

_BARE_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = (
    "pgm", "model", "plate", "dim", "param", "input", "field", "factor", "net", "guide", "def", "return", "import",
    "in", "like", "if", "then", "else", "and", "or", "not", "true", "false", "over", "by", "first", "prev",
    "table", "inf", "pi",
)  # fmt: skip
_RESERVED = frozenset([*_KEYWORDS, *FAMILIES, *SERIES, *LEARNED, *FUNCTIONS, *REDUCTIONS, *BLOCKS, "Table"])
_WIDEST_NAME = 24
"""Names are padded to one column up to this length; a longer one shifts its own line only."""
_LINE = 110


def network_to_pgm(network: DiscreteNetwork, model_name: str | None = None, origin: str = "") -> str:
    """Text of a model with one table for each variable, numbers as they read back exactly.

    ``origin``: the file it came from, for the first line. Names that the language cannot take are changed
    (:func:`pgm_names`) with a comment. PGM0907 for an undirected network.
    """
    require_directed(network, ".pgm", help="query the .uai file directly, or say it as a directed network")
    names = pgm_names([v.name for v in network.variables])
    body: list[str] = []
    tables = {f.child: f for f in network.factors}
    for i, variable in enumerate(network.variables):
        if names[i] != variable.name:
            body.append(f"  # {names[i]} was {label_text(variable.name, is_quoted=True)}")
        body += table_lines(network, names, tables[i], max(map(len, names)))
    return model_lines(names, body, model_name or network.name, origin)


def model_lines(names: list[str], body: list[str], model_name: str, origin: str) -> str:
    """The text of a model of one plate of rows, whose variables have ``names``, around the lines of its statements."""
    taken = set(names)
    out = [f"# from {_comment(origin)}"] if origin else []
    out += [f"model {_free(_identifier('network' if model_name == 'unknown' else model_name), taken)}", ""]
    return "\n".join([*out, f"plate {_free('row', taken)} {{", *body, "}"]) + "\n"


def pgm_names(names: Sequence[str]) -> list[str]:
    """The name of each variable in a `.pgm` text: its own where the language takes it, else one like it."""
    fine = {n for n in names if _NAME.fullmatch(n) and n not in _RESERVED}
    out: list[str] = []
    taken = set(fine)
    for name in names:
        if name in fine:
            fine.remove(name)  # a second variable of this name gets another
        else:
            name = _free(_identifier(name), taken)
            taken.add(name)
        out.append(name)
    return out


def _identifier(text: str) -> str:
    """An ASCII identifier like ``text``: accents dropped, other characters made ``_``, no word of the language."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    name = re.sub(r"[^A-Za-z0-9_]", "_", plain) or "x"
    if name[0].isdigit():
        name = "_" + name
    return name + "_" if name in _RESERVED else name


def _free(name: str, taken: Iterable[str]) -> str:
    if name not in taken:
        return name
    stem, number = name.rstrip("_") or "x", 2
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def table_lines(network: DiscreteNetwork, names: Sequence[str], factor: TableFactor, widest: int) -> list[str]:
    """The statement of a variable with its table; ``widest``: of all names, which stand in one column."""
    width = min(widest, _WIDEST_NAME)
    *parents, child = (network.variables[i] for i in factor.scope)
    head = f"  {names[factor.scope[-1]]:<{width}} : "
    labels = _wrapped([label_text(label) for label in child.labels], len(head) + 1)
    head += f"{{{labels}}} ~ Table({', '.join(names[i] for i in factor.scope[:-1])}) {{"
    rows = linear_values(factor).reshape(-1, child.size).tolist()
    cells = [", ".join(map(repr, row)) for row in rows]
    if not parents:
        one_line = f"{head} {cells[0]} }}"
        return [one_line] if len(one_line) <= _LINE else [head, f"    {cells[0]}", "  }"]
    keys = _keys(parents)
    return [head, *(f"    {key} : {cell}" for key, cell in zip(keys, cells, strict=True)), "  }"]


def _keys(parents: list[DiscreteVariable]) -> list[str]:
    """The keys of the rows in their order, padded so that the colons stand in one column."""
    labels = [[label_text(label) for label in p.labels] for p in parents]
    widths = [max(map(len, column)) for column in labels]
    *before, last = labels
    padded = [
        [f"{text},".ljust(width + 2) for text in column] for column, width in zip(before, widths[:-1], strict=True)
    ]
    padded.append([text.ljust(widths[-1]) for text in last])
    return ["".join(key) for key in product(*padded)]


def _wrapped(labels: list[str], indent: int) -> str:
    """Labels with commas, on further lines where one is full (a line may end after a comma)."""
    lines, line = [], ""
    for i, label in enumerate(labels):
        piece = label + (", " if i + 1 < len(labels) else "")
        if line and indent + len(line) + len(piece) > _LINE:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return ("\n" + " " * indent).join([*lines, line])


def label_text(text: str, *, is_quoted: bool = False) -> str:
    """A label as it is spelt: quoted where it is no plain word or number. Raises PgmError PGM0907 for control characters."""
    if not is_quoted and _BARE_LABEL.fullmatch(text):
        return text
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise cannot_say(f"{text!r} cannot be written in a .pgm text", "use names without control characters")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
