"""Whether discrete variables can be summed out exactly, element by element: mixtures, trees of them, chains.

A variable can be where every factor takes its elements one by one (along the factor's own axes, or as the outer
element that a row is in), and where those that hang together lie in nested plates. A chain, ``prev(z)``, is summed
out along its sequences (plated variable elimination: Obermeyer et al. 2019, section 4; forward algorithm: Rabiner
1989).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Factor, Model
from pgmlang.model.expr import Contract, Expr, Reduce, Ref, children
from pgmlang.model.model import Conditional, Definition
from pgmlang.model.recursions import recursions
from pgmlang.normal import canonical_factors

MAX_STATES = 4096
"""Most joint states of the variables that one factor mentions."""


@dataclass(frozen=True)
class Step:
    """Sums out ``names`` together: one variable, or the variables of one chain plate (``chain``)."""

    names: tuple[str, ...]
    chain: str | None = None


def frame_of(model: Model, factor: Factor) -> tuple[str, ...]:
    """The axes along which a factor has elements."""
    if isinstance(factor, Conditional):
        axes = model.array_axes(model.by_name[factor.target])
        event = getattr(factor.distribution, "event", ())
        return axes[: len(axes) - len(event)]
    return model.batch_axes(factor.plates)


def reaches(model: Model, inner: Collection[str], outer: Collection[str]) -> bool:
    """Whether an element along ``inner`` axes tells the element along every ``outer`` one."""
    return all(axis in inner or any(_within(model, i, axis) for i in inner) for axis in outer)


def _within(model: Model, inner: str, outer: str) -> bool:
    return inner in model.plate_by_name and outer in model.enclosing(inner)[:-1]


def mentioned(model: Model, factor: Factor, names: Collection[str]) -> tuple[str, ...]:
    """Which of the names a factor depends on, its target included."""
    scope = _scope(model, factor)
    return tuple(n for n in names if n in scope)


def _scope(model: Model, factor: Factor) -> set[str]:
    return {*model.random_parents(factor), getattr(factor, "target", "")}


def _scopes(model: Model) -> tuple[set[str], ...]:
    """What each factor depends on, its target included."""
    return tuple(_scope(model, factor) for factor in model.factors)


def below_definition(model: Model, name: str) -> set[str]:
    """The random variables below a deterministic name that could not be inlined (it hangs on its own past, say)."""
    definition = model.definition_of.get(name)
    return set(model.random_parents(definition)) if definition is not None else set()


def looks_back(model: Model, factor: Factor | Definition, names: Collection[str]) -> set[tuple[str, int]]:
    """The names a factor takes from earlier rows, with the lags, through deterministic names."""
    out: set[tuple[str, int]] = set()
    pending: list[Factor | Definition] = [factor]
    seen: set[str] = set()
    while pending:
        for ref in model.mentions(pending.pop()):
            if ref.lag and ref.name in names:
                out.add((ref.name, ref.lag))
            elif ref.name in model.definition_of:
                inside = model.definition_of[ref.name]
                if ref.lag:
                    out |= {(n, ref.lag) for n in names if n in model.random_parents(inside)}
                if ref.name not in seen:
                    seen.add(ref.name)
                    pending.append(inside)
    return out


def elimination_steps(
    model: Model, names: Collection[str], together: Collection[Collection[str]] = ()
) -> tuple[tuple[Step, ...], tuple[Diagnostic, ...]]:
    """The steps that sum the variables out, innermost plates first, or the reasons why that cannot be. ``together``:
    sets of variables that hang together beside those of the model's factors."""
    model = canonical_factors(model)
    reasons = (*_reasons(model, names), *_pasts(model, names))
    if reasons:
        return (), reasons
    looked_back_at = set(names)
    lagged = {n for f in model.factors for n, _ in looks_back(model, f, looked_back_at)}
    plain = [n for n in names if n not in lagged]
    plain.sort(key=lambda n: -len(_depth(model, n)))
    chains = dict.fromkeys(model.by_name[n].plates[-1] for n in names if n in lagged)
    groups = [Step((n,)) for n in plain]
    groups += [
        Step(tuple(n for n in names if n in lagged and model.by_name[n].plates[-1] == c), c) for c in chains
    ]
    groups.sort(key=lambda s: (-len(_depth(model, s.names[0])), s.chain is not None))
    return tuple(groups), tuple(_nesting(model, groups, names, together))


