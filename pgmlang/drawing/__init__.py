"""What is drawn: scenes laid out with plates as boxes, then SVG, DOT or PNG."""

from pgmlang.drawing.dot import to_dot
from pgmlang.drawing.drawing import Drawing
from pgmlang.drawing.geometry import PlacedEdge, PlacedNode, PlacedPlate, PlacedScene
from pgmlang.drawing.layout import layout
from pgmlang.drawing.png import to_png
from pgmlang.drawing.scene import Mark, NodeFigures, Scene, SceneEdge, SceneNode, ScenePlate, with_figures
from pgmlang.drawing.svg import to_svg

__all__ = [
    "Drawing",
    "Mark",
    "NodeFigures",
    "PlacedEdge",
    "PlacedNode",
    "PlacedPlate",
    "PlacedScene",
    "Scene",
    "SceneEdge",
    "SceneNode",
    "ScenePlate",
    "layout",
    "to_dot",
    "to_png",
    "to_svg",
    "with_figures",
]
