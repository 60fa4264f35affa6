"""Which observations contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.engine import ExactEngine
from pgmlang.tables import DiscreteNetwork


def conflict(
    network: DiscreteNetwork, evidence_row: Mapping[int, int], engine: ExactEngine | None = None
) -> list[int]:
    """A smallest-by-deletion subset of the observed variables whose evidence has probability zero.

    Every proper subset of the answer is possible. Empty when the evidence is possible. By QuickXplain-like
    halving: whole blocks are dropped before single observations.
    """
    engine = engine or ExactEngine(network)
    observed = [v for v, code in sorted(evidence_row.items()) if code >= 0]

    def impossible(subset: Sequence[int]) -> bool:
        # Missing cells as -1 in two equal patterns would be cut to indicators; scalars stay scalars.
        return bool(np.isneginf(engine.log_z({v: evidence_row[v] for v in subset})[0]))

    if not impossible(observed):
        return []
    conflicting = observed
    size = max(1, len(conflicting) // 2)
    while True:
        start = 0
        while start < len(conflicting):
            fewer = conflicting[:start] + conflicting[start + size :]
            if impossible(fewer):
                conflicting = fewer
            else:
                start += size
        if size == 1:
            return conflicting
        size = max(1, size // 2)


def impossible_evidence(network: DiscreteNetwork, evidence_row: Mapping[int, int], place: str = "") -> PgmError:
    """PGM0609 for a row of evidence, naming the observations that contradict each other."""
    names = [
        f"`{network.variables[v].name} = {network.variables[v].labels[evidence_row[v]]}`"
        for v in conflict(network, evidence_row)
    ]
    listed = ", ".join(names)
    return PgmError(
        Diagnostic(
            "PGM0609",
            "the evidence has probability zero",
            notes=(f"these observations cannot occur together: {listed}",) if names else (),
            help="drop or correct one of them, or smooth the tables' zeros",
            place=place,
        )
    )
