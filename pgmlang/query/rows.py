"""Many rows at once: predictions, scores and samples as columns."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.binding.counted_rows import row_counts
from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model, TableDist
from pgmlang.model.branches import branches
from pgmlang.query.network import NetworkAnswers

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity


@dataclass(frozen=True, eq=False, repr=False)
class Columns:
    """Columns of a result by name, all of one length, and warnings on the way. ``plate``: whose elements the rows are, ""
    where they are of none; None of draws."""

    columns: dict[str, list[str] | np.ndarray]
    warnings: tuple[Diagnostic, ...] = ()
    plate: str | None = None

    def __repr__(self) -> str:
        names = list(self.columns)
        rows = len(next(iter(self.columns.values()), ()))
        more = f" and {len(names) - 12:,} more" if len(names) > 12 else ""
        return f"columns of {rows:,} rows: {', '.join(names[:12])}{more}; `.columns` has them as arrays and lists"

    def to_dict(self) -> dict[str, list[object]]:
        """Plain lists; what a number is not is None."""
        return {
            k: [
                None if isinstance(x, float) and not np.isfinite(x) else x
                for x in (v.tolist() if isinstance(v, np.ndarray) else v)
            ]
            for k, v in self.columns.items()
        }


def row_order(values: np.ndarray, binding: Binding) -> np.ndarray:
    """Values of the bound rows, shape (rows, ...), in the order of the table they came from; NaN (or ``""``) for rows
    that the binding dropped."""
    if binding.rows is None:
        return values
    empty: Any = "" if values.dtype.kind == "O" else np.nan
    out = np.full((binding.table_rows, *values.shape[1:]), empty, dtype=values.dtype)
    out[binding.rows] = values
    return out


def at_first_copies(columns: Columns, binding: Binding) -> Columns:
    """Columns of rows that were written out, each as often as it counts, at the rows of the binding; cells of a row that
    does not count at all are empty."""
    counts = row_counts(binding)
    assert counts is not None, "only counts are written out"
    first = np.minimum(np.cumsum(counts) - counts, max(counts.sum() - 1, 0))
    out: dict[str, list[str] | np.ndarray] = {}
    for name, column in columns.columns.items():
        if isinstance(column, np.ndarray):
            out[name] = np.where(counts > 0, column[first], np.nan)
        else:
            out[name] = [column[i] if n else "" for i, n in zip(first, counts, strict=True)]
    return replace(columns, columns=out)


def in_table_order(columns: Columns, binding: Binding) -> Columns:
    """Columns of the bound rows in the order of the table they came from; cells of dropped rows are empty. Those of the
    elements of another plate stay as they are."""
    if binding.rows is None or columns.plate != binding.plate:
        return columns
    ordered: dict[str, list[str] | np.ndarray] = {
        name: row_order(values, binding)
        if isinstance(values, np.ndarray)
        else row_order(np.array(values, dtype=object), binding).tolist()
        for name, values in columns.columns.items()
    }
    evidence = columns.columns.get("log_evidence")
    warnings = columns.warnings
    if isinstance(evidence, np.ndarray):
        others = (w for w in warnings if w.code != "PGM0806")
        warnings = (*others, *impossible_rows(evidence, binding.model, binding.rows))
    return replace(columns, columns=ordered, warnings=warnings)


def impossible_rows(
    log_evidence: np.ndarray, model: Model | None, positions: np.ndarray | None = None
) -> tuple[Diagnostic, ...]:
    """A warning that names the rows whose evidence has probability zero. ``model``: what they are impossible under, None for
    a network of given tables; ``positions`` of the rows in their table."""
    bad = np.flatnonzero(~np.isfinite(log_evidence))
    if positions is not None:
        bad = np.sort(positions[bad])
    if not len(bad):
        return ()
    shown = ", ".join(str(i + 1) for i in bad[:5]) + (", ..." if len(bad) > 5 else "")
    return (
        Diagnostic("PGM0806", f"{len(bad):,} row{'s have' if len(bad) > 1 else ' has'} evidence of probability zero "
                   f"(row {shown})", help=f"their answers are empty; {_cure_of_impossible(model)}"),
    )  # fmt: skip


def _cure_of_impossible(model: Model | None) -> str:
    made_of = [] if model is None else [d for c in model.conditionals for d in branches(c.distribution)]
    tables = [d for d in made_of if isinstance(d, TableDist)]
    if any(t.rows is None and t.prior is None for t in tables):
        return "give the tables a prior (`prior = 1`) to allow for what the data never showed"
    if tables or model is None:
        return "the tables give them no chance: look for zeros in the tables, and for mistaken cells in the rows"
    return (
        "no draw of the model has such values: compare them with what each distribution can be (a `Uniform` lies between its "
        "limits, a `Gamma` above zero)"
    )


def without_answers(columns: Columns, is_impossible: np.ndarray, binding: Binding) -> Columns:
    """Columns whose cells are empty in rows of probability zero under the model, with a warning that names these.
    ``is_impossible``: of each row of the binding's plate; columns of another plate stay as they are."""
    if not is_impossible.any() or columns.plate != binding.plate:
        return columns
    emptied: dict[str, list[str] | np.ndarray] = {
        name: np.where(is_impossible, np.nan, values)
        if isinstance(values, np.ndarray)
        else ["" if bad else text for text, bad in zip(values, is_impossible, strict=True)]
        for name, values in columns.columns.items()
    }
    warnings = impossible_rows(np.where(is_impossible, -np.inf, 0.0), binding.model)
    return replace(columns, columns=emptied, warnings=(*columns.warnings, *warnings))


def sample(answers: NetworkAnswers, evidence: dict[int, int], num_draws: int, seed: int | None) -> Columns:
    """Joint draws given the evidence, as labels."""
    rng = np.random.default_rng(seed)
    codes = answers.engine.posterior_sample(evidence, num_draws, rng)[0]
    columns: dict[str, list[str] | np.ndarray] = {}
    for i, variable in enumerate(answers.network.variables):
        columns[variable.name] = np.array(variable.labels, dtype=object)[codes[:, i]].tolist()
    return Columns(columns)


def drawn_columns(
    joint: BoundDensity, name: str, value: Tensor, plates: Collection[str]
) -> dict[str, list[str] | np.ndarray]:
    """Columns of draws ``[draw, *shape]`` of one variable, a column an element; of these plates the first element alone."""
    variable = joint.model.by_name[name]
    axes = joint.axes(name)
    for plate in plates:
        if plate in axes:
            value = value.select(value.dim() - len(axes) + axes.index(plate), 0)
            axes = tuple(a for a in axes if a != plate)
    flat = value.reshape(len(value), math.prod(value.shape[1:])).cpu().numpy()
    labels = joint.model.labels_of(variable.type) if variable.type.is_discrete else None
    out: dict[str, list[str] | np.ndarray] = {}
    for i, text in enumerate(joint.binding.layout.element_names(axes)):
        column = flat[:, i]
        out[f"{name}[{text}]" if text else name] = [labels[int(k)] for k in column] if labels else column
    return out


def observed_target(name: str) -> PgmError:
    """What is answered to a target that the rows show whole: its prediction would be what is seen."""
    cure = f"to predict it, hide it: `--hide {shlex.quote(name)}` (in Python `hide=[{name!r}]`)"
    return PgmError(Diagnostic("PGM0607", f"`{name}` is observed in these rows", help=cure))
