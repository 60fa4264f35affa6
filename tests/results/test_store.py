"""A fit is a folder: round trips, refusals, and never half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.results.load import load_fit
from pgmlang.results.save import save_fit

MODEL = 'plate row { a : {...} ~ Table(prior = 1)\n b : {no, "y\\"e,s"} ~ Table(a) }\n'
DATA = {"a": ["ü", "x,y", "ü", "ü"], "b": ["no", 'y"e,s', "no", None]}


@pytest.fixture
def fit() -> pgmlang.FittedModel:
    return pgmlang.compile(MODEL).fit(DATA, seed=7)


def refused(path: Path) -> str:
    with pytest.raises(PgmError) as caught:
        load_fit(path)
    assert caught.value.diagnostics[0].help or caught.value.diagnostics[0].code == "PGM0903"
    return caught.value.diagnostics[0].code


def test_round_trip_moved_elsewhere(fit: pgmlang.FittedModel, tmp_path: Path) -> None:
    fit.save(tmp_path / "one.fit")
    os.rename(tmp_path / "one.fit", tmp_path / "two.fit")
    again = pgmlang.load(tmp_path / "two.fit")
    assert set(again.params) == set(fit.params)
    for name, array in fit.params.items():
        assert np.array_equal(again.params[name], array), "bitwise equal"
    assert again.record.trace == fit.record.trace
    assert again.record.method == fit.record.method
    assert again.record.provenance["seed"] == 7
    question = 'P(a | b = "y\\"e,s")'
    assert again.query(question).to_dict() == fit.query(question).to_dict()
    assert [w.message for w in again.warnings] == [w.message for w in fit.warnings]


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pgmlang.compile(MODEL).fit(DATA, seed=3).save(tmp_path / name)
    one, two = ((tmp_path / n / "parameters.safetensors").read_bytes() for n in ("a", "b"))
    assert one == two


def test_existing_fits_need_force(fit: pgmlang.FittedModel, tmp_path: Path) -> None:
    fit.save(tmp_path / "m.fit")
    with pytest.raises(PgmError) as caught:
        fit.save(tmp_path / "m.fit")
    assert caught.value.exit_code == 73
    fit.save(tmp_path / "m.fit", force=True)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    with pytest.raises(PgmError):
        fit.save(tmp_path / "precious", force=True)
    assert (tmp_path / "precious" / "thesis.txt").exists()


def test_no_half_written_fit(fit: pgmlang.FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit.save(tmp_path / "m.fit")
    before = sorted(p.name for p in (tmp_path / "m.fit").iterdir())

    def fail(path: Path, data: bytes) -> None:
        if path.name == "fit.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr("pgmlang.results.save._write", fail)
    with pytest.raises(PgmError) as caught:
        save_fit(fit.record, tmp_path / "m.fit", force=True)
    assert caught.value.exit_code == 74
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.fit"], "nothing is left beside it"
    assert sorted(p.name for p in (tmp_path / "m.fit").iterdir()) == before
    pgmlang.load(tmp_path / "m.fit")


def test_ctrl_c_while_saving_leaves_nothing(
    fit: pgmlang.FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pgmlang.results.save._write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_fit(fit.record, tmp_path / "m.fit")
    assert list(tmp_path.iterdir()) == []


def damage(folder: Path, name: str, change: object) -> None:
    path = folder / name
    data = json.loads(path.read_text())
    change(data)  # type: ignore[operator]
    path.write_text(json.dumps(data))


def test_damaged_fits_are_refused_with_a_reason(fit: pgmlang.FittedModel, tmp_path: Path) -> None:
    assert refused(tmp_path / "none.fit") == "PGM0701"
    (tmp_path / "file.fit").write_text("x")
    assert refused(tmp_path / "file.fit") == "PGM0903"
    (tmp_path / "empty.fit").mkdir()
    assert refused(tmp_path / "empty.fit") == "PGM0903"

    def fresh(name: str) -> Path:
        fit.save(tmp_path / name)
        return tmp_path / name

    damage(fresh("a"), "fit.json", lambda d: d.update(schema=99))
    assert refused(tmp_path / "a") == "PGM0904"
    (fresh("b") / "fit.json").write_text("{")
    assert refused(tmp_path / "b") == "PGM0903"
    path = fresh("c") / "parameters.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    assert refused(tmp_path / "c") == "PGM0903"
    path = fresh("d") / "parameters.safetensors"
    path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:])
    assert refused(tmp_path / "d") == "PGM0903"
    damage(fresh("e"), "labels.json", lambda d: d["variables"].update(a=["one"]))
    assert refused(tmp_path / "e") == "PGM0903"
    damage(fresh("f"), "labels.json", lambda d: d.update(variables=3))
    assert refused(tmp_path / "f") == "PGM0903"
    (fresh("g") / "model.pgm").write_text("this is no model(")
    with pytest.raises(PgmError):
        load_fit(tmp_path / "g")


def test_hostile_numbers_are_refused(fit: pgmlang.FittedModel, tmp_path: Path) -> None:
    from safetensors.numpy import load, save

    fit.save(tmp_path / "m")
    path = tmp_path / "m" / "parameters.safetensors"
    arrays = load(path.read_bytes())
    for value in (np.nan, -1.0, 7.0):
        broken = {k: v.copy() for k, v in arrays.items()}
        broken["a.table"].ravel()[0] = value
        path.write_bytes(save(broken))
        assert refused(tmp_path / "m") == "PGM0903"


def test_summary_of_a_table_with_a_prior_is_the_posterior(fit: pgmlang.FittedModel) -> None:
    rows = [r for r in fit.summary() if r["name"] == "a"]
    by_label = {r["label"]: r for r in rows}
    assert by_label["ü"]["mean"] == pytest.approx((3 + 1) / (4 + 2))
    a, b = 4.0, 2.0
    assert by_label["ü"]["sd"] == pytest.approx((a * b / ((a + b) ** 2 * (a + b + 1))) ** 0.5)


def test_times_of_several_sequences_are_no_names_of_rows(tmp_path: Path) -> None:
    text = "a ~ Normal(0, 1)\nplate dog {\n  plate trial = chain { y ~ Normal(a * position(trial), 1) }\n}\n"
    data = {"dog": ["p", "p", "q", "q"], "trial": [1, 2, 1, 2], "y": [0.1, 0.9, 0.2, 1.3]}
    pgmlang.compile(text).fit(data, method="map").save(tmp_path / "one.fit")
    assert pgmlang.load(tmp_path / "one.fit").record.sizes["trial"] == 4
