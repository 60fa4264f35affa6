"""M-steps in closed form, from two gradients of the expected log-joint.

Q is linear in a few expected statistics of each element of a parameter: the weight n of the rows that it has, their mean,
their scatter. Its gradients at two values tell them, for all elements at once, and these the maximum (Dempster, Laird
and Rubin 1977, section 3). Which rows belong to which element, and with which weight, is the emitted program's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pgmlang.families import FAMILIES
from pgmlang.infer.conjugate import conjugate_family, likelihood_family
from pgmlang.model import Conditional, Dist, Model
from pgmlang.model.dependence import names_behind, nodes_behind
from pgmlang.model.expr import Choose, Contract, Reduce, Ref, walk
from pgmlang.model.model import Choice, Distribution, Factor
from pgmlang.normal import normal_form
from pgmlang.normal.affine import form_in
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from torch import Tensor

Values: TypeAlias = "tuple[Tensor, ...]"


LEAST_SHARE = 1e-15
"""What of a probability is left where no row speaks for it."""
ROUNDING = 1e-9
"""Share of the counts of a value below which one is nothing."""


class MStep(NamedTuple):
    """``arguments`` of a family that are params, of these ``kinds`` of types (none: any variable of one number an element).
    ``elsewhere``: values at which the second gradient is taken; ``solve``: the maximum from the values, the gradients
    there, and those elsewhere."""

    arguments: tuple[str, ...]
    kinds: tuple[str, ...]
    elsewhere: Callable[[Values], Values]
    solve: Callable[[Values, Values, Values], Values]


class MaximumBlock(NamedTuple):
    """Names whose maximum is found together."""

    names: tuple[str, ...]
    step: MStep


def blocks_of(
    model: Model, names: Collection[str], simplices: Collection[str] = ()
) -> tuple[tuple[MaximumBlock, ...], ...]:
    """The names that have a closed form, in rounds: in each one no factor has to do with two blocks. ``simplices``: those of
    probabilities along their last axis."""
    model = normal_form(model)
    blocks = [MaximumBlock((name,), SHARES) for name in simplices if name in names]
    for name in names:
        if name not in model.by_name or any(name in b.names for b in blocks):
            continue
        block = _of_family(model, name, names) or _of_one_number(model, name)
        if block is not None:
            blocks.append(block)
    rounds: list[list[MaximumBlock]] = []
    for block in blocks:
        free = next((r for r in rounds if not any(_meet(model, block, other) for other in r)), None)
        if free is None:
            rounds.append([block])
        else:
            free.append(block)
    return tuple(map(tuple, rounds))


def simplices_of(model: Model, names: Collection[str]) -> tuple[str, ...]:
    """The names that are probabilities along their last axis."""
    tables = {t.name for t in learned_tables(model)}
    return tuple(
        n for n in names if n in tables or (n in model.by_name and model.by_name[n].type.kind == "simplex")
    )


def _meet(model: Model, one: MaximumBlock, other: MaximumBlock) -> bool:
    """Whether a row's density may hang on both."""
    return any(
        _has(model, f, one.names)
        and _has(model, f, other.names)
        and not _are_apart(model, f, one.names, other.names)
        for f in model.factors
    )


def _are_apart(model: Model, factor: Factor, some: Collection[str], others: Collection[str]) -> bool:
    """Whether names stand in different branches of the one argument of a distribution that has any of them: each row then has
    the density of its branch."""
    if not isinstance(factor, Conditional) or not isinstance(factor.distribution, Dist):
        return False
    both = {*some, *others}
    arguments = [
        e for _, e in factor.distribution.arguments if isinstance(e, Dist) or both & names_behind(model, e)
    ]
    pending = [e for e in arguments if not isinstance(e, Dist)]
    if factor.target in both or len(arguments) != 1 or not pending:
        return False
    while pending:
        expr = pending.pop()
        behind = names_behind(model, expr)
        if not (behind & set(some) and behind & set(others)):
            continue
        if not isinstance(expr, Choose) or both & names_behind(model, expr.condition):
            return False
        pending += [expr.then, expr.otherwise]
    return True


def _has(model: Model, factor: Factor, names: Collection[str]) -> bool:
    """Whether a factor hangs on one of the names, its target and its learned table included."""
    target = {factor.target} if isinstance(factor, Conditional) else set()
    tables = {t.name for t in learned_tables(model) if t.target in target}
    return bool(set(names) & (names_behind(model, factor) | target | tables))


