"""Which columns are which variable: names, maps, axes, near-misses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmlang.binding import bind
from pgmlang.binding.columns import near_miss
from pgmlang.sema import compile_source
from tests.binding.refusals import frame, refusal, refusals

TWO = "plate row { a : {no, yes} ~ Table()\n b : {no, yes} ~ Table(a) }\n"
AXIS = "dim f = {h, w}\nplate row { x[f] ~ Normal(0, 1)\n y ~ Normal(0, 1) }\n"
PIXELS = "dim p\nplate row { x[p] : bit ~ Bernoulli(0.5)\n y ~ Normal(0, 1) }\n"


def test_variables_outside_of_plates_never_bind_by_name() -> None:
    model = compile_source("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n")
    binding = bind(model, frame(mu=[1.0], y=[1.0]))
    assert binding.latent == ("mu",)
    assert binding.unused == ("mu",)


@pytest.mark.parametrize(
    ("options", "where", "cure"),
    [
        ({"mapping": {"a": "nosuch"}}, "t.csv", "columns are"),
        ({"mapping": {"a": "aa"}}, "t.csv", "`a`"),
        ({"mapping": {"nosuch": "a"}}, "", "variables are"),
        ({"mapping": {"a": "b"}, "hide": ["a", "b"]}, "t.csv", "leave one of them out"),
        ({"hide": ["nosuch"]}, "", "variables are"),
        ({"observe": {"bb": "no"}}, "", "did you mean `b`?"),
        ({"observe": {"a": "no"}}, "--observe a", "outside of plates"),
        ({"counts": "nosuch"}, "t.csv", "columns are"),
    ],
)
def test_names_that_are_not_there(options: dict[str, object], where: str, cure: str) -> None:
    found = refusals(TWO, frame(a=["no"], b=["no"]), **options)[0]
    assert (found.code, found.place) == ("PGM0720", where)
    assert cure in found.help


def test_a_map_that_comes_to_nothing_is_a_slip() -> None:
    top = "mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n"
    assert "--observe mu" in refusal(top, frame(y=[1.0]), mapping={"mu": "y"}).help


def test_a_column_claimed_twice() -> None:
    found = refusal(TWO, frame(a=["no"], b=["no"]), mapping={"a": "b"})
    assert (found.code, found.place) == ("PGM0712", "t.csv")
    assert "--map" in found.help
    found = refusal("plate row { n ~ Poisson(2)\n y ~ Normal(0, 1) }\n", frame(n=[1], y=[1.0]), counts="n")
    assert found.code == "PGM0712"
    assert bind(compile_source("plate row { n ~ Poisson(2)\n y ~ Normal(0, 1) }\n"), frame(n=[1], y=[1.0]), counts="n",
                hide=["n"]).observed == ("y",)  # fmt: skip
    found = refusal(
        "dim f = {h, w}\nplate row { x[f] ~ Normal(0, 1)\n z[f] ~ Normal(0, 1) }\n", frame(h=[1.0], w=[1.0])
    )
    assert found.code == "PGM0712"


def test_two_columns_for_one_name() -> None:
    model = "plate row { Sepal_Length ~ Normal(0, 1) }\n"
    both = {"Sepal.Length": [1.0], "Sepal-Length": [2.0]}
    found = refusal(model, frame(**both))
    assert (found.code, found.place) == ("PGM0712", "t.csv")
    assert found.help == "say which: `--map Sepal_Length=Sepal.Length`"
    binding = bind(compile_source(model), frame(**both), mapping={"Sepal_Length": "Sepal-Length"})
    assert binding.values["Sepal_Length"].tolist() == [2.0]
    assert refusal(model, frame(**{"Sepal.Length": [1.0], "Sepal_Length": [2.0]})).code == "PGM0712"


def test_a_computed_name_has_no_column() -> None:
    model = "plate row { x ~ Normal(0, 1)\n y = 2 * x\n z ~ Normal(y, 1) }\n"
    found = refusal(model, frame(x=[1.0], y=[2.0]))
    assert (found.code, found.place) == ("PGM0713", "t.csv:y")
    assert "`~`" in found.help
    assert bind(compile_source(model), frame(x=[1.0], y=[2.0]), mapping={"z": "y"}).observed == ("x", "z")


# ---- near-misses


def test_near_misses_are_errors_unless_hidden() -> None:
    model = "plate row { sprinkler : {no, yes} ~ Table()\n b : {no, yes} ~ Table(sprinkler) }\n"
    for slip in ("Sprinkler", "sprinklr", "sprinkelr", "sprin.kler"):
        found = refusal(model, frame(b=["no"], **{slip: ["no"]}))
        assert (found.code, found.place) == ("PGM0709", "t.csv")
        assert f"did you mean `{slip}`?" in found.help
        hidden = bind(compile_source(model), frame(b=["no"], **{slip: ["no"]}), hide=["sprinkler"])
        assert hidden.latent == ("sprinkler",)
    assert bind(compile_source(model), frame(b=["no"], sprink=["no"])).unused == ("sprink",)


def test_a_hidden_column_is_not_a_slip_for_another_variable() -> None:
    model = compile_source("plate row { score1 ~ Normal(0, 1)\n score2 ~ Normal(0, 1)\n y ~ Normal(score1, 1) }\n")
    assert bind(model, frame(score1=[1.0], y=[1.0]), hide=["score1"]).latent == ("score1", "score2")


def test_outer_variables_are_near_missed_too() -> None:
    model = "plate doc { Theta ~ Normal(0, 1)\n plate token { y ~ Normal(Theta, 1) } }\n"
    assert refusal(model, frame(doc=["a"], theta=[1.0], y=[1.0])).code == "PGM0709"


@given(st.text("abcde_.", max_size=7), st.text("abcde_.", max_size=7))
def test_near_misses_are_case_punctuation_or_one_edit(a: str, b: str) -> None:
    def plain(text: str) -> str:
        return text.replace("_", "").replace(".", "")

    def edits(text: str) -> set[str]:
        cut = [(text[:i], text[i:]) for i in range(len(text) + 1)]
        return (
            {x + y[1:] for x, y in cut if y}
            | {x + y[1] + y[0] + y[2:] for x, y in cut if len(y) > 1}
            | {x + c + y[1:] for x, y in cut if y for c in "abcde"}
            | {x + c + y for x, y in cut for c in "abcde"}
        )

    p, q = plain(a), plain(b)
    expected = (p == q and p != "") or (min(len(p), len(q)) >= 5 and q in edits(p))
    assert near_miss(a, b) == near_miss(b, a) == expected
    assert near_miss(a.upper(), b) == expected


# ---- axes


def test_columns_of_an_axis_with_labels() -> None:
    bare = bind(compile_source(AXIS), frame(w=[1.0], h=[3.0]))
    assert bare.values["x"].tolist() == [[3.0, 1.0]]
    own = bind(compile_source(AXIS), frame(**{"x.w": [1.0], "x.h": [3.0], "h": [0.0], "w": [0.0]}))
    assert own.values["x"].tolist() == [[3.0, 1.0]], "`v.LABEL` is nearer than a bare label"
    assert set(own.unused) == {"h", "w"}
    mapped = bind(compile_source(AXIS), frame(px_w=[1.0], px_h=[3.0]), mapping={"x": "px_*"})
    assert mapped.values["x"].tolist() == [[3.0, 1.0]]


def test_an_axis_with_some_columns_missing() -> None:
    found = refusal(AXIS, frame(h=[1.0], y=[1.0]))
    assert (found.code, found.place) == ("PGM0720", "t.csv")
    assert "`w`" in found.message
    assert bind(compile_source(AXIS), frame(h=[1.0], y=[1.0]), hide=["x"]).observed == ("y",)
    assert refusal(AXIS, frame(px_w=[1.0], y=[1.0]), mapping={"x": "px_*"}).help.startswith("name it `px_h`")
    assert "px_*" in refusal(AXIS, frame(px_w=[1.0], y=[1.0]), mapping={"x": "px_w"}).help
    assert refusal(PIXELS, frame(y=[1.0]), mapping={"x": "px_*"}).code == "PGM0720"


def test_an_open_axis_never_takes_what_is_left_over() -> None:
    assert refusal(PIXELS, frame(y=[1.0], c=[1.0], d=[1.0])).code == "PGM0708"
    binding = bind(compile_source(PIXELS), frame(**{"y": [1.0], "x.b": [1], "x.a": [0], "c": [1.0], "x.": [3.0]}))
    assert binding.model.axis_labels("p") == ("b", "a"), "in the order of the file"
    assert binding.unused == ("c", "x.")


def test_a_glob_works_again_when_the_labels_are_known() -> None:
    first = bind(compile_source(PIXELS), frame(y=[1.0], px_1=[1], px_2=[0]), mapping={"x": "px_*"})
    again = bind(first.model, frame(px_2=[0], px_1=[1]), mapping={"x": "px_*"}, known=first.labels)
    assert again.values["x"].tolist() == [[1, 0]]


def test_numbers_of_a_sized_axis_are_no_names_of_columns() -> None:
    model = "dim p\ndim unit[2]\nplate i { v[p] : bit ~ Bernoulli(0.5)\n h[unit] : bit ~ Bernoulli(0.5) }\n"
    binding = bind(compile_source(model), frame(**{"v.0": [1], "0": [1], "1": [0]}))
    assert binding.observed == ("v",)


def test_two_variables_along_one_open_axis() -> None:
    model = "dim p\nplate i { v[p] ~ Normal(0, 1)\n u[p] ~ Normal(0, 1) }\n"
    both = bind(compile_source(model), frame(**{"v.a": [1.0], "v.b": [2.0], "u.a": [3.0], "u.b": [4.0]}))
    assert both.values["u"].tolist() == [[3.0, 4.0]]
    found = refusal(model, frame(**{"v.a": [1.0], "v.b": [2.0], "u.a": [3.0]}))
    assert (found.code, found.place) == ("PGM0717", "t.csv")


@pytest.mark.parametrize("columns", [("v[a]", "v[b]"), ("v.a", "v.b")])
def test_columns_of_a_computed_vector(columns: tuple[str, str]) -> None:
    """They would be unused, and the fit one of the prior."""
    model = "dim k = {a, b}\nz[k] ~ Normal(0, 1)\nplate row {\n  x ~ Normal(sum(z), 1)\n  v[k] = z + x\n}"
    table = frame(**{"x": [1.0], columns[0]: [2.0], columns[1]: [3.0]})
    found = refusal(model, table)
    assert (found.code, found.place) == ("PGM0713", f"t.csv:{columns[0]}")
    assert bind(compile_source(model), table, hide=["v"]).observed == ("x",)
