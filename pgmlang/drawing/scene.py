"""What is drawn: nodes, edges and plates, with no positions yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NodeKind = Literal["random", "param", "input", "derived", "factor", "net"]


@dataclass(frozen=True)
class SceneNode:
    """A node. ``plates``: the names of all plates it lies in (outermost first; several unnested ones when crossed).

    Drawn: random a circle/ellipse (shaded when observed), input a shaded rounded box, param a small dot with a
    label beside it, derived a double-rimmed (deterministic) ellipse, factor a small filled square, net a trapezium.
    """

    name: str
    label: str
    kind: NodeKind = "random"
    observed: bool = False
    plates: tuple[str, ...] = ()
    tooltip: str = ""


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
    title: str
    nodes: tuple[SceneNode, ...]
    edges: tuple[SceneEdge, ...]
    plates: tuple[ScenePlate, ...] = ()
