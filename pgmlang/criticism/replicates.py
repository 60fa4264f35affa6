"""Replicated data sets: what the model draws for the same inputs and groups, from the posterior or from the prior.

Gelman, Meng and Stern (1996) for posterior replicates, Box (1980) for those of the prior. A replicate of a posterior holds
every latent that the fit has draws of; the others are drawn given these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.binding.counted_rows import data_set_of
from pgmlang.binding.fixed import fixed_values
from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.simulation import simulate
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.display import as_frame
from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Model
from pgmlang.model.branches import branches
from pgmlang.query.fitted_values import estimates
from pgmlang.query.rows import Columns, drawn_columns
from pgmlang.results.draws import num_chains_and_draws
from pgmlang.results.fit import Fit
from pgmlang.tables.learned import Table, learned_tables, prior_counts

NUMBERS = 20_000_000
"""Numbers drawn at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class Replicates:
    """``values``: draws ``[replicate, *axes]`` of random variables by name, codes of labels for discrete ones; ``draws``:
    which draw of the fit each replicate is of (chains one after the other), empty for the prior's. ``joint``: the model
    and the inputs they are of; ``tables``: draws ``[replicate, *shape]`` of learned tables, by name, of the prior."""

    joint: BoundDensity
    values: dict[str, np.ndarray]
    draws: np.ndarray
    tables: dict[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        count = len(next(iter(self.values.values()), np.zeros(0)))
        arrays = "".join(
            f"\n  {n}: {', '.join(('replicate', *self.axes[n]))} {v.shape}" for n, v in self.values.items()
        )
        return f"{count:,} replicate{'' if count == 1 else 's'}, `.frame` has them as rows{arrays}"

    @property
    def frame(self) -> Any:
        """`to_columns` as a frame: pandas where it is installed, else Arrow."""
        return as_frame(self.to_columns().columns)

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """Names of the axes after the first."""
        return {n: self.joint.axes(n) for n in self.values}

    def to_columns(self) -> Columns:
        """A row for each row of each replicate, in the order of the table, after its ``replicate`` from 1: what belongs to
        outer elements or to none is said again in each of its rows."""
        joint, binding = self.joint, self.joint.binding
        plate = binding.plate
        count = len(next(iter(self.values.values()), np.zeros(0)))
        rows = joint.layout.sizes.get(plate, 1) if plate else 1
        order = np.arange(rows) if binding.rows is None else np.argsort(binding.rows, kind="stable")
        columns: dict[str, list[str] | np.ndarray] = {"replicate": np.repeat(np.arange(1, count + 1), rows)}
        for name, array in self.values.items():
            value, axis = self._by_row(name, torch.as_tensor(array), rows)
            value = value.index_select(1, torch.as_tensor(order)).flatten(0, 1)
            if axis is None:
                columns.update(drawn_columns(joint, name, value, []))
            else:
                value = value.unsqueeze(1 + joint.axes(name).index(axis))
                columns.update(drawn_columns(joint, name, value, [axis]))
        return Columns(columns)

    def _by_row(self, name: str, value: Tensor, rows: int) -> tuple[Tensor, str | None]:
        """Values ``[replicate, row, *rest]`` and the axis whose place the rows took, None where there is none."""
        joint, plate = self.joint, self.joint.binding.plate
        for position, axis in enumerate(joint.axes(name)):
            if axis == plate:
                return value.movedim(position + 1, 1), axis
            if plate and (axis, plate) in joint.layout.parents:
                index = joint.layout.parent(axis, plate)
                return value.index_select(position + 1, index).movedim(position + 1, 1), axis
        return value.unsqueeze(1).expand(value.shape[0], rows, *value.shape[1:]), None


def replicated(
    fit: Fit, binding: Binding, num_draws: int, seed: int, draws: np.ndarray | None = None
) -> Replicates:
    """Data sets of what these rows observe, by draws of the fit (evenly spaced, or ``draws`` of them), or by its estimates.

    Rows that count as several are as many. Fields are drawn by chains, one for each replicate. Raises PgmError PGM0602 for fields that hang on directed variables of
    rows, PGM0708 where the rows are not those the draws are of, PGM0610 for values that the fit does not tell.
    """
    binding = data_set_of(binding)
    joint = _bare(binding)
    chains, length = num_chains_and_draws(fit)
    total = max(1, chains * length)
    if any(True for _ in binding.model.of_role("field")):
        if draws is None:
            draws = np.linspace(0, total - 1, num_draws).round().astype(int)
        values_of_fields = _replicated_fields(fit, binding, draws, seed)
        return Replicates(joint, values_of_fields, draws if chains else np.zeros(0, dtype=int))
    values, params, nets, count = estimates(fit, joint, total)
    _need_params(joint, params)
    if draws is None:
        draws = np.linspace(0, total - 1, num_draws).round().astype(int)
    given = {}
    for name, value in values.items():
        if name in joint.observed or name in binding.observed:
            continue
        if tuple(value.shape[1:]) != joint.shapes[name]:
            message = f"the fit holds `{name}` of {tuple(value.shape[1:])} elements, these rows have {joint.shapes[name]}"
            raise PgmError(Diagnostic("PGM0708", message, place=binding.source, help="give the data of the fit"))
        given[name] = value
    generator = Generator().manual_seed(seed)
    wanted = [n for n in binding.observed if joint.model.by_name[n].role == "random" and n not in joint.observed]
    parts: dict[str, list[np.ndarray]] = {n: [] for n in wanted}
    for some in _blocks(joint, draws):
        chosen = torch.as_tensor(np.minimum(some, count - 1))
        picked = {k: v.index_select(0, chosen) for k, v in given.items()}
        drawn = simulate(joint, generator, picked, params, nets, (len(some),))
        for name in wanted:
            parts[name].append(drawn[name].numpy())
    return Replicates(joint, _joined(joint, parts), draws if chains else np.zeros(0, dtype=int))


def _replicated_fields(fit: Fit, binding: Binding, draws: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """What the rows observe of fields and of what is below them, ``[replicate, *shape]``, those of one draw of the fit
    together."""
    from pgmlang.posterior.points import outer_latents, points_of
    from pgmlang.query.field_draws import drawn_of_all_rows
    from pgmlang.query.field_rows import field_rows_of

    model = binding.model
    observed = [n for n in binding.observed if model.by_name[n].role in ("random", "field")]
    chosen, turns = np.unique(draws, return_inverse=True)
    points = points_of(fit, indices=chosen)
    if not points:
        if outer_latents(model) - set(binding.observed):
            names = ", ".join(f"`{n}`" for n in sorted(outer_latents(model)))
            message = f"the fit does not tell all of {names}, beside which the fields stand"
            raise PgmError(Diagnostic("PGM0602", message, help="fit by a method that does: `--method map`"))
        points, turns = (fit,), np.zeros(len(draws), dtype=int)
    out: dict[str, np.ndarray] = {}
    for i, point in enumerate(points):
        bare = replace(_bare(binding).binding, model=point.model)
        mine = np.flatnonzero(turns == i)
        values = drawn_of_all_rows(field_rows_of(point, bare, seed + i), len(mine))
        for name in (n for n in observed if n in values):
            array = values[name].numpy()
            out.setdefault(name, np.zeros((len(draws), *array.shape[1:]), dtype=array.dtype))[mine] = array
    return out


def drawn_from_prior(
    binding: Binding, num_draws: int, seed: int, fixed: Mapping[str, Any] | None = None
) -> Replicates:
    """Every random variable by the model alone, for the rows and inputs of a binding whose observed values do not count.
    ``fixed``: params at a value.

    Raises PgmError PGM0602 for fields, PGM0610 for params, networks and tables without a prior, and for improper ones.
    """
    model = binding.model
    binding = data_set_of(binding)
    _refuse_fields(model)
    tables = learned_tables(model)
    held = fixed_values(bound_evaluator(binding), fixed or {})
    _refuse_without_prior(model, tables, held)
    joint = _bare(binding, held)
    rng = np.random.default_rng(seed)
    generator = Generator().manual_seed(seed)
    wanted = [v.name for v in model.of_role("random") if v.name not in joint.observed]
    parts: dict[str, list[np.ndarray]] = {n: [] for n in wanted}
    # tables have one value in a program: each draw of them is a program run of its own
    blocks = [np.zeros(1)] * num_draws if tables else list(_blocks(joint, np.arange(num_draws)))
    rows_of_tables: dict[str, list[np.ndarray]] = {t.name: [] for t in tables}
    for block in blocks:
        params = {t.name: torch.as_tensor(_table_draw(t, joint.shapes[t.name], rng)) for t in tables}
        for name, array in params.items():
            rows_of_tables[name].append(array.numpy())
        drawn = simulate(joint, generator, {}, params, None, (len(block),))
        for name in wanted:
            parts[name].append(drawn[name].numpy())
    drawn_tables = {n: np.stack(p) for n, p in rows_of_tables.items() if p}
    return Replicates(joint, _joined(joint, parts), np.zeros(0, dtype=int), drawn_tables)


def _joined(joint: BoundDensity, parts: Mapping[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Blocks of draws end to end; no draws are none of the right shape."""
    return {n: np.concatenate(p) if p else np.zeros((0, *joint.shapes[n])) for n, p in parts.items()}


def _bare(binding: Binding, held: Mapping[str, np.ndarray] | None = None) -> BoundDensity:
    """The density of the rows with their inputs, and what is observed outside of plates; nothing else is given."""
    model = binding.model
    values = {
        n: v for n, v in binding.values.items() if model.by_name[n].role == "input" or not model.by_name[n].plates
    }
    bare = replace(binding.with_values(values), weights=None)
    return density_of_binding(model, bare, held or {}, torch.float64, torch.device("cpu"))


def _blocks(joint: BoundDensity, draws: np.ndarray) -> Iterator[np.ndarray]:
    # a label is drawn by the probabilities of all
    size = sum(
        math.prod(joint.shapes[v.name]) * len(joint.model.labels_of(v.type) or "1")
        for v in joint.model.of_role("random")
    )
    step = max(1, NUMBERS // max(1, size))
    for start in range(0, len(draws), step):
        yield draws[start : start + step]


def _refuse_fields(model: Model) -> None:
    fields = list(model.of_role("field"))
    if fields:
        message = f"the field `{fields[0].name}` is drawn by chains, not forwards"
        raise PgmError(Diagnostic("PGM0602", message, fields[0].span, help="`pgmc sample` draws rows of fields"))


def _need_params(joint: BoundDensity, params: Mapping[str, Tensor]) -> None:
    for name in joint.learned:
        if name not in params:
            message = f"the fit has no value of `{name}`"
            raise PgmError(Diagnostic("PGM0610", message, help="fit by `em`, `ml` or `map`"))


def _refuse_without_prior(model: Model, tables: tuple[Table, ...], held: Mapping[str, np.ndarray]) -> None:
    """Raises PgmError PGM0610 with everything that the model alone does not draw."""
    lacking = [
        Diagnostic("PGM0610", f"`{v.name}` is a param, which has no prior", v.span,
                   help=f"give it one (`{v.name} ~ Normal(0, 1)`), or hold it: `--fix {v.name}=VALUE`")
        for v in model.of_role("param") if v.name not in held
    ]  # fmt: skip
    lacking += [
        Diagnostic("PGM0610", f"the table of `{t.target}` has no prior", t.distribution.span,
                   help="give it one: `Table(..., prior = 1)`")
        for t in tables if t.distribution.prior is None
    ]  # fmt: skip
    lacking += [
        Diagnostic("PGM0610", f"the weights of the network `{n.name}` have no prior", n.span, help="fit the model")
        for n in model.nets
    ]
    for conditional in model.conditionals:
        if any(isinstance(d, Dist) and FAMILIES[d.family].improper for d in branches(conditional.distribution)):
            message = f"the prior of `{conditional.target}` is improper: nothing can be drawn from it"
            lacking.append(
                Diagnostic("PGM0610", message, conditional.span, help="give it a proper one: `Normal(0, 10)`")
            )
    if lacking:
        raise PgmError(lacking)


def _table_draw(table: Table, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Each row of a learned table by its Dirichlet prior."""
    counts = prior_counts(table, shape)
    return rng.dirichlet(np.full(shape[-1], counts), size=shape[:-1])
