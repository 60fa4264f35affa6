"""Pictures: each kind is drawn of a fit that has it, and refused with its reason of one that has not."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import pgmlang
from pgmlang.api import FittedModel
from pgmlang.cli.main import run
from pgmlang.diagnostics import PgmError
from pgmlang.plots import of_draws
from pgmlang.plots.canvas import mosaic
from pgmlang.plots.filters import side_of
from pgmlang.plots.registry import KINDS
from pgmlang.plots.scalars import Scalars, chosen_scalars

matplotlib.use("Agg")
from matplotlib import pyplot

TABLES = "plate row {\n  a : {no, yes} ~ Table()\n  b : {...} ~ Table(a)\n}\n"
REGRESSION = "mu ~ Normal(0, 5)\neffect[k] ~ Normal(0, 1)\ndim k = {left, right}\nplate row { input g : k ; y ~ Normal(mu + effect[g], 1) }\n"
MACHINE = (
    "dim pixel[16]\ndim unit[3]\nparam W[pixel, unit], c[pixel] : real\n"
    "plate image { field v[pixel] : bit ; field h[unit] : bit ; factor v @ W @ h + c @ v }\n"
)
WORDS = "plate row {\n  w : {" + ", ".join("abcdefghij") + "} ~ Table()\n}\n"
RNG = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def fits() -> dict[str, tuple[FittedModel, object]]:
    """Fits of a kind each, with their data."""
    rows = {"a": ["no", "yes", "yes", "no"] * 5, "b": ["u", "v", "u", "u"] * 5}
    numbers = {"g": ["left", "right"] * 20, "y": RNG.normal(size=40).tolist()}
    bits = {f"v.{i}": RNG.integers(0, 2, 30).tolist() for i in range(16)}
    words = {"w": [str(x) for x in RNG.choice(list("abcdefghij"), 60)]}
    options = {"chains": 2, "warmup": 40, "draws": 40}
    return {
        "tables": (pgmlang.compile(TABLES).fit(rows, seed=1), rows),
        "draws": (pgmlang.compile(REGRESSION).fit(numbers, method="hmc", seed=1, options=options), numbers),
        "point": (pgmlang.compile(REGRESSION).fit(numbers, method="map", seed=1), numbers),
        "machine": (pgmlang.compile(MACHINE).fit(bits, method="cd", seed=1, options={"epochs": 200}), bits),
        "words": (pgmlang.compile(WORDS).fit(words, seed=1), words),
    }


HAVE = {
    "tables": {"tables", "predictive"},
    "draws": {"forest", "trace", "rank", "density", "pairs", "energy", "autocorr", "ess", "predictive"},
    "point": {"estimates", "predictive"},
    "machine": {"estimates", "filters", "images", "objective", "predictive"},
    "words": {"tables", "topics", "predictive"},
}
USUAL = {"tables": "tables", "draws": "forest", "point": "estimates", "machine": "filters", "words": "topics"}


@pytest.mark.parametrize("name", HAVE)
def test_which_kinds_a_fit_has(name: str, fits: dict[str, tuple[FittedModel, object]]) -> None:
    fit, data = fits[name]
    kinds = fit.plot_kinds()
    assert set(kinds) == set(KINDS)
    assert {k for k, reason in kinds.items() if not reason} == HAVE[name]
    for kind in set(kinds) - HAVE[name]:
        with pytest.raises(PgmError) as refused:
            fit.plot(kind, data)
        assert kinds[kind] in str(refused.value)
    assert all(any(kind in have for have in HAVE.values()) for kind in kinds)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(n, k, marks=pytest.mark.slow if KINDS[k].is_of_draws else ())
        for n, have in HAVE.items()
        for k in sorted(have)
    ],
)
def test_it_is_drawn(name: str, kind: str, fits: dict[str, tuple[FittedModel, object]], tmp_path: Path) -> None:
    fit, data = fits[name]
    figure = fit.plot(kind, data, seed=1)
    assert any(axis.has_data() for axis in figure.axes)
    assert fit.model.name in figure.get_suptitle()
    figure.savefig(tmp_path / "it.png")
    assert (tmp_path / "it.png").stat().st_size > 2_000
    for spelling in KINDS[kind].spellings[:1]:
        assert fit.plot(spelling, data).get_suptitle() == figure.get_suptitle()


@pytest.mark.parametrize("name", [n for n in USUAL if n != "draws"])
def test_the_usual_one(name: str, fits: dict[str, tuple[FittedModel, object]]) -> None:
    fit, _ = fits[name]
    assert fit.plot().get_suptitle() == fit.plot(USUAL[name]).get_suptitle()


def test_figures_of_what_is_drawn(fits: dict[str, tuple[FittedModel, object]]) -> None:
    fit, data = fits["tables"]
    axes = fit.plot("tables", variables=["b"]).axes
    assert len(axes) == 1
    assert np.allclose(axes[0].images[0].get_array(), fit.params["b.table"])
    bars = fit.plot("predictive", data, variables="a").axes[0].patches
    assert [b.get_height() for b in bars] == pytest.approx([0.5, 0.5])
    fit, _ = fits["words"]
    widths = [b.get_width() for b in fit.plot("topics").axes[0].patches]
    assert widths == pytest.approx(sorted(fit.params["w.table"], reverse=True)[: len(widths)])
    fit, _ = fits["machine"]
    drawn = np.asarray(fit.plot("filters").axes[0].images[0].get_array())
    assert drawn[1:5, 1:5] == pytest.approx(fit.params["W"][:, 0].reshape(4, 4))
    two = np.asarray(fit.plot("filters", shape=(2, 8)).axes[0].images[0].get_array())
    assert two[1:3, 1:9] == pytest.approx(fit.params["W"][:, 0].reshape(2, 8))


def test_counts_are_as_many_rows(fits: dict[str, tuple[FittedModel, object]]) -> None:
    rows = {"a": ["no", "yes"], "b": ["u", "v"], "n": [300, 100]}
    fit = pgmlang.compile(TABLES).fit(rows, counts="n", seed=1)
    axis = fit.plot("predictive", rows, counts="n", variables="a").axes[0]
    assert [b.get_height() for b in axis.patches] == pytest.approx([0.75, 0.25])
    low, high = axis.collections[0].get_segments()[0][:, 1]
    # the 90 % interval of a share of 400
    assert high - low == pytest.approx(2 * 1.645 * (0.75 * 0.25 / 400) ** 0.5, rel=0.5)


def test_names_near_by(fits: dict[str, tuple[FittedModel, object]]) -> None:
    fit = fits["tables"][0]
    for call, told in (
        (lambda: fit.plot("tabels"), "`tables`"),
        (lambda: fit.plot("tables", variables=["c"]), "`a`, `b`"),
        (lambda: fit.plot("predictive"), "data"),
        (lambda: fit.plot("tables", variabels=["a"]), "`variables`"),
        (lambda: fit.plot("tables", variables=["a"], var_names=["a"]), "same"),
        (lambda: fits["machine"][0].plot("filters", shape=(3, 4)), "16 pixels"),
        (lambda: fits["draws"][0].plot("forest", variables=["effct"]), "`effect`"),
    ):
        with pytest.raises(PgmError) as refused:
            call()
        diagnostic = refused.value.diagnostics[0]
        assert told in f"{diagnostic.message} {diagnostic.help}"


def test_a_package_that_is_missing(
    fits: dict[str, tuple[FittedModel, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgmlang.plots import draw

    monkeypatch.setattr(draw, "find_spec", lambda name: None)
    with pytest.raises(PgmError) as refused:
        fits["tables"][0].plot()
    assert refused.value.diagnostics[0].code == "PGM0909"
    assert 'pip install "pgmlang[plot]"' in str(refused.value.diagnostics[0].help)


def test_the_verb(
    fits: dict[str, tuple[FittedModel, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    fits["tables"][0].save("t.fit")
    assert run(["plot", "t.fit", "--kinds"]) == 0
    assert "  forest      no: it has no draws" in capfd.readouterr().out
    assert run(["plot", "t.fit"]) == 0
    assert (tmp_path / "t-tables.png").is_file()
    assert "tables; it also has predictive" in capfd.readouterr().err
    assert run(["plot", "t.fit", "tables", "--variables", "a", "-o", "t.svg"]) == 0
    assert (tmp_path / "t.svg").read_text().startswith("<?xml")
    assert run(["plot", "t.fit", "forest"]) == 69
    assert run(["plot", "t.fit", "-o", "t.doc"]) == 69


def test_elements_of_images_are_where_they_belong() -> None:
    tiles = mosaic(np.arange(24.0).reshape(6, 2, 2), 3)
    assert tiles.shape == (7, 10)
    assert tiles[4:6, 7:9].tolist() == [[20.0, 21.0], [22.0, 23.0]]
    assert [side_of(n) for n in (9, 16, 17, 784)] == [None, 4, None, 28]


def test_rows_of_draws_name_functions_that_there_are() -> None:
    spec = find_spec("arviz_plots")
    assert spec is not None
    source = Path(str(spec.origin)).parent / "plots"
    functions = "".join(p.read_text() for p in source.glob("*.py"))
    for row in of_draws.ROWS:
        assert f"def {row.function}(" in functions


def test_what_rows_have_is_left_out_of_a_forest() -> None:
    text = "mu ~ Normal(0, 5)\nplate row { input x : real\n  slope_x = mu * x\n  u ~ Normal(0, 1)\n  y ~ Normal(slope_x + u, 1) }\n"
    options = {"chains": 2, "warmup": 20, "draws": 20}

    def scalars_of(rows: int) -> Scalars:
        data = {"x": RNG.normal(size=rows), "y": RNG.normal(size=rows)}
        fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=options)
        return chosen_scalars(fit.record, (), 60)

    few, many = scalars_of(5), scalars_of(70)
    assert list(few.values) == ["mu", *(f"u[{i}]" for i in range(5))]
    assert list(many.values) == ["mu"]
    assert many.number == 141
    assert "1 of 141 numbers" in many.note


def test_a_forest_names_no_axis_of_its_own(fits: dict[str, tuple[FittedModel, object]]) -> None:
    figure = fits["draws"][0].plot("forest")
    figure.canvas.draw()
    assert all("variable" not in t.get_text() for a in figure.axes for t in [*a.get_xticklabels(), a.xaxis.label])


def test_images_that_are_no_squares() -> None:
    model = pgmlang.compile(MACHINE.replace("pixel[16]", "pixel[24]"))
    bits = {f"v.{i}": RNG.integers(0, 2, 30).tolist() for i in range(24)}
    fit = model.fit(bits, method="cd", seed=1, options={"epochs": 2})
    for kind in ("filters", "images"):
        with pytest.raises(PgmError, match=r"PGM0610.*rows and columns"):
            fit.plot(kind)
        with pytest.raises(PgmError, match=r"PGM0612.*24 pixels"):
            fit.plot(kind, shape=(4, 4))
        for shape in ((4, 6), (6, 4), (1, 24)):
            assert fit.plot(kind, shape=shape).axes[0].images
    tiles = np.asarray(fit.plot("filters", shape=(4, 6)).axes[0].images[0].get_array())
    assert tiles[1:5, 1:7] == pytest.approx(fit.params["W"][:, 0].reshape(4, 6))
    assert "4 by 6" in "".join(
        t.get_text() for t in [fit.plot(shape=(4, 6))._suptitle, *fit.plot(shape=(4, 6)).texts] if t
    )
