"""What to do about cells that an input lacks."""

from __future__ import annotations

from pgmlang.model import Variable
from pgmlang.model.show import quoted

_DISTRIBUTIONS = {
    "labels": "Table(prior = 1)",
    "bit": "Bernoulli(p)",
    "spin": "Table(prior = 1)",
    "count": "Poisson(rate)",
    "positive": "LogNormal(m, s)",
    "unit": "Beta(a, b)",
    "simplex": "Dirichlet(a)",
}
"""One that has a kind of values; `Normal(m, s)` of others."""


def as_modelled(variable: Variable) -> str:
    """The statement that gives an input a distribution, as one writes it."""
    kind, declared = variable.type.kind, ""
    if kind in ("labels", "spin"):
        own = variable.type.labels
        declared = f" : {variable.type if own is None else '{' + ', '.join(map(quoted, own)) + '}'}"
    if len(declared) > 60:  # the labels are the data's
        declared = " : {...}"
    axes = f"[{', '.join(variable.axes)}]" if variable.axes else ""
    return f"{variable.name}{axes}{declared} ~ {_DISTRIBUTIONS.get(kind, 'Normal(m, s)')}"
