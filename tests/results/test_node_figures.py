"""What is drawn of a fit's numbers: intervals, spreads, ranges and shares, against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pgmlang import compile
from pgmlang.binding.data_figures import data_figures
from pgmlang.diagnostics import PgmError
from pgmlang.results.fit import Fit
from pgmlang.results.node_figures import drawn_sizes, fit_figures

TEXT = """
mu ~ Normal(0, 5)
plate school { effect ~ Normal(0, 1) }
plate row { z : {a, b} ~ Categorical(share) }
dim kind = {a, b}
share[kind] ~ Dirichlet(1)
plate other { far ~ Normal(0, 1) }
"""


def fit_of(**arrays: np.ndarray) -> Fit:
    model = compile(TEXT).model
    axes = {"effect": ("school",), "z": ("row",), "share": ("kind",), "far": ("other",)}
    sizes = {"school": 3, "row": 50, "kind": 2, "other": 40}
    labels = {"school": ("Choate", "Deerfield", "Exeter")}
    return Fit(
        model,
        TEXT,
        "hmc",
        {},
        draws=arrays,
        draw_axes={k: axes.get(k, ()) for k in arrays},
        sizes=sizes,
        labels=labels,
    )


def test_draws() -> None:
    draw = np.random.default_rng(1)
    mu, effect = draw.normal(4.4, 3.3, (4, 500)), draw.normal([-1.0, 0.0, 5.0], [1, 2, 0.5], (4, 500, 3))
    far = draw.normal(size=(4, 500, 40))
    z = draw.integers(0, 2, (4, 500, 50))
    figures = fit_figures(fit_of(mu=mu, effect=effect, far=far, z=z, share=draw.dirichlet([9, 1], (4, 500))))
    (line,) = figures["mu"].lines
    mean, sd = map(float, line.split(" ± "))
    assert mean == pytest.approx(mu.mean(), abs=0.05)
    assert sd == pytest.approx(mu.std(), abs=0.06)
    marks = figures["effect"].marks
    assert [m.label for m in marks] == ["Choate", "Deerfield", "Exeter"]
    low, high = np.quantile(effect.reshape(-1, 3), [0.05, 0.95], axis=0)
    scale = high.max() - low.min()
    for i, mark in enumerate(marks):
        assert mark.low == pytest.approx((low[i] - low.min()) / scale, abs=0.01)
        assert mark.high == pytest.approx((high[i] - low.min()) / scale, abs=0.01)
        assert mark.dot == pytest.approx((effect[..., i].mean() - low.min()) / scale, abs=0.01)
    assert figures["far"].lines[0] == "40 values"
    assert figures["z"].lines == ("mean of 50",)
    assert [m.high for m in figures["z"].marks] == pytest.approx([(z == 0).mean(), (z == 1).mean()])
    shares = figures["share"].marks
    # Shares are on a scale from 0 to 1, whatever their intervals.
    assert shares[0].dot == pytest.approx(0.9, abs=0.02)
    assert shares[1].dot == pytest.approx(0.1, abs=0.02)


def test_estimates_with_and_without_errors() -> None:
    model = compile("param B : real\nparam J : real\nfield s : spin\nfactor B * s + J * s\n").model
    fit = Fit(
        model, "", "ml", {"B": np.array(0.12345), "J": np.array(-2.0)}, standard_errors={"B": np.array(0.0123)}
    )
    figures = fit_figures(fit)
    assert figures["B"].lines == ("0.123 ± 0.012",)
    assert figures["J"].lines == ("-2",)


def test_counted_rows_are_as_many_as_they_stand_for() -> None:
    fit = compile("plate person { sex : {m, f} ~ Table() }\n").fit(
        {"sex": ["m", "f"], "n": [30, 12]}, counts="n", seed=1
    )
    assert drawn_sizes(fit.record) == {"person": 42}
    drawing = fit.graph()
    assert drawing.scene.plates[0].label == "person (42)"
    assert [m.high for m in drawing.scene.nodes[0].marks] == pytest.approx([30 / 42, 12 / 42])


def test_weighed_rows_are_as_many_as_there_are() -> None:
    model = compile("plate person { sex : {m, f} ~ Table() }\n")
    fit = model.fit({"sex": ["m", "f", "m"], "w": [3.5, 2.5, 2.0]}, weights="w", seed=1)
    assert drawn_sizes(fit.record) == {"person": 3}


def test_columns_of_data() -> None:
    model = compile("plate row { input x; y : {a, b} ~ Table(); n ~ Poisson(3) }\n")
    binding = model.bind({"x": [1.0, 2.0, 6.0], "y": ["a", "b", "a"], "n": [1, 2, 3]})
    figures = data_figures(binding)
    assert figures["x"].lines == ("mean 3, sd 2.65",)
    assert [m.text for m in figures["y"].marks] == ["67 %", "33 %"]


CHAIN = """
plate t = chain {
  z : {a, b} ~ if first then Table() { 0.5, 0.5 } else Table(prev(z)) { a : 0.9, 0.1 ; b : 0.2, 0.8 }
  x : {u, v} ~ Table(z) { a : 0.9, 0.1 ; b : 0.3, 0.7 }
}
"""


def test_evidence_on_a_sequence_draws_each_of_its_rows() -> None:
    given = compile(CHAIN).given()
    drawing = given.graph("x[0] = u, x[2] = v")
    marks = {n.name: n.marks for n in drawing.scene.nodes}
    assert [m.label for m in marks["x"]] == ["0 = u", marks["x"][1].label, "2 = v"]
    for row, mark in enumerate(marks["z"]):
        label = mark.label.rpartition(" = ")[2]
        assert mark.high == pytest.approx(given.query(f"P(z[{row}] | x[0] = u, x[2] = v)").probabilities[label])
    plain = given.graph("x = u")
    assert plain.scene.legend == ("given x = u", "labels: the first row of a fresh sequence")
    (z,) = (n for n in plain.scene.nodes if n.name == "z")
    assert [m.high for m in z.marks] == pytest.approx([0.75, 0.25])


def test_a_drawing_is_shown_and_written(tmp_path: Path) -> None:
    drawing = compile(CHAIN).given().graph()
    assert repr(drawing).startswith("Drawing(")
    assert len(repr(drawing)) < 120
    assert drawing._repr_svg_() == drawing.svg()
    assert "<script" not in drawing.svg()
    for ending, start in ((".svg", b"<svg"), (".dot", b"digraph"), (".png", b"\x89PNG")):
        drawing.save(tmp_path / f"a{ending}")
        assert (tmp_path / f"a{ending}").read_bytes().startswith(start)
    with pytest.raises(PgmError) as caught:
        drawing.save(tmp_path / "a.pdf")
    assert caught.value.diagnostics[0].code == "PGM0612"


def test_numbers_of_one_variable_have_the_same_digits() -> None:
    draw = np.random.default_rng(2)
    effect = draw.normal([0.384, 0.35, -0.2], [1.2, 0.9, 1.1], (4, 4000, 3))
    effect += np.array([0.384, 0.35, -0.2]) - effect.mean(axis=(0, 1))
    marks = fit_figures(fit_of(effect=effect))["effect"].marks
    assert [m.text for m in marks] == ["0.38", "0.35", "−0.20"]
    effect[..., 2] *= 1e-9
    assert len({len(m.text.partition(".")[2]) for m in fit_figures(fit_of(effect=effect))["effect"].marks}) == 1
