"""Geometric properties that every drawing has, on the textbook scenes and on random ones."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import pytest

from pgmlang.drawing import PlacedScene, Scene, SceneEdge, SceneNode, ScenePlate, layout
from pgmlang.drawing.geometry import Rect, crosses, sampled
from pgmlang.drawing.text import text_width
from tests.drawing.scenes import NAMED, THREE_WAY, dressed, generations, random_dag, random_plated

SCENES = [
    *NAMED.values(),
    *(random_plated(seed) for seed in range(220)),
    *(dressed(plain, 7) for plain in NAMED.values()),
    *(dressed(random_plated(seed), seed) for seed in range(60)),
    *(random_dag(count, int(1.4 * count), count, reach) for count in (31, 45, 70, 101) for reach in (8, 40)),
    *(dressed(random_dag(count, 60, count, 12), count) for count in (36, 50)),
    random_dag(40, 60, 5, 12, "row"),
    random_dag(90, 130, 6, 30, "row"),
    *(generations(count, count) for count in (8, 14)),
    dressed(generations(9, 3), 3),
]


def wanted_plates(scene: Scene) -> dict[str, set[str]]:
    """The plates of each node, closed under the plates' parents."""
    parents = {plate.name: plate.parents for plate in scene.plates}

    def above(name: str) -> set[str]:
        return {name}.union(*(above(parent) for parent in parents.get(name, ())))

    return {node.name: set().union(*(above(name) for name in node.plates)) for node in scene.nodes}


def check_nodes_and_plates(scene: Scene, found: PlacedScene) -> None:
    assert [node.name for node in found.nodes] == [node.name for node in scene.nodes]
    for one, two in combinations(found.nodes, 2):
        assert not one.extent.meets(two.extent), (one.name, two.name)
    inside = wanted_plates(scene)
    for node in found.nodes:
        for plate in found.plates:
            if plate.name not in inside[node.name]:
                assert not plate.box.meets(node.extent), (node.name, "in foreign", plate.name)
            assert not plate.label_box.meets(node.extent), (node.name, "on the label of", plate.name)
        for name in inside[node.name]:
            assert any(plate.box.holds(node.extent, 0.02) for plate in found.plates if plate.name == name)


def check_plates_among_themselves(scene: Scene, found: PlacedScene) -> None:
    boxes: dict[str, list[Rect]] = {}
    for plate in found.plates:
        boxes.setdefault(plate.name, []).append(plate.box)
        assert plate.box.holds(plate.label_box)
    assert set(boxes) >= {plate.name for plate in scene.plates}
    for one, two in combinations(found.plates, 2):
        assert not one.label_box.meets(two.label_box)
    for plate in scene.plates:
        for parent in plate.parents:
            for box in boxes[plate.name]:
                middle = Rect(
                    (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
                )
                assert any(
                    outer.holds(box, 0.02) or (len(boxes[parent]) > 1 and outer.holds(middle))
                    for outer in boxes[parent]
                ), (plate.name, parent)


def check_edges(scene: Scene, found: PlacedScene) -> None:
    nodes = {node.name: node for node in found.nodes}
    assert [placed.edge for placed in found.edges] == list(scene.edges)
    for placed in found.edges:
        source, target = nodes[placed.edge.source], nodes[placed.edge.target]
        for end, node in ((placed.path[0], source), (placed.path[-1], target)):
            assert node.shape.grown(0.5).holds(Rect(*end, *end)), (placed.edge, "does not end at", node.name)
            inner = (node.x + (end[0] - node.x) * 0.9, node.y + (end[1] - node.y) * 0.9)
            outer = (node.x + (end[0] - node.x) * 1.1, node.y + (end[1] - node.y) * 1.1)
            assert node.inside(inner)
            assert not node.inside(outer)
        points = sampled(placed.path, 24)
        for node in found.nodes:
            if node not in (source, target):
                assert not any(node.inside(p) for p in points), (placed.edge, "passes through", node.name)
                if node.form in ("box", "trapezium"):
                    assert not any(crosses(p, q, node.shape) for p, q in pairwise(points))
        for plate in found.plates:
            if source is not target:
                over = any(crosses(p, q, plate.label_box) for p, q in pairwise(points))
                assert not over, (placed.edge, "over the label of", plate.name)


def check_cards(scene: Scene, found: PlacedScene) -> None:
    """What a node holds lies inside of its shape, in lines that do not meet."""
    for wanted, node in zip(scene.nodes, found.nodes, strict=True):
        if node.card is None:
            continue
        assert len(node.card.tracks) == len(wanted.marks)
        half = 5.0
        texts = [
            (node.label_x - node.label_width / 2, node.label_y, node.label_width),
            *(
                (
                    node.x + t.x - {"start": 0, "middle": t.width / 2, "end": t.width}[t.anchor],
                    node.y + t.y,
                    t.width,
                )
                for t in node.card.texts
            ),
        ]
        boxes = [Rect(x, y - half, x + wide, y + half) for x, y, wide in texts]
        for box in boxes:
            for corner in ((box.x0, box.y0), (box.x0, box.y1), (box.x1, box.y0), (box.x1, box.y1)):
                assert node.inside(corner), (node.name, "holds not all of its text")
        boxes += [Rect(node.x + t.x0, node.y + t.y - 4, node.x + t.x1, node.y + t.y + 4) for t in node.card.tracks]
        for one, two in combinations(boxes, 2):
            assert not one.meets(two), (node.name, "has lines that meet")
        for track in node.card.tracks:
            assert 0 <= track.low <= track.high <= 1


def check_canvas(found: PlacedScene) -> None:
    canvas = Rect(0, 0, found.width, found.height)
    for node in found.nodes:
        assert canvas.holds(node.extent)
    for plate in found.plates:
        assert canvas.holds(plate.box)
    for placed in found.edges:
        assert all(canvas.holds(Rect(*p, *p)) for p in sampled(placed.path))
    for text in found.legend:
        assert canvas.holds(Rect(text.x, text.y - 6, text.x + text_width(text.text, 12), text.y + 6))
        assert all(text.y - 6 > node.extent.y1 for node in found.nodes)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.title)
