"""Deterministic names that look back at themselves, as arrays filled in the order of their sequences."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.model.dependence import names_behind
from pgmlang.model.model import Definition
from pgmlang.model.recursions import Recursion, own_references, recursions
from pgmlang.native.formulas import NotScalar
from pgmlang.native.labels import labels_in
from pgmlang.native.placed import RecursiveExpressions
from pgmlang.native.scalars import Array, Loop, Scalar, walk
from pgmlang.native.stages import Stage


def recursive_array(terms: RecursiveExpressions, name: str) -> Array | None:
    """The array of a name that is looked back at; None of a name of a recursion that is not, which is worked out from those. Its rows
    come in the order of their sequences, so that those before are there, with those of names that it and that look back at one another;
    adjoints go the other way. Raises NotScalar for what is no number of its own rows."""
    if name in terms.recursive:
        return terms.recursive[name]
    recursion = recursions(terms.model)[name]
    looked_at = {n for n, _ in recursion.past}
    if name not in looked_at:
        return None
    for ref in own_references(recursion):
        if any(axis == recursion.chain for axis, _ in ref.index):
            raise NotScalar(f"`{name}`, which looks at other rows than `prev` reaches")
    definitions = [d for d in recursion.definitions if d.target in looked_at]
    along = [terms.model.array_axes(terms.model.by_name[d.target]) for d in definitions]
    if any(axes != along[0] for axes in along):
        names = " and ".join(f"`{d.target}`" for d in definitions)
        raise NotScalar(f"{names}, which look back at each other and are of different axes")
    if any(d.value.type.kind == "labels" for d in definitions):
        raise NotScalar("labels worked out")
    behind = {n for d in definitions for n in names_behind(terms.model, d)}
    varies = bool(behind & terms.latent.keys())
    for d in definitions:
        terms.recursive[d.target] = Array("computed", (d.target,), along[0], varies and terms.slopes, varies)
    _fill(terms, recursion, definitions, along[0])
    return terms.recursive[name]


def _fill(
    terms: RecursiveExpressions, recursion: Recursion, definitions: Sequence[Definition], axes: tuple[str, ...]
) -> None:
    """The stage of a recursion's arrays."""
    # the chain's loop is the outermost: rows before are whole
    loops = (Loop(recursion.chain), *(Loop(a) for a in axes if a != recursion.chain))
    step = terms.graph.make("loop", payload=loops[0])
    row = terms.graph.load(Array("order", (recursion.chain,), (recursion.chain,)), (step,))
    places = {a: row if a == recursion.chain else terms.graph.make("loop", payload=Loop(a)) for a in axes}
    here = tuple(map(id, places.values()))
    filled = []
    for definition in definitions:
        value = terms.number(definition.value, places)
        if labels_in(value, terms.summed):
            raise NotScalar(f"`{definition.target}`, which hangs on labels to be summed out")
        terms.inlined[definition.target, here] = value
        filled.append((terms.recursive[definition.target], value))
    for definition in definitions:
        del terms.inlined[definition.target, here]
    _refuse_own_row([a for a, _ in filled], [v for _, v in filled], axes.index(recursion.chain), row)
    (array, value), *beside = filled
    terms.stages[array.name] = Stage(
        array,
        loops,
        value,
        definitions[0].span,
        places=tuple(places.values()),
        looks_back=True,
        beside=tuple(beside),
    )


def _refuse_own_row(arrays: Sequence[Array], values: Sequence[Scalar], chain: int, row: Scalar) -> None:
    """Raises NotScalar where a value looks at other elements of the row that is being filled, which may not be there yet: what is at its
    own place was said where it is looked at."""
    names = {a.name for a in arrays}
    for scalar in walk(*values):
        if (
            scalar.op == "load" and isinstance(scalar.payload, Array) and scalar.payload.name in names
            and scalar.args[chain] is row
        ):  # fmt: skip
            raise NotScalar(
                f"`{scalar.payload.of[0]}`, which is looked at elsewhere in the row that is worked out"
            )
