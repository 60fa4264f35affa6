"""Values outside of plates that have axes: from arrays, from tables of their own, long and wide, and by rows; and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pgmlang
from pgmlang.binding.values import outside_support
from pgmlang.diagnostics import PgmError
from pgmlang.model import Type, Variable

SITES = "dim site = {a, b, c}\n"
OPEN = "dim site\n"
MODEL = "input D[site, site'] : real\nu[site] ~ MultivariateNormal(0, exp(-D))\nplate row {\n  input at : site\n  y ~ Normal(u[at], 1)\n}"
ROWS = pd.DataFrame({"at": ["a", "b", "c", "a"], "y": [1.0, 2.0, 0.5, 1.2]})
D = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.5], [2.0, 1.5, 0.0]])
WIDE = pd.DataFrame(D, columns=list("abc")).assign(site=list("abc"))[["site", "a", "b", "c"]]
LONG = pd.DataFrame(
    [("abc"[i], "abc"[j], D[i, j]) for j in range(3) for i in range(3)], columns=["site", "site'", "D"]
)
TURNED = LONG.sample(frac=1, random_state=1)[["D", "site'", "site"]]
WAYS = {
    "a wide table": WIDE,
    "a wide table in another order": WIDE.iloc[[2, 0, 1], [0, 3, 1, 2]].reset_index(drop=True),
    "a long table": LONG,
    "a long table in another order": TURNED,
    "a long table by place": LONG.rename(columns={"site": "from", "site'": "to"}),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_tables(name: str) -> None:
    bound = pgmlang.compile(SITES + MODEL).bind({"": ROWS, "D": WAYS[name]})
    np.testing.assert_array_equal(bound.values["D"], D)
    assert bound.latent == ("u",)
    assert pgmlang.compile(SITES + MODEL).bind({"row": ROWS, "D": WAYS[name]}).fingerprint == bound.fingerprint


@pytest.mark.parametrize("name", ["a wide table", "a long table"])
def test_a_table_tells_the_labels(name: str) -> None:
    bound = pgmlang.compile(OPEN + MODEL).bind({"": ROWS, "D": WAYS[name]})
    assert bound.labels["site"] == ("a", "b", "c")
    np.testing.assert_array_equal(bound.values["D"], D)


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "all.npz"
    np.savez(path, at=ROWS["at"].to_numpy(dtype=str), y=ROWS["y"], D=D)
    model = pgmlang.compile(SITES + MODEL)
    for data in (path, {"at": list(ROWS["at"]), "y": np.array(ROWS["y"]), "D": D}):
        np.testing.assert_array_equal(model.bind(data).values["D"], D)


def test_a_vector() -> None:
    text = SITES + "input w[site] : positive\nplate row {\n  input at : site\n  y ~ Normal(0, w[at])\n}"
    table = pd.DataFrame({"site": list("cab"), "w": [3.0, 1.0, 2.0]})
    np.testing.assert_array_equal(pgmlang.compile(text).bind({"": ROWS, "w": table}).values["w"], [1.0, 2.0, 3.0])


def test_rows_as_an_axis() -> None:
    """What is drawn over the rows of a plate has a column in its table, seen or latent, and inputs along it have one."""
    text = "input e[row] : positive\nl ~ Gamma(5, 5)\ny[row] ~ MultivariateNormal(0, exp_quad(x, 1, l) + diag(e))\nplate row { input x : real }"
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [0.1, -0.2, 0.3], "e": [1.0, 2.0, 3.0]})
    bound = pgmlang.compile(text).bind(rows)
    assert bound.latent == ("l",)
    np.testing.assert_array_equal(bound.values["y"], rows["y"])
    np.testing.assert_array_equal(bound.values["e"], rows["e"])
    assert pgmlang.compile(text).bind(rows, hide=("y",)).latent == ("l", "y")


BAD = {
    "an element twice": (pd.concat([LONG, LONG.iloc[[4]]]), "PGM0717", "`D[b, b]` is given twice"),
    "an element missing": (LONG.drop(index=5), "PGM0717", "`D[c, b]` is not in the table"),
    "a label that is none": (LONG.assign(site=LONG["site"].replace("c", "d")), "PGM0705", "`d` is no label of `site`"),
    "a column of labels missing": (LONG[["site", "D"]], "PGM0720", "no column of labels for each axis"),
    "text for a number": (LONG.astype(str).replace("1.5", "x"), "PGM0721", "x"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_problems(name: str) -> None:
    table, code, says = BAD[name]
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(SITES + MODEL).bind({"": ROWS, "D": table})
    (problem,) = caught.value.diagnostics
    assert problem.code == code
    assert says in problem.message


def test_what_is_not_given() -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(SITES + MODEL).bind(ROWS)
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0718"
    assert "D=D.csv" in problem.help
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(SITES + MODEL).bind({"": ROWS, "D": WIDE.iloc[:2]})
    assert caught.value.diagnostics[0].code == "PGM0717"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(SITES + MODEL).bind({"at": list("abca"), "y": np.ones(4), "D": D[:2]})
    assert caught.value.diagnostics[0].code == "PGM0717"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(SITES + MODEL).bind({"D": WIDE})
    assert caught.value.diagnostics[0].code == "PGM0714"


@pytest.mark.parametrize(
    ("kind", "matrix", "says"),
    [
        ("cholesky_corr", [[1.0, 0.0], [0.6, 0.8]], ""),
        ("cholesky_corr", [[1.0, 0.6], [0.0, 0.8]], "not lower triangular"),
        ("cholesky_corr", [[1.0, 0.0], [0.6, 0.9]], "rows of length one"),
        ("corr", [[1.0, 0.5], [0.5, 1.0]], ""),
        ("corr", [[2.0, 0.5], [0.5, 1.0]], "its diagonal is not one"),
        ("cov", [[1.0, 2.0], [2.0, 1.0]], "not symmetric and positive definite"),
    ],
)
def test_kinds_of_matrices(kind: str, matrix: list[list[float]], says: str) -> None:
    """What is held of a matrix is one of its kind."""
    variable = Variable("m", "random", Type(kind), (), ("k", "k'"))
    found = outside_support(variable, np.array(matrix))
    assert says in found
    assert bool(found) == bool(says)


def test_elements_keep_the_names_that_rows_have_for_them() -> None:
    """An array says nothing of names; its elements are in their order."""
    text = "input K[g, g'] : real\na[g] ~ MultivariateNormal(0, K)\nplate g { plate row { y ~ Normal(a, 1) } }"
    model = pgmlang.compile(text)
    rows = model.bind({"g": ["c", "a", "b"], "y": [1.0, 2.0, 3.0], "K": np.diag([1.0, 2, 3])})
    assert rows.labels["g"] == ("a", "b", "c")
    assert rows.layout.parent("g", "row").tolist() == [2, 0, 1]
