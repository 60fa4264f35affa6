"""What the probability of some variables hangs on: everything above them, and the fields around them. The rest sums to
one and drops out (barren variables: Shachter 1986), whatever its parameters are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pgmlang.model import Conditional, Definition, Factor, Guide, Model
from pgmlang.model.expr import NetCall, Ref, walk


def relevant_names(model: Model, observed: Iterable[str]) -> frozenset[str]:
    """Names of variables of every role and of networks that p(observed) hangs on, the ``observed`` among them. A
    log-potential counts where one of its fields does: the fields that hang together are normalised together."""
    stated: dict[str, list[Factor | Definition]] = defaultdict(list)
    fields = {v.name for v in model.of_role("field")}
    directed: tuple[Conditional | Definition, ...] = (*model.conditionals, *model.definitions)
    for item in directed:
        stated[item.target].append(item)
    for potential in model.potentials:
        for name in fields & set(names_in(model, potential)):
            stated[name].append(potential)
    out: set[str] = set()
    pending = list(observed)
    while pending:
        name = pending.pop()
        if name in out:
            continue
        out.add(name)
        for factor in stated.pop(name, ()):
            pending.extend(names_in(model, factor))
    return frozenset(out)


def names_in(model: Model, item: Factor | Definition) -> frozenset[str]:
    """Variables and networks in a factor or definition."""
    nodes = (e for expression in model.expressions(item) for e in walk(expression))
    return frozenset(e.name if isinstance(e, Ref) else e.net for e in nodes if isinstance(e, Ref | NetCall))


def names_in_guide(guide: Guide | None, model: Model) -> frozenset[str]:
    """Variables and networks that a guide mentions."""
    if guide is None:
        return frozenset()
    stated: tuple[Factor | Definition, ...] = (*guide.conditionals, *guide.definitions)
    return frozenset().union(*(names_in(model, item) for item in stated))
