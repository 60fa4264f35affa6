"""Every public object says what one wants to know in a screen, and what was fitted cannot be assigned to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pgmlang

WIDE = "\n".join(f"  x{i} : {{no, yes}} ~ Table({f'x{i - 1}' if i else ''})" for i in range(120))
MODELS = {
    "table": ("plate row { a : {no, yes} ~ Table()\n  b : {no, yes} ~ Table(a) }", {"a": ["no", "yes"] * 9, "b": ["yes", "yes", "no"] * 6}, "ml"),
    "many tables": (f"plate row {{\n{WIDE}\n}}", {f"x{i}": ["no", "yes"] * 3 for i in range(120)}, "ml"),
    "draws": ("dim f\nw[f] ~ Normal(0, 1)\nplate row { input x[f] : real\n  e ~ Normal(0, 1)\n  y ~ Normal(w @ x + e, 1) }",
              {"x": np.ones((200, 80)), "y": np.zeros(200)}, "hmc"),
}  # fmt: skip
SHORT = {"hmc": {"chains": 1, "warmup": 4, "draws": 4}, "ml": {}}


def everything(name: str) -> Iterator[Any]:
    text, data, method = MODELS[name]
    model = pgmlang.compile(text)
    fit = model.fit(data, method=method, seed=1, options=SHORT[method])
    yield from (model, model.model, model.compilation, model.program, model.bind(data), model.plan(data))
    yield from (fit, fit.record, fit.posterior, fit.params, fit.draws, fit.summary(), fit.plan, fit.diagnose())
    yield from (fit.score_rows(data), pgmlang.compare_fits(fit, fit), fit.record.layout)
    if method == "hmc":
        yield from (fit.loo(data), fit.replicate(data, 2), pgmlang.rank_fits({"a": fit, "b": fit}, data))
    else:
        yield fit.query(f"P({'b' if name == 'table' else 'x3'})")


@pytest.mark.parametrize("name", MODELS)
def test_in_a_screen_and_of_one_line_of_html(name: str) -> None:
    for one in everything(name):
        text = repr(one)
        assert 0 < len(text.split("\n")) <= 80, type(one)
        assert len(text) < 8000, type(one)
        assert " object at 0x" not in text
        assert "array([" not in text
        if hasattr(one, "_repr_mimebundle_"):
            bundle = one._repr_mimebundle_()
            assert bundle["text/plain"] == text
            assert bundle["text/html"].startswith("<div>")
        if hasattr(one, "_repr_html_"):
            assert "<" in one._repr_html_()


ASSIGNMENTS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda fit: setattr(fit, "draws", {}),
    "new attribute": lambda fit: setattr(fit, "note", "mine"),
    "item": lambda fit: fit.__setitem__("w", 3),
    "array": lambda fit: fit.draws.__setitem__("w", 3),
    "element": lambda fit: fit.draws["w"].__setitem__((0, 0), 3),
    "in place": lambda fit: np.add(fit.draws["w"], 1, out=fit.draws["w"]),
    "deleted": lambda fit: fit.draws.__delitem__("w"),
    "estimate": lambda fit: fit.params.__setitem__("w", 3),
}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_assigning_into_a_fit_is_an_error_with_a_cure(name: str) -> None:
    text, data, method = MODELS["draws"]
    fit = pgmlang.compile(text).fit(data, method=method, seed=1, options=SHORT[method])
    before = {k: v.copy() for k, v in fit.draws.items()}
    with pytest.raises((AttributeError, TypeError, ValueError), match=r"copy|read-only"):
        ASSIGNMENTS[name](fit)
    assert all(np.array_equal(fit.draws[k], v) for k, v in before.items())


def test_a_model_cannot_be_assigned_to() -> None:
    with pytest.raises(AttributeError, match="compile it again"):
        pgmlang.compile("mu ~ Normal(0, 1)").model = None  # type: ignore[misc]


def test_tables_of_records_are_tuples_still() -> None:
    pandas = pytest.importorskip("pandas")
    text, data, method = MODELS["draws"]
    fit = pgmlang.compile(text).fit(data, method=method, seed=1, options=SHORT[method])
    for records in (fit.diagnose(), pgmlang.compare_fits(fit, fit)):
        assert isinstance(records, tuple)
        assert isinstance(records.frame, pandas.DataFrame)
        assert len(records.frame) == len(records)
    summary = fit.summary("w")
    assert list(summary.frame["name"]) == [r["name"] for r in summary]
    assert np.allclose(summary.frame["mean"].astype(float), [r["mean"] for r in summary])


def test_scalars_and_held_params_are_read_as_arrays() -> None:
    model = pgmlang.compile("param a : real\nparam s : positive\nplate row { y ~ Normal(a, s) }")
    for fixed in ({}, {"a": 2.0}):
        fit = model.fit({"y": [1.0, 2.0, 3.0]}, fixed=fixed)
        assert float(fit.params["a"]) == pytest.approx(2.0, abs=1e-6)
        assert not fit.params["a"].flags.writeable
        assert "a: float64 ()" in repr(fit.params)
