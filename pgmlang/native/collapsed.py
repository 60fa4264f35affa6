"""Which variables of a Model integrate out of the full conditionals of its labels: the structure of a collapsed Gibbs sampler.

A label whose every factor is a draw from an integrated variable's element, ``p(x | theta[...]) theta ~ Dirichlet`` and its like, has a full
conditional of ratios of counts once those variables are integrated out (Liu 1994; Griffiths and Steyvers 2004). Nothing hangs on names:
the forms are those of the families' conjugate pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pgmlang.families import FAMILIES
from pgmlang.graph.summable import mentioned
from pgmlang.model import Choice, Conditional, Dist, Distribution, Factor, Model
from pgmlang.model.dependence import names_behind
from pgmlang.model.expr import Contract, Expr, Reduce, Ref, references, walk
from pgmlang.native.formulas import NotScalar
from pgmlang.normal import canonical_factors
from pgmlang.normal.affine import COMPLEMENT, form_in
from pgmlang.normal.arguments import canonical_arguments


@dataclass(frozen=True)
class IntegratedVariable:
    """A variable integrated out. ``remembered``: what of its draws (`families.Pair.collapsed`); ``arguments``: those of its prior; ``rows``: the
    axes of its elements, along which it is independent; ``event``: the axis of its values (None: a number)."""

    name: str
    remembered: str
    arguments: tuple[Expr, ...]
    plates: tuple[str, ...]
    rows: tuple[str, ...]
    event: str | None


@dataclass(frozen=True)
class Condition:
    """A condition on data, and whether it holds where a factor is meant."""

    expr: Expr
    holds: bool


@dataclass(frozen=True)
class Draw:
    """A factor: its ``target`` is drawn given the element of an integrated variable that ``reference`` points at, with probability one minus
    it (``is_complement``), or around it with ``sd``."""

    target: str
    plates: tuple[str, ...]
    integrated: IntegratedVariable
    reference: Ref
    conditions: tuple[Condition, ...]
    is_complement: bool = False
    sd: Expr | None = None


@dataclass(frozen=True)
class KnownFactor:
    """A factor of one label and nothing that is integrated out: a table of the label's values."""

    target: str
    plates: tuple[str, ...]
    label: str
    distribution: Dist
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class CollapsedForm:
    """``model``: the factors that all of it is read in. ``labels``: drawn one by one; ``integrated``: drawn given the labels; everything
    else that is latent stays ``outside``."""

    model: Model
    labels: tuple[str, ...]
    integrated: tuple[IntegratedVariable, ...]
    draws: tuple[Draw, ...]
    known: tuple[KnownFactor, ...]
    outside: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.labels, *(v.name for v in self.integrated))


def collapsed_form(model: Model, latent: Collection[str]) -> CollapsedForm:
    """The structure for these latent names (labels with missing cells among them). Raises NotScalar, with what stands against it."""
    model = canonical_arguments(canonical_factors(model))
    labels = tuple(n for n in latent if model.by_name[n].type.is_discrete)
    if not labels:
        raise NotScalar("a sweep of labels where there are none")
    for name in labels:
        if model.by_name[name].role != "random" or model.by_name[name].axes:
            raise NotScalar(f"`{name}`, which is no label of a plate's element")
    found = (_integrated(model, n, labels) for n in latent)
    candidates = {v.name: v for v in found if v is not None and _draws_of(model, v, labels, latent) is not None}
    # of two that meet in one factor neither can be integrated out given the labels alone
    for factor in model.factors:
        together = mentioned(model, factor, tuple(candidates))
        if len(together) > 1 and not _are_apart(model, factor, together):
            candidates = {n: v for n, v in candidates.items() if n not in together}
    draws = {n: _draws_of(model, v, labels, latent) or () for n, v in candidates.items()}
    if not any(labels_of(d, labels) for some in draws.values() for d in some):
        raise NotScalar("labels without conjugate priors around them")
    known = tuple(k for f in model.factors for k in _known_factors(model, f, labels, candidates))
    outside = tuple(n for n in latent if n not in labels and n not in candidates)
    all_draws = tuple(d for some in draws.values() for d in some)
    return CollapsedForm(model, labels, tuple(candidates.values()), all_draws, known, outside)


