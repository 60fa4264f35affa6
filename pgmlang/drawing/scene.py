"""What is drawn: nodes, edges and plates, with no positions yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

MOST_MARKS = 8
"""Lines of a node: numbers of a variable, or labels, of which the likeliest are drawn where there are more."""
MOST_CARDS = 60
"""Variables beyond which a drawing has no figures in its nodes unless they are asked for."""

NodeKind = Literal["random", "param", "input", "derived", "factor", "net"]


@dataclass(frozen=True)
class Mark:
    """A line of figures in a node: ``label``, a bar from ``low`` to ``high`` on a track from 0 to 1, a ``dot`` on it
    where the bar is an interval, and ``text`` behind."""

    label: str
    low: float
    high: float
    text: str
    dot: float | None = None


@dataclass(frozen=True)
class NodeFigures:
    """What is known of a variable, as it is drawn in its node: ``marks``, or ``lines`` of text. ``is_evidence``: it was
    given, so the marks say what it was given as."""

    marks: tuple[Mark, ...] = ()
    lines: tuple[str, ...] = ()
    is_evidence: bool = False


@dataclass(frozen=True)
class SceneNode:
    """A node. ``plates``: the names of all plates it lies in (outermost first; several unnested ones when crossed).

    Drawn: random a circle/ellipse (shaded when observed), input a shaded rounded box, param a small dot with a
    label beside it, derived a double-rimmed (deterministic) ellipse, factor a small filled square, net a trapezium.
    With ``lines`` of text below the label a long round shape, with ``marks`` a card.
    """

    name: str
    label: str
    kind: NodeKind = "random"
    observed: bool = False
    plates: tuple[str, ...] = ()
    tooltip: str = ""
    lines: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    is_evidence: bool = False


@dataclass(frozen=True)
class SceneEdge:
    """``directed``: an arrow from source to target; otherwise a plain line (field to factor).

    ``dashed`` marks an edge from an earlier element of a chain (``prev``) or of a guide.
    """

    source: str
    target: str
    directed: bool = True
    dashed: bool = False


@dataclass(frozen=True)
class ScenePlate:
    """A box. ``parents``: the plates it is inside of (one when nested, several when crossed, none at top)."""

    name: str
    label: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """``legend``: short texts below the drawing (the settings of the model, the evidence)."""

    title: str
    nodes: tuple[SceneNode, ...]
    edges: tuple[SceneEdge, ...]
    plates: tuple[ScenePlate, ...] = ()
    legend: tuple[str, ...] = ()


def with_figures(
    scene: Scene, figures: Mapping[str, NodeFigures], legend: tuple[str, ...] = (), cut: Collection[str] = ()
) -> Scene:
    """The scene with figures in the nodes that have any, more words in the legend, and no edges into the nodes ``cut``,
    which an intervention set."""

    def node(old: SceneNode) -> SceneNode:
        new = figures.get(old.name)
        if new is None:
            return old
        return replace(old, lines=(*old.lines, *new.lines), marks=new.marks, is_evidence=new.is_evidence)

    edges = tuple(edge for edge in scene.edges if edge.target not in cut)
    return replace(scene, nodes=tuple(map(node, scene.nodes)), edges=edges, legend=(*legend, *scene.legend))
