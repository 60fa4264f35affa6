"""A row's count or weight is no power of what it says of its own latents: predictions are those of one of the rows it stands for."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

SMALL = {"chains": 4, "warmup": 50, "draws": 25}
BY_ROW = {
    "bits below numbers": ("b ~ Normal(0, 2)\nplate r {\n  input x : real\n  y ~ Bernoulli(logit = b * x)\n}", "hmc", ["y"]),
    "labels and numbers": (
        "b ~ Normal(0, 1)\nplate r {\n  input x : real\n  a : {t, u} ~ Table()\n"
        "  v ~ Normal(b * x + (if a == u then 0 else 1), 1)\n}", "map", ["a", "v"],
    ),
    "a mixture": (
        "plate r {\n  input x : real\n  z : {one, two} ~ Table(prior = 2)\n  v ~ Normal(if z == one then -1 else 1, 1)\n}",
        "em", ["z"],
    ),
    "numbers of rows": (
        "b ~ Normal(0, 1)\nplate r {\n  input x : real\n  z ~ Normal(b * x, 1)\n  v ~ StudentT(3, z, 0.5)\n}", "hmc", ["z"],
    ),
}  # fmt: skip
ROWS = {"x": [1.0, -1.0, 2.0, 0.3], "a": list("tutu"), "v": [1.0, 0.0, 2.0, 0.4], "y": [1, 0, 1, 1]}
WEIGHTS = {"counts": [2, 0, 30, 1], "weights": [2.0, 0.0, 0.5, 1000.0]}


@pytest.mark.parametrize("option", WEIGHTS)
@pytest.mark.parametrize(("text", "method", "targets"), BY_ROW.values(), ids=BY_ROW)
def test_rows_apart(text: str, method: str, targets: list[str], option: str) -> None:
    model = pgmlang.compile(text)
    names = [n for n in ("x", "a", "v", "y") if n in str(text)]
    plain = pandas.DataFrame({n: ROWS[n] for n in names if n not in ("a",) or "a :" in text})
    weighed = plain.assign(w=WEIGHTS[option])
    fit = model.fit(plain, method=method, seed=1, options=SMALL if method == "hmc" else {})
    hide = [t for t in targets if t in plain]
    expected = fit.predict(plain, targets, hide=hide)
    found = fit.predict(weighed, targets, hide=hide, **{option: "w"})
    pandas.testing.assert_frame_equal(found, expected)


GROUPS = """
mu ~ Normal(0, 1)
plate g { t ~ Normal(mu, 1) }
plate r in g {
  z ~ Normal(t, 1)
  y ~ Normal(z, 0.5)
}
"""


def test_rows_of_new_groups_are_as_if_written_out() -> None:
    rows = pandas.DataFrame({"g": list("aabb"), "y": [1.0, 2.0, -1.0, -2.0]})
    fit = pgmlang.compile(GROUPS).fit(rows, method="hmc", seed=1, options=SMALL)
    new = pandas.DataFrame({"g": list("ccd"), "y": [1.0, 3.0, 0.0], "n": [20, 1, 3]})
    written = new.loc[new.index.repeat(new.n)].reset_index(drop=True)[["g", "y"]]
    both = [fit.predict(written, [name]) for name in ("z", "t")]
    found = [fit.predict(new, [name], counts="n") for name in ("z", "t")]
    np.testing.assert_allclose(found[0]["z"], both[0]["z"][[0, 20, 21]], rtol=1e-9)
    np.testing.assert_allclose(found[1]["t"], both[1]["t"], rtol=1e-9)
    np.testing.assert_allclose(fit.score(new, counts="n"), fit.score(written), rtol=1e-9)


def test_new_groups_have_no_fractions_of_rows() -> None:
    rows = pandas.DataFrame({"g": list("aabb"), "y": [1.0, 2.0, -1.0, -2.0]})
    fit = pgmlang.compile(GROUPS).fit(rows, method="hmc", seed=1, options=SMALL)
    new = pandas.DataFrame({"g": ["c", "c"], "y": [1.0, 3.0], "w": [0.5, 1.0]})
    with pytest.raises(PgmError, match="no whole numbers"):
        fit.predict(new, ["z"], weights="w")
    assert len(fit.predict(new, ["z"])) == 2
