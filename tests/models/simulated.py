"""Whole models as one would first write them, with simulated data of known truth: fitted by `auto` with no options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pgmlang

Columns = Mapping[str, Any]
Tables = Mapping[str, Columns]


@dataclass(frozen=True)
class Simulated:
    """``tables`` makes the data, by the name of each table (`""`: the only one); ``truth``: what they were made of, by element."""

    text: str
    tables: Callable[[np.random.Generator], Tables]
    truth: Mapping[str, float] = field(default_factory=dict)


def check(model: Simulated, sds: float = 4.0) -> pgmlang.FittedModel:
    """The fit by the method taken unasked. It has converged, and the truth is within so many posterior standard deviations of the means."""
    tables = model.tables(np.random.default_rng(1))
    fit = pgmlang.compile(model.text).fit(tables[""] if set(tables) == {""} else tables, seed=1)
    assert fit.record.status == "converged", [w.message for w in fit.warnings]
    rows = {row["name"].replace(", ", ","): row for row in fit.summary().frame.to_dict("records")}
    for name, true in model.truth.items():
        assert abs(rows[name]["mean"] - true) < sds * rows[name]["sd"], (name, true, rows[name])
    return fit
