"""Which parts of a directed graph a query can see: ancestors, barren nodes, d-separation (Bayes ball)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

Parents = Sequence[Sequence[int]]


def children_of(parents: Parents) -> list[list[int]]:
    """Children of each vertex, from the parents of each."""
    children: list[list[int]] = [[] for _ in parents]
    for v, above in enumerate(parents):
        for u in above:
            children[u].append(v)
    return children


def ancestors(parents: Parents, vertices: Iterable[int]) -> set[int]:
    """``vertices`` and all their ancestors."""
    ancestors_of = set(vertices)
    stack = list(ancestors_of)
    while stack:
        for u in parents[stack.pop()]:
            if u not in ancestors_of:
                ancestors_of.add(u)
                stack.append(u)
    return ancestors_of


def barren_nodes(parents: Parents, needed: Iterable[int]) -> set[int]:
    """Vertices with no descendant in ``kept`` (targets and evidence) and not in it: they sum to one."""
    return set(range(len(parents))) - ancestors(parents, needed)


def reachable(parents: Parents, sources: Iterable[int], given: Collection[int]) -> set[int]:
    """Vertices not d-separated from ``sources`` given ``given`` (Shachter 1998), the sources included."""
    children = children_of(parents)
    observed = set(given)
    opened = ancestors(parents, observed)
    reached: set[int] = set()
    # A visit is (vertex, whether the ball comes from a child).
    stack = [(v, True) for v in sources]
    seen: set[tuple[int, bool]] = set()
    while stack:
        visit = stack.pop()
        if visit in seen:
            continue
        seen.add(visit)
        v, from_child = visit
        if v not in observed:
            reached.add(v)
        if from_child and v not in observed:
            stack.extend((u, True) for u in parents[v])
            stack.extend((w, False) for w in children[v])
        elif not from_child:
            if v not in observed:
                stack.extend((w, False) for w in children[v])
            if v in opened:
                stack.extend((u, True) for u in parents[v])
    return reached


def d_separated(parents: Parents, left: Iterable[int], right: Iterable[int], given: Collection[int] = ()) -> bool:
    """True when every vertex of ``left`` is d-separated from every vertex of ``right`` given ``given``.

    A vertex that is itself given is separated from everything.
    """
    hidden_left = set(left) - set(given)
    hidden_right = set(right) - set(given)
    return not reachable(parents, hidden_left, given) & hidden_right


def topological_order(parents: Parents) -> list[int]:
    """Parents before children; ValueError on a directed cycle."""
    waiting = [len(set(above)) for above in parents]
    children = [sorted(set(below)) for below in children_of(parents)]
    ready = [v for v, count in enumerate(waiting) if not count]
    order: list[int] = []
    while ready:
        v = ready.pop()
        order.append(v)
        for w in children[v]:
            waiting[w] -= 1
            if not waiting[w]:
                ready.append(w)
    if len(order) != len(parents):
        raise ValueError("the graph has a directed cycle")
    return order
