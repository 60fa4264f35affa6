"""What a number of a row is distributed as under a point estimate, without any draw: its own distribution where everything
above it is known; the mixture of those by the labels above it, weighed by their posterior; the normal distribution where
it is linear in latents that are jointly normal; the mixture over the nodes by which one or two real latents of its unit
are integrated."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.distributions import ConditionalDistribution, distribution_of, has_distribution
from pgmlang.density.empty_limits import limited_families, nothing_between_limits
from pgmlang.density.keys import AddedTable
from pgmlang.density.numerics import numerics
from pgmlang.density.quantiles import just_below, quantile
from pgmlang.density.row_subset import with_latent_cells
from pgmlang.density.summing import LogTable, Marginaliser, marginaliser_of
from pgmlang.graph.summable import elimination_steps
from pgmlang.model import Model
from pgmlang.model.atoms import is_mixed_variable
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Ref
from pgmlang.query.derived_numbers import AffineNumber, Stretched, affine_number
from pgmlang.query.linear_gaussian import GaussianUnits, reasons_against
from pgmlang.query.new_rows import NewRows, unknown_above
from pgmlang.query.node_posterior import LatentMarginal, NodePosterior, latents_behind, node_posterior

MOST_CELLS = 2_000_000
"""Most cells times parts of a mixture at once: of rows that are no blocks (`query/row_blocks.py`)."""
MOST_APART = 1e-3
"""Most difference, in standard deviations, of moments by quadrature and of those by twice its step, far less exact ones."""

WIDER = 8.0
"""How many times as wide a neighbourhood tells a density from an atom."""
LEAST_STEP = 1e-9
"""Of a distribution function at an atom, relative to the tail beyond it: less is what a density adds by rounding."""
LEAST_EMPTY = 1e-6
"""Chance of parts without any values above which there is no answer."""


@dataclass(frozen=True, eq=False)
class NumberMixture:
    """``parts``: distributions ``[C, *axes]`` of a number; ``weights``: of the parts, the same shape, adding up to one along
    the first axis; ``coarse``: the same by quadrature of twice the step, where it is by quadrature; ``has_atoms``: some
    points may have a chance of their own beside a density."""

    parts: ConditionalDistribution
    weights: Tensor
    coarse: NumberMixture | None = None
    has_atoms: bool = False

    @cached_property
    def mean(self) -> Tensor:
        with self._numerics():
            return self._sum(self.parts.mean)

    @cached_property
    def sd(self) -> Tensor:
        with self._numerics():
            means = self.parts.mean
            return self._sum(self.parts.variance + (means - self.mean).square()).sqrt()

    def _numerics(self) -> AbstractContextManager[None]:
        return numerics(self.weights.dtype)

    def _sum(self, values: Tensor) -> Tensor:
        # a part of weight zero may have no moment
        return torch.where(self.weights > 0, self.weights * values, 0.0).sum(0)

    def _log_sum(self, log_values: Callable[[], Tensor]) -> Tensor:
        with self._numerics(), torch.no_grad():
            # nor any density
            logs = torch.where(self.weights > 0, self.weights.log() + log_values(), -math.inf)
        return torch.logsumexp(logs, 0)

    @property
    def is_discrete(self) -> bool:
        return self.parts.is_discrete

    def log_prob(self, x: Tensor) -> Tensor:
        """ln P(X = x) of whole numbers, ``[*axes]``."""
        return self._log_sum(lambda: self.parts.log_prob(x))

    def log_cdf(self, x: Tensor) -> Tensor:
        """ln P(X <= x), ``[*axes]``."""
        return self._log_sum(lambda: self.parts.log_cdf(x))

    def log_survival(self, x: Tensor) -> Tensor:
        """ln P(X > x), ``[*axes]``."""
        return self._log_sum(lambda: self.parts.log_survival(x))

    def quantile(self, chance: float) -> Tensor:
        """Where the distribution function reaches a chance, ``[*axes]``."""
        with numerics(self.weights.dtype), torch.no_grad():
            return quantile(
                lambda x: self.log_cdf(x).exp(), chance, self.mean, self.sd, is_discrete=self.is_discrete,
                has_atoms=self.has_atoms,
            )  # fmt: skip

    def point_chance(self, x: Tensor) -> Tensor:
        """P(X = x), ``[*axes]``: of numbers with atoms the step of the distribution function there, told by the smaller
        tail; 0 where it has none."""
        if self.is_discrete:
            return self.log_prob(x).exp()
        # a computed number comes to its atom up to rounding
        step, is_told = self._step(x, 1)
        # what a density has about a point grows with the width, an atom does not
        wide, _ = self._step(x, WIDER)
        return torch.where(is_told & (wide < 1.1 * step), step, 0.0)

    def _step(self, x: Tensor, width: float) -> tuple[Tensor, Tensor]:
        """The step of the distribution function about points, and where it is more than rounding, ``[*axes]`` both."""
        before, after = just_below(x, self.sd, width), -just_below(-x, self.sd, width)
        below, above = self.log_cdf(after).exp(), self.log_survival(before).exp()
        from_below, from_above = below - self.log_cdf(before).exp(), above - self.log_survival(after).exp()
        is_told = (from_below > LEAST_STEP * below) | (from_above > LEAST_STEP * above)
        return torch.where(below <= above, from_below, from_above), is_told


def number_mixtures(rows: NewRows, names: Iterator[str] | tuple[str, ...]) -> dict[str, NumberMixture]:
    """The distributions, ``[C, *shape]``, of those of the numbers, defined ones too, that have one, of at most `MOST_CELLS`;
    none under draws of the globals. Raises PgmError PGM0410 for one with nothing between its limits."""
    if not rows.is_point:
        return {}
    one = rows.as_one_draw()
    integrated: dict[tuple[str, ...], NodePosterior | None] = {}
    out: dict[str, NumberMixture] = {}
    for name in names:
        if rows.joint.model.by_name[name].type.is_discrete:
            continue
        number = affine_number(one, name)
        if number is None and name in rows.joint.model.definition_of:
            continue
        of = name if number is None else number.of
        mixture = _in_closed_form(one, of)
        if mixture is None:
            latents = latents_behind(one, (of,))
            if latents not in integrated:
                integrated[latents] = node_posterior(one, (of,))
            nodes = integrated[latents]
            mixture = None if nodes is None else _by_nodes(nodes, of)
        if mixture is not None and of in limited_families(one.joint.model):
            _check_mass(one.joint.model, of, mixture)
        if mixture is not None and number is not None:
            mixture = _stretched(mixture, number)
        if mixture is not None and mixture.weights.numel() <= MOST_CELLS:
            out[name] = replace(mixture, has_atoms=is_mixed_variable(one.joint.model, name))
    return out


def _check_mass(model: Model, name: str, mixture: NumberMixture) -> None:
    """Raises PgmError PGM0410 where what lies below and above a point is not all: the limits of a part have nothing between
    them."""
    somewhere = torch.zeros_like(mixture.weights[0])
    mass = mixture.log_cdf(somewhere).exp() + mixture.log_survival(somewhere).exp()
    is_empty = ~(mass > 1 - LEAST_EMPTY)
    if bool(is_empty.any()):
        lost = torch.where(mass.isnan(), 1.0, 1 - mass)
        raise nothing_between_limits(model, name, torch.where(is_empty, lost, 0.0), "cell")


def _stretched(mixture: NumberMixture, number: AffineNumber) -> NumberMixture:
    coarse = None if mixture.coarse is None else _stretched(mixture.coarse, number)
    return NumberMixture(ConditionalDistribution(Stretched(mixture.parts, number)), mixture.weights, coarse)


def _in_closed_form(rows: NewRows, name: str) -> NumberMixture | None:
    model = rows.joint.model
    above = unknown_above(model, name, {*rows.forward, *rows.hidden})
    if name in rows.forward and all(model.by_name[n].type.is_discrete for n in above):
        return _by_labels(rows, name, above)
    if all(not model.by_name[n].type.is_discrete for n in (*above, *rows.hidden)):
        return _by_normals(rows, name, above)
    return None


def _by_nodes(nodes: NodePosterior, name: str) -> NumberMixture | None:
    """The distribution of a latent that is integrated, or of a number below; None where the rule tells its moments too
    coarsely."""
    model = nodes.rows.joint.model
    if not nodes.covers(name):
        return None
    if name in nodes.names:
        marginal = nodes.marginal(name)
        if marginal is None or not nodes.tells(name, marginal.deviations):
            return None
        return replace(_certain(marginal), coarse=_certain(marginal.coarse))
    above = unknown_above(model, name, {*nodes.rows.forward, *nodes.rows.hidden})
    if (
        name not in nodes.rows.forward
        or nodes.looks_back(name)
        or not all(model.by_name[n].type.is_discrete for n in above)
    ):
        return None
    mixture = _by_labels(nodes.rows, name, above)
    if mixture is None:
        return None
    shape = nodes.rows.joint.shapes[name]
    by_node = mixture.weights.reshape(-1, nodes.rows.num_draws, *shape)
    fine, coarse = ((by_node * nodes.along(w, name)).flatten(0, 1) for w in (nodes.weights, nodes.coarse_weights))
    whole = NumberMixture(mixture.parts, fine, NumberMixture(mixture.parts, coarse))
    squares = (mixture.parts.variance + (mixture.parts.mean - whole.mean).square()).reshape(by_node.shape)
    return whole if nodes.tells(name, (by_node * squares).sum(0)) and _agree(whole) else None


def _agree(mixture: NumberMixture) -> bool:
    """Whether moments by quadrature are those of twice the step."""
    coarse = mixture.coarse
    assert coarse is not None, "this is by quadrature"
    apart = torch.stack([mixture.mean - coarse.mean, mixture.sd - coarse.sd]).abs()
    return not bool((apart > MOST_APART * mixture.sd).any())


def _certain(marginal: LatentMarginal) -> NumberMixture:
    return NumberMixture(ConditionalDistribution(marginal), torch.ones_like(marginal.mean))


def _looks_back(model: Model, name: str, names: Collection[str]) -> bool:
    """Whether a variable hangs on one of these at the rows before its own."""
    conditional = model.conditional_of[name]
    return any(isinstance(n, Ref) and n.lag and n.name in names for n in nodes_behind(model, conditional))


def _by_labels(rows: NewRows, name: str, above: set[str]) -> NumberMixture | None:
    """``parts`` at each draw of what is given, whose weights add up to one for each draw."""
    model, joint = rows.joint.model, rows.joint
    if not has_distribution(model, name):
        return None
    shape = joint.shapes[name]
    if not above:
        values = {k: v for k, v in rows.given.items() if k != name}
        parts = distribution_of(joint, name, values, rows.params, rows.nets)
        wide = (rows.num_draws, *shape)
        return NumberMixture(_wide(parts, 1, wide), torch.ones(wide, dtype=joint.dtype))
    is_apart = not above & set(rows.hidden)
    if _looks_back(model, name, above) or (rows.has_hidden_numbers() and not is_apart):
        return None
    if is_apart:
        # nothing that is seen hangs on the labels above: what is hidden says nothing of them
        rows = replace(rows, hidden=())
    sums = _sums_of(rows, name, above)
    if sums is None or name not in sums.scopes:
        return None
    given = {k: v for k, v in rows.given.items() if k not in sums.names}
    weights, lead = _joint_posterior(rows, sums, name, given)
    scope = sums.scopes[name]
    labels = {sums.names[i]: sums.all_values(sums.names[i], i, lead) for i in scope}
    parts = distribution_of(sums.joint, name, {**given, **labels}, rows.params, rows.nets)
    configurations = weights.shape[: weights.dim() - len(shape)]
    flat = weights.reshape(-1, *shape)
    return NumberMixture(_wide(parts, len(configurations), (*configurations, *shape)), flat)


def _sums_of(rows: NewRows, name: str, above: set[str]) -> Marginaliser | None:
    """The sum over the labels that a number hangs on and over those that are hidden, as if it were observed; None where
    that is too wide."""
    model = rows.joint.model
    kept = {*above, name}
    dropped = rows.undrawn() - kept if rows.hidden else {c.target for c in model.conditionals} - kept
    factors = tuple(f for f in model.factors if getattr(f, "target", None) not in dropped)
    reduced = replace(model, factors=factors, guide=None)
    summed = [v.name for v in model.of_role("random", "field") if v.name in {*above, *rows.hidden}]
    if elimination_steps(reduced, summed)[1]:
        return None
    binding = rows.joint.binding
    seen = {k: v for k, v in binding.values.items() if k not in rows.undrawn()}
    inner = density_of_binding(
        reduced, replace(binding, values=seen), rows.joint.held, rows.joint.dtype, rows.joint.device
    )
    return marginaliser_of(with_latent_cells(inner, summed), summed)


def _joint_posterior(rows: NewRows, sums: Marginaliser, name: str, given: dict[str, Tensor]) -> tuple[Tensor, int]:
    """The posterior of the labels that a number hangs on, together, at each of its elements: ``[*value axes, *leading axes,
    *shape]``; and the number of leading axes. A gradient of the log-marginal (Darwiche 2003)."""
    joint, shape = sums.joint, rows.joint.shapes[name]
    # an element that is not seen says nothing, and is there as a table of zeros
    scopes = sums.scopes if name in joint.observed else {k: s for k, s in sums.scopes.items() if k != name}
    partial = replace(sums, scopes=scopes)
    with torch.no_grad():
        tables = partial.tables(given, rows.params, rows.nets)
    some = next(iter(tables.values()))
    lead = some.values.dim() - sums.places - len(some.axes)
    sizes = [joint.num_states(sums.names[i]) if i in sums.scopes[name] else 1 for i in range(len(sums.names))]
    sizes += [1] * (sums.places - len(sizes))
    leading = sums.leading_shape({**given, **rows.params})
    assert len(leading) == lead, "tables have the leading axes of what is given"
    zeros = torch.zeros(*sizes, *leading, *shape, dtype=joint.dtype, requires_grad=True)
    with torch.enable_grad():
        added = {AddedTable(name): LogTable(sums.scopes[name], joint.axes(name), zeros)}
        (slope,) = torch.autograd.grad(partial.reduce({**tables, **added}).sum(), [zeros])
    return slope, lead


def _wide(parts: ConditionalDistribution, lead: int, shape: tuple[int, ...]) -> ConditionalDistribution:
    """Distributions whose arrays have leading axes as one: ``[C, *axes]``."""
    return ConditionalDistribution(_Flattened(parts, lead, shape))


@dataclass(frozen=True, eq=False)
class _Flattened:
    """Distributions laid out along ``shape``, the first ``lead`` axes of which count as one."""

    parts: ConditionalDistribution
    lead: int
    shape: tuple[int, ...]

    def _flat(self, values: Tensor) -> Tensor:
        return values.expand(self.shape).reshape(-1, *self.shape[self.lead :])

    @property
    def mean(self) -> Tensor:
        return self._flat(self.parts.mean)

    @property
    def variance(self) -> Tensor:
        return self._flat(self.parts.variance)

    @property
    def is_discrete(self) -> bool:
        return self.parts.is_discrete

    def log_prob(self, x: Tensor) -> Tensor:
        return self._flat(self.parts.log_prob(x))

    def log_cdf(self, x: Tensor) -> Tensor:
        return self._flat(self.parts.log_cdf(x))

    def log_survival(self, x: Tensor) -> Tensor:
        return self._flat(self.parts.log_survival(x))


def _by_normals(rows: NewRows, name: str, above: set[str]) -> NumberMixture | None:
    model = rows.joint.model
    latents = tuple(v.name for v in model.of_role("random") if v.name in {*above, *rows.hidden})
    wide = replace(rows, hidden=latents, forward=tuple(n for n in rows.forward if n not in latents))
    if not latents or wide.is_guided():
        return None
    chosen = tuple(f for f in model.factors if getattr(f, "target", None) in {*latents, name})
    if any(True for _ in reasons_against(replace(model, factors=chosen), latents)):
        return None
    inner, sums, continuous = wide.inference()
    units = wide.gaussian(inner, sums, continuous)
    if units is None:
        return None
    _, flat, factor = units.solve()
    if name in latents:
        means, sds = units.marginals(flat, factor)
        return _normal(means[name], sds[name].square())
    return _of_linear(wide, units, name, flat, factor)


def _of_linear(
    rows: NewRows, units: GaussianUnits, name: str, flat: Tensor, factor: Tensor
) -> NumberMixture | None:
    """A normal variable that is linear in the latents: its mean there, and what they spread it by."""
    if not has_distribution(rows.joint.model, name):
        return None
    shape = rows.joint.shapes[name]

    def at(point: Tensor) -> ConditionalDistribution:
        values = {k: v for k, v in {**rows.given, **units.values(point)}.items() if k != name}
        return distribution_of(rows.joint, name, values, rows.params, rows.nets)

    centre = at(flat)
    middle = centre.mean.expand(1, *shape)
    covariance = torch.cholesky_inverse(factor)[0]
    total, slopes = flat.shape[1], []
    for k in range(units.places.shape[1]):
        step = torch.zeros(total + 1, dtype=flat.dtype)
        step[units.places[:, k]] = 1
        slopes.append((at(flat + step[:total]).mean.expand(1, *shape) - middle)[0].flatten())
    slope = torch.stack(slopes, -1)
    spread = torch.einsum("ek,ekl,el->e", slope, covariance[units.units_of(name)], slope)
    return _normal(middle, centre.variance.expand(1, *shape) + spread.reshape(1, *shape))


@dataclass(frozen=True, eq=False)
class _Normals:
    """Normal distributions by their moments."""

    mean: Tensor
    variance: Tensor
    is_discrete = False

    def log_cdf(self, x: Tensor) -> Tensor:
        return torch.special.log_ndtr((x - self.mean) / self.variance.sqrt())

    def log_survival(self, x: Tensor) -> Tensor:
        return torch.special.log_ndtr((self.mean - x) / self.variance.sqrt())


def _normal(mean: Tensor, variance: Tensor) -> NumberMixture:
    return NumberMixture(ConditionalDistribution(_Normals(mean, variance)), torch.ones_like(mean))
