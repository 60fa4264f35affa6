"""Cells as codes and numbers, each checked."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.binding import bind
from pgmlang.data import read_frame
from pgmlang.sema import compile_source
from tests.binding.refusals import frame, refusal, refusals

TWO = "plate row { a : {no, yes} ~ Table()\n b : {no, yes} ~ Table(a) }\n"


@pytest.mark.parametrize(
    ("variable", "cells", "code", "row"),
    [
        ("a : {no, yes} ~ Table()", ["no", "Yes"], "PGM0705", 2),
        ("a : bit ~ Table()", [0, 1, 2], "PGM0706", 3),
        ("a : spin ~ Table()", [-1, 0], "PGM0706", 2),
        ("a : positive ~ Gamma(1, 1)", [1.0, 0.0], "PGM0706", 2),
        ("a ~ Beta(1, 1)", [0.5, 1.5], "PGM0706", 2),
        ("a ~ Poisson(2)", [1, -1], "PGM0706", 2),
        ("a ~ Poisson(2)", [1.0, 1.5], "PGM0706", 2),
        ("a ~ Normal(0, 1)", ["1", "x"], "PGM0721", 2),
        ("a ~ Normal(0, 1)", [1.0, float("inf")], "PGM0721", 2),
    ],
)
def test_cells_outside_of_the_type(variable: str, cells: list[object], code: str, row: int) -> None:
    found = refusal(f"plate row {{ {variable} }}\n", frame(a=cells))
    assert (found.code, found.place) == (code, f"t.csv:{row}:a")


def test_an_unknown_label_names_what_is_accepted() -> None:
    found = refusal(TWO, frame(a=["no", "Yes"], b=["no", "no"]))
    assert "`Yes`" in found.message
    assert any("`no`, `yes`" in n for n in found.notes)
    assert "--fold-case" in found.help


def test_bits_and_spins_are_codes() -> None:
    model = compile_source("plate row { a : bit ~ Table()\n s : spin ~ Table() }\n")
    values = bind(model, frame(a=["true", "0", None, "1"], s=[-1, 1, 1, None])).values
    assert values["a"].tolist() == [1, 0, -1, 1]
    assert values["s"].tolist() == [0, 1, 1, -1]


def test_simplex_and_ordered_rows() -> None:
    model = "dim p = {u, v}\nplate row { x[p] ~ Dirichlet(1) }\n"
    assert bind(compile_source(model), frame(u=[0.25], v=[0.75])).observed == ("x",)
    found = refusal(model, frame(u=[0.5, 0.9], v=[0.5, 0.9]))
    assert (found.code, found.place) == ("PGM0706", "t.csv:2:u")
    found = refusal(model, read_frame({"x": np.array([[0.5, 0.5], [0.9, 0.9]])}, name="x.npz"))
    assert (found.code, found.place) == ("PGM0706", "x.npz:2:x")


def test_all_errors_come_at_once() -> None:
    model = "plate row { a : {no, yes} ~ Table()\n b ~ Poisson(2)\n sprinkler ~ Normal(0, 1)\n input k : real }\n"
    found = refusals(model, frame(a=["maybe"], b=[1.5], Sprinkler=[1.0]))
    assert sorted(d.code for d in found) == ["PGM0705", "PGM0706", "PGM0709", "PGM0718"]


# ---- missing cells


def test_missing_cells_are_counted() -> None:
    binding = bind(compile_source(TWO), frame(a=["no", None, None], b=["no", "no", "no"]))
    assert binding.missing == {"a": 2}
    assert binding.values["a"].tolist() == [0, -1, -1]
    real = bind(compile_source("plate row { y ~ Normal(0, 1) }\n"), frame(y=[1.0, None]))
    assert np.isnan(real.values["y"][1])


def test_inputs_are_given_in_every_row() -> None:
    model = "plate row { input age : real\n y ~ Normal(age, 1) }\n"
    found = refusal(model, frame(y=[1.0, 2.0, 3.0], age=[1.0, None, None]))
    assert (found.code, found.place) == ("PGM0710", "t.csv:2:age")
    assert "`age ~ Normal(m, s)`" in found.help
    assert "--missing drop" in found.help
    found = refusal(model, frame(y=[1.0]))
    assert (found.code, found.place) == ("PGM0718", "t.csv")
    assert "--map age=COLUMN" in found.help
    assert refusal(model, frame(y=[1.0], age=[1.0]), hide=["age"]).code == "PGM0718"
    top = "input n : count\nplate row { y ~ Normal(n, 1) }\n"
    assert refusal(top, frame(y=[1.0])).help.endswith("`--observe n=VALUE`")
    assert bind(compile_source(top), frame(y=[1.0]), observe={"n": "3"}).values["n"] == 3


def test_no_value_at_all() -> None:
    binding = bind(compile_source(TWO), frame(a=[None, None], b=["no", "yes"]))
    assert [(w.code, w.place) for w in binding.warnings] == [("PGM0711", "t.csv:a")]
    assert refusal(TWO, frame(a=[None], b=[None])).code == "PGM0708"
    found = refusal("plate row { a : {...} ~ Table()\n b : {no, yes} ~ Table(a) }\n", frame(a=[None], b=["no"]))
    assert found.code == "PGM0708"
    assert "`...`" in found.help


@pytest.mark.parametrize("missing", ["Drop", "", "none"])
def test_what_to_do_with_missing_cells_is_one_of_three(missing: str) -> None:
    found = refusal(TWO, frame(a=["no"], b=["no"]), missing=missing)
    assert found.code == "PGM0612"
    assert "`drop`" in found.help


# ---- counts and weights


@pytest.mark.parametrize(
    ("kind", "cells", "place"),
    [
        ("counts", [1, -1], "t.csv:2:n"),
        ("counts", [1.5, 1], "t.csv:1:n"),
        ("counts", [1, None], "t.csv:2:n"),
        ("weights", [0.5, -0.5], "t.csv:2:n"),
        ("counts", [0, 0], "t.csv:n"),
    ],
)
def test_counts_and_weights_are_checked(kind: str, cells: list[object], place: str) -> None:
    found = refusal(TWO, frame(a=["no", "no"], b=["no", "no"], n=cells), **{kind: "n"})
    assert (found.code, found.place) == ("PGM0716", place)


def test_counts_or_weights_not_both() -> None:
    table = frame(a=["no"], b=["no"], n=[1], w=[0.5])
    assert refusal(TWO, table, counts="n", weights="w").code == "PGM0716"
    weighted = bind(compile_source(TWO), table, weights="w")
    assert weighted.weights is not None
    assert (weighted.weights.tolist(), weighted.is_counts) == ([0.5], False)


# ---- observed from outside


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("mu ~ Normal(0, 1)", "x", "PGM0721"),
        ("mu ~ Normal(0, 1)", "nan", "PGM0721"),
        ("mu ~ Normal(0, 1)", "inf", "PGM0721"),
        ("mu ~ Normal(0, 1)", " ", "PGM0721"),
        ("mu ~ Gamma(1, 1)", "-3", "PGM0706"),
        ("mu : {no, yes} ~ Table()", "Yes", "PGM0705"),
        ("mu : bit ~ Table()", "2", "PGM0706"),
    ],
)
def test_observed_values_are_checked(variable: str, value: str, code: str) -> None:
    found = refusal(f"{variable}\nplate row {{ y ~ Normal(0, 1) }}\n", frame(y=[1.0]), observe={"mu": value})
    assert (found.code, found.place) == (code, "--observe mu")


def test_observed_labels_are_codes() -> None:
    model = compile_source("mu : {no, yes} ~ Table()\nplate row { y ~ Normal(0, 1) }\n")
    assert bind(model, frame(y=[1.0]), observe={"mu": "yes"}).values["mu"] == 1


# ---- arrays


LABELS = "dim f = {p, q}\nplate r { x[f] : {...} ~ Table() }\n"


def test_open_sets_take_labels_from_all_columns_and_from_arrays() -> None:
    wide = bind(compile_source(LABELS), frame(p=["u", None], q=["v", "u"]))
    assert wide.model.by_name["x"].type.labels == ("u", "v")
    assert wide.values["x"].tolist() == [[0, 1], [-1, 0]]
    array = bind(compile_source(LABELS), {"x": np.array([["b", "a"], ["c", "b"]])})
    assert array.values["x"].tolist() == [[1, 0], [2, 1]]


@pytest.mark.parametrize(
    ("array", "labels", "codes"),
    [
        (np.array([[3, 1], [1, 2]]), ("1", "2", "3"), [[2, 0], [0, 1]]),
        (np.array([[3.0, np.nan]]), ("3",), [[0, -1]]),
        (np.array([[True, False]]), ("false", "true"), [[1, 0]]),
        (np.array([["x", None]], dtype=object), ("x",), [[0, -1]]),
        (np.array([[b"x", b"y"]]), ("x", "y"), [[0, 1]]),
    ],
)
def test_labels_in_arrays(array: np.ndarray, labels: tuple[str, ...], codes: list[list[int]]) -> None:
    binding = bind(compile_source(LABELS), read_frame({"x": array}))
    assert binding.model.by_name["x"].type.labels == labels
    assert binding.values["x"].tolist() == codes


def test_shapes_and_values_of_arrays() -> None:
    model = "dim p = {u, v}\nplate r { x[p] : bit ~ Bernoulli(0.5)\n y ~ Normal(0, 1) }\n"
    found = refusal(model, read_frame({"x": np.zeros((2, 3)), "y": np.zeros(2)}, name="x.npz"))
    assert (found.code, found.place) == ("PGM0717", "x.npz:x")
    assert "r, p" in found.help
    found = refusal(model, read_frame({"x": np.array([[0, 1], [1, 7]]), "y": np.zeros(2)}, name="x.npz"))
    assert (found.code, found.place) == ("PGM0706", "x.npz:2:x")


def test_arrays_of_plates_with_their_own_lengths() -> None:
    model = compile_source("dim p\nplate g { input k : real\n plate row { y[p] ~ Normal(k, 1) } }\n")
    binding = bind(model, {"y": np.zeros((3, 2)), "g": np.array([1, 0, 1]), "k": np.array([5.0, 6])})
    assert binding.values["k"].tolist() == [5.0, 6.0]
    assert binding.layout.parents["row", "g"].tolist() == [1, 0, 1]


def test_an_array_may_be_mapped() -> None:
    model = compile_source("dim p\nplate r { x[p] ~ Normal(0, 1) }\n")
    assert bind(model, {"pixels": np.zeros((2, 3))}, mapping={"x": "pixels"}).values["x"].shape == (2, 3)
