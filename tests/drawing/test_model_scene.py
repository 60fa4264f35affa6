"""What is drawn of a Model: sizes of plates, settings in the legend, statements in nodes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgmlang import compile
from pgmlang.drawing.model_scene import model_scene
from pgmlang.model.statements import statement_lines
from pgmlang.sema import analyse
from pgmlang.syntax import load_source

TEXT = """model lda(K = 20, alpha = 0.1, depth = 3)
dim word
dim again like word
plate topic[K] { phi[word] ~ Dirichlet(alpha) }
plate pair[2 * depth] { spread ~ HalfNormal(1) }
plate doc {
  theta[topic] ~ Dirichlet(alpha)
  plate token { z ~ Categorical(theta); w : word ~ Categorical(phi[z]) }
}
plate site = grid(4, 6) { s : spin ~ factor }
"""


def labels_of(text: str, **sizes: int) -> tuple[dict[str, str], tuple[str, ...]]:
    scene = model_scene(compile(text).model, sizes=sizes)
    return {p.name: p.label for p in scene.plates}, scene.legend


def test_plates_say_their_size_and_its_setting() -> None:
    text = TEXT.replace("plate site = grid(4, 6) { s : spin ~ factor }\n", "")
    labels, legend = labels_of(text)
    assert labels == {"topic": "topic (K = 20)", "pair": "pair (6)", "doc": "doc", "token": "token"}
    assert legend == ("alpha = 0.1", "depth = 3")
    labels, legend = labels_of(text, doc=7, token=12345, word=900, again=900)
    assert labels["doc"] == "doc (7)"
    assert labels["token"] == "token (12,345)"
    assert legend == ("alpha = 0.1", "depth = 3", "word (900)")


def test_settings_are_those_that_were_set() -> None:
    model = compile("model m(K = 2, far = true, sd = 1.5)\nplate k[K] { x ~ Normal(0, sd) }\n", K=5, sd=2).model
    scene = model_scene(model)
    assert scene.plates[0].label == "k (K = 5)"
    assert scene.legend == ("far = true", "sd = 2")


def test_structures_of_plates() -> None:
    labels, _ = labels_of(
        "param J : real\nplate site = grid(4, 6) { field s : spin }\n"
        "plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }\n"
    )
    assert labels == {"site": "site = grid(4 x 6)", "bond": "bond = edges(site)"}
    labels, _ = labels_of("plate t = chain { x ~ if first then Normal(0, 1) else Normal(prev(x), 1) }\n", t=99)
    assert labels == {"t": "t = chain (99)"}


def test_statements() -> None:
    model = compile(
        "mu ~ Normal(0,   5)\nlow = exp(mu)\nparam J : real\nfield s : spin\nfactor J * s\n"
        "rain : {no, yes} ~ Table() { 0.2, 0.8 }\ny ~ Normal(low, 1)\n"
    ).model
    lines = {n.name: n.lines for n in model_scene(model, distributions=True).nodes}
    assert lines["mu"] == ("~ Normal(0, 5)",)
    assert lines["low"] == ("= exp(mu)",)
    assert lines["rain"] == ("~ Table() {…}",)
    assert lines["y"] == ("~ Normal(low, 1)",)
    assert lines["factor 1"] == ("J * s",)
    assert lines["J"] == lines["s"] == ()
    assert all(not n.lines for n in model_scene(model).nodes)


def test_statements_are_whole() -> None:
    text = (
        "plate t = chain {\n  z : {a, b} ~ if first then Table() { 0.5, 0.5 }  # the first\n"
        '    else Table(prev(z)) { a : 0.9, 0.1 ; "b" : 0.2, 0.8 }\n  y ~ if first then Normal(0, 1) else Normal(0, 2)\n}\n'
    )
    lines = {n.name: n.lines for n in model_scene(compile(text).model, distributions=True).nodes}
    assert lines["z"] == ("~ if first then Table() {…} else Table(prev(z)) {…}",)
    assert lines["y"] == ("~ if first then Normal(0, 1) else Normal(0, 2)",)


ROOT = Path(__file__).parents[2]
FILES = [*ROOT.glob("examples/**/*.pgm"), *ROOT.glob("tests/**/golden/**/*.pgm")]
MODELS = sorted(p for p in FILES if p.parent.name != "bad")  # those are refused


def outside_of_braces(text: str) -> str:
    kept, depth = "", 0
    for letter in re.sub(r"#.*", "", text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        kept += letter if depth == 0 and letter != "}" else ""
    return kept


def test_every_example_is_looked_at() -> None:
    assert len(MODELS) > 20


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_statements_of_every_example_are_whole(path: Path) -> None:
    """Every word of a statement stands in its line, what is in tables' braces and comments apart."""
    model = analyse(load_source(str(path)), {}).model
    assert model is not None
    lines = statement_lines(model)
    for conditional in model.conditionals:
        span = conditional.distribution.span
        if span is None:
            continue
        drawn = lines[conditional.target].removeprefix("~ ").replace("{…}", "")
        assert drawn.split() == outside_of_braces(span.text).split()
