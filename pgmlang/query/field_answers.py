"""Questions about a fresh row of fields that are too wide to be gone through: chains over what the question leaves open, given
what it tells (block Gibbs sweeps of discrete fields, Hamiltonian Monte Carlo over real ones), and what is below the fields
drawn from them. Every figure has its Monte Carlo error."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.free_numbers import free_numbers
from pgmlang.density.reductions import log_joint
from pgmlang.density.simulation import deterministic_values, simulate_given_seen
from pgmlang.density.target import Target
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.fields import as_numbers, fields_of
from pgmlang.fields.reasons import block_reasons
from pgmlang.model.dependence import names_behind
from pgmlang.query.answer import Answer
from pgmlang.query.conditional import Draws, check_soft, most_probable
from pgmlang.query.drawn_rows import resampled_draws
from pgmlang.query.field_evidence import log_evidence_of_fields
from pgmlang.query.field_rows import SWEEPS, FieldRows, density_of_potentials, field_rows_of
from pgmlang.query.fitted_values import estimates, split_latents
from pgmlang.query.fresh_row import (
    binding_of,
    check_given,
    check_targets,
    impossible_evidence,
    log_mean_error,
    soft_log_weights,
)
from pgmlang.query.map_targets import refuse_numbers
from pgmlang.query.parse import Evidence, Query
from pgmlang.query.row_names import base
from pgmlang.query.rows import Columns, drawn_columns
from pgmlang.results.convergence import convergence
from pgmlang.results.fit import Fit

CHAINS, DRAWS, BETWEEN = 32, 100, 5
"""Chains, draws that each keeps, and sweeps between these."""
ENOUGH = 100
"""Effective draws below which nothing is said of an element."""


@dataclass(frozen=True, eq=False)
class FieldDraws:
    """Draws of a row of fields. ``values``: ``[chains, draws, *shape]`` by name, what is given among them; ``log_weights``
    ``[chains, draws]``: of the draws, by what is given below the fields where no sweep takes it in. ``rows``: the row;
    ``swept``: the density that the chains keep to."""

    joint: BoundDensity
    rows: FieldRows
    swept: BoundDensity
    values: dict[str, Tensor]
    log_weights: Tensor

    def flat(self) -> dict[str, Tensor]:
        """Chain after chain: ``[S, *shape]``."""
        return {n: v.flatten(0, 1) for n, v in self.values.items()}


@dataclass(frozen=True, eq=False)
class FieldAnswers:
    """Answers about a fresh row of fields. ``seed``: of the chains."""

    fit: Fit
    seed: int = 0

    def answer(self, query: Query) -> Answer:
        """Raises PgmError: PGM0606 for what cannot be given or asked and where the chains say too little, PGM0607 for names
        and labels, PGM0608 for a field that is set, PGM0609 for impossible evidence."""
        if query.kind == "MAP":
            _refuse_everything(query)
            refuse_numbers(self.fit, query)
        check_targets(self.fit, query)
        hard = tuple(e for e in query.evidence if e.value is not None)
        soft = tuple(e for e in query.evidence if e.value is None)
        check_soft(self.fit, soft)
        drawn = draws_given(self.fit, hard, query.interventions, self.seed, CHAINS, DRAWS)
        effective = _effective(drawn, query)
        values = drawn.flat()
        log_weights = drawn.log_weights.flatten().cpu().numpy() + soft_log_weights(drawn.joint, values, soft)
        top = float(np.logaddexp.reduce(log_weights))
        if top == -math.inf:
            raise PgmError(impossible_evidence(soft))
        weights = np.exp(log_weights - top)
        by_weights = 1 / float(np.square(weights).sum())
        need_enough(effective)
        need_agreement(by_weights, query.evidence)
        effective = min(effective, by_weights)
        draws = Draws(drawn.joint, values, {}, weights)
        rows = draws.answer(query)
        notes = [f"{CHAINS} chains of {DRAWS} draws over the fields, {effective:,.0f} effective"]
        if query.kind == "MAP":
            rows, doubts = most_probable(rows)
            notes += doubts
        log_evidence, error = self._log_evidence(drawn, top, weights) if query.evidence else (0.0, None)
        asked = tuple(t.variable.name for t in query.targets)
        return Answer(query.text, self.fit.method, asked, tuple(rows), log_evidence, tuple(notes), error)

    def _log_evidence(self, drawn: FieldDraws, top: float, weights: np.ndarray) -> tuple[float, float]:
        """ln P(evidence) and its error: of what the chains keep to, by annealing, and of the rest, by the draws' weights."""
        value, error = log_evidence_of_fields(drawn.rows, drawn.swept)
        return value + top - math.log(len(weights)), math.hypot(error, log_mean_error(weights) or 0.0)


def _refuse_everything(query: Query) -> None:
    """Raises PgmError PGM0606 for `MAP(*)`: the most probable of all configurations is a search, not an average."""
    if not query.targets:
        message = (
            "the most probable configuration of fields this wide is out of reach: no average of draws tells it"
        )
        raise PgmError(Diagnostic("PGM0606", message, help="ask for some of the fields: `MAP(a, b | ...)`"))


