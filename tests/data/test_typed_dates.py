"""Dates, times and durations that the source holds as such, and texts by ISO 8601: days since 1970-01-01."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pgmlang
from pgmlang import PgmError
from pgmlang.data import read_frame
from pgmlang.data.bridge import strings_of
from pgmlang.data.date_formats import ISO, formats_of, parse_dates

pandas = pytest.importorskip("pandas")

TIMES = [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2, 12, 30, 0, 250_000), None]
DAYS = np.array([18262.0, 18263 + (12.5 * 3600 + 0.25) / 86400, np.nan])


def numbers(source, **options):
    return read_frame(source, **options).column("x").numbers()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "America/St_Johns"])
def test_times_of_every_unit_and_zone_are_days_in_utc(unit, zone):
    whole = pa.array([0, 1_577_836_800, 1_577_968_200, None]).cast(pa.timestamp("s", "UTC"))
    table = pa.table({"x": whole.cast(pa.timestamp(unit, zone) if zone else pa.timestamp(unit))})
    for how in ("x", ["x"], {"x": "%Y-%m-%d"}, {"x": ISO}):
        np.testing.assert_allclose(numbers(table, dates=how), [0, 18262, 18262 + 131_400 / 86400, np.nan])


def test_dates_out_of_pandas_parquet_numpy_and_python(tmp_path):
    frame = pandas.DataFrame({"x": pandas.to_datetime(pandas.Series(TIMES))})
    pq.write_table(pa.table({"x": TIMES}), tmp_path / "t.parquet")
    berlin = frame.assign(x=frame.x.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"))
    for source in (frame, berlin, str(tmp_path / "t.parquet"), {"x": TIMES}, {"x": np.array(TIMES, "M8[us]")}):
        np.testing.assert_allclose(numbers(source, dates="x"), DAYS, rtol=0, atol=1e-9)
    for unit, days in (("D", [0, 31]), ("M", [0, 31]), ("h", [0, 1 / 24]), ("W", [0, 7]), ("Y", [0, 365])):
        places = np.array([0, 31 if unit == "D" else 1])
        np.testing.assert_allclose(numbers({"x": places.astype(f"M8[{unit}]")}, dates="x"), days)
    np.testing.assert_allclose(numbers({"x": [dt.date(1970, 1, 2), None]}, dates="x"), [1, np.nan])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_days_and_said(unit):
    seconds = pa.array([86400, 43200, None]).cast(pa.duration("s"))
    frame = read_frame(pa.table({"x": seconds.cast(pa.duration(unit))}))
    np.testing.assert_allclose(frame.column("x").numbers(), [1, 0.5, np.nan])
    assert frame.notes == ("the durations of `x` read as days",)


def test_durations_of_arrays_are_days_and_said_of_a_binding():
    model = pgmlang.compile("model m\nparam mu : real\nplate row { x ~ Normal(mu, 1.0) }\n")
    for values in (
        np.array([24, 48], "m8[h]"),
        pandas.to_timedelta([1, 2], unit="D"),
        [dt.timedelta(1), dt.timedelta(2)],
    ):
        bound = model.bind({"x": values})
        np.testing.assert_allclose(bound.values["x"], [1, 2])
        assert bound.notes == ("the durations of `x` read as days",)


def test_dates_without_the_option_are_no_numbers_and_say_which_it_is():
    model = pgmlang.compile("model m\nparam mu : real\nplate row { x ~ Normal(mu, 1.0) }\n")
    for values in (pandas.Series(TIMES), ["2020-01-01", "2020-02-01"], ["01.02.2020", "01.03.2020"]):
        with pytest.raises(PgmError, match=r"give `dates=\['x'\]`, which reads them as days"):
            model.bind({"x": values})


def test_describe_calls_typed_times_dates_and_says_the_option():
    said = pgmlang.describe({"x": [dt.datetime(2020, 1, day, 6) for day in (1, 2, 3)], "y": [1.5, 2.5, 9.0]})
    assert said.rows[0]["kind"] == "date"
    assert any(r.flags == "--dates x" for r in said.remarks)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2020-01-01", 18262),
        ("2020-01-01T00:00:00.000000", 18262),
        ("2020-01-01 06:00", 18262.25),
        ("2020-01-01T06:00:00Z", 18262.25),
        ("2020-01-01T06:00:00+06:00", 18262),
        ("2020-01-01T06:00:00.5-0330", 18262 + (9.5 * 3600 + 0.5) / 86400),
        ("2020-01-01 06:00:00+02", 18262 + 4 / 24),
    ],
)
def test_iso_texts(text, days):
    values, bad = parse_dates(strings_of([text, None]), ISO)
    np.testing.assert_allclose(values, [days, np.nan], rtol=0, atol=1e-9)
    assert not bad.any()
    np.testing.assert_allclose(numbers({"x": [text, "2020-01-01T00:00:00.25+01:00"]}, dates="x")[0], days)


def test_what_iso_texts_are_not():
    texts = strings_of(["2020-02-30", "2020-01-01T25:00", "2020-1-1", "soon", "2020-01-01T", "2020-13-01"])
    assert parse_dates(texts, ISO)[1].all()
    assert formats_of(strings_of(["2020-01-01", "soon at noon"])) == []


def test_a_fit_of_typed_dates_reads_new_rows_of_texts():
    model = pgmlang.compile("model m\nm ~ Normal(18000, 1000)\nplate row { x ~ Normal(m, 1.0) }\n")
    fit = model.fit({"x": TIMES[:2]}, dates="x", seed=1)
    np.testing.assert_allclose(fit.bind({"x": ["2020-01-01", "2020-01-02"]}).values["x"], [18262, 18263])
