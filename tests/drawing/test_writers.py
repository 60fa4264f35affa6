"""SVG, DOT and PNG: well formed, with every name escaped, and the same bytes each time."""

from __future__ import annotations

import builtins
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.drawing import Mark, Scene, SceneEdge, SceneNode, ScenePlate, layout, to_dot, to_png, to_svg
from pgmlang.drawing.interaction import SCRIPT, STYLE
from pgmlang.drawing.text import shortened, text_width, visible
from tests.drawing.scenes import NAMED, dressed, random_plated

HOSTILE = [
    "<script>alert(1)</script>",
    "a\"b'c",
    "x & y &lt;",
    "]]>",
    "back\\",
    "nul\0bell\7",
    "line\nbreak",
    "$x^2$",
    "\u202egnp.exe",
    "\ud800",
    "\uffff",
    "世界",
    "e\u0301",
    "",
    "<!--",
    "%s{}",
    "node 3",
    "n\\N\\l",
]
NS = "{http://www.w3.org/2000/svg}"


def hostile_scene() -> Scene:
    nodes = tuple(
        SceneNode(
            name, name, tooltip=name, plates=(name,), lines=(name,), marks=(Mark(name, 0, 0.5, name),) * (i % 2)
        )
        for i, name in enumerate(HOSTILE)
    )
    edges = tuple(SceneEdge(a, b) for a, b in pairwise(HOSTILE))
    return Scene(HOSTILE[0], nodes, edges, tuple(ScenePlate(name, name) for name in HOSTILE), tuple(HOSTILE))


@pytest.mark.parametrize(
    "scene",
    [
        *NAMED.values(),
        hostile_scene(),
        *(random_plated(seed) for seed in range(20)),
        *(dressed(random_plated(seed), seed) for seed in range(10)),
    ],
    ids=lambda scene: ascii(scene.title),
)
def test_svg_is_well_formed_and_complete(scene: Scene) -> None:
    text = to_svg(scene)
    assert text == to_svg(scene)
    root = ElementTree.fromstring(text.encode("utf-8"))
    groups = [g for g in root.iter(NS + "g") if "node" in (g.get("class") or "").split()]
    assert len(groups) == len(scene.nodes)
    assert all(g.find(NS + "title") is not None for g in groups)
    edges = next(g for g in root.iter(NS + "g") if g.get("class") == "edges")
    assert len(edges) == len(scene.edges)
    assert sum("dasharray" in "".join(edge.keys()) for edge in edges) == sum(e.dashed for e in scene.edges)
    assert {element.tag for element in root.iter()} <= {
        NS + name
        for name in ("svg", "title", "defs", "marker", "path", "rect", "g", "ellipse", "polygon", "text", "circle")
    }
    assert root.get("viewBox") is not None


def test_interactive_svg_is_the_same_picture_with_one_constant_script() -> None:
    for scene in (NAMED["asia"], hostile_scene()):
        text = to_svg(scene, interactive=True)
        root = ElementTree.fromstring(text.encode("utf-8"))
        (script,) = root.iter(NS + "script")
        assert script.text == SCRIPT
        assert not set(SCRIPT) & set("<&")
        assert not re.search(r"https?:|import|eval|fetch|innerHTML|href", SCRIPT + STYLE)
        assert "href" not in text
        assert not re.search(r"\son\w+=", text)
        assert re.sub(r"<(style|script)>.*?</\1>\n", "", text, flags=re.DOTALL) == to_svg(scene)
        numbers = {g.get("data-node") for g in root.iter(NS + "g")} - {None}
        assert numbers == {str(i) for i in range(len(scene.nodes))}
        names = [n.name for n in scene.nodes]
        edges = [p.get("data-ends") for p in root.iter(NS + "path") if p.get("data-ends")]
        assert edges == [f"{names.index(e.source)} {names.index(e.target)}" for e in scene.edges]


def test_hostile_names_are_text() -> None:
    text = to_svg(hostile_scene())
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e\ud800]", text)


def test_observed_nodes_are_shaded() -> None:
    text = to_svg(NAMED["schools"])
    assert re.search(
        r'class="node random observed" data-node="4"><title>y</title><ellipse [^>]*fill="#d0d7de"', text
    )
    assert not re.search(r'<title>theta</title><ellipse [^>]*fill="#d0d7de"', text)


def dot_tokens(text: str) -> list[str]:
    """A lexer of DOT as strict as Graphviz's: it fails on anything it does not know."""
    tokens, place = [], 0
    pattern = re.compile(
        r'\s+|"(?:[^"\\]|\\.)*"|->|[A-Za-z_][A-Za-z_0-9]*|-?[0-9]+(?:\.[0-9]+)?|[{}\[\]=,;]', re.DOTALL
    )
    while place < len(text):
        match = pattern.match(text, place)
        assert match, text[place : place + 40]
        place = match.end()
        if match.group().strip():
            tokens.append(match.group())
    return tokens


@pytest.mark.parametrize(
    "scene",
    [
        *NAMED.values(),
        hostile_scene(),
        *(random_plated(seed) for seed in range(20)),
        *(dressed(random_plated(seed), seed) for seed in range(10)),
    ],
    ids=lambda scene: ascii(scene.title),
)
def test_dot_is_valid(scene: Scene) -> None:
    text = to_dot(scene)
    tokens = dot_tokens(text)
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        assert depth >= 0
    assert depth == 0
    assert tokens.count("->") == len(scene.edges)
    assert tokens.count("subgraph") == len({p.name for p in scene.plates})
    assert text.encode("utf-8")


def test_dot_nests_plates_and_puts_shared_nodes_once() -> None:
    text = to_dot(NAMED["crossed"])
    assert len(re.findall(r'^ *"r" \[', text, re.MULTILINE)) == 1
    lda = to_dot(NAMED["lda"])
    assert re.search(r'label="doc".*?label="token".*?"z" \[.*?\}\s*\}', lda, re.DOTALL)


def test_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for number, scene in enumerate((NAMED["lda"], NAMED["none"], NAMED["vae"], hostile_scene())):
        file = tmp_path / f"{number}.png"
        to_png(scene, file)
        data = file.read_bytes()
        assert data.startswith(b"\x89PNG\r\n")
        to_png(scene, str(file))
        assert file.read_bytes() == data


def test_png_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PgmError) as caught:
        to_png(NAMED["one"], tmp_path / "x.png")
    assert caught.value.diagnostics[0].code == "PGM0909"
    assert 'pip install "pgmlang[plot]"' in caught.value.diagnostics[0].help


def test_svg_needs_no_heavy_package() -> None:
    code = (
        "import sys; from pgmlang.drawing import *; to_svg(Scene('t', (SceneNode('x', 'x'),), ()));"
        "print([m for m in ('torch', 'matplotlib', 'networkx', 'pyro') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_text() -> None:
    assert text_width("ii", 14) < text_width("WW", 14)
    assert text_width("世界", 14) > 1.5 * text_width("ab", 14)
    assert text_width("e\u0301", 14) == text_width("e", 14)
    assert visible("a\nb\0") == "a b\N{REPLACEMENT CHARACTER}"
    long = shortened("a_very_long_name_of_a_variable_in_a_network_01")
    assert len(long) == 32
    assert long.endswith("network_01")
    assert layout(Scene("", (SceneNode("x" * 500, "x" * 500),), ())).width < 500