def sample_fields_given(fit: Fit, evidence: tuple[Evidence, ...], num_draws: int, seed: int) -> Columns:
    """Rows of fields given evidence, each the end of a chain of its own. Raises PgmError as `FieldAnswers`."""
    drawn = draws_given(fit, evidence, (), seed, max(num_draws, CHAINS * DRAWS // 4) if evidence else num_draws, 1)
    model, values = drawn.joint.model, drawn.flat()
    weights = torch.softmax(drawn.log_weights.flatten(), 0).cpu().numpy()
    need_agreement(1 / float(np.square(weights).sum()), evidence)
    chosen = resampled_draws(weights, num_draws, seed)
    values = {n: v.index_select(0, chosen) for n, v in values.items()}
    plates = [p.name for p in model.plates if p.is_rows]
    columns: dict[str, list[str] | np.ndarray] = {}
    for variable in model.of_role("random", "field"):
        if set(plates) & set(drawn.joint.axes(variable.name)) or variable.role == "field":
            columns.update(drawn_columns(drawn.joint, variable.name, values[variable.name], plates))
    return Columns(columns)


def draws_given(
    fit: Fit, evidence: tuple[Evidence, ...], done: tuple[Evidence, ...], seed: int, chains: int, draws: int
) -> FieldDraws:
    """Draws of a fresh row given what is told of it and set in it."""
    given = (*evidence, *done)
    check_given(fit, given)
    model = fit.model
    names = {base(e.variable.name) for e in done}
    for item in done:
        if model.by_name[base(item.variable.name)].role == "field":
            message = f"`{item.variable.name}` is a field: `do` needs an arrow to cut"
            cure = f"condition on it instead: `{item.variable.name} = {item.value}`"
            raise PgmError(Diagnostic("PGM0608", message, item.span, help=cure))
    factors = tuple(f for f in model.factors if getattr(f, "target", None) not in names)
    cut = replace(fit, model=replace(model, factors=factors, guide=None))
    rows = field_rows_of(cut, binding_of(cut, given), seed)
    shared = _globals(cut, rows, chains * draws)
    _need_free_fields(rows, shared)
    _need_no_hidden_parents(rows, set(shared))
    around = _around_fields(rows.joint)
    # a chain that kept to what is given below the fields would be another one for each draw of the globals there
    is_swept = not shared and not any(True for n in rows.hidden for _ in block_reasons(around.model, n))
    bare = around if is_swept else density_of_potentials(rows.joint)
    values = _values_of_fields(rows, bare, chains, draws)
    values |= {n: v.reshape(chains, draws, *v.shape[1:]) for n, v in shared.items()}
    flat = {n: v.flatten(0, 1) for n, v in values.items()}
    with torch.no_grad():
        log_weights = log_joint(around, flat, rows.params, rows.nets) - log_joint(
            bare, flat, rows.params, rows.nets
        )
        is_possible = torch.isfinite(log_joint(around, flat, rows.params, rows.nets)).any()
    if not bool(is_possible):
        raise PgmError(impossible_evidence(given))
    leaves = _with_leaves(rows, values, chains, draws)
    log_weights = log_weights.expand(chains * draws).reshape(chains, draws)
    return FieldDraws(rows.joint, rows, bare, leaves, log_weights)


def _globals(fit: Fit, rows: FieldRows, count: int) -> dict[str, Tensor]:
    """Draws ``[count, *shape]`` of what is random outside of the rows: the fit's, evenly thinned or each some times."""
    values, _, _, total = estimates(fit, rows.joint, count)
    of_rows = {p.name for p in rows.joint.model.plates if p.is_rows}
    chosen = torch.arange(count) * total // count
    return {k: v.index_select(0, chosen) for k, v in values.items() if not of_rows & set(rows.joint.axes(k))}


def _need_free_fields(rows: FieldRows, shared: Collection[str]) -> None:
    """Raises PgmError PGM0606 where the fields hang on what is drawn: there is one log Z for each draw."""
    model = rows.joint.model
    behind = set().union(*(names_behind(model, p) for p in model.potentials))
    for name in sorted(behind & set(shared)):
        message = (
            f"the fields hang on `{name}`, which is one of the fit's latents: a row does not tell of it alone"
        )
        cure = f"ask for the row's variables, or for `{name}` without evidence: `P({name} > 0)`"
        raise PgmError(Diagnostic("PGM0606", message, model.by_name[name].span, help=cure))


def _need_no_hidden_parents(rows: FieldRows, known: set[str]) -> None:
    """Raises PgmError PGM0602 where a directed variable that is not given stands above what is, or above fields."""
    model = rows.joint.model
    hidden = set(split_latents(rows.joint, known)[1])
    hidden |= {
        n for p in model.potentials for n in model.random_parents(p)
        if model.by_name[n].role == "random" and n not in known and n not in rows.joint.observed
    }  # fmt: skip
    for name in sorted(n for n in hidden if model.by_name[n].role == "random"):
        message = f"`{name}` is not given, and the fields hang together with it"
        raise PgmError(Diagnostic("PGM0602", message, model.by_name[name].span, help=f"give it: `{name} = ...`"))


def _around_fields(joint: BoundDensity) -> BoundDensity:
    """The potentials, and the densities of what is given below the fields."""
    model = joint.model
    factors = tuple(f for f in model.factors if getattr(f, "target", None) in {None, *joint.observed})
    binding = replace(joint.binding, model=replace(model, factors=factors))
    return density_of_binding(binding.model, binding, joint.held, joint.dtype, joint.device)


def _values_of_fields(rows: FieldRows, bare: BoundDensity, chains: int, draws: int) -> dict[str, Tensor]:
    """Draws of all fields ``[chains, draws, *shape]``, those that are given as they are."""
    model = rows.joint.model
    known = {n: v.expand(chains, *v.shape) for n, v in as_numbers(bare, rows.observed).items()}
    kept: list[dict[str, Tensor]] = []
    if not rows.hidden:
        kept = [known] * draws
    elif all(model.by_name[n].type.kind == "real" for n in rows.hidden):
        kept = _numbers(rows, bare, known, chains, draws)
    else:
        reasons = [d for n in rows.hidden for d in block_reasons(bare.model, n)]
        if reasons:
            raise PgmError(reasons)
        fields = fields_of(bare, rows.hidden)
        values = {**known, **fields.begin(rows.generator, (chains,))}
        count = SWEEPS + BETWEEN * (draws - 1)
        settled = fields.with_frozen_params(rows.params, rows.nets, sweeps=chains * count)
        for sweep in range(count):
            values = {**values, **settled.sweep(rows.generator, values, rows.params, rows.nets)}
            if sweep + 1 >= SWEEPS and (sweep + 1 - SWEEPS) % BETWEEN == 0:
                kept.append(values)
    return {n: torch.stack([v[n] for v in kept], 1) for n in kept[0]}


def _numbers(
    rows: FieldRows, bare: BoundDensity, known: dict[str, Tensor], chains: int, draws: int
) -> list[dict[str, Tensor]]:
    """Chains of Hamiltonian Monte Carlo over real fields."""
    from pgmlang.kernels import sample

    for name in rows.hidden:
        if name in rows.joint.missing:
            message = f"some elements of the real field `{name}` are given, others not"
            raise PgmError(Diagnostic("PGM0602", message, help=f"give all elements of `{name}`, or none"))
    target = Target(bare, free_numbers(bare, rows.hidden), given=known, params=rows.params, nets=rows.nets)
    x = torch.randn(chains, target.dimension, dtype=bare.dtype, generator=rows.generator)
    done = sample(target, x, generator=rows.generator, warmup=300, draws=draws)
    return [{**known, **target.values(done.draws[:, i])[0]} for i in range(draws)]


def _with_leaves(rows: FieldRows, values: dict[str, Tensor], chains: int, draws: int) -> dict[str, Tensor]:
    """The draws with those of the directed variables, and of deterministic names."""
    joint, model, count = rows.joint, rows.joint.model, chains * draws
    flat = {n: v.flatten(0, 1) for n, v in values.items()}
    fixed = {n: v.to(torch.int64) if model.by_name[n].type.is_discrete else v for n, v in flat.items()}
    out = simulate_given_seen(joint, rows.generator, fixed, rows.params, rows.nets, (count,))
    if model.definitions:
        out |= deterministic_values(joint, out, rows.params, rows.nets)
    return {
        n: v.expand(count, *joint.shape_of(n)).reshape(chains, draws, *joint.shape_of(n)) for n, v in out.items()
    }


def _effective(drawn: FieldDraws, query: Query) -> float:
    """The effective draws of the worst element asked for."""
    worst = float(CHAINS * DRAWS)
    for target in query.targets:
        values = drawn.values.get(base(target.variable.name))
        if values is not None:
            figures = convergence(values.double().cpu().numpy()).ess_bulk
            worst = min(worst, float(np.nanmin(figures, initial=worst)))
    return worst


def need_agreement(effective: float, given: tuple[Evidence, ...]) -> None:
    """Raises PgmError PGM0606 where too few draws agree with what is given below the fields."""
    if given and effective < ENOUGH:
        message = (
            f"{effective:.0f} effective draws of the fields agree with the evidence; at least {ENOUGH} are needed"
        )
        cure = "it is far from what the fit has seen: add it to the data and fit again, or give less of it"
        raise PgmError(Diagnostic("PGM0606", message, given[0].span, help=cure))


def need_enough(effective: float) -> None:
    """Raises PgmError PGM0606 where the chains mix too slowly."""
    if effective < ENOUGH:
        message = f"the chains over the fields tell of what is asked by {effective:.0f} effective draws; at least {ENOUGH} are needed"
        raise PgmError(Diagnostic("PGM0606", message, help="give more of the row: what is left open mixes faster"))