def _of_family(model: Model, name: str, names: Collection[str]) -> MaximumBlock | None:
    """The block of a param that stands bare in a family's argument, with those in its other arguments, in every factor."""
    block: MaximumBlock | None = None
    for factor in model.factors:
        if _has(model, factor, (name,)):
            here = _block_in(model, factor, name, names)
            if here is None or (block is not None and here != block):
                return None
            block = here
    if block is None:
        return None
    others = {_block_in(model, f, n, names) for n in block.names for f in model.factors if _has(model, f, (n,))}
    return block if others == {block} else None


def _block_in(model: Model, factor: Factor, name: str, names: Collection[str]) -> MaximumBlock | None:
    if not isinstance(factor, Conditional) or not isinstance(factor.distribution, Dist):
        return None
    distribution = factor.distribution
    if distribution.variant:
        return None
    arguments = dict(distribution.arguments)
    for step in m_steps_of(distribution.family):
        refs = [r for a in step.arguments if isinstance(r := arguments[a], Ref) and not r.lag]
        targets = tuple(r.name for r in refs)
        if len(refs) < len(step.arguments) or name not in targets or len(set(targets)) < len(targets):
            continue
        others = [e for a, e in arguments.items() if a not in step.arguments]
        if not set(targets) <= set(names) or any(
            isinstance(e, Dist) or not form_in(model, e, targets).is_free for e in others
        ):
            continue
        if not all(form_in(model, i, targets).is_free for r in refs for _, i in r.index):
            continue
        variables = [model.by_name[n] for n in targets]
        is_alike = all(
            v.plates == variables[0].plates and r.index == refs[0].index
            for v, r in zip(variables, refs, strict=True)
        )
        is_param = all(v.role == "param" for v in variables)
        if is_alike and is_param and tuple(v.type.kind for v in variables) == step.kinds:
            return MaximumBlock(targets, step)
    return None


def _of_one_number(model: Model, name: str) -> MaximumBlock | None:
    """The block of a variable each of whose elements has a Q like the log-density of a Normal, Beta, Gamma or inverse
    Gamma."""
    family = conjugate_family(model, name) if name in model.conditional_of else likelihood_family(model, name)
    steps = [s for s in m_steps_of(family) if not s.arguments] if family is not None else []
    return MaximumBlock((name,), steps[0]) if steps and not _couples_elements(model, name) else None


def _hangs_together(distribution: Distribution) -> bool:
    """Whether the elements of a draw hang together by a matrix."""
    if isinstance(distribution, Choice):
        return _hangs_together(distribution.then) or _hangs_together(distribution.otherwise)
    return isinstance(distribution, Dist) and bool(FAMILIES[distribution.family].matrix_densities)


def _couples_elements(model: Model, name: str) -> bool:
    """Whether a factor may look at two elements of a variable at once."""
    for factor in model.factors:
        if (
            isinstance(factor, Conditional)
            and _hangs_together(factor.distribution)
            and name in {factor.target, *names_behind(model, factor)}
        ):
            return True
        # equal nodes of a normal form are one object
        nodes = {id(node): node for node in nodes_behind(model, factor)}
        mine = {key for key, node in nodes.items() if isinstance(node, Ref) and node.name == name}
        sums = [node for node in nodes.values() if mine and isinstance(node, Contract | Reduce)]
        if len(mine) > 1 or any(mine & set(map(id, walk(node))) for node in sums):
            return True
    return False


def m_steps_of(family: str) -> tuple[MStep, ...]:
    """The records that a family's row names (``Family.m_steps``)."""
    module, _, attribute = FAMILIES[family].m_steps.rpartition(".")
    return getattr(import_module(module), attribute) if module else ()


# ---- the forms


def _shares_form(values: Values, here: Values, there: Values) -> Values:
    """Slopes a/x of probabilities: in proportion to the expected counts a, where there are any."""
    import torch

    (x,), (g,) = values, here
    counts = (x * g).clamp(min=0)
    total = counts.sum(-1, keepdim=True)
    share = (counts / total.clamp(min=1e-300)).clamp(min=LEAST_SHARE)
    return (torch.where(total > 0, share / share.sum(-1, keepdim=True), x),)


def _gamma_form(values: Values, here: Values, there: Values) -> Values:
    """Slopes a/x - b at x and 2x."""
    (x,), (g,), (h,) = values, here, there
    share = 2 * (g - h)
    return (share * x / (share - g),)


