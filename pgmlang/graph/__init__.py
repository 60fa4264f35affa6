"""Graph algorithms on plain integers: elimination orders, junction trees, separation."""

from pgmlang.graph.elimination import (
    Elimination,
    JunctionTree,
    eliminate,
    elimination_order,
    interaction_graph,
    junction_tree,
)
from pgmlang.graph.separation import ancestors, barren_nodes, d_separated, reachable, topological_order

__all__ = [
    "Elimination",
    "JunctionTree",
    "ancestors",
    "barren_nodes",
    "d_separated",
    "eliminate",
    "elimination_order",
    "interaction_graph",
    "junction_tree",
    "reachable",
    "topological_order",
]
