"""Writes UAI model files: BAYES for a Bayesian network, MARKOV for the rest."""

from __future__ import annotations

import numpy as np

from pgmlang.formats.checks import cannot_say, linear_values, require_directed
from pgmlang.tables import DiscreteNetwork


def write_uai(network: DiscreteNetwork) -> str:
    """UAI text; names and labels become numbers. ``read_uai`` of it gives bitwise the same values."""
    if not network.variables:
        raise cannot_say("a network without variables cannot be written as UAI")
    if network.is_directed:
        require_directed(network, "UAI", help="")
    out = ["BAYES" if network.is_directed else "MARKOV", str(len(network.variables))]
    out += [" ".join(map(str, network.sizes)), str(len(network.factors))]
    out += [" ".join(map(str, (len(f.scope), *f.scope))) for f in network.factors]
    for i, factor in enumerate(network.factors):
        values = linear_values(factor)
        if not (np.isfinite(values) & (values >= 0.0)).all():
            raise cannot_say(f"factor {i} holds values that are negative or too large for UAI")
        rows = values.reshape(-1, values.shape[-1] if values.ndim else 1).tolist()
        out += ["", str(values.size), *(" " + " ".join(map(repr, row)) for row in rows)]
    return "\n".join(out) + "\n"
