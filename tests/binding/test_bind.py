"""What the data decides: one test a rule."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.binding import bind, binding_report
from pgmlang.data import read_frame
from pgmlang.diagnostics import PgmError
from pgmlang.sema import compile_source

TWO = "plate row { a : {no, yes} ~ Table()\n b : {no, yes} ~ Table(a) }\n"


def problem(model: str, table: dict[str, list[object]], **options: object) -> str:
    with pytest.raises(PgmError) as caught:
        bind(compile_source(model), read_frame(table), **options)  # type: ignore[arg-type]
    first = caught.value.diagnostics[0]
    assert first.help, "every error says the cure"
    return first.code


def test_columns_bind_by_name_and_the_rest_is_said() -> None:
    binding = bind(compile_source(TWO), read_frame({"a": ["yes", None, "no"], "zzz": ["1", "2", "3"]}))
    assert binding.observed == ("a",)
    assert binding.latent == ("b",)
    assert binding.missing == {"a": 1}
    assert binding.unused == ("zzz",)
    assert binding.values["a"].tolist() == [1, -1, 0]
    report = "\n".join(binding_report(binding))
    assert "observed  a" in report
    assert "latent    b" in report
    assert "a 1 cell" in report
    assert "zzz" in report


def test_open_sets_take_sorted_labels_from_the_data() -> None:
    model = compile_source("plate row { a : {...} ~ Table()\n b : {...} ~ Table(a) }\n")
    binding = bind(model, read_frame({"a": ["10", "9", "10"], "b": ["x", "Y", "x"]}))
    assert binding.model.labels_of(binding.model.by_name["a"].type) == ("9", "10")
    assert binding.model.labels_of(binding.model.by_name["b"].type) == ("Y", "x")
    parent = binding.model.conditional_of["b"].distribution.parents[0]  # type: ignore[union-attr]
    assert parent.type.labels == ("9", "10"), "references know the labels too"


def test_labels_are_text() -> None:
    model = compile_source('plate row { a : {None, "NA", TRUE, "0-5 cm", "1_1", 007} ~ Table() }\n')
    binding = bind(model, read_frame({"a": ["None", "NA", "TRUE", "0-5 cm", "1_1", "007"]}))
    assert binding.values["a"].tolist() == [0, 1, 2, 3, 4, 5]


def test_names_that_are_not_identifiers_bind_with_underscores() -> None:
    binding = bind(
        compile_source("plate row { Sepal_Length : real ~ Normal(0, 1) }\n"), read_frame({"Sepal.Length": [1.5]})
    )
    assert binding.renamed == (("Sepal.Length", "Sepal_Length"),)


def test_map_and_hide() -> None:
    binding = bind(compile_source(TWO), read_frame({"x": ["no"], "b": ["no"]}), mapping={"a": "x"}, hide=["b"])
    assert binding.observed == ("a",)
    assert binding.latent == ("b",)


def test_missing_rows_are_dropped_or_refused() -> None:
    table = {"a": ["yes", None, "no"], "b": ["no", "no", None]}
    assert bind(compile_source(TWO), read_frame(table), missing="drop").dropped_rows == 2
    assert problem(TWO, table, missing="error") == "PGM0710"


@pytest.mark.parametrize(
    ("model", "table", "options", "code"),
    [
        (TWO, {"a": ["maybe"], "b": ["no"]}, {}, "PGM0705"),
        (TWO, {"x": ["no"], "y": ["no"]}, {}, "PGM0708"),
        (TWO, {"A": ["no"], "b": ["no"]}, {}, "PGM0709"),
        (TWO, {"a": ["no"], "b": ["no"]}, {"mapping": {"a": "nosuch"}}, "PGM0720"),
        (TWO, {"a": ["no"], "b": ["no"]}, {"mapping": {"a": "b"}}, "PGM0712"),
        (TWO, {"a": ["no"], "n": [-1]}, {"counts": "n"}, "PGM0716"),
        (TWO, {"a": ["no"], "n": [1.5]}, {"counts": "n"}, "PGM0716"),
        ("plate row { y : positive ~ Gamma(1, 1) }\n", {"y": [1.0, -2.0]}, {}, "PGM0706"),
        ("plate row { y ~ Poisson(2) }\n", {"y": [1.5]}, {}, "PGM0706"),
        ("plate row { y : bit ~ Table() }\n", {"y": [2]}, {}, "PGM0706"),
        ("plate row { y ~ Normal(0, 1) }\n", {"y": ["1,5"]}, {}, "PGM0721"),
        ("plate row { input x : real\n y ~ Normal(x, 1) }\n", {"y": [1.0]}, {}, "PGM0718"),
        ("plate row { input x : real\n y ~ Normal(x, 1) }\n", {"y": [1.0, 2.0], "x": [1.0, None]}, {}, "PGM0710"),
        ("plate row { x ~ Normal(0, 1)\n y = 2 * x\n z ~ Normal(y, 1) }\n", {"x": [1.0], "y": [2.0]}, {}, "PGM0713"),
        ("plate g { m ~ Normal(0, 1) }\nplate row in g { y ~ Normal(m, 1) }\n", {"y": [1.0]}, {}, "PGM0720"),
        ("plate r { y ~ Normal(0, 1) }\nplate s { z ~ Normal(0, 1) }\n", {"y": [1.0]}, {}, "PGM0714"),
        ("x : {a, b} ~ Table()\n", {"x": ["a"]}, {}, "PGM0708"),
        ("plate g { input k : real }\nplate row in g { y ~ Normal(k, 1) }\n",
         {"g": ["u", "u"], "k": [1.0, 2.0], "y": [0.0, 0.0]}, {}, "PGM0715"),
    ],
)  # fmt: skip
def test_refusals(model: str, table: dict[str, list[object]], options: dict[str, object], code: str) -> None:
    assert problem(model, table, **options) == code


def test_unknown_labels_name_row_value_and_what_is_accepted() -> None:
    with pytest.raises(PgmError) as caught:
        bind(compile_source(TWO), read_frame({"a": ["no", "Yes"], "b": ["no", "no"]}, name="days.csv"))
    text = str(caught.value)
    assert "days.csv" in text
    assert "Yes" in text
    assert "yes" in text


def test_all_errors_of_a_table_at_once() -> None:
    with pytest.raises(PgmError) as caught:
        bind(compile_source(TWO), read_frame({"a": ["maybe"], "b": ["perhaps"]}))
    assert [d.code for d in caught.value.diagnostics] == ["PGM0705", "PGM0705"]


def test_a_column_without_values_is_latent_and_said() -> None:
    binding = bind(compile_source(TWO), read_frame({"a": [None, None], "b": ["no", "yes"]}))
    assert binding.latent == ("a",)
    assert [w.code for w in binding.warnings] == ["PGM0711"]


def test_nested_plates_know_their_elements() -> None:
    model = compile_source("plate doc { t ~ Normal(0, 1)\n plate token { y ~ Normal(t, 1) } }\n")
    binding = bind(model, read_frame({"doc": ["b", "a", "b"], "y": [1.0, 2.0, 3.0]}))
    assert binding.labels["doc"] == ("a", "b")
    assert binding.layout.parents["token", "doc"].tolist() == [1, 0, 1]
    assert binding.sizes["doc"] == 2


def test_outer_columns_constant_within_an_element_are_the_outer_variable() -> None:
    model = compile_source("plate g { input k : real }\nplate row in g { y ~ Normal(k, 1) }\n")
    binding = bind(model, read_frame({"g": ["u", "v", "u"], "k": [1.0, 2.0, 1.0], "y": [0.0, 0.0, 0.0]}))
    assert binding.values["k"].tolist() == [1.0, 2.0]


def test_axes_bind_column_by_column() -> None:
    model = compile_source("dim f = {h, w}\nplate row { x[f] ~ Normal(0, 1) }\n")
    binding = bind(model, read_frame({"w": [1.0, 2.0], "h": [3.0, 4.0]}))
    assert binding.values["x"].tolist() == [[3.0, 1.0], [4.0, 2.0]]
    binding = bind(model, read_frame({"x.w": [1.0], "x.h": [3.0]}))
    assert binding.values["x"].tolist() == [[3.0, 1.0]]


def test_an_open_axis_takes_prefixed_columns_a_glob_or_an_array() -> None:
    model = compile_source("dim p\nplate row { x[p] : bit ~ Bernoulli(0.5) }\n")
    assert bind(model, read_frame({"x.a": [1], "x.b": [0]})).model.axis_labels("p") == ("a", "b")
    assert bind(model, read_frame({"px_1": [1], "px_2": [0]}), mapping={"x": "px_*"}).model.axis_labels("p") == (
        "1",
        "2",
    )
    binding = bind(model, read_frame({"x": np.array([[1, 0, 1], [0, 0, 1]])}))
    assert binding.sizes["p"] == 3
    assert binding.values["x"].shape == (2, 3)


def test_an_open_dim_as_a_type_takes_the_values() -> None:
    model = compile_source("dim word\nphi[word] ~ Dirichlet(1)\nplate t { w : word ~ Categorical(phi) }\n")
    binding = bind(model, read_frame({"w": ["the", "a", "the"]}))
    assert binding.model.axis_labels("word") == ("a", "the")
    assert binding.values["w"].tolist() == [1, 0, 1]


def test_observe_outside_of_plates() -> None:
    model = compile_source("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n")
    binding = bind(model, read_frame({"y": [1.0]}), observe={"mu": "3"})
    assert float(binding.values["mu"]) == 3.0


def test_counts_are_weights() -> None:
    binding = bind(
        compile_source(TWO), read_frame({"a": ["no", "yes"], "b": ["no", "no"], "n": [3, 0]}), counts="n"
    )
    assert binding.weights is not None
    assert binding.weights.tolist() == [3, 0]
    assert binding.is_counts
    assert "n" not in binding.unused