def test_geometry(scene: Scene) -> None:
    found = layout(scene)
    check_nodes_and_plates(scene, found)
    check_plates_among_themselves(scene, found)
    check_edges(scene, found)
    check_cards(scene, found)
    check_canvas(found)
    assert found == layout(scene)


def test_arrows_point_down() -> None:
    found = layout(NAMED["asia"])
    for placed in found.edges:
        assert placed.path[-1][1] > placed.path[0][1]


def test_crossed_plates_overlap_at_their_shared_node() -> None:
    found = layout(NAMED["crossed"])
    boxes = {plate.name: plate.box for plate in found.plates}
    user, item = boxes["user"], boxes["item"]
    assert user.meets(item)
    assert not user.holds(item)
    assert not item.holds(user)
    assert user.holds(boxes["rating"])
    assert item.holds(boxes["rating"])


def test_three_crossed_plates_need_one_more_box() -> None:
    names = [plate.name for plate in layout(THREE_WAY).plates]
    assert sorted(names) in (["A", "A", "B", "C"], ["A", "B", "B", "C"], ["A", "B", "C", "C"])


def test_plates_in_a_circle_still_draw() -> None:
    scene = Scene(
        "circle",
        (SceneNode("x", "x", plates=("a",)),),
        (),
        (ScenePlate("a", "a", ("b",)), ScenePlate("b", "b", ("a",))),
    )
    assert len(layout(scene).plates) == 2


def test_edges_to_unknown_nodes_are_left_out() -> None:
    scene = Scene("unknown", (SceneNode("x", "x"),), (SceneEdge("x", "nobody"),))
    assert layout(scene).edges == ()


@pytest.mark.parametrize(
    "scene", [random_dag(1041, 1397, 1, 60, "row"), random_dag(1000, 1400, 2, 400)], ids=["in a plate", "free"]
)
def test_a_thousand_nodes(scene: Scene) -> None:
    start = time.perf_counter()
    found = layout(scene)
    assert time.perf_counter() - start < 20  # about one second alone on a core
    assert len(found.nodes) == len(scene.nodes)
    check_canvas(found)


def test_one_layer_of_many_and_one_long_chain() -> None:
    leaves = tuple(SceneNode(f"x{i}", f"x{i}") for i in range(150))
    star = Scene("star", (SceneNode("c", "c"), *leaves), tuple(SceneEdge("c", leaf.name) for leaf in leaves))
    chain = Scene("chain", leaves, tuple(SceneEdge(a.name, b.name) for a, b in pairwise(leaves)))
    check_edges(star, layout(star))
    found = layout(chain)
    assert max(node.x for node in found.nodes) - min(node.x for node in found.nodes) < 1
