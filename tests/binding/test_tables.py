"""Which table is whose, which element each row belongs to, and in what order rows stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pgmlang
from pgmlang.binding import bind, binding_report
from pgmlang.data import read_frame
from pgmlang.sema import compile_source
from tests.binding.refusals import frame, refusal, refusals

DOCS = "plate doc { input k : real\n plate token { y ~ Normal(k, 1) } }\n"
NESTED = "plate c { m ~ Normal(0, 1)\n plate d { n ~ Normal(m, 1)\n plate e { y ~ Normal(n, 1) } } }\n"
CHAIN = "plate seq { plate step = chain { y ~ Normal(0, 1) } }\n"
TWO = "plate r { y ~ Normal(0, 1) }\nplate s { z ~ Normal(0, 1) }\n"


def test_several_row_plates_are_ambiguous() -> None:
    found = refusal(TWO, frame(y=[1.0]))
    assert (found.code, found.place) == ("PGM0714", "t.csv")
    assert "`r`, `s`" in found.message
    assert found.help == "say which: `r=t.csv`"


def test_a_table_is_given_to_a_plate_by_name() -> None:
    binding = bind(compile_source(TWO), {"s": frame(z=[1.0, 2.0])})
    assert binding.observed == ("z",)
    assert binding.plate == "s"
    both = bind(compile_source(TWO), {"r": frame(y=[1.0]), "s": frame(z=[1.0, 2.0])})
    assert (both.sizes["r"], both.sizes["s"]) == (1, 2)


def test_tables_of_plates_that_are_not_there() -> None:
    found = refusal(TWO, {"rr": frame(y=[1.0])})
    assert found.code == "PGM0714"
    assert "`r`" in found.help
    found = refusal("plate g[3] { m ~ Normal(0, 1) }\nplate r { y ~ Normal(0, 1) }\n", {"g": frame(m=[1.0])})
    assert found.code == "PGM0714"
    assert "`r`" in found.help


def test_a_flat_model_is_told_to_wrap_what_repeats() -> None:
    found = refusal("x : {a, b} ~ Table()\n", frame(x=["a"]))
    assert (found.code, found.place) == ("PGM0708", "t.csv")
    assert "plate row { ... }" in found.help


@given(st.permutations(["a", "b", "c", "10", "9"]), st.lists(st.integers(0, 4), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_inner_rows_find_their_outer_row_whatever_the_order(docs: list[str], tokens: list[int]) -> None:
    number = {d: float(i) for i, d in enumerate(docs)}
    tables = {
        "token": frame(doc=[docs[t] for t in tokens], y=[number[docs[t]] for t in tokens]),
        "doc": frame(doc=docs, k=[number[d] for d in docs]),
    }
    binding = bind(compile_source(DOCS), tables)
    assert binding.values["k"][binding.layout.parents["token", "doc"]].tolist() == binding.values["y"].tolist()
    assert [number[d] for d in binding.labels["doc"]] == binding.values["k"].tolist()
    assert binding.sizes["doc"] == len(docs)


def test_outer_tables_need_a_key_that_is_unique_and_complete() -> None:
    token = frame(doc=["a"], y=[1.0])
    found = refusal(DOCS, {"token": token, "doc": frame("docs.csv", k=[1.0])})
    assert (found.code, found.place) == ("PGM0720", "docs.csv")
    assert "column named `doc`" in found.help
    found = refusal(DOCS, {"token": token, "doc": frame("docs.csv", doc=["a", "a"], k=[1.0, 2.0])})
    assert (found.code, found.place) == ("PGM0714", "docs.csv:2:doc")
    found = refusal(
        DOCS, {"token": frame(doc=["a", "b"], y=[1.0, 2.0]), "doc": frame("docs.csv", doc=["a"], k=[1.0])}
    )
    assert (found.code, found.place) == ("PGM0705", "t.csv:2:doc")


def test_plates_in_plates_know_their_elements_at_every_level() -> None:
    rows = frame(c=["u", "v", "u"], d=["1", "2", "3"], e=["x", "y", "z"], y=[1.0, 2.0, 3.0])
    member = bind(compile_source(NESTED), rows).layout.parents
    assert member["e", "d"].tolist() == [0, 1, 2]
    assert member["e", "c"].tolist() == [0, 1, 0]
    assert member["d", "c"].tolist() == [0, 1, 0]


def test_an_element_belongs_to_one_outer_element() -> None:
    found = refusal(NESTED, frame(c=["u", "v"], d=["1", "1"], y=[1.0, 2.0]))
    assert (found.code, found.place) == ("PGM0715", "t.csv:2:c")
    assert "label of its own" in found.help


def test_the_table_between_says_where_its_rows_belong() -> None:
    tables = {"e": frame(d=["2", "1"], y=[1.0, 2.0]), "d": frame("d.csv", d=["1", "2"], c=["u", "v"])}
    member = bind(compile_source(NESTED), tables).layout.parents
    assert member["e", "c"].tolist() == [1, 0]


def test_crossed_plates() -> None:
    model = compile_source(
        "plate user { a ~ Normal(0, 1) }\nplate item { b ~ Normal(0, 1) }\n"
        "plate rating in user, item { r ~ Normal(a + b, 1) }\n"
    )
    binding = bind(model, frame(user=["x", "y", "x"], item=["2", "10", "10"], r=[1.0, 2.0, 3.0]))
    assert binding.labels["item"] == ("2", "10")
    assert binding.layout.parents["rating", "item"].tolist() == [0, 1, 1]
    assert binding.layout.parents["rating", "user"].tolist() == [0, 1, 0]


def test_rows_must_say_where_they_belong() -> None:
    found = refusal(DOCS, frame(Doc=["a"], k=[1.0], y=[1.0]))
    assert (found.code, found.place) == ("PGM0720", "t.csv")
    assert "`Doc`" in found.help
    assert bind(compile_source(DOCS), frame(Doc=["a"], k=[1.0], y=[1.0]), mapping={"doc": "Doc"}).labels[
        "doc"
    ] == ("a",)
    found = refusal(DOCS, frame(doc=["a", None], k=[1.0, 1.0], y=[1.0, 2.0]))
    assert (found.code, found.place) == ("PGM0710", "t.csv:2:doc")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(["2", "0"], ("0", "1", "2")), (["b", "a"], ("a", "b", "0")), (["b", "c", "a"], ("a", "b", "c"))],
)
def test_elements_of_a_sized_plate(labels: list[str], expected: tuple[str, ...]) -> None:
    model = "plate g[3] { m ~ Normal(0, 1)\n plate r { y ~ Normal(m, 1) } }\n"
    binding = bind(compile_source(model), frame(g=labels, y=[1.0] * len(labels)))
    assert binding.labels["g"] == expected
    assert [binding.labels["g"][i] for i in binding.layout.parents["r", "g"]] == labels
    assert binding.sizes["g"] == 3
    found = refusal(model, frame(g=["a", "b", "c", "d"], y=[1.0] * 4))
    assert (found.code, found.place) == ("PGM0717", "t.csv:g")
    assert refusal(model, frame(y=[1.0])).code == "PGM0720"


def test_outer_columns_differ_within_an_element() -> None:
    found = refusal(DOCS, frame(doc=["a", "b", "a"], k=[1.0, 2.0, 3.0], y=[0.0, 0.0, 0.0]))
    assert (found.code, found.place) == ("PGM0715", "t.csv:3:k")
    assert "constant" in found.help


def test_known_elements_keep_their_place_and_new_ones_come_after() -> None:
    rows = frame(doc=["z", "b", "c"], k=[1.0, 2.0, 3.0], y=[0.0, 0.0, 0.0])
    binding = bind(compile_source(DOCS), rows, known={"doc": ("c", "a", "b")})
    assert binding.labels["doc"] == ("c", "a", "b", "z")
    assert binding.layout.parents["token", "doc"].tolist() == [3, 2, 0]
    assert binding.values["k"].tolist()[0] == 3.0
    assert np.isnan(binding.values["k"][1]), "an element without a row here has no value, and none of another's"


# ---- order and dropping


def test_a_column_named_like_a_chain_orders_it() -> None:
    rows = frame(seq=["s", "t", "s", "s"], step=["10", "1", "9", "8"], y=[3.0, 9.0, 2.0, 1.0])
    binding = bind(compile_source(CHAIN), rows)
    ys = binding.values["y"][binding.layout.parents["step", "seq"] == 0]
    assert ys.tolist() == [1.0, 2.0, 3.0]
    assert binding.rows is not None
    assert binding.rows.tolist() == [3, 1, 2, 0], "which row of the file each row is: `t` stays where it was"
    in_order = bind(
        compile_source(CHAIN), frame(seq=["s", "s", "t", "t"], step=[1, 2, 1, 2], y=[1.0, 2.0, 3.0, 4.0])
    )
    assert in_order.values["y"].tolist() == [1.0, 2.0, 3.0, 4.0], "sequences that are in order are left alone"
    assert bind(compile_source(CHAIN), frame(y=[2.0, 1.0])).values["y"].tolist() == [2.0, 1.0], (
        "else the file's order"
    )


def test_a_position_stands_once_in_a_sequence() -> None:
    assert bind(compile_source(CHAIN), frame(seq=["s", "t"], step=[1, 1], y=[1.0, 2.0])).sizes["seq"] == 2
    found = refusal(CHAIN, frame(seq=["s", "s"], step=[1, 1], y=[1.0, 2.0]))
    assert (found.code, found.place) == ("PGM0706", "t.csv:2:step")
    found = refusal(CHAIN, frame(seq=["s", "s"], step=[1, None], y=[1.0, 2.0]))
    assert (found.code, found.place) == ("PGM0710", "t.csv:2:step")


def test_dropped_rows_take_arrays_and_weights_along() -> None:
    model = compile_source("dim p\nplate r { x[p] : bit ~ Bernoulli(0.5)\n y ~ Normal(0, 1) }\n")
    data = read_frame(
        {"x": np.array([[1.0, 0], [1, 1], [np.nan, 0]]), "y": np.array([1.0, np.nan, 2]), "n": np.array([5, 6, 7])}
    )
    binding = bind(model, data, missing="drop", counts="n")
    assert binding.values["x"].tolist() == [[1, 0]]
    assert binding.weights is not None
    assert binding.weights.tolist() == [5.0]
    assert binding.dropped_rows == 2
    assert binding.rows is not None
    assert binding.rows.tolist() == [0]
    assert "dropped   2 rows with missing cells" in binding_report(binding)


def test_with_an_outer_row_go_the_rows_inside() -> None:
    tables = {
        "token": frame(doc=["a", "b", "a", None], y=[1.0, 2.0, 3.0, 4.0]),
        "doc": frame("docs.csv", doc=["a", "b"], k=[None, 7.0]),
    }
    binding = bind(compile_source(DOCS), tables, missing="drop")
    assert binding.values["y"].tolist() == [2.0]
    assert binding.values["k"].tolist() == [7.0]


def test_no_complete_row() -> None:
    found = refusal(
        "plate r { x ~ Normal(0, 1)\n y ~ Normal(x, 1) }\n", frame(x=[None, 1.0], y=[1.0, None]), missing="drop"
    )
    assert (found.code, found.place) == ("PGM0707", "t.csv")
    both = refusals(
        "plate r { x ~ Normal(0, 1)\n y ~ Normal(x, 1) }\n", frame(x=[None, 1.0], y=[1.0, None]), missing="error"
    )
    assert [(d.code, d.place) for d in both] == [("PGM0710", "t.csv:1:x"), ("PGM0710", "t.csv:2:y")]


def test_a_column_without_values_drops_no_row() -> None:
    binding = bind(
        compile_source("plate r { x ~ Normal(0, 1)\n y ~ Normal(x, 1) }\n"),
        frame(x=[None, None], y=[1.0, None]),
        missing="drop",
    )
    assert binding.values["y"].tolist() == [1.0]
    assert "x" in binding.latent


PLAYERS = """plate player { skill ~ Normal(0, 1) }
plate game {
  input a, b : player
  won ~ Bernoulli(logit = skill[a] - skill[b])
}"""


def test_elements_that_columns_of_the_rows_name() -> None:
    """As with a dim of the labels that the data tell; new rows may name new ones."""
    data = {"a": ["x", "z", "x"], "b": ["y", "x", "z"], "won": [1, 0, 1]}
    by_dim = PLAYERS.replace("plate player { skill ~ Normal(0, 1) }", "dim player\nskill[player] ~ Normal(0, 1)")
    fits = [
        pgmlang.compile(text).fit(data, seed=1, options={"draws": 30, "warmup": 30}) for text in (PLAYERS, by_dim)
    ]
    assert bind(compile_source(PLAYERS), read_frame(data)).labels["player"] == ("x", "y", "z")
    assert fits[0].draws["skill"].tolist() == fits[1].draws["skill"].tolist()
    new = fits[0].predict({"a": ["x", "w"], "b": ["w", "v"]})
    assert abs(float(new["P(won = 1)"][1]) - 0.5) < 0.1
