"""How cells are read: each option, said aloud, kept by a fit and applied to new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.binding.read import bind_data
from pgmlang.data import Reading, read_frame
from pgmlang.diagnostics import PgmError


@pytest.mark.parametrize(
    ("cells", "options", "numbers"),
    [
        (["1,234", "5", "12,345.5"], {"thousands": ","}, [1234, 5, 12345.5]),
        (["1.234,5", "-3,25"], {"thousands": ".", "decimal": ","}, [1234.5, -3.25]),
        (["1 234", "1\u00a0234\u00a0567", "7"], {"thousands": " "}, [1234, 1234567, 7]),
        (["1'234.5", "0.5"], {"thousands": "'"}, [1234.5, 0.5]),
        (["$5", "-$6.50", "$-7", "8"], {"unit": {"x": "$"}}, [5, -6.5, -7, 8]),
        (["12 %", "3.5%"], {"unit": "x=%"}, [12, 3.5]),
        (["(100)", " ( 1.5 ) ", "7"], {"accounting": ["x"]}, [-100, -1.5, 7]),
        (
            ["$(1,234.50)", "($2)", "$3"],
            {"accounting": "x", "unit": {"x": "$"}, "thousands": ","},
            [-1234.5, -2, 3],
        ),
        (
            ["4.1M", "2.5k", "1,200 K", "3bn", "7", "-2 mn"],
            {"magnitudes": ["x"], "thousands": {"x": ","}},
            [4100000, 2500, 1.2e6, 3e9, 7, -2e6],
        ),
        (["(1,5 k)", "2"], {"magnitudes": "x", "accounting": "x", "decimal": ","}, [-1500, 2]),
        (["€ 1.200,50", "3 €"], {"unit": {"x": "€"}, "decimal": {"x": ","}, "thousands": {"x": "."}}, [1200.5, 3]),
        (["2024-01-02", "2024-01-03"], {"dates": "x"}, [19724, 19725]),
        (["31.12.1970", "01.01.1970"], {"dates": {"x": "%d.%m.%Y"}}, [364, 0]),
        (["4", "?", "-", "5"], {"na": ["?", "x=-"]}, [4, np.nan, np.nan, 5]),
    ],
)
def test_numbers(cells: list[str], options: dict[str, Any], numbers: list[float]) -> None:
    frame = read_frame({"x": cells}, **options)
    np.testing.assert_allclose(frame.columns["x"].numbers(), numbers)
    assert frame.notes


@pytest.mark.parametrize("cell", ["1,23", "12,3456", ",123", "1,234,5", "1,,234"])
def test_groups_have_three_digits(cell: str) -> None:
    with pytest.raises(PgmError, match="PGM0721"):
        read_frame({"x": [cell]}, thousands=",").columns["x"].numbers()


@pytest.mark.parametrize("cell", ["2024-02-30", "24-01-02", "2024-01-02x", "yesterday"])
def test_what_is_no_date_is_said(cell: str) -> None:
    with pytest.raises(PgmError) as caught:
        read_frame({"x": ["2024-01-02", cell]}, dates={"x": "%Y-%m-%d"})
    assert caught.value.diagnostics[0].place == "data:2:x"


def test_days_and_months_are_not_guessed() -> None:
    with pytest.raises(PgmError, match="several ways"):
        read_frame({"x": ["01/02/2024", "03/04/2024"]}, dates="x")
    assert read_frame({"x": ["01/02/2024", "13/04/2024"]}, dates="x").reading.dates == (("x", "%d/%m/%Y"),)


def test_labels() -> None:
    cells = ["Male", " male", "M", "female", "FEMALE", "?", "cafe\u0301"]
    frame = read_frame({"x": cells}, strip=True, fold_case=True, merge={"M": "male"}, na={"x": "?"})
    assert frame.columns["x"].labels == ("male", "female", "caf\u00e9")
    assert len(frame.notes) == 4


def test_options_are_of_their_columns() -> None:
    frame = read_frame({"x": ["?", "a"], "y": ["?", "b"]}, na=["x=?"], merge=["y:b=c"])
    assert frame.columns["x"].labels == ("a",)
    assert frame.columns["y"].labels == ("?", "c")


@pytest.mark.parametrize(
    "options",
    [
        {"decimal": ";"}, {"thousands": "x"}, {"thousands": "."}, {"decimal": ",", "thousands": ","}, {"merge": "ab"}, {"unit": "x"},
        {"merge": "a=a"}, {"bins": {"x": "0"}}, {"bins": {"x": "[3,2]"}}, {"bins": {"x": "often"}}, {"bins": {"x": 1}},
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(PgmError, match="PGM0612"):
        read_frame({"x": ["1", "2", "3"]}, **options)


MODEL = """
plate row {
  sex : {male, female} ~ Table(prior = 1)
  x ~ Normal(if sex == "male" then 3 else 4, 1)
}
"""


def test_a_fit_reads_new_rows_as_its_own(tmp_path) -> None:
    options = {"decimal": ",", "na": ["?"], "strip": True, "fold_case": True, "merge": {"m": "male"}}
    rows = {"sex": ["Male ", "m", "female", "?"], "x": ["3,5", "2,5", "4,0", "?"]}
    fit = pgmlang.compile(MODEL).fit(rows, method="map", **options)
    fit.save(tmp_path / "m.fit")
    loaded = pgmlang.load(tmp_path / "m.fit")
    new = {"sex": ["MALE", "?", "M"], "x": ["?", "4,5", "3,0"]}
    plain = {"sex": ["male", None, "male"], "x": [None, 4.5, 3.0]}
    np.testing.assert_allclose(loaded.score(new), fit.score(plain))
    np.testing.assert_allclose(
        loaded.score({"sex": ["male"], "x": ["4.5"]}, decimal="."), fit.score({"sex": ["male"], "x": [4.5]})
    )


def test_columns_of_options_must_be_there() -> None:
    model = pgmlang.compile(MODEL)
    with pytest.raises(PgmError, match="PGM0720"):
        model.bind({"sex": ["male"], "x": [1.0]}, unit={"y": "€"})


def test_a_reading_is_plain_data() -> None:
    reading = Reading.of(
        decimal=",",
        thousands={"x": " "},
        na={"x": ["?", "-"], "": ["NA"]},
        merge={"a": "b"},
        bins={"x": [1, 2.5]},
        dates="d",
        strip=True,
    )
    assert Reading.of_json(reading.to_json()) == reading
    assert Reading.of(**reading.keywords()) == reading
    assert "--bins" in reading.flags()


def test_an_encoding_is_of_one_file(tmp_path) -> None:
    """Said where UTF-8 does not do; a byte order mark says it better; a fit does not keep it."""
    rows = "sex,x\nm\u00e4nnlich,3.5\nweiblich,4\n"
    latin, marked, plain = (tmp_path / f"{n}.csv" for n in ("latin", "marked", "plain"))
    latin.write_bytes(rows.encode("cp1252"))
    marked.write_bytes(rows.encode("utf-16"))
    plain.write_text(rows, encoding="utf-8")
    with pytest.raises(PgmError) as caught:
        read_frame(latin)
    assert "--encoding cp1252" in caught.value.diagnostics[0].help
    labels = read_frame(plain).columns["sex"].labels
    assert read_frame(latin, encoding="cp1252").columns["sex"].labels == labels
    assert read_frame(marked, encoding="cp1252").columns["sex"].labels == labels
    model = pgmlang.compile("plate row {\n  sex : {...} ~ Table(prior = 1)\n}\n")
    fit = model.fit(latin, encoding="cp1252")
    np.testing.assert_allclose(fit.score(plain), fit.score(latin, encoding="cp1252"))


@pytest.mark.parametrize("name", ["hex", "no such", "rot13"])
def test_what_is_no_encoding_is_refused(name: str) -> None:
    with pytest.raises(PgmError, match="PGM0612"):
        read_frame({"x": ["1"]}, encoding=name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"merge": {"sex": {"Mal": "m"}}}, "no cell of `sex` is `Mal`: `--merge sex:Mal=m` changes nothing (did you mean `Male`?)"),
        ({"merge": ["sex:Mal=m"]}, "no cell of `sex` is `Mal`: `--merge sex:Mal=m` changes nothing (did you mean `Male`?)"),
        ({"merge": ["x=y"]}, "no cell is `x`: `--merge x=y` changes nothing"),
        ({"na": ["?", "n=-9"]}, "no cell of `n` is `-9`: `--na n=-9` changes nothing"),
    ],
)  # fmt: skip
def test_a_text_that_no_cell_is_is_said(options: dict[str, Any], said: str) -> None:
    assert said in read_frame({"sex": ["Male", "f", "?"], "n": [1, 2, 3]}, **options).notes


def test_texts_that_some_cell_is_are_not_said() -> None:
    columns = {"sex": ["Male ", "f", "?"], "n": [1, 2, -9], "b": ["u", "v", "Male"]}
    frame = read_frame(
        columns,
        na=["?", "-9"],
        merge={"sex": {"Male": "m"}, "": {"F": "w"}, "n": {"2": "3"}},
        strip=True,
        fold_case=True,
    )
    assert not [note for note in frame.notes if "changes nothing" in note]


def test_new_rows_need_not_have_what_a_fit_merges() -> None:
    rows, new = {"sex": ["m", "male", "female"], "x": [3.5, 2.5, 4.0]}, {"sex": ["male"], "x": [1.0]}
    reading = Reading.of(merge={"m": "male"})
    fit = pgmlang.compile(MODEL).fit(rows, method="map", merge={"m": "male"})
    assert not bind_data(fit.model, new, kept=reading).notes
    assert "changes nothing" in bind_data(fit.model, new, merge={"m": "male"}).notes[0]
    assert np.isfinite(fit.score(new))
