"""A fit keeps which columns its variables had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang

MODEL = pgmlang.compile("plate row {\n  x : {...} ~ Table()\n  y : {...} ~ Table(x)\n}")
DATA = {"X col": ["a", "b", "a"], "y": ["u", "v", "u"]}
FIT = MODEL.fit(DATA, mapping={"x": "X col"})


def chances(fit: Any, data: dict[str, list[str]], **binding: Any) -> np.ndarray:
    return np.asarray(fit.predict(data, hide=["y"], **binding)["P(y = u)"])


def test_new_rows_have_the_columns_of_the_fit(tmp_path: Path) -> None:
    FIT.save(tmp_path / "it.fit")
    for fit in (FIT, pgmlang.load(tmp_path / "it.fit")):
        assert chances(fit, DATA) == pytest.approx([1, 0, 1])
        assert fit.score(DATA) == pytest.approx(MODEL.fit({"x": DATA["X col"], "y": DATA["y"]}).score(
            {"x": DATA["X col"], "y": DATA["y"]}))  # fmt: skip


def test_what_is_said_and_what_is_there_come_first() -> None:
    assert chances(FIT, {"x": ["b"]}) == pytest.approx([0])
    assert chances(FIT, {"other": ["b"], "X col": ["a"]}, mapping={"x": "other"}) == pytest.approx([0])
    assert list(FIT.predict(DATA, hide=["x"])["x"]) == ["a", "b", "a"]
    assert list(FIT.predict({"y": ["v"]})["x"]) == ["b"]
    swapped = FIT.predict({"X col": ["u"], "x": ["b"]}, ["x"], mapping={"y": "X col"}, hide=["x"])
    assert list(swapped["x"]) == ["a"]


def test_groups_and_axes() -> None:
    grouped = pgmlang.compile("plate school { th ~ Normal(0, 1) }\nplate row in school { y ~ Normal(th, 1) }")
    rows = {"School name": ["a", "a", "b"], "y": [1.0, 2.0, -3.0]}
    fit = grouped.fit(rows, mapping={"school": "School name"}, method="map")
    assert list(fit.predict({"School name": ["b", "a"]})["y"] > 0) == [False, True]
    wide = pgmlang.compile(
        "dim d\nplate row { z : {p, q} ~ Table(prior = 1)\n v[d] ~ Normal(if z == p then 1 else 2, 1) }"
    )
    pixels = {"px_1": [1.0, 2.0], "px_2": [1.5, 2.5], "z": ["p", "q"]}
    fit = wide.fit(pixels, mapping={"v": "px_*"})
    assert fit.score(pixels) == pytest.approx(fit.score(pixels, mapping={"v": "px_*"}))


def test_the_columns_that_a_first_model_says() -> None:
    rng = np.random.default_rng(0)
    data = {"row": list(rng.normal(size=40)), "y": list(rng.normal(size=40))}
    first = pgmlang.init(data, "y")
    assert first.binding["mapping"]
    fit = pgmlang.compile(first.text).fit(data, **first.binding, method="map")
    assert len(fit.predict({"row": data["row"]})) == 40