def _pasts(model: Model, names: Collection[str]) -> Iterator[Diagnostic]:
    """Variables of the rows of a chain that a recursion takes in: each value hangs on those of all rows before."""
    for name, recursion in recursions(model).items():
        for below in sorted(below_definition(model, name) & set(names)):
            if recursion.chain in model.array_axes(model.by_name[below]):
                message = f"`{name}` hangs on `{below}` of all earlier rows of `{recursion.chain}`"
                yield Diagnostic("PGM0602", message, model.by_name[below].span)


def _depth(model: Model, name: str) -> set[str]:
    axes = model.array_axes(model.by_name[name])
    return set(axes) | {q for a in axes if a in model.plate_by_name for q in model.enclosing(a)}


def _nesting(
    model: Model, steps: list[Step], names: Collection[str], together: Collection[Collection[str]]
) -> Iterator[Diagnostic]:
    """Plays the elimination through on names alone: at each step the others at hand must be outer ones."""
    scopes = dict(enumerate({n for n in scope if n in names} for scope in (*model.once(_scopes), *together)))
    scopes_of: dict[str, set[int]] = {}
    for number, scope in scopes.items():
        for name in scope:
            scopes_of.setdefault(name, set()).add(number)
    for step in steps:
        joined = set().union(*(scopes_of.pop(n, set()) for n in step.names))
        rest = set().union(*(scopes[number] for number in joined)) - set(step.names)
        axes = model.array_axes(model.by_name[step.names[0]])
        for other in sorted(rest):
            if not reaches(model, axes, model.array_axes(model.by_name[other])):
                message = f"`{step.names[0]}` and `{other}` hang together over different plates"
                yield Diagnostic("PGM0602", message, model.by_name[other].span)
                return
        states = 1
        for name in {*rest, *step.names}:
            size = len(model.labels_of(model.by_name[name].type) or ())
            states *= size**2 if step.chain and name in step.names else size
        if states > MAX_STATES:
            yield Diagnostic("PGM0603", f"summing out `{step.names[0]}` takes {states:,} joint states a row",
                             model.by_name[step.names[0]].span)  # fmt: skip
        # what is left of the factors is one more, over the rest
        message_number = len(scopes)
        scopes[message_number] = rest
        for name in rest:
            scopes_of[name] = (scopes_of[name] - joined) | {message_number}


def _reasons(model: Model, names: Collection[str]) -> Iterator[Diagnostic]:
    for name in names:
        variable = model.by_name[name]
        if model.labels_of(variable.type) is None:
            yield Diagnostic("PGM0602", f"`{name}` is {variable.type}: its values cannot be listed", variable.span)
            return
    order = {name: i for i, name in enumerate(names)}
    for factor, scope in zip(model.factors, model.once(_scopes), strict=True):
        for name in sorted(scope.intersection(order), key=order.__getitem__):
            reason = _coupling(model, factor, name)
            if reason:
                yield Diagnostic("PGM0602", f"`{name}` cannot be summed out: {reason}", factor.span)
        for name, lag in sorted(looks_back(model, factor, names)):
            if lag > 1:
                message = f"`{name}` cannot be summed out: a term looks back {lag} rows, and sums go from a row to the next"
                cure = f"labels for {lag} rows at once, each after the one before, or draws: `--method gibbs`"
                yield Diagnostic("PGM0602", message, factor.span, help=cure)
            if model.array_axes(model.by_name[name]) != model.by_name[name].plates[-1:]:
                yield Diagnostic("PGM0602", f"the chain `{name}` has axes of its own", factor.span)