def labels_of(draw: Draw, labels: Collection[str]) -> tuple[str, ...]:
    """The latent labels that a factor is of."""
    behind = _names(draw.reference) | (_names(draw.sd) if draw.sd is not None else set())
    return tuple(n for n in labels if n == draw.target or n in behind)


def _integrated(model: Model, name: str, labels: Collection[str]) -> IntegratedVariable | None:
    """The variable where its prior is of a family that is integrated out."""
    variable = model.by_name[name]
    conditional = model.conditional_of.get(name)
    if variable.type.is_discrete or conditional is None or not isinstance(conditional.distribution, Dist):
        return None
    prior = conditional.distribution
    family = FAMILIES[prior.family]
    remembered = next((p.collapsed for p in family.pairs if p.collapsed), "")
    if family.exponential != prior.family or prior.variant or not remembered:
        return None
    arguments = dict(prior.arguments)
    if variable.type.kind != family.support or {name, *labels} & set(model.random_parents(conditional)):
        return None
    axes = model.array_axes(variable)
    if len(prior.event) > 1 or axes[len(axes) - len(prior.event) :] != prior.event:
        return None
    expressions = [arguments[p.name] for p in family.variants[0]]
    rows = axes[: len(axes) - len(prior.event)]
    event = prior.event[0] if prior.event else None
    return IntegratedVariable(name, remembered, tuple(expressions), conditional.plates, rows, event)  # type: ignore[arg-type]


def _are_apart(model: Model, factor: Factor, names: Collection[str]) -> bool:
    """Whether each branch of a factor is of one of some integrated variables."""
    branches = _branches(model, factor)
    return branches is not None and all(len(_names_in(model, d) & set(names)) < 2 for _, d in branches) and (
        not isinstance(factor, Conditional) or factor.target not in names
    )  # fmt: skip


def _draws_of(
    model: Model, variable: IntegratedVariable, labels: Collection[str], latent: Collection[str]
) -> tuple[Draw, ...] | None:
    """The factors that draw labels or data from a variable; None where one of its factors is something else."""
    out: list[Draw] = []
    for factor in model.factors:
        if variable.name not in mentioned(model, factor, (variable.name,)):
            continue
        if isinstance(factor, Conditional) and factor.target == variable.name:
            continue
        branches = _branches(model, factor)
        if branches is None:
            return None
        assert isinstance(factor, Conditional)
        if factor.target in latent and factor.target not in labels:
            return None
        for conditions, distribution in branches:
            if variable.name in _names_in(model, distribution):
                draw = _draw(model, factor, distribution, variable, labels, conditions)
                if draw is None:
                    return None
                out.append(draw)
    return tuple(out)


def _branches(model: Model, factor: Factor) -> list[tuple[tuple[Condition, ...], Dist]] | None:
    """The distributions of a factor with the conditions on data under which each is meant; None for what has no such form."""
    if not isinstance(factor, Conditional):
        return None
    out: list[tuple[tuple[Condition, ...], Dist]] = []
    pending: list[tuple[tuple[Condition, ...], Distribution]] = [((), factor.distribution)]
    while pending:
        conditions, distribution = pending.pop()
        if isinstance(distribution, Choice):
            if any(
                model.by_name[n].role not in ("input", "index")
                for n in names_behind(model, distribution.condition)
            ):
                return None
            pending.append(((*conditions, Condition(distribution.condition, True)), distribution.then))
            pending.append(((*conditions, Condition(distribution.condition, False)), distribution.otherwise))
        elif isinstance(distribution, Dist) and distribution.base is None:
            out.append((conditions, distribution))
        else:
            return None
    return out


