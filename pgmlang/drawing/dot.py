"""A scene as Graphviz text, for those who want its layouts: plates as clusters, every string quoted."""

from __future__ import annotations

import re

from pgmlang.drawing.scene import Scene, SceneNode, ScenePlate
from pgmlang.drawing.text import visible

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_STYLES = {
    "random": "shape=ellipse",
    "derived": "shape=ellipse, peripheries=2",
    "param": "shape=point, width=0.1",
    "input": 'shape=box, style="rounded,filled", fillcolor="#d0d7de"',
    "factor": 'shape=square, style=filled, fillcolor=black, label="", width=0.14, fixedsize=true',
    "net": 'shape=trapezium, style=filled, fillcolor="#eef1f4"',
}


def to_dot(scene: Scene) -> str:
    """Input for ``dot``. A cluster has one parent, so a node in crossed plates goes to the first innermost."""
    plates = {plate.name: plate for plate in scene.plates}
    for node in scene.nodes:
        for name in node.plates:
            plates.setdefault(name, ScenePlate(name, name))
    ids = _ids(scene)
    lines = [f"digraph {_quoted(scene.title)} {{", "  node [fontsize=12];", "  edge [arrowsize=0.7];"]
    depths = {name: _depth(name, plates) for name in plates}
    inside: dict[str | None, list[SceneNode]] = {}
    for node in scene.nodes:
        home = max(node.plates, key=lambda name: depths[name], default=None)
        inside.setdefault(home, []).append(node)
    children: dict[str | None, list[str]] = {}
    for name, plate in plates.items():
        # Only a parent nearer the top may hold it: parents in a circle would nest without end.
        parents = [p for p in plate.parents if p in plates and depths[p] < depths[name]]
        children.setdefault(parents[0] if parents else None, []).append(name)
    number = {name: i for i, name in enumerate(plates)}

    def cluster(name: str | None, indent: str) -> None:
        for node in inside.get(name, ()):
            lines.append(f"{indent}{ids[node.name]} [{_attributes(node)}];")
        for child in children.get(name, ()):
            lines.append(f"{indent}subgraph cluster_{number[child]} {{")
            lines.append(f"{indent}  label={_label(plates[child].label)}; labeljust=r; labelloc=b; style=rounded;")
            if child not in inside and child not in children:
                lines.append(f'{indent}  "empty {number[child]}" [style=invis, label=""];')
            cluster(child, indent + "  ")
            lines.append(f"{indent}}}")

    if scene.legend:
        legend = "   ".join(map(visible, scene.legend))
        lines.append(f"  label={_label(legend)}; labelloc=b; labeljust=l; fontsize=11;")
    cluster(None, "  ")
    for edge in scene.edges:
        if edge.source in ids and edge.target in ids:
            look = [*(["style=dashed"] if edge.dashed else []), *([] if edge.directed else ["dir=none"])]
            tail = f" [{', '.join(look)}]" if look else ""
            lines.append(f"  {ids[edge.source]} -> {ids[edge.target]}{tail};")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _depth(name: str, plates: dict[str, ScenePlate], seen: frozenset[str] = frozenset()) -> int:
    parents = [p for p in plates[name].parents if p in plates and p not in seen and p != name]
    return 1 + max((_depth(p, plates, seen | {name}) for p in parents), default=0)


def _ids(scene: Scene) -> dict[str, str]:
    """Plain names stand for themselves; others get a numbered id that no plain name has (it holds a space)."""
    return {
        node.name: f'"{node.name}"' if _PLAIN.match(node.name) else f'"node {i}"'
        for i, node in enumerate(scene.nodes)
    }


def _attributes(node: SceneNode) -> str:
    if node.marks:
        parts = ["shape=box"]
    else:
        parts = [_STYLES[node.kind]]
    if not node.marks and node.kind in ("param", "factor"):
        words = "  ".join(filter(None, (node.label, *node.lines)))
        parts.append(f"xlabel={_label(words)}" if words or node.kind == "param" else "")
    else:
        figures = [f"{mark.label} {mark.text}" for mark in node.marks]
        parts.append(f"label={_label(node.label, *figures, *node.lines)}")
    if node.is_evidence:
        parts.append('style="rounded,filled", fillcolor="#fbe5c0"')
    elif node.observed and (node.marks or node.kind in ("random", "derived")):
        parts.append(
            'style="rounded,filled", fillcolor="#d0d7de"' if node.marks else 'style=filled, fillcolor="#d0d7de"'
        )
    elif node.marks:
        parts.append("style=rounded")
    parts.append(f"tooltip={_label(node.tooltip or node.name)}")
    return ", ".join(attribute for attribute in parts if attribute)


def _quoted(text: str) -> str:
    """An id. A backslash before the closing quote would escape it, so backslashes are doubled."""
    return '"' + visible(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(*lines: str) -> str:
    """Lines of text as shown: Graphviz reads backslash escapes and HTML entities in labels."""
    return '"' + "\\n".join(_quoted(line.replace("&", "&amp;"))[1:-1] for line in lines) + '"'
