"""networkx views of a Model: computed from it, never the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgmlang.model import Conditional, Definition, Model

if TYPE_CHECKING:
    import networkx


def directed_view(model: Model) -> networkx.DiGraph:
    """Variables as nodes (attributes ``role``, ``type``, ``plates``, ``axes``), potentials as nodes of role ``factor``.

    Arrows run from what a definition mentions to what it defines; a field and its factor are joined by an edge from
    the field to the factor with ``directed=False``.
    """
    import networkx

    graph = networkx.DiGraph(name=model.name)
    for variable in model.variables:
        graph.add_node(
            variable.name, role=variable.role, type=str(variable.type), plates=variable.plates, axes=variable.axes
        )
    stated: tuple[Conditional | Definition, ...] = (*model.conditionals, *model.definitions)
    for item in stated:
        for ref in model.mentions(item):
            graph.add_edge(ref.name, item.target, directed=True, lag=ref.lag)
    for i, potential in enumerate(model.potentials):
        name = potential.name or f"factor {i + 1}"
        graph.add_node(name, role="factor", type="real", plates=potential.plates, axes=())
        for ref in model.mentions(potential):
            graph.add_edge(ref.name, name, directed=model.by_name[ref.name].role != "field", lag=ref.lag)
    return graph


def moral_view(model: Model) -> networkx.Graph:
    """The moral graph of the random variables and fields: two are joined when a factor mentions both."""
    import networkx

    graph = networkx.Graph(name=model.name)
    graph.add_nodes_from(v.name for v in model.of_role("random", "field"))
    for factor in model.factors:
        names = list(model.random_parents(factor))
        if isinstance(factor, Conditional):
            names.append(factor.target)
        graph.add_edges_from((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if a != b)
    return graph
