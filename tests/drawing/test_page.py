"""Large graphs on a page: layers, trunks, straight wires, clusters."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from pgmlang.diagnostics import SourceFile
from pgmlang.drawing import PlacedScene, Scene, SceneEdge, SceneNode, layout
from pgmlang.drawing.clusters import clusters_of
from pgmlang.drawing.layering import downward, layers
from pgmlang.drawing.model_scene import network_scene
from pgmlang.drawing.page import TIGHT, page_layers
from pgmlang.formats import read_bif
from tests.drawing.scenes import generations, random_dag
from tests.drawing.scenes import scene as make_scene


def star(count: int, out: bool = True) -> Scene:
    leaves = tuple(SceneNode(f"x{i}", f"feature {i}") for i in range(count))
    edges = tuple(SceneEdge("c", n.name) if out else SceneEdge(n.name, "c") for n in leaves)
    return Scene("star", (SceneNode("c", "class"), *leaves), edges)


@pytest.mark.parametrize("seed", range(8))
def test_page_layers_keep_every_arrow_down(seed: int) -> None:
    scene = random_dag(60, 80, seed, 12)
    arcs = downward(scene, {n.name: i for i, n in enumerate(scene.nodes)})
    found = page_layers(layers(60, arcs), arcs, [60.0] * 60, [28.0] * 60, TIGHT)
    assert all(found[a] < found[b] for a, b in arcs)
    assert sorted(set(found)) == list(range(max(found) + 1))


@pytest.mark.parametrize("out", [True, False])
def test_a_hub_of_many_is_stacked_on_a_page(out: bool) -> None:
    found = layout(star(80, out))
    assert 0.5 < found.width / found.height < 2
    # All edges but those of the nearest row leave the hub, or reach it, at one point.
    ends = [e.path[0 if out else -1] for e in found.edges]
    assert max(ends.count(end) for end in ends) > 60


def test_wide_and_shallow_graphs_stand_across() -> None:
    scene = generations(14, 1)
    found = layout(scene)
    assert found.height < 4 * found.width
    for placed in found.edges:
        assert placed.path[-1][0] > placed.path[0][0], "layers go from left to right"


def test_edges_of_one_trunk_are_one_line_until_they_branch() -> None:
    found = layout(star(80))
    paths = sorted((e.path for e in found.edges), key=len)
    shorter, longer = paths[-12], paths[-1]
    shared = sum(p == q for p, q in zip(shorter, longer, strict=False))
    assert shared >= len(shorter) - 9


def test_clusters_are_those_that_were_planted() -> None:
    arcs = [(8 * k + i, 8 * k + j) for k in range(5) for i in range(8) for j in range(i + 1, 8) if (i + j) % 2]
    arcs += [(8 * k, 8 * k + 8) for k in range(4)]
    found = clusters_of(40, arcs)
    assert len(set(found)) == 5
    assert all(len({found[8 * k + i] for i in range(8)}) == 1 for k in range(5))
    assert clusters_of(8, [(i, j) for i in range(8) for j in range(i + 1, 8)]) == [None] * 8
    assert clusters_of(3, []) == [None] * 3


@pytest.mark.parametrize("name", ["alarm", "hailfinder", "andes"])
def test_known_networks_fit_a_page(shared_data: Path, name: str) -> None:
    text = gzip.decompress((shared_data / "bn" / "bif" / f"{name}.bif.gz").read_bytes()).decode()
    scene = network_scene(read_bif(SourceFile(name, text)))
    found = layout(scene)
    ratio = found.width / found.height
    assert 0.6 < ratio < 1.7, "near the shape of a page, upright or across"
    # The text of 14 units, on a page as wide (or as high) as the drawing's shorter side is on A4, is at least so large.
    assert 14 * 500 / min(found.width, found.height) > {"alarm": 9, "hailfinder": 7, "andes": 5}[name]
    assert found.regions
    assert _steps(found) < 6


def _steps(found: PlacedScene) -> float:
    """Sideways steps of an edge between its first and last third, on average: a staircase has many."""
    bends = []
    for placed in found.edges:
        corners = [p[0] for p in placed.path[::3]]
        bends.append(sum(abs(a - b) > 0.01 for a, b in pairwise(corners)))
    return sum(bends) / max(len(bends), 1)


def test_a_strip_of_params_above_a_plate_is_set_in_rows() -> None:
    params = {f"a_param_with_a_long_name_{i}": "param" for i in range(12)}
    edges = " ".join(f"{p}->y{i % 3}" for i, p in enumerate(params))
    rows = {f"y{i}": "observed @row" for i in range(3)}
    found = layout(make_scene("params", {**params, **rows}, edges, {"row": ""}))
    assert found.width < 3.5 * found.height
    (plate,) = found.plates
    assert plate.box.y1 - plate.box.y0 < found.height / 2
