"""Components of fields that hang on directed variables: each has a log Z for every value of these, its parents.

p(fields | parents) = exp(sum of the component's log-potentials) / Z(parents), a chain graph's conditional (Lauritzen 1996,
section 3.2.3). The fields are summed out of the component's tables, which leaves a table over its parents.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.elimination import elimination_order, interaction_graph
from pgmlang.tables.network import DiscreteVariable, TableFactor

MAX_CELLS = 1 << 22
"""Most cells of a table on the way to log Z of a component, or of log Z itself."""

Table = tuple[tuple[int, ...], np.ndarray]
"""A scope and log values over it."""


def partition_factors(
    variables: Sequence[DiscreteVariable], factors: Sequence[TableFactor], fields: Collection[int]
) -> Iterator[TableFactor]:
    """A factor 1 / Z(parents) for each component of ``fields`` (nodes) that has any. ``factors``: of the whole network.
    Raises PgmError: PGM0603 where elimination is too wide, PGM0609 where a value of the parents that they may take leaves
    no value of the fields possible."""
    import networkx

    undirected = [f for f in factors if f.child is None]
    graph = networkx.Graph()
    graph.add_nodes_from(fields)
    for factor in undirected:
        networkx.add_path(graph, [v for v in factor.scope if v in fields])
    component_of = {v: i for i, nodes in enumerate(networkx.connected_components(graph)) for v in nodes}
    members: dict[int, list[TableFactor]] = {}
    for factor in undirected:
        for component in {component_of[v] for v in factor.scope if v in fields}:
            members.setdefault(component, []).append(factor)
    known: dict[tuple[object, ...], np.ndarray] = {}
    for inside in members.values():
        parents = tuple(sorted({v for f in inside for v in f.scope if v not in fields}))
        if not parents:
            continue
        key = _shape_of(inside, parents)
        if key not in known:
            known[key] = _log_partition(variables, inside, parents)
        log_z = known[key]
        impossible = np.isneginf(log_z)
        if impossible.any():
            _refuse_impossible(variables, factors, inside, parents, impossible)
        yield TableFactor(parents, np.where(impossible, -np.inf, -log_z), is_log=True)


def _shape_of(inside: Sequence[TableFactor], parents: Sequence[int]) -> tuple[object, ...]:
    """What tells components apart: their tables, and how these hang together."""
    number: dict[int, int] = {v: i for i, v in enumerate(parents)}
    for factor in inside:
        for v in factor.scope:
            number.setdefault(v, len(number))
    tables = ((tuple(number[v] for v in f.scope), f.values.shape, f.values.tobytes()) for f in inside)
    return (len(parents), *tables)


def _log_partition(
    variables: Sequence[DiscreteVariable], inside: Sequence[TableFactor], parents: tuple[int, ...]
) -> np.ndarray:
    """log Z over the parents, in their order."""
    nodes = sorted({v for f in inside for v in f.scope})
    position = {v: i for i, v in enumerate(nodes)}
    sizes = [variables[v].size for v in nodes]
    neighbours = interaction_graph([[position[v] for v in f.scope] for f in inside], len(nodes))
    group = sum(1 << position[v] for v in nodes if v not in parents)
    elimination = elimination_order(neighbours, sizes, [group])
    cells = max(elimination.clique_cells, default=1)
    if max(cells, math.prod(variables[v].size for v in parents)) > MAX_CELLS:
        raise _too_wide(variables, nodes, parents, elimination.width)
    tables: list[Table] = [(f.scope, f.log_values()) for f in inside]
    for index in elimination.order:
        v = nodes[index]
        joined = [t for t in tables if v in t[0]]
        scope = tuple(sorted({u for s, _ in joined for u in s}))
        summed = _log_sum(_product(joined, scope), scope.index(v))
        tables = [t for t in tables if v not in t[0]] + [(tuple(u for u in scope if u != v), summed)]
    shape = [variables[v].size for v in parents]
    return np.broadcast_to(_product(tables, parents), shape)


def _product(tables: Sequence[Table], scope: tuple[int, ...]) -> np.ndarray:
    """The sum of log tables along ``scope``."""
    total: np.ndarray = np.zeros([1] * len(scope))
    for own, values in tables:
        order = sorted(range(len(own)), key=lambda i: scope.index(own[i]))
        shape = [1] * len(scope)
        for i in order:
            shape[scope.index(own[i])] = values.shape[i]
        total = total + values.transpose(order).reshape(shape)
    return total


def _log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    """log sum exp along an axis; minus infinity where there is nothing to sum."""
    top = values.max(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(values - np.where(np.isneginf(top), 0.0, top)).sum(axis=axis))
    return np.asarray(total + np.where(np.isneginf(top), 0.0, top).squeeze(axis))


def _too_wide(
    variables: Sequence[DiscreteVariable], nodes: Sequence[int], parents: Sequence[int], width: int
) -> PgmError:
    field = next(v for v in nodes if v not in parents)
    listed = ", ".join(f"`{variables[v].name}`" for v in parents[:8]) + (", ..." if len(parents) > 8 else "")
    bits_of_parents = sum(math.log2(variables[v].size) for v in parents)
    return PgmError(
        Diagnostic(
            "PGM0603",
            f"log Z of the component of `{variables[field].name}` is too wide: treewidth {width}, and a table over "
            f"{len(parents)} directed parents of 2^{bits_of_parents:.0f} cells; the limit is 2^22",
            notes=(f"its parents: {listed}",),
            help="make the parents an `input`, or fields too",
        )
    )


def _refuse_impossible(
    variables: Sequence[DiscreteVariable], factors: Sequence[TableFactor], inside: Sequence[TableFactor],
    parents: tuple[int, ...], impossible: np.ndarray,
) -> None:  # fmt: skip
    """Raises PGM0609 unless the parents' own tables exclude the values that leave the fields none."""
    for factor in factors:
        if factor.child is None or not set(factor.scope) & set(parents):
            continue
        rest = tuple(i for i, v in enumerate(factor.scope) if v not in parents)
        allowed = np.asarray((factor.log_values() > -np.inf).any(axis=rest))
        scope = tuple(v for v in factor.scope if v in parents)
        order = sorted(range(len(scope)), key=lambda i: scope[i])
        shape = [variables[v].size if v in scope else 1 for v in parents]
        impossible = impossible & allowed.transpose(order).reshape(shape)
    if not impossible.any():
        return
    cell = np.argwhere(impossible)[0]
    where = ", ".join(
        f"{variables[v].name} = {variables[v].labels[c]}" for v, c in zip(parents, cell, strict=True)
    )
    field = next(v for f in inside for v in f.scope if v not in parents)
    raise PgmError(
        Diagnostic(
            "PGM0609",
            f"no value of `{variables[field].name}` and the fields beside it is possible where {where}",
            help="leave them one there, or give those values of the parents probability zero",
        )
    )


def anchored(
    scope: tuple[int, ...], values: np.ndarray, anchor: int, size: int
) -> tuple[tuple[int, ...], np.ndarray]:
    """A table that names no field, over a field's node too: it belongs to that field's component."""
    return (*scope, anchor), np.repeat(values[..., None], size, axis=-1)
