"""The size of each node's shape, where its label stands, and what a card holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pgmlang.drawing.scene import Mark, NodeKind, SceneNode
from pgmlang.drawing.text import shortened, text_width

FONT, SMALL, TINY = 14.0, 12.0, 11.0
LOOP_REACH = 26.0
TRACK = 64.0
LINE_HEIGHT, MARK_HEIGHT, TITLE_HEIGHT = 15.0, 15.0, 24.0
HEIGHT = 42.0
LONGEST_LINE, LONGEST_MARK = 48, 20

Form = Literal["ellipse", "stadium", "box", "trapezium"]


@dataclass(frozen=True)
class CardText:
    """A line of text about a node's centre: ``y`` of its middle; ``anchor`` as in SVG."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"]
    width: float


@dataclass(frozen=True)
class CardTrack:
    """A track from ``x0`` to ``x1`` with a bar on it (shares of the track) and perhaps a dot."""

    x0: float
    x1: float
    y: float
    low: float
    high: float
    dot: float | None


@dataclass(frozen=True)
class Card:
    """What stands below a node's label. ``header``: the height of the band that the label stands in, 0 without one."""

    texts: tuple[CardText, ...] = ()
    tracks: tuple[CardTrack, ...] = ()
    header: float = 0.0


@dataclass(frozen=True)
class Shape:
    """``left``, ``right``: how far shape, label and loop reach from the centre; ``beside``: the label's offset;
    ``raised``: how far above the centre the label stands."""

    width: float
    height: float
    left: float
    right: float
    label: str = ""
    label_size: float = FONT
    label_width: float = 0.0
    beside: float | None = None
    form: Form = "ellipse"
    raised: float = 0.0
    card: Card | None = None

    @property
    def is_centred(self) -> bool:
        """Whether the shape reaches as far to each side, with its label inside."""
        return self.beside is None and self.left == self.right

    def turned(self) -> Shape:
        """The room that a centred shape takes where x and y change places."""
        return replace(self, width=self.height, height=self.width, left=self.height / 2, right=self.height / 2)


BLANK = Shape(18.0, 18.0, 9.0, 9.0)
DUMMY = Shape(2.0, 0.0, 1.0, 1.0)


def shape_of(node: SceneNode, loop: bool, height: float = HEIGHT) -> Shape:
    """``height``: of a node with its label alone, less in large graphs."""
    label = shortened(node.label)
    looped = LOOP_REACH if loop else 0.0
    if node.marks:
        return _card(label, node, looped)
    if node.kind in ("param", "factor"):
        label = (
            shortened("  ".join(filter(None, (node.label, *node.lines))), LONGEST_LINE) if node.lines else label
        )
        size = FONT if node.kind == "param" else SMALL
        across = 9.0 if node.kind == "param" else 11.0
        wide = text_width(label, size)
        beside = across / 2 + 4 + looped
        right = beside + wide if label else across / 2 + looped
        form: Form = "ellipse" if node.kind == "param" else "box"
        return Shape(across, across, across / 2, right, label, size, wide, beside, form)
    if node.lines:
        return _lined(label, node, looped)
    wide = text_width(label, FONT)
    form = _form(node.kind)
    if node.kind == "random" and height < HEIGHT:
        # Where an ellipse of the height would be much longer than the text, a shape with round ends.
        form = "ellipse" if height > 25 else "stadium"
        width = max(wide / 0.9 + 10 if form == "ellipse" else wide + 12, height)
    else:
        width, height = _outline(node.kind, wide)
    return Shape(width, height, width / 2, width / 2 + looped, label, FONT, wide, form=form)


def _form(kind: NodeKind) -> Form:
    return "ellipse" if kind in ("random", "derived") else "trapezium" if kind == "net" else "box"


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


def _lined(label: str, node: SceneNode, looped: float) -> Shape:
    """The label above lines of small text: round at both ends, which costs less width than an ellipse around them."""
    lines = [shortened(line, LONGEST_LINE) for line in node.lines]
    widths = [text_width(line, SMALL) for line in lines]
    label_width = text_width(label, FONT)
    rims = 8.0 if node.kind == "derived" else 0.0
    height = 26.0 + LINE_HEIGHT * len(lines) + rims
    # The outer lines stand where the round ends already narrow the shape.
    narrowed = 0.55 * height if node.kind != "input" else 22.0
    width = max(label_width, *widths) + narrowed + rims
    raised = LINE_HEIGHT * len(lines) / 2
    texts = tuple(
        CardText(0.0, -raised + LINE_HEIGHT * (i + 1) + 1, line, "middle", wide)
        for i, (line, wide) in enumerate(zip(lines, widths, strict=True))
    )
    form: Form = "box" if node.kind == "input" else "trapezium" if node.kind == "net" else "stadium"
    width = width / 0.86 if form == "trapezium" else width
    card = Card(texts)
    return Shape(width, height, width / 2, width / 2 + looped, label, FONT, label_width, None, form, raised, card)


def _card(label: str, node: SceneNode, looped: float) -> Shape:
    """The label in a band, a line below it for each mark, and lines of text after them."""
    marks = [_shortened_mark(m) for m in node.marks]
    lines = [shortened(line, LONGEST_LINE) for line in node.lines]
    names = max(text_width(m.label, TINY) for m in marks)
    words = max(text_width(m.text, TINY) for m in marks)
    label_width = text_width(label, FONT)
    pad = 8.0
    inner = max(names + 6 + TRACK + 6 + words, label_width + 8, *(text_width(line, TINY) for line in lines), 0.0)
    width, height = inner + 2 * pad, TITLE_HEIGHT + MARK_HEIGHT * (len(marks) + len(lines)) + 8
    left, right, top = -inner / 2, inner / 2, -height / 2 + TITLE_HEIGHT + 3
    texts: list[CardText] = []
    tracks: list[CardTrack] = []
    for i, mark in enumerate(marks):
        y = top + MARK_HEIGHT * (i + 0.5)
        texts.append(CardText(left, y, mark.label, "start", text_width(mark.label, TINY)))
        texts.append(CardText(right, y, mark.text, "end", text_width(mark.text, TINY)))
        tracks.append(CardTrack(left + names + 6, right - words - 6, y, mark.low, mark.high, mark.dot))
    for i, line in enumerate(lines):
        y = top + MARK_HEIGHT * (len(marks) + i + 0.5)
        texts.append(CardText(left, y, line, "start", text_width(line, TINY)))
    card = Card(tuple(texts), tuple(tracks), TITLE_HEIGHT)
    raised = (height - TITLE_HEIGHT) / 2
    return Shape(width, height, width / 2, width / 2 + looped, label, FONT, label_width, None, "box", raised, card)


def _shortened_mark(mark: Mark) -> Mark:
    return Mark(
        shortened(mark.label, LONGEST_MARK), mark.low, mark.high, shortened(mark.text, LONGEST_MARK), mark.dot
    )
