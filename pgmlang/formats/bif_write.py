"""Writes BIF: the layout of bnlearn's files, numbers by the shortest text that reads back to the same float64."""

from __future__ import annotations

import re
import unicodedata
from itertools import product

from pgmlang.formats.bif_scan import KINDS
from pgmlang.formats.checks import cannot_say, linear_values, require_directed
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor

_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*)")
_RESERVED = {*KINDS, "type", "discrete", "table", "default", "property"}


def write_bif(network: DiscreteNetwork) -> str:
    """BIF text of a Bayesian network; ``read_bif`` of it gives bitwise the same values. PGM0907 if undirected."""
    require_directed(network, "BIF", help="write the network as UAI, whose MARKOV files hold undirected factors")
    out = [f"network {_word(network.name or 'unknown')} {{\n}}\n"]
    for variable in network.variables:
        labels = ", ".join(_word(label) for label in variable.labels)
        out.append(f"variable {_word(variable.name)} {{\n")
        out.append(f"  type discrete [ {variable.size} ] {{ {labels} }};\n}}\n")
    out += [_probability(network, factor) for factor in network.factors]
    return "".join(out)


def _probability(network: DiscreteNetwork, factor: TableFactor) -> str:
    *parents, child = (network.variables[i] for i in factor.scope)
    rows = linear_values(factor).reshape(-1, child.size).tolist()
    if not parents:
        return f"probability ( {_word(child.name)} ) {{\n  table {', '.join(map(repr, rows[0]))};\n}}\n"
    scope = ", ".join(_word(p.name) for p in parents)
    lines = [f"probability ( {_word(child.name)} | {scope} ) {{\n"]
    for key, row in zip(_keys(parents), rows, strict=True):
        lines.append(f"  ({key}) {', '.join(map(repr, row))};\n")
    return "".join([*lines, "}\n"])


def _keys(parents: list[DiscreteVariable]) -> list[str]:
    return [", ".join(key) for key in product(*([_word(label) for label in p.labels] for p in parents))]


def _word(text: str) -> str:
    """A name as BIF takes it: bare where every reader knows it as a word, else quoted."""
    if _PLAIN.fullmatch(text) and text not in _RESERVED:
        return text
    if not text or any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise cannot_say(f"the name {text!r} cannot be written as BIF", "use names without control characters")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