def _draw(
    model: Model, factor: Conditional, distribution: Dist, variable: IntegratedVariable, labels: Collection[str],
    conditions: tuple[Condition, ...],
) -> Draw | None:  # fmt: skip
    if distribution.variant or distribution.event:
        return None
    arguments = dict(distribution.arguments)
    prior = model.conditional_of[variable.name].distribution
    assert isinstance(prior, Dist)
    pairs = (p for p in FAMILIES[prior.family].pairs if p.collapsed and p.child == distribution.family)
    argument = next((p.argument for p in pairs), "")
    value = arguments.get(argument)
    if value is None or isinstance(value, Dist):
        return None
    is_complement = not isinstance(value, Ref) and form_in(model, value, variable.name) == COMPLEMENT
    inner = _complemented(value, variable.name) if is_complement else value
    if not isinstance(inner, Ref) or inner.name != variable.name or inner.lag:
        return None
    if not all(_is_index(model, e, labels) for _, e in inner.index) or variable.event in dict(inner.index):
        return None
    shape = FAMILIES[distribution.family].location_scale
    sd = arguments[shape.scale] if shape is not None else None
    if isinstance(sd, Dist):
        return None
    if sd is not None and (variable.name in names_behind(model, sd) or not _is_of_one_element(model, sd, labels)):
        return None
    draw = Draw(factor.target, factor.plates, variable, inner, conditions, is_complement, sd)
    if sd is not None and (len(labels_of(draw, labels)) > 1 or factor.target in labels):
        return None
    return draw


def _complemented(value: Expr, name: str) -> Expr | None:
    """The reference to a variable in one minus it."""
    for node in walk(value):
        if isinstance(node, Ref) and node.name == name:
            return node
    return None


def _is_index(model: Model, expr: Expr, labels: Collection[str]) -> bool:
    """Whether an index is one latent label's value, or known."""
    if isinstance(expr, Ref) and expr.name in labels:
        # a label before this one in a chain is drawn better with it than by itself
        return expr.lag == 0 and not any(set(_names(e)) & set(labels) for _, e in expr.index)
    return not set(_names(expr)) & set(labels) and not any(
        model.by_name[n].role in ("param", "derived") for n in _names(expr) if n in model.by_name
    )


def _names(expr: Expr) -> set[str]:
    return {r.name for r in references(expr)}


def _known_factors(
    model: Model, factor: Factor, labels: Collection[str], candidates: Collection[str]
) -> Iterator[KnownFactor]:
    """The tables of labels that a factor is, none of a factor that no label is in. Raises NotScalar for other factors of labels."""
    names = mentioned(model, factor, labels)
    if not names:
        return
    branches = _branches(model, factor)
    if branches is None:
        raise NotScalar(f"what hangs on `{names[0]}` and is neither a distribution nor a choice by data")
    assert isinstance(factor, Conditional)
    for conditions, distribution in branches:
        behind = _names_in(model, distribution)
        of_labels = [n for n in labels if n == factor.target or n in behind]
        if behind & set(candidates) or not of_labels:
            continue
        family = FAMILIES[distribution.family]
        is_plain = family.finite and model.by_name[factor.target].type.kind != "count"
        values = [a for _, a in distribution.arguments if not isinstance(a, Dist)]
        if not is_plain or len(of_labels) > 1 or not all(_is_of_one_element(model, v, labels) for v in values):
            raise NotScalar(f"the distribution of `{factor.target}`, which has no conjugate prior")
        if len({r.index for v in values for r in references(v) if r.name == of_labels[0]}) > 1:
            raise NotScalar(f"`{factor.target}`, which is of several elements of `{of_labels[0]}`")
        yield KnownFactor(factor.target, factor.plates, of_labels[0], distribution, conditions)


def _is_of_one_element(model: Model, value: Expr, labels: Collection[str]) -> bool:
    """Whether an expression hangs on labels by references alone: not through definitions, a look back, or a sum over several."""
    own = _names(value) & set(labels)
    if own != names_behind(model, value) & set(labels):
        return False
    return not any(
        (isinstance(node, Reduce | Contract) and names_behind(model, node) & own) or (isinstance(node, Ref) and node.name in own and node.lag)
        for node in walk(value)
    )  # fmt: skip


def _names_in(model: Model, distribution: Dist) -> set[str]:
    """What a distribution's arguments hang on, through definitions too."""
    values = [value for _, value in distribution.arguments if not isinstance(value, Dist)]
    return names_behind(model, *values)
