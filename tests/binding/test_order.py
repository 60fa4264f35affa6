"""Where an order is needed, text does not give one (PGM0722), and what else a chain refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

CHAIN = "m ~ Normal(0, 1)\nplate t = chain { y ~ if first then Normal(0, 1) else Normal(prev(y) + m, 1) }\n"
NESTED = "m ~ Normal(0, 1)\nplate who { plate t = chain { y ~ if first then Normal(0, 1) else Normal(prev(y) + m, 1) } }\n"
ORDERED = [
    ["1", "2", "10"],
    ["2026-01-02", "2026-01-10", "2026-02-01"],
    ["2026-01", "2026-02", "2027-01"],
    ["2026-W01", "2026-W09", "2026-W10"],
    ["2026-01-02T09:00", "2026-01-02T10:00", "2026-01-03T08:00"],
    ["09:00", "09:30", "10:00"],
    ["2026-01-02 09:00:00Z", "2026-01-02 09:00:01Z", "2026-01-02 10:00:00Z"],
]
UNORDERED = [
    ["t1", "t2", "t10"],
    ["1st", "2nd", "10th"],
    ["01.02.2026", "02.01.2025", "03.01.2025"],
    ["01/02/2026", "02/01/2025", "03/01/2025"],
    ["2/1/2026", "10/1/2026", "11/1/2026"],
    ["Jan", "Feb", "Mar"],
    ["2026-1-2", "2026-1-10", "2026-2-1"],
    ["2026-13-01", "2026-13-02", "2026-13-03"],
    ["2026-02-30", "2026-03-01", "2026-03-02"],
    ["9:00", "9:30", "10:00"],
    ["2026-01-02", "2026-01-02T10:00", "2026-01-03"],
    ["2026-01-02T09:00Z", "2026-01-02T09:30+02:00", "2026-01-02T10:00Z"],
    ["2026-01-02", "2026-02", "2026-03-01"],
    ["a", "b", "c"],
    ["low", "mid", "high"],
]


@pytest.mark.parametrize("steps", ORDERED, ids=lambda s: s[-1])
@pytest.mark.parametrize("turn", [(2, 0, 1), (1, 2, 0), (0, 1, 2)])
def test_times_sort_a_chain(steps: list[str], turn: tuple[int, ...]) -> None:
    y = [0.5, 1.5, 9.0]
    bound = pgmlang.compile(CHAIN).bind({"t": [steps[i] for i in turn], "y": [y[i] for i in turn]})
    assert np.array_equal(np.asarray(bound.values["y"], dtype=float), y)


@pytest.mark.parametrize("steps", UNORDERED, ids=lambda s: s[-1])
@pytest.mark.parametrize("text", [CHAIN, NESTED], ids=["one", "nested"])
def test_text_sorts_nothing(steps: list[str], text: str) -> None:
    data = {"t": steps, "y": [0.5, 1.5, 9.0], **({"who": ["A", "A", "A"]} if text is NESTED else {})}
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).bind(data)
    (problem,) = [d for d in caught.value.diagnostics if d.is_error]
    assert (problem.code, "year-month-day" in problem.help, bool(problem.place)) == ("PGM0722", True, True)


def test_without_the_column_the_order_is_that_of_the_file() -> None:
    bound = pgmlang.compile(CHAIN).bind({"step": ["t10", "t9"], "y": [0.5, 1.5]})
    assert np.array_equal(np.asarray(bound.values["y"], dtype=float), [0.5, 1.5])


ORDINAL = [
    "dim cut[2]\nc[cut] : ordered ~ Normal(0, 5)\nplate row { input x : real\n y : LABELS ~ OrderedLogistic(x, c) }\n",
    "dim level = LABELS\ndim cut[2]\nc[cut] : ordered ~ Normal(0, 5)\nplate row { input x : real\n y : level ~ OrderedLogistic(x, c) }\n",
]
X = [0.1, -1.0, 2.0, 0.3]


@pytest.mark.parametrize(
    "labels",
    [
        ["low", "mid", "high", "mid"],
        ["t9", "t10", "t11", "t9"],
        ["1st", "2nd", "10th", "1st"],
        ["B", "A", "C", "A"],
    ],
)
def test_ordinal_labels_of_an_open_set_are_declared(labels: list[str]) -> None:
    text = ORDINAL[0].replace("LABELS", "{...}")
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).bind({"x": X, "y": labels})
    problems = [d for d in caught.value.diagnostics if d.is_error]
    assert [d.code for d in problems] == ["PGM0722"]
    assert "write the labels in their order" in problems[0].help


@pytest.mark.parametrize("text", ORDINAL)
def test_declared_labels_keep_the_order_of_the_model(text: str) -> None:
    bound = pgmlang.compile(text.replace("LABELS", "{low, mid, high}")).bind(
        {"x": X, "y": ["low", "high", "mid", "low"]}
    )
    assert np.array_equal(bound.values["y"], [0, 2, 1, 0])


def test_numbers_are_their_own_order() -> None:
    bound = pgmlang.compile(ORDINAL[0].replace("LABELS", "{...}")).bind({"x": X, "y": [2, 10, 3, 2]})
    assert np.array_equal(bound.values["y"], [0, 2, 1, 0])


def test_labels_without_an_order_may_be_open() -> None:
    text = "plate row { y : {...} ~ Table() }\n"
    assert pgmlang.compile(text).bind({"y": ["low", "mid", "high"]}).values["y"].tolist() == [1, 2, 0]


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (CHAIN, {"y": [1, 2, 3], "n": [1, 2, 1]}, {"counts": "n"}, "PGM0716"),
    (CHAIN, {"y": [1, 2, 3], "n": [2, 2, 2]}, {"counts": "n"}, "PGM0716"),
    (NESTED, {"who": ["A", "A", "B"], "y": [1, 2, 3], "n": [1, 2, 1]}, {"counts": "n"}, "PGM0716"),
    (CHAIN, {"t": [1, 2, 2], "y": [1, 2, 3]}, {}, "PGM0706"),
    (NESTED, {"who": ["A", "A", "A"], "t": [1, 2, 2], "y": [1, 2, 3]}, {}, "PGM0706"),
    (CHAIN, {"t": [1, None, 2], "y": [1, 2, 3]}, {}, "PGM0710"),
    (NESTED, {"who": ["A", None, "A"], "t": [1, 2, 3], "y": [1, 2, 3]}, {}, "PGM0710"),
    (CHAIN, {"y": [1, None, 3]}, {"missing": "drop"}, "PGM0710"),
]


@pytest.mark.parametrize(("text", "data", "options", "code"), REFUSED)
def test_what_a_chain_refuses(text: str, data: dict[str, Any], options: dict[str, Any], code: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).bind(data, **options)
    problems = [d for d in caught.value.diagnostics if d.is_error]
    assert [d.code for d in problems] == [code]
    assert problems[0].help


def test_positions_may_repeat_in_other_sequences() -> None:
    data = {"who": ["A", "B", "A", "B"], "t": [2, 1, 1, 2], "y": [2.0, 3.0, 1.0, 4.0]}
    assert len(pgmlang.compile(NESTED).bind(data).values["y"]) == 4
