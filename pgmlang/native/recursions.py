"""Deterministic names that look back at themselves, as arrays filled in the order of their sequences."""

from __future__ import annotations

from pgmlang.model.dependence import names_behind
from pgmlang.model.recursions import own_references, recursions
from pgmlang.native.formulas import NotScalar
from pgmlang.native.labels import labels_in
from pgmlang.native.placed import RecursiveExpressions
from pgmlang.native.scalars import Array, Loop
from pgmlang.native.stages import Stage


def recursive_array(terms: RecursiveExpressions, name: str) -> Array | None:
    """The array of a name that is looked back at; None of a name of a recursion that is not, which is worked out from those. Its rows
    come in the order of their sequences, so that those before are there; adjoints go the other way. Raises NotScalar for what is no
    number of its own rows."""
    if name in terms.recursive:
        return terms.recursive[name]
    recursion = recursions(terms.model)[name]
    looked_at = {n for n, _ in recursion.past}
    if name not in looked_at:
        return None
    if len(looked_at) > 1:
        raise NotScalar(f"{' and '.join(f'`{n}`' for n in sorted(looked_at))}, which look back at each other")
    for ref in own_references(recursion):
        if any(axis == recursion.chain for axis, _ in ref.index):
            raise NotScalar(f"`{name}`, which looks at other rows than `prev` reaches")
    definition = terms.model.definition_of[name]
    if definition.value.type.kind == "labels":
        raise NotScalar("labels worked out")
    axes = terms.model.array_axes(terms.model.by_name[name])
    behind = names_behind(terms.model, definition)
    varies = bool(behind & terms.latent.keys())
    array = Array("computed", (name,), axes, varies and terms.slopes, varies)
    terms.recursive[name] = array
    # the chain's loop is the outermost: rows before are whole
    loops = (Loop(recursion.chain), *(Loop(a) for a in axes if a != recursion.chain))
    step = terms.graph.make("loop", payload=loops[0])
    row = terms.graph.load(Array("order", (recursion.chain,), (recursion.chain,)), (step,))
    places = {a: row if a == recursion.chain else terms.graph.make("loop", payload=Loop(a)) for a in axes}
    value = terms.number(definition.value, places)
    if labels_in(value, terms.summed):
        raise NotScalar(f"`{name}`, which hangs on labels to be summed out")
    terms.stages[name] = Stage(
        array, loops, value, definition.span, places=tuple(places.values()), looks_back=True
    )
    return array
