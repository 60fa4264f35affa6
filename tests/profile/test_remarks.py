"""Remarks: each on what it is about, on nothing else, and the option that it offers mends it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.data import read_frame
from pgmlang.profile import REMARKS, Remark, RemarkKind, profile, register, remarks_on

R = np.random.default_rng(0)
MANY = [f"w{i}" for i in range(40)]
CASES: dict[str, dict[str, list[Any]]] = {
    "encodings": {"city": ["MÃ¼nchen", "Köln"] * 10},
    "names": {"a b": [1, 2, 3], "if": [1.5, 2.5, 2.5]},
    "duplicates": {"a": ["x", "y", "z"] * 5, "b": ["1", "2", "3"] * 5, "c": [str(i % 4) for i in range(15)]},
    "constant": {"a": ["x"] * 9, "b": [None] * 9, "c": ["u", "v", "w"] * 3},
    "missing-words": {"a": ["1", "2", "?", "4", "5", "6", "7", "8", "9", "10"]},
    "missing-codes": {"a": [*R.normal(40, 10, 50).round().tolist(), 999.0, 999.0]},
    "number-marks": {"a": ["1,234", "22,000", "7", "1,000,000"] * 3},
    "mixed-types": {"a": [*map(str, range(40)), "around 7"]},
    "near-labels": {"a": ["male", "Male", "female", "female "] * 5},
    "outliers": {"a": [*R.normal(40, 1, 99).round(2).tolist(), 400.25]},
    "dates": {"a": [f"2024-03-{d:02d}" for d in range(1, 20)]},
    "identifiers": {"a": MANY, "b": [f"g{i % 25}" for i in range(40)]},
    "coded-numbers": {"zip": ["101", "250", "377"] * 20},
    "one-hot": {f"c_{j}": [int(i % 3 == j) for i in range(30)] for j in range(3)},
    "zeros": {"n": [0] * 60 + [3, 4, 5, 6, 7, 5, 4, 5] * 5, "x": [float(x) for x in range(100)]},
    "counts": {"sex": ["m", "m", "f", "f"], "ill": ["y", "n", "y", "n"], "n": [3, 7, 9, 12]},
}


def kinds_on(columns: dict[str, list[Any]], **options: Any) -> set[str]:
    return {r.kind for r in pgmlang.describe(columns, **options).remarks}


def test_every_kind_has_a_case() -> None:
    assert set(CASES) == {name for name in REMARKS if not name.startswith("toy")}


@pytest.mark.parametrize("kind", CASES)
def test_a_remark_is_made(kind: str) -> None:
    assert kind in kinds_on(CASES[kind])


@pytest.mark.parametrize(
    "kind", ["missing-words", "missing-codes", "number-marks", "mixed-types", "near-labels", "outliers", "dates"]
)
def test_its_options_mend_it(kind: str) -> None:
    columns = CASES[kind]
    for remark in pgmlang.describe(columns).remarks:
        if remark.kind == kind:
            again = pgmlang.describe(columns, **remark.options.keywords())
            assert remark.message not in {r.message for r in again.remarks}, remark


def test_a_clean_table_has_none() -> None:
    columns = {
        "height": R.normal(170, 8, 60).round(1).tolist(),
        "sex": ["male", "female"] * 30,
        "visits": R.poisson(3, 60).tolist(),
    }
    assert not pgmlang.describe(columns).remarks


@pytest.mark.parametrize(
    ("labels", "merged"),
    [
        (["yes", "Yes", "no"], {"Yes": "yes"}),
        (["Y", "yes", "no", "n"], {"Y": "yes", "n": "no"}),
        (["1", "1.0", "x", "2"], {"1.0": "1"}),
        (["caf\u00e9", "cafe\u0301", "bar"], {}),
    ],
)
def test_nearly_equal_labels_become_one(labels: list[str], merged: dict[str, str]) -> None:
    columns = {"a": [labels[0], *labels] * 6}
    described = pgmlang.describe(columns)
    reading: dict[str, Any] = {}
    for remark in described.remarks:
        if remark.kind == "near-labels":
            reading |= remark.options.keywords()
    frame = read_frame(columns, **reading)
    assert len(frame.columns["a"].labels) == len(labels) - max(1, len(merged))
    for old in merged:
        assert old not in frame.columns["a"].labels


def test_remarks_name_lines(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n2\n?\n4\n5\n6\n7\n8\n9\n10\n")
    (remark,) = [r for r in pgmlang.describe(str(path)).remarks if r.kind == "missing-words"]
    assert remark.rows == (4,)
    assert remark.flags == "--na 'a=?'"


def test_a_remark_from_outside() -> None:
    """Another kind is one row: `describe` says it."""

    def look(table):
        for column in table.columns.values():
            if "?" in column.name:
                yield Remark("toy-question", (column.name,), "a name that asks", cure="do not ask")

    register(RemarkKind("toy-question", "names that ask", look))
    try:
        assert "a name that asks" in str(pgmlang.describe({"why?": [1, 2, 3]}))
        with pytest.raises(ValueError, match="toy-question"):
            register(RemarkKind("toy-question", "", look))
    finally:
        del REMARKS["toy-question"]


def test_every_column_has_a_kind() -> None:
    frame = read_frame({"a": [1.5, None], "b": ["x", "y"], "c": [None, None], "d": [True, False]})
    assert all(c.kind for c in profile(frame).columns.values())
    assert isinstance(remarks_on(profile(frame)), tuple)


SPELLINGS = (
    "yes",
    "Yes",
    "YES",
    "Y",
    "y ",
    " yes",
    "no",
    "No ",
    "N",
    "n",
    "No",
    "maybe",
    "Maybe",
    "0",
    "1",
    "caf\u00e9",
    "cafe\u0301",
)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("many", [False, True])
def test_what_is_sure_leaves_nothing_to_say(seed: int, many: bool) -> None:
    """Labels read by all sure options together: no spelling of one label is left, and none is made anew."""
    from pgmlang.profile import sure_options

    r = np.random.default_rng(seed)
    columns = {c: r.choice(r.choice(SPELLINGS, 8, replace=False), 60).tolist() for c in ("a", "b")}
    if many:  # so many that case is folded in all columns
        columns["b"] = [f"{'Street' if r.random() < 0.5 else 'street'} {i % 12}" for i in range(60)]
    said = pgmlang.describe(columns)
    sure = sure_options(said.remarks, said.profile)
    again = pgmlang.describe(columns, **sure.keywords())
    assert not [x for x in again.remarks if x.kind == "near-labels" and x.is_sure], str(again)
    assert "0 or 1" not in str(sure.merge)
    for name, column in read_frame(columns, **sure.keywords()).columns.items():
        keys = {t.strip().casefold() for t in column.labels}
        assert len(keys) == len(column.labels), (name, column.labels)
        assert not {"y", "yes"} <= keys
        assert not {"n", "no"} <= keys


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"a": ["8,115", "6,746", "0,655"]}, "--decimal a=,"),
        ({"a": ["1,234", "6,746", "3,655"], "b": ["0,5", "1,25", "3,5"]}, "--decimal a=, --decimal b=,"),
        ({"a": ["1,234", "6,746", "3,655"], "b": ["1.234,5", "1.250", "3,5"]}, "--decimal a=, --decimal b=, --thousands b=."),
        ({"a": ["1,234", "6,746", "3,655"], "b": ["0.5", "1.25", "3.5"]}, "--thousands a=,"),
        ({"a": ["1,234", "6,746", "1,003,655"]}, "--thousands a=,"),
        ({"a": ["1,234", "6,746", "3,655"]}, ""),
        ({"a": ["$1,234", "$6,746", "$3,655"]}, "--thousands a=, --unit 'a=$'"),
        ({"a": ["1,234", "6,746", "3,655"], "b": ["0.5", "1.25", "3.5"], "c": ["0,5", "1,25", "3,5"]}, "--decimal c=,"),
        ({"a": ["1\u2019234", "\u22123'000", "10\u2019500"]}, "--thousands 'a='\"'\"''"),
    ],
)  # fmt: skip
def test_which_mark_is_decimal_is_said_by_the_whole_table(columns: dict[str, list[Any]], advice: str) -> None:
    assert pgmlang.describe(columns).to_dict()["options"] == advice


def test_what_no_cell_says_is_open() -> None:
    columns = {"a": ["1,234", "6,746", "3,655"], "b": [1.0, 2.0, 4.0]}
    (remark,) = [r for r in pgmlang.describe(columns).remarks if r.kind == "number-marks"]
    assert "1234 to 6746" in remark.message
    assert "1.234 to 6.746" in remark.message
    first = pgmlang.init(columns, "b")
    assert "# a: its comma parts thousands" in first.text
    assert not first.binding
    with pytest.raises(pgmlang.PgmError, match="PGM0602"):
        pgmlang.init(columns, "a")


def test_points_beside_decimal_commas_may_part_thousands() -> None:
    columns = {"a": ["23.000", "53.000", "7.500"], "b": ["1,5", "2,5", "1.234,5"], "c": ["x", "y", "x"]}
    (remark,) = [r for r in pgmlang.describe(columns).remarks if r.columns == ("a",)]
    assert remark.flags == "--decimal a=, --thousands a=."
    assert not remark.is_sure
    assert read_frame(columns, **remark.options.keywords()).columns["a"].labels
    assert "# a: read with decimal points" in pgmlang.init(columns).text


def test_semicolons_speak_for_decimal_commas(tmp_path: Any) -> None:
    for sep, advice in ((";", "--decimal a=,"), ("\t", "")):
        path = tmp_path / "t.csv"
        path.write_text(
            "\n".join(sep.join(row) for row in (["a", "b"], ["1,234", "x"], ["7,111", "y"], ["2,345", "x"])) + "\n"
        )
        assert pgmlang.describe(str(path)).to_dict()["options"] == advice


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (["(100)", "250", "(30)", "7"] * 3, "--accounting a"),
        (["(1,383.07)", "20.50", "1,155.67"] * 3, "--thousands a=, --accounting a"),
        (["$(5)", "$6", "$7.50"] * 3, "--accounting a --unit 'a=$'"),
        (["1.2M", "300k", "950"] * 3, "--magnitudes a"),
        (["12k", "300k", "950k"] * 3, "--magnitudes a"),
        (["$1.2bn", "$300M"] * 3, "--magnitudes a --unit 'a=$'"),
        (["30m", "20m", "7.5m"] * 3, "--unit a=m"),  # metres
        (["300 K", "270 K"] * 3, "--unit a=K"),  # kelvins
        (["(1)", "(2)", "(3)"] * 3, ""),  # a way to number things
        (["12-05-21", "30-11-19"] * 3, ""),
    ],
)
def test_how_numbers_are_written(cells: list[str], advice: str) -> None:
    columns = {"a": cells}
    description = pgmlang.describe(columns)
    assert description.to_dict()["options"] == advice
    if advice:
        assert pgmlang.init(columns).binding == {
            k: v for r in description.remarks if r.is_sure for k, v in r.options.keywords().items()
        }


def test_two_digit_years() -> None:
    (remark,) = [
        r for r in pgmlang.describe({"a": ["14-09-21", "02-12-19", "30-01-20"]}).remarks if r.kind == "dates"
    ]
    assert remark.flags == "--dates a=%d-%m-%y"
    frame = read_frame({"a": ["14-09-21"]}, dates={"a": "%d-%m-%y"})
    assert frame.columns["a"].numbers()[0] == np.datetime64("2021-09-14").astype(int)


def test_stray_blanks_are_said_though_they_meet_no_other_label() -> None:
    columns = {"a": ["Energy ", "Retail"] * 5}
    (remark,) = [r for r in pgmlang.describe(columns).remarks if r.kind == "near-labels"]
    assert (remark.flags, remark.is_sure) == ("--strip", True)
    assert "{Energy, Retail}" in pgmlang.init(columns).text


def test_a_narrow_screen_wraps_what_is_said_and_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {
        "amount due": [*["$1,234.50", "$22,000.00", "?"] * 9, "around 7"],
        "name": ["Energy ", "Energy"] * 14,
    }
    monkeypatch.delenv("COLUMNS", raising=False)
    described = pgmlang.describe(columns)
    long = str(described)
    monkeypatch.setenv("COLUMNS", "60")
    narrow = str(described)
    options = [r.flags for r in described.remarks if r.flags]
    assert options
    assert all(any(line.strip().rstrip(":").startswith(o) for line in narrow.splitlines()) for o in options)
    typed = (*options, described.to_dict()["options"])
    assert all(len(line) <= 60 for line in narrow.splitlines() if not any(o in line for o in typed))
    assert " ".join(narrow.split("remarks")[1].split()) == " ".join(long.split("remarks")[1].split())


def _near(cells: list[str]) -> list[tuple[tuple[tuple[str, str, str], ...], bool]]:
    columns = {"c": cells, "row": list(map(str, range(len(cells))))}
    return [(r.options.merge, r.is_sure) for r in pgmlang.describe(columns).remarks if r.columns == ("c",)]


@pytest.mark.parametrize(
    "codes",
    [["1_0", "10", "x"], ["007", "7", "x"], ["1E2", "100", "x"], ["inf", "Infinity", "x"], ["0x10", "16", "x"],
     ["1234567890123456", "1234567890123457", "x"]],
)  # fmt: skip
def test_codes_are_not_read_as_numbers(codes: list[str]) -> None:
    assert not _near(codes * 6)


@pytest.mark.parametrize("cells", [["A", "a"] * 9, ["AA", "Aa", "aa"] * 9, ["1.1", "1.10", "2.0-b"] * 9])
def test_what_may_be_two_labels_is_not_merged_for_sure(cells: list[str]) -> None:
    remarks = _near(cells)
    assert [is_sure for _, is_sure in remarks] == [False]


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "1.0", "+1", "x"] * 6,
        ["M"] * 40 + ["F"] * 40 + ["m"] * 3,
        ["Male", "male", "M", "m"] * 9,
        ["Y", "y", "N", "n"] * 9,
    ],
)
def test_spellings_of_one_label_are_merged_for_sure(cells: list[str]) -> None:
    assert any(is_sure for _, is_sure in _near(cells))


def test_numbers_say_the_same_by_their_values_alone() -> None:
    r = np.random.default_rng(0)
    columns = {"level": [1, 2, 3, 4] * 50, "dose": [0, 1, 10, 100] * 50}
    table = columns | {"y": (0.2 * np.array(columns["dose"]) + r.normal(size=200)).tolist()}
    assert not [x for x in pgmlang.describe(table).remarks if x.kind == "duplicates"]
    text = pgmlang.init(table, "y").text
    assert "input level" in text
    assert "input dose" in text
    # equal numbers, and multiples of them, do, be they two or many
    for other in ([1.0, 2.0, 3.0, 4.0] * 50, [10, 20, 30, 40] * 50):
        assert {"level", "z"} <= {c for x in pgmlang.describe(columns | {"z": other}).remarks for c in x.columns}
    bits = {"a": [0, 1, 1, 0, None] * 40, "b": [2, 1, 1, 2, None] * 40}
    assert [x.kind for x in pgmlang.describe(bits).remarks] == ["duplicates"]


def test_labels_that_tell_the_same_rows_apart_stay_for_numbers() -> None:
    table = {"level": [1, 2, 3, 4] * 50, "dose": [0, 1, 10, 100] * 50, "name": list("abcd") * 50}
    said = {x.columns for x in pgmlang.describe(table).remarks if x.kind == "duplicates"}
    assert said == {("level", "name"), ("dose", "name")}
    table["y"] = np.random.default_rng(1).normal(size=200).tolist()
    text = pgmlang.init(table, "y").text
    assert "input name" in text
    assert "input level" not in text
    assert "input dose" not in text


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["2024-01-02 10:00", "2024-01-02 09:00", "2024-01-01 08:00", "NA"],
         "2024-01-01 08:00 … 2024-01-02 10:00, 3 different, on 2 days"),
        (["02.01.2024", "n/a", "01.01.2023"], "01.01.2023 … 02.01.2024, 2 days"),
        ([f"2024-01-0{1 + h // 24} {h % 24:02d}:00" for h in range(48)],
         "2024-01-01 00:00 … 2024-01-02 23:00, 48 different, on 2 days"),
    ],
)  # fmt: skip
def test_dates_are_told_from_the_earliest_to_the_latest(cells: list[str], values: str) -> None:
    assert pgmlang.describe({"t": cells * 2}).rows[0]["values"] == values


@pytest.mark.parametrize(
    "options", [{"na": "?"}, {"strip": True}, {"decimal": ","}, {"merge": {"u": "v"}}, {"bins": {"a": 3}}]
)
def test_numbers_get_no_labels_that_nobody_asks_for(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgmlang.data import NumberColumn

    def refuse(column: Any, value: float) -> str:
        raise AssertionError("a label was written")

    monkeypatch.setattr(NumberColumn, "text_of", refuse)
    table = {name: R.normal(size=100).tolist() for name in "abc"}
    read_frame(table, **options)
    str(pgmlang.describe(table))
    pgmlang.init(table, "a")
