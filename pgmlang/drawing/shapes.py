"""The size of each node's shape and where its label stands."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.drawing.scene import NodeKind, SceneNode
from pgmlang.drawing.text import shortened, text_width

FONT, SMALL = 14.0, 12.0
LOOP_REACH = 26.0


@dataclass(frozen=True)
class Shape:
    """``left``, ``right``: how far shape, label and loop reach from the centre; ``beside``: the label's offset."""

    width: float
    height: float
    left: float
    right: float
    label: str = ""
    label_size: float = FONT
    label_width: float = 0.0
    beside: float | None = None


BLANK = Shape(18.0, 18.0, 9.0, 9.0)
DUMMY = Shape(2.0, 0.0, 1.0, 1.0)


def shape_of(node: SceneNode, loop: bool) -> Shape:
    label = shortened(node.label)
    if node.kind in ("param", "factor"):
        size = FONT if node.kind == "param" else SMALL
        across = 9.0 if node.kind == "param" else 11.0
        wide = text_width(label, size)
        beside = across / 2 + 4 + (LOOP_REACH if loop else 0)
        right = beside + wide if label else across / 2 + (LOOP_REACH if loop else 0)
        return Shape(across, across, across / 2, right, label, size, wide, beside)
    wide = text_width(label, FONT)
    width, height = _outline(node.kind, wide)
    return Shape(width, height, width / 2, width / 2 + (LOOP_REACH if loop else 0), label, FONT, wide)


def _outline(kind: NodeKind, wide: float) -> tuple[float, float]:
    """Width and height that hold one line of text of a width."""
    if kind == "input":
        return max(38.0, wide + 22), 34.0
    if kind == "net":
        return max(52.0, (wide + 14) / 0.86), 36.0
    rims = 8.0 if kind == "derived" else 0.0
    # A circle while the text fits one, else an ellipse of the same height.
    if wide <= 31:
        return 42.0 + rims, 42.0 + rims
    return wide / 0.9 + 16 + rims, 42.0 + rims
