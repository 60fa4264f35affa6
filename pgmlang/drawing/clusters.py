"""Clusters of a large graph: nodes that hang together more than with the rest, where there are any to speak of."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.drawing.geometry import PlacedRegion, PlacedScene, Rect
from pgmlang.drawing.layering import Arc
from pgmlang.drawing.page import Spacing

LEAST_MODULARITY = 0.45
"""Modularity (Newman and Girvan 2004) from which a graph has clusters worth showing."""
LEAST_MEMBERS = 4


def clusters_of(count: int, arcs: Sequence[Arc]) -> list[int | None]:
    """The cluster of each node, numbered by size from 0; None for nodes of small ones, and for all of a graph without.

    By the Louvain method (Blondel, Guillaume, Lambiotte and Lefebvre 2008) over the arcs without their directions, from
    a fixed seed.
    """
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(arcs)
    found = networkx.community.louvain_communities(graph, seed=1)
    out: list[int | None] = [None] * count
    if graph.number_of_edges() and networkx.community.modularity(graph, found) >= LEAST_MODULARITY:
        large = [c for c in found if len(c) >= LEAST_MEMBERS]
        for number, members in enumerate(sorted(large, key=lambda c: (-len(c), min(c)))):
            for v in members:
                out[v] = number
    return out


def regions_of(drawing: PlacedScene, clusters: Sequence[int | None], spacing: Spacing) -> tuple[PlacedRegion, ...]:
    """The ground behind each cluster of a drawing whose nodes are in the order of ``clusters``: it runs together behind
    neighbours, and along edges from one layer to the next."""
    cluster_of = {n.name: c for n, c in zip(drawing.nodes, clusters, strict=False)}
    aside, above = spacing.node / 2 + 2, spacing.row / 2 + 1
    reach = spacing.height + 1.7 * spacing.row
    out = []
    for cluster in sorted({c for c in clusters if c is not None}):
        boxes = tuple(
            Rect(n.shape.x0 - aside, n.shape.y0 - above, n.shape.x1 + aside, n.shape.y1 + above)
            for n in drawing.nodes
            if cluster_of.get(n.name) == cluster
        )
        paths = tuple(
            e.path
            for e in drawing.edges
            if cluster_of.get(e.edge.source) == cluster_of.get(e.edge.target) == cluster
            and abs(e.path[-1][1] - e.path[0][1]) <= reach
            and abs(e.path[-1][0] - e.path[0][0]) <= 2.5 * reach
        )
        out.append(PlacedRegion(cluster, boxes, paths))
    return tuple(out)
