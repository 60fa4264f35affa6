"""A conditional Gaussian network as the text of a `.pgm` model with literal tables and linear predictors."""

from __future__ import annotations

from itertools import product

import numpy as np

from pgmlang.formats.pgm import label_text, model_lines, pgm_names, table_lines
from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.tables import DiscreteNetwork


def gaussian_to_pgm(network: GaussianNetwork, model_name: str | None = None, origin: str = "") -> str:
    """Text of a model with a table for each label and a normal distribution for each number, numbers as they read back
    exactly. Arguments as `network_to_pgm`."""
    given = [*(v.name for v in network.discrete.variables), *network.numbers]
    names = pgm_names(given)
    num_labels = len(network.discrete.variables)
    body: list[str] = []
    tables = {f.child: f for f in network.discrete.factors}
    for i, variable in enumerate(network.discrete.variables):
        body += _renamed(names[i], variable.name)
        body += table_lines(network.discrete, names, tables[i], max(map(len, names)))
    for c in network.conditionals:
        name = names[num_labels + c.child]
        body += _renamed(name, network.numbers[c.child])
        body.append(
            f"  {name} ~ Normal({_predictor(network.discrete, names, c)}, {_sd(network.discrete, names, c)})"
        )
    return model_lines(names, body, model_name or network.name, origin)


def _renamed(name: str, given: str) -> list[str]:
    return [] if name == given else [f"  # {name} was {label_text(given, is_quoted=True)}"]


def _predictor(discrete: DiscreteNetwork, names: list[str], c: NumberConditional) -> str:
    """The mean: a sum for each configuration of the labels."""
    parents = [names[len(discrete.variables) + p] for p in c.parents]
    texts = [_sum(float(a), b.tolist(), parents) for a, b in zip(c.intercept[0], c.coefficients[0], strict=True)]
    return _chosen(discrete, names, c, texts)


def _sd(discrete: DiscreteNetwork, names: list[str], c: NumberConditional) -> str:
    return _chosen(discrete, names, c, [repr(float(s)) for s in np.broadcast_to(c.sd[0], c.intercept[0].shape)])


def _sum(constant: float, coefficients: list[float], parents: list[str]) -> str:
    out = repr(constant) if constant or not parents else ""
    for b, name in zip(coefficients, parents, strict=True):
        sign = "-" if b < 0 else "+"
        term = f"{abs(b)!r} * {name}"
        out = f"{out} {sign} {term}" if out else term if sign == "+" else f"-{term}"
    return out


def _chosen(discrete: DiscreteNetwork, names: list[str], c: NumberConditional, texts: list[str]) -> str:
    """One text, or each where the labels have its configuration; the last of them where they have no other."""
    if len(set(texts)) == 1:
        return texts[0]
    labels = [discrete.variables[v].labels for v in c.labels]
    conditions = [
        " and ".join(f"{names[v]} == {label_text(t)}" for v, t in zip(c.labels, key, strict=True))
        for key in product(*labels)
    ]
    parts = [f"if {k} then {text} else " for k, text in zip(conditions[:-1], texts[:-1], strict=True)]
    return "".join(parts) + texts[-1]