def _inverse_gamma_form(values: Values, here: Values, there: Values) -> Values:
    """Slopes -a/x + s/x^2 at x and 2x."""
    (x,), (g,), (h,) = values, here, there
    scale = 2 * x * (g * x - 2 * h * x)
    return (scale / (scale / x - g * x),)


def _beta_elsewhere(values: Values) -> Values:
    """Half as far from the nearer end."""
    import torch

    (x,) = values
    return (torch.where(x < 0.5, x / 2, (1 + x) / 2),)


def _beta_form(values: Values, here: Values, there: Values) -> Values:
    """Slopes a/x - b/(1 - x) at x and half as far from the nearer end."""
    import torch

    (x,), (g,), (h,) = values, here, there
    is_low = x < 0.5
    near, far = torch.where(is_low, x, 1 - x), torch.where(is_low, 1 - x, x)
    g, h = torch.where(is_low, g, -g), torch.where(is_low, h, -h)
    # with c of the near end, d of the far one: c/near - d/far = g and 2 c/near - d/(1 - near/2) = h
    other = (h - 2 * g) / (2 / far - 1 / (1 - near / 2))
    mine = (g + other / far) * near
    # a count of nothing is negative by rounding, and its share stays inside as those of labels do
    mine, other = (torch.where(c.abs() < ROUNDING * (mine.abs() + other.abs()), 0.0, c) for c in (mine, other))
    share = mine / (mine + other)
    share = torch.where((mine == 0) | (other == 0), share.clamp(LEAST_SHARE, 1 - LEAST_SHARE), share)
    return (torch.where(is_low, share, 1 - share),)


def _double_last(values: Values) -> Values:
    return (*values[:-1], 2 * values[-1])


def _scatter(sd: Tensor, here: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The weight and the sum of squares of slopes A/s^3 - n/s at s and 2s."""
    total = 4 / 3 * (here - 2 * there) * sd
    return total - here * sd, total * sd.square()


def _normal_form(values: Values, here: Values, there: Values) -> Values:
    mean, sd = values
    weight, squares = _scatter(sd, here[1], there[1])
    shift = sd.square() * here[0] / weight
    return mean + shift, (squares / weight - shift.square()).sqrt()


def _one_more(values: Values) -> Values:
    return (values[0] + 1,)


def _mean_form(values: Values, here: Values, there: Values) -> Values:
    """Slopes n (m - x) of a quadratic at x and x + 1."""
    return (values[0] + here[0] / (here[0] - there[0]),)


def _sd_form(values: Values, here: Values, there: Values) -> Values:
    weight, squares = _scatter(values[0], here[0], there[0])
    return ((squares / weight).sqrt(),)


def _weight_and_scatter(cov: Tensor, here: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The weight ``[..., 1, 1]`` and the scatter of slopes (P C P - n P) / 2, P the precision, at a covariance and twice
    it."""
    here, there = 0.5 * (here + here.mT), 0.5 * (there + there.mT)
    weight = 2 * ((here - 4 * there) @ cov).diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    return weight, 2 * cov @ here @ cov + weight * cov


def _vector_form(values: Values, here: Values, there: Values) -> Values:
    mean, cov = values
    weight, scatter = _weight_and_scatter(cov, here[1], there[1])
    shift = (cov @ here[0][..., None]) / weight
    return mean + shift.squeeze(-1), scatter / weight - shift * shift.mT


def _cov_form(values: Values, here: Values, there: Values) -> Values:
    weight, scatter = _weight_and_scatter(values[0], here[0], there[0])
    return (scatter / weight,)


SHARES = MStep((), (), lambda values: values, _shares_form)
GAMMA = (MStep((), (), _double_last, _gamma_form),)
INVERSE_GAMMA = (MStep((), (), _double_last, _inverse_gamma_form),)
BETA = (MStep((), (), _beta_elsewhere, _beta_form),)
NORMAL = (
    MStep(("loc", "sd"), ("real", "positive"), _double_last, _normal_form),
    MStep(("loc",), ("real",), _one_more, _mean_form),
    MStep(("sd",), ("positive",), _double_last, _sd_form),
    MStep((), (), _one_more, _mean_form),
)
MULTIVARIATE_NORMAL = (
    MStep(("mean", "cov"), ("real", "cov"), _double_last, _vector_form),
    MStep(("cov",), ("cov",), _double_last, _cov_form),
)
