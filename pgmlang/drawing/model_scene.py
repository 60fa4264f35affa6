"""What to draw of a Model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.drawing.scene import NodeKind, Scene, SceneEdge, SceneNode, ScenePlate
from pgmlang.gaussian import GaussianNetwork
from pgmlang.model import Definition, Factor, Model, Plate, Variable
from pgmlang.model.expr import NetCall, walk
from pgmlang.model.statements import statement_lines
from pgmlang.tables.network import DiscreteNetwork

SHORT = 8
"""Elements of an axis up to which its length is not said: they stand in the nodes."""
_KINDS: dict[str, NodeKind] = {
    "random": "random",
    "field": "random",
    "param": "param",
    "input": "input",
    "derived": "derived",
}


def _shaded(observed: Iterable[str], known: list[str]) -> set[str]:
    """Names to shade: one text is one name. Raises PgmError PGM0607 for what is no variable."""
    names = [observed] if isinstance(observed, str) else list(observed)
    unknown = next((n for n in names if n not in known), None)
    if unknown is not None:
        message = f"there is no variable `{unknown}` to shade"
        cure = (
            did_you_mean(unknown, known)
            or f"the variables are {', '.join(known[:12])}{', …' if len(known) > 12 else ''}"
        )
        raise PgmError(Diagnostic("PGM0607", message, help=cure))
    return set(names)


def model_scene(
    model: Model,
    observed: Iterable[str] = (),
    *,
    sizes: Mapping[str, int] | None = None,
    distributions: bool = False,
) -> Scene:
    """Variables, factors and networks with their plates; ``observed`` ones are shaded, inputs always.

    Raises PgmError PGM0607 for an observed name that is no variable. ``sizes``: of plates and dims that data told. ``distributions``: each node with its own statement. Settings that are
    no plate's size stand in the legend.
    """
    shaded, known = _shaded(observed, [v.name for v in model.variables]), dict(sizes or {})
    nodes = [_node(v, v.name in shaded) for v in model.variables if v.role != "index"]
    drawn = {n.name for n in nodes}
    nets = {n.name for n in model.nets}
    edges: dict[tuple[str, str], SceneEdge] = {}
    used_nets: dict[str, tuple[str, ...]] = {}

    def connect(item: Factor | Definition, target: str, plates: tuple[str, ...], fields_join: bool) -> None:
        for ref in model.mentions(item):
            if ref.name not in drawn:
                continue
            directed = not (fields_join and model.by_name[ref.name].role == "field")
            key = (ref.name, target)
            edges.setdefault(key, SceneEdge(ref.name, target, directed, dashed=ref.lag > 0))
        for expr in model.expressions(item):
            for node in walk(expr):
                if isinstance(node, NetCall) and node.net in nets:
                    used_nets.setdefault(node.net, ())
                    edges.setdefault((f"net {node.net}", target), SceneEdge(f"net {node.net}", target))

    for conditional in model.conditionals:
        connect(conditional, conditional.target, conditional.plates, False)
    for definition in model.definitions:
        connect(definition, definition.target, (), False)
    for i, potential in enumerate(model.potentials):
        name = f"factor {potential.name or i + 1}"
        nodes.append(SceneNode(name, potential.name or "", "factor", plates=potential.plates))
        connect(potential, name, potential.plates, True)
    nodes.extend(SceneNode(f"net {name}", name, "net") for name in used_nets)
    plates = tuple(ScenePlate(p.name, _plate_label(p, known), p.parents) for p in model.plates)
    if distributions:
        lines = statement_lines(model)
        nodes = [replace(n, lines=(lines[n.name],)) if n.name in lines else n for n in nodes]
    return Scene(model.name, tuple(nodes), tuple(edges.values()), plates, _legend(model, known))


def _legend(model: Model, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The settings that no plate's label says, and the lengths that data gave to long axes that are drawn."""
    told = {p.setting for p in model.plates}
    settings = [f"{name} = {_plain(value)}" for name, value in model.settings if name not in told]
    drawn = {axis for v in model.variables for axis in v.axes}
    axes = [
        f"{d.name} ({sizes[d.name]:,})"
        for d in model.dims
        if d.name in drawn and sizes.get(d.name, 0) > SHORT and d.like is None
    ]
    return (*settings, *axes)


def _plain(value: float | bool | str) -> str:
    """A setting's value as the header writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.12g}"


def _node(variable: Variable, observed: bool) -> SceneNode:
    axes = f"[{', '.join(variable.axes)}]" if variable.axes else ""
    shaded = observed or variable.role == "input"
    tooltip = f"{variable.role} {variable.name}{axes} : {variable.type}"
    return SceneNode(variable.name, variable.name + axes, _KINDS[variable.role], shaded, variable.plates, tooltip)


def _plate_label(plate: Plate, sizes: Mapping[str, int]) -> str:
    """``school (8)``, ``topic (K = 20)``, ``site = grid(8 x 8)``, ``year = chain (99)``."""
    size = plate.size if plate.size is not None else sizes.get(plate.name)
    label = plate.name
    if plate.structure is not None:
        inside = plate.structure.of or " x ".join(map(str, plate.structure.shape))
        label += f" = {plate.structure.kind}" + (f"({inside})" if inside else "")
        if plate.structure.shape:
            return label
    if size is None:
        return label
    return f"{label} ({plate.setting} = {size:,})" if plate.setting else f"{label} ({size:,})"


def network_scene(network: DiscreteNetwork | GaussianNetwork, observed: Iterable[str] = ()) -> Scene:
    """A network read from a file."""
    if isinstance(network, GaussianNetwork):
        return _gaussian_scene(network, observed)
    names = [v.name for v in network.variables]
    shaded = _shaded(observed, names)
    nodes = [
        SceneNode(n, n, "random", n in shaded, tooltip=", ".join(v.labels))
        for n, v in zip(names, network.variables, strict=True)
    ]
    edges: list[SceneEdge] = []
    for i, factor in enumerate(network.factors):
        if factor.child is not None:
            edges.extend(SceneEdge(names[p], names[factor.child]) for p in factor.scope if p != factor.child)
        elif len(factor.scope) > 1:
            nodes.append(SceneNode(f"factor {i + 1}", "", "factor"))
            edges.extend(SceneEdge(names[v], f"factor {i + 1}", directed=False) for v in factor.scope)
    return Scene(network.name, tuple(nodes), tuple(edges))


def _gaussian_scene(network: GaussianNetwork, observed: Iterable[str]) -> Scene:
    """Labels, and numbers below them."""
    of_labels = network_scene(network.discrete)
    names = [*(n.name for n in of_labels.nodes), *network.numbers]
    shaded = _shaded(observed, names)
    nodes = [replace(n, observed=n.name in shaded) for n in of_labels.nodes]
    nodes += [SceneNode(n, n, "random", n in shaded, tooltip="a number") for n in network.numbers]
    edges = list(of_labels.edges)
    for c in network.conditionals:
        above = [network.discrete.variables[v].name for v in c.labels] + [network.numbers[p] for p in c.parents]
        edges += [SceneEdge(a, network.numbers[c.child]) for a in above]
    return Scene(network.name, tuple(nodes), tuple(edges))