def is_elementwise(model: Model, factor: Factor, name: str) -> bool:
    """Whether a factor of `canonical_factors` takes a variable's elements one by one, at the row itself."""
    return not _coupling(model, factor, name) and not any(n == name for n, _ in looks_back(model, factor, (name,)))


def rows_are_apart(model: Model, name: str) -> bool:
    """Whether every factor takes the elements of a variable's plates one by one; those along its own axes may meet."""
    return rows_are_apart_in(model, name, model.batch_axes(model.by_name[name].plates))


def rows_are_apart_in(model: Model, name: str, plates: tuple[str, ...]) -> bool:
    """Whether every factor takes the elements of a variable along these axes one by one."""
    model = canonical_factors(model)
    for factor, scope in zip(model.factors, model.once(_scopes), strict=True):
        if name not in scope:
            continue
        if looks_back(model, factor, (name,)) or not reaches(model, frame_of(model, factor), plates):
            return False
        for expr in model.expressions(factor):
            if _picks_or_sums(model, expr, name, plates):
                return False
    return True


def _picks_or_sums(model: Model, expr: Expr, name: str, plates: tuple[str, ...]) -> bool:
    for node, gone in _under_sums(expr):
        if not isinstance(node, Ref):
            continue
        if node.name == name and (any(a in plates for a, _ in node.index) or set(plates) & gone):
            return True
        if name in below_definition(model, node.name):
            return True
    return False


def _under_sums(expr: Expr) -> Iterator[tuple[Expr, frozenset[str]]]:
    """Everything in an expression, with the axes that sums around it are over."""
    seen: set[tuple[int, frozenset[str]]] = set()
    pending: list[tuple[Expr, frozenset[str]]] = [(expr, frozenset())]
    while pending:
        node, gone = pending.pop()
        if (id(node), gone) in seen:
            continue
        seen.add((id(node), gone))
        yield node, gone
        inner = gone | {node.axis} if isinstance(node, Contract | Reduce) else gone
        pending.extend((child, inner) for child in reversed(children(node)))


def _coupling(model: Model, factor: Factor | Definition, name: str, seen: frozenset[str] = frozenset()) -> str:
    """Why a factor (or a definition in it) does not take a variable's elements one by one; empty when it does."""
    frame = (
        frame_of(model, factor)
        if not isinstance(factor, Definition)
        else model.array_axes(model.by_name[factor.target])
    )
    mentions = model.once(_references).get(id(factor)) or _references_of(model, factor)
    for mentioned_name, occurrences in mentions.items():
        if mentioned_name in seen:
            continue
        if mentioned_name == name or name in below_definition(model, mentioned_name):
            for node, gone in occurrences:
                reason = _coupled(model, node, name, frame, gone, seen)
                if reason:
                    return reason
    return ""


_References = dict[str, list[tuple[Ref, frozenset[str]]]]
"""By name its references in a factor or definition, each with the axes that sums around it are over."""


def _references(model: Model) -> dict[int, _References]:
    return {id(item): _references_of(model, item) for item in (*model.factors, *model.definitions)}


def _references_of(model: Model, item: Factor | Definition) -> _References:
    out: _References = {}
    for expr in model.expressions(item):
        for node, gone in _under_sums(expr):
            if isinstance(node, Ref):
                out.setdefault(node.name, []).append((node, gone))
    return out


def _coupled(
    model: Model, ref: Ref, name: str, frame: tuple[str, ...], gone: frozenset[str], seen: frozenset[str]
) -> str:
    """Why a reference takes several elements of a variable, or another than the frame's."""
    ref_axes = model.array_axes(model.by_name[ref.name])
    if any(axis in ref_axes for axis, _ in ref.index):
        return f"`{ref.name}[...]` takes another element of it"
    coupled = [a for a in ref_axes if a in gone]
    if coupled or not reaches(model, frame, ref_axes):
        return f"a factor depends on several of its elements along `{(coupled or list(ref_axes))[-1]}`"
    if ref.name == name:
        return ""
    # the past of a name that looks back at itself is in it already
    return _coupling(model, model.definition_of[ref.name], name, seen | {ref.name})
