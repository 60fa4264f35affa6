"""Which discrete variables Pyro can enumerate in parallel, and why not the others.

Variable elimination over plates (Obermeyer, Bingham, Jankowiak, Chiu, Pradhan, Rush and Goodman, Tensor variable
elimination for plated factor graphs, ICML 2019) wants elements of a plate independent given what is outside of it:
every factor that looks at a variable must lie in all of its plates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgmlang.families import FAMILIES
from pgmlang.lower.pyro_chains import Chain
from pgmlang.model import Choice, Conditional, Definition, Dist, Distribution, Model, Potential, TableDist
from pgmlang.model.expr import Contract, Expr, Reduce, Ref, walk
from pgmlang.model.model import Variable

Item = Conditional | Definition | Potential


@dataclass(frozen=True)
class Enumerability:
    """``reasons``: by discrete variable why it is not enumerated, None where it is. ``gathered``: enumerated variables
    whose elements are picked by rows of a chain. ``hanging``: names of items that hang on enumerated variables."""

    reasons: dict[str, str | None]
    gathered: frozenset[str]
    hanging: frozenset[str]

    def holds(self, name: str) -> bool:
        """Whether a variable is enumerated where it is not observed."""
        return name in self.reasons and self.reasons[name] is None


def enumerability(model: Model, chains: dict[str, Chain]) -> Enumerability:
    """The discrete variables of a model and its guide, each with the reason against its enumeration."""
    reasons: dict[str, str | None] = {}
    gathered: set[str] = set()
    for variable in model.of_role("random", "field"):
        if variable.type.kind in ("bit", "spin", "labels"):
            reasons[variable.name] = _reason_against(model, variable, chains, gathered)
    listed = [name for name, reason in reasons.items() if reason is None]
    hanging = {*listed, *(_key(i) for i in _that_mention(model, listed, (Conditional, Definition))[0])}
    return Enumerability(reasons, frozenset(gathered), frozenset(hanging))


def _key(item: Item) -> str:
    return item.target if not isinstance(item, Potential) else f"potential {id(item)}"


def hangs(item: Item, known: Enumerability) -> bool:
    """Whether an item's values have the dims of enumerated variables."""
    return _key(item) in known.hanging


@dataclass(frozen=True)
class _Mentions:
    """The factors and definitions of a model and its guide, and by name the positions of those that mention it."""

    items: tuple[Item, ...]
    of: dict[str, list[int]]


def _mentions(model: Model) -> _Mentions:
    items: list[Item] = [*model.factors, *model.definitions]
    if model.guide:
        items += [*model.guide.conditionals, *model.guide.definitions]
    of: dict[str, list[int]] = {}
    for position, item in enumerate(items):
        for name in dict.fromkeys(r.name for r in model.mentions(item)):
            of.setdefault(name, []).append(position)
    return _Mentions(tuple(items), of)


def _that_mention(model: Model, names: Iterable[str], through: tuple[type, ...]) -> tuple[list[Item], set[str]]:
    """Items that mention any of some names, or the target of an item of a kind in ``through`` that does, nearest first;
    and all these names."""
    known = model.once(_mentions)
    seen = set(names)
    reached: dict[int, None] = {}
    pending = sorted({i for n in seen for i in known.of.get(n, ())})
    while pending:
        reached.update(dict.fromkeys(pending))
        fresh = {t.target for t in map(known.items.__getitem__, pending) if isinstance(t, through)} - seen  # type: ignore[union-attr]
        seen |= fresh
        pending = sorted({i for n in fresh for i in known.of.get(n, ())} - reached.keys())
    return [known.items[i] for i in reached], seen


def _reason_against(model: Model, variable: Variable, chains: dict[str, Chain], gathered: set[str]) -> str | None:
    if variable.axes:
        return f"its axis `{variable.axes[0]}` is one event, not a plate"
    conditional = model.conditional_of.get(variable.name)
    if conditional is not None and not is_finite(conditional.distribution):
        return "Pyro does not list the draws of its distribution"
    variable_axes = model.batch_axes(variable.plates)
    items, names = _that_mention(model, [variable.name], (Definition,))
    for item in items:
        plates = model.by_name[item.target].plates if not isinstance(item, Potential) else item.plates
        axes = model.batch_axes(plates)
        missing = [a for a in variable_axes if a not in axes]
        if missing and not any(c.outer == missing[0] and c.plate in axes for c in chains.values()):
            inner = next((a for a in axes if a in model.plate_by_name and missing[0] in model.enclosing(a)), None)
            if inner is not None:
                return f"rows of `{inner}` look at it, as many as each `{missing[0]}` has: Pyro's plates are not ragged"
            return f"elements of `{missing[0]}` are looked at together"
        if missing:
            gathered.add(variable.name)
        for expression in model.expressions(item):
            if reason := _crosses(expression, names, variable_axes, model):
                return reason
    return None


def _crosses(expression: Expr, names: set[str], variable_axes: tuple[str, ...], model: Model) -> str | None:
    """Why an expression looks at several elements of a plate at once."""
    for node in walk(expression):
        if isinstance(node, Ref) and node.name in names and any(axis in variable_axes for axis, _ in node.index):
            return f"`{node.name}` is picked by an index along its plate"
        is_sum = isinstance(node, Reduce | Contract) and node.axis in variable_axes
        if is_sum and any(isinstance(n, Ref) and n.name in names for n in walk(node)):
            return f"it is summed over its plate `{node.axis}`"  # type: ignore[union-attr]
    return None


def is_finite(distribution: Distribution) -> bool:
    """Whether Pyro lists the draws of a distribution, or of both sides of a choice as one table."""
    if isinstance(distribution, Choice):
        return has_table(distribution.then) and has_table(distribution.otherwise)
    return isinstance(distribution, TableDist) or (
        isinstance(distribution, Dist) and FAMILIES[distribution.family].support in ("bit", "labels")
    )


def has_table(distribution: Distribution) -> bool:
    """Whether a distribution is given by the probabilities of its labels."""
    if isinstance(distribution, Choice):
        return has_table(distribution.then) and has_table(distribution.otherwise)
    is_listed = isinstance(distribution, Dist) and FAMILIES[distribution.family].is_by_chances(
        distribution.variant
    )
    return is_listed or isinstance(distribution, TableDist)
