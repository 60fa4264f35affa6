"""Discrete fields whose elements meet in pairs, by any function of them: what full conditionals by listing need.

An element's conditional is then had by setting it to each of its values and adding up the factors that hold it; elements
that no factor brings together are set at once. A Potts model's labels are the example.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.multilinear import Meeting, end_of, meetings, multilinear_reasons
from pgmlang.graph.summable import below_definition, frame_of, is_elementwise, mentioned
from pgmlang.model import Factor, Model, Potential
from pgmlang.model.expr import Expr, Reduce, Ref, children
from pgmlang.normal import canonical_factors


def pairing_reasons(model: Model, name: str) -> Iterator[Diagnostic]:
    """Why the elements of a discrete field cannot be drawn by listing their values."""
    model = canonical_factors(model)
    variable = model.by_name[name]
    if model.labels_of(variable.type) is None:
        yield Diagnostic("PGM0602", f"`{name}` is {variable.type}: its values cannot be listed", variable.span)
        return
    for factor in model.factors:
        if name in mentioned(model, factor, (name,)) and pairing(model, factor, name) is None:
            message = f"a factor takes more than two elements of `{name}` together, or sums over them"
            yield Diagnostic("PGM0602", message, factor.span)


def pairing(model: Model, factor: Factor, name: str) -> Meeting | None:
    """How a factor of `canonical_factors` brings elements of a field together: an empty ``Meeting`` where it takes them one by one, None where
    not in pairs along one plate."""
    if is_elementwise(model, factor, name):
        return Meeting("")
    if not isinstance(factor, Potential) or model.by_name[name].axes:
        return None
    refs = list(_refs(model, factor.value, name))
    if None in refs:
        return None
    resolved = [r for r in refs if r is not None]
    ends = {end_of(model, r) for r in resolved}
    lags = {r.lag for r in resolved}
    frame = frame_of(model, factor)
    if "" not in ends and lags == {0} and len(ends) == 2:
        edges = {model.by_name[e].plates[-1] for e in ends}
        plate = model.plate_by_name[next(iter(edges))].structure
        if len(edges) == 1 and plate is not None and plate.of is not None and edges <= set(frame):
            first, second = sorted(ends)
            return Meeting(plate.of, (first, second))
    if ends == {""} and all(not r.index for r in resolved) and len(lags) == 2 and 0 in lags:
        chain = model.by_name[name].plates[-1]
        if chain in frame:
            return Meeting(chain, None, max(lags))
    return None


def field_meetings(model: Model, name: str) -> tuple[Meeting, ...]:
    """The pairs of a field's own elements that factors bring together."""
    model = canonical_factors(model)
    if not tuple(multilinear_reasons(model, name)):
        return meetings(model, name)
    pairings = (pairing(model, f, name) for f in model.factors if name in mentioned(model, f, (name,)))
    return tuple(dict.fromkeys(m for m in pairings if m is not None and m.plate))


def _refs(model: Model, expr: Expr, name: str) -> Iterator[Ref | None]:
    """References to a field in an expression; None for one behind a deterministic name, or in a sum over its plate."""
    plates = set(model.by_name[name].plates)
    seen: set[tuple[int, bool]] = set()
    pending = [(expr, False)]
    while pending:
        node, is_summed = pending.pop()
        if (id(node), is_summed) in seen:
            continue
        seen.add((id(node), is_summed))
        if isinstance(node, Ref) and node.name == name:
            yield None if is_summed else node
        elif isinstance(node, Ref) and name in below_definition(model, node.name):
            yield None
        is_summed = is_summed or (isinstance(node, Reduce) and node.axis in plates)
        pending.extend((child, is_summed) for child in children(node))
