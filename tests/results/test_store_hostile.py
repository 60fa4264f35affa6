"""Fits of strangers: any label, any damage, and nothing outside of the folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.results.fit import Fit
from pgmlang.results.load import load_fit
from pgmlang.results.save import save_fit
from pgmlang.sema import compile_source

MODEL = "plate row { a : {...} ~ Table(prior = 1)\n b : {no, yes} ~ Table(a) }\n"
text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
number = st.floats(0.0, 1.0).map(lambda p: [p, 1 - p])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fits") / "m.fit"
    pgmlang.compile(MODEL).fit({"a": ["x", "y", "x"], "b": ["no", "yes", "no"]}, seed=1).save(folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "m.fit")
    return tmp_path / "m.fit"


def refused(folder: Path) -> str:
    with pytest.raises(PgmError) as caught:
        load_fit(folder)
    assert caught.value.diagnostics[0].help
    return str(caught.value)


def closed_fit(values: tuple[str, ...], rows: np.ndarray, **more: Any) -> Fit:
    from pgmlang.binding import close_model

    model = close_model(compile_source(MODEL), {"a": values}, {})
    size = len(values)
    parameters = {
        "a.table": np.full(size, 1 / size),
        "b.table": rows,
        "b.counts": rows * 7,
        **more.pop("parameters", {}),
    }
    return Fit(model=model, source=MODEL, method="ml", parameters=parameters, **more)


@given(
    labels=st.lists(text, min_size=1, max_size=5, unique=True),
    data=st.data(),
    trace=st.lists(st.floats(allow_infinity=False, allow_nan=False), max_size=4),
    elements=st.dictionaries(text, st.lists(text, max_size=3), max_size=2),
    seed=st.integers(-(2**70), 2**70),
)
@settings(max_examples=60, deadline=None)
def test_what_is_saved_is_loaded(
    labels: list[str], data: st.DataObject, trace: list[float], elements: dict[str, list[str]], seed: int
) -> None:
    rows = np.array(data.draw(st.lists(number, min_size=len(labels), max_size=len(labels))))
    fit = closed_fit(
        tuple(labels), rows, trace=tuple(trace), labels={k: tuple(v) for k, v in elements.items()},
        provenance={"seed": seed}, options={"tolerance": 1e-9}, status="stopped",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        save_fit(fit, Path(folder) / "x.fit")
        assert os.listdir(folder) == ["x.fit"]
        again = load_fit(Path(folder) / "x.fit")
    assert again.model == fit.model
    assert set(again.parameters) == set(fit.parameters)
    for name, array in fit.parameters.items():
        assert again.parameters[name].dtype == np.float64
        assert again.parameters[name].tobytes() == array.astype(float).tobytes()
    for name in ("source", "method", "options", "labels", "sizes", "trace", "status", "provenance"):
        assert getattr(again, name) == getattr(fit, name)


@pytest.mark.parametrize(
    "labels",
    [
        ("\n", "\r\n", "\t"),
        ("\x00", "\x1b[31m", "\u202e"),
        ("NaN", "null", "-0"),
        ("../../etc/passwd", "${HOME}", "__import__('os')"),
        ("é", "e\u0301"),
        ("🦊", "\U0010ffff", "\ufeff"),
        ('"', "\\", "'"),
    ],
)
def test_hostile_labels(labels: tuple[str, ...], tmp_path: Path) -> None:
    save_fit(closed_fit(labels, np.full((len(labels), 2), 0.5)), tmp_path / "m.fit")
    again = load_fit(tmp_path / "m.fit")
    assert again.model.by_name["a"].type.labels == labels


def test_numbers_without_axes_and_without_an_end(tmp_path: Path) -> None:
    fit = closed_fit(("x",), np.array([[0.5, 0.5]]), trace=(float("-inf"), -1.0), parameters={"s": np.array(2.5)})
    save_fit(fit, tmp_path / "m.fit")
    again = load_fit(tmp_path / "m.fit")
    assert again.parameters["s"].shape == ()
    assert np.isnan(again.trace[0])
    json.loads((tmp_path / "m.fit" / "fit.json").read_text(), parse_constant=lambda c: pytest.fail(c))


def test_the_text_is_kept_to_the_byte(tmp_path: Path) -> None:
    text = MODEL.replace("\n", "\r\n") + "# ü\r\n"
    fit = pgmlang.compile(text).fit({"a": ["x"], "b": ["no"]}, seed=1)
    fit.save(tmp_path / "m.fit")
    assert load_fit(tmp_path / "m.fit").source == text


def test_no_file_holds_a_pickle_or_a_program(saved: Path) -> None:
    assert sorted(p.name for p in saved.iterdir()) == [
        "fit.json",
        "labels.json",
        "model.pgm",
        "parameters.safetensors",
    ]


# ---- damage


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    name=st.sampled_from(["fit.json", "labels.json"]),
    key=st.sampled_from(["schema", "settings", "sizes", "options", "parameters", "warnings", "provenance", "method",
                         "log_likelihood", "status", "variables", "dims", "elements"]),
    value=json_values,
)  # fmt: skip
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_json_is_refused_or_harmless(saved: Path, name: str, key: str, value: Any) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "m.fit"
        shutil.copytree(saved, folder)
        document = json.loads((folder / name).read_text())
        document[key] = value
        (folder / name).write_text(json.dumps(document))
        with suppress(PgmError):
            load_fit(folder)


@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_are_refused_or_harmless(saved: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["fit.json", "labels.json", "parameters.safetensors", "model.pgm"]))
    content = bytearray((saved / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "m.fit"
        shutil.copytree(saved, folder)
        (folder / name).write_bytes(content)
        with suppress(PgmError):
            load_fit(folder)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.pop("a.table"), "`a.table` is missing"),
        (lambda p: p.pop("b.counts"), "`b.counts` is missing"),
        (lambda p: p.update({"b.table": p["b.table"].T.copy()[:1]}), "has shape"),
        (lambda p: p.update({"b.counts": np.zeros(3)}), "has shape"),
        (lambda p: p.update({"b.counts": -p["b.counts"] - 1}), "negative"),
        (lambda p: p.update({"b.table": np.full((2, 2), np.nan)}), "not finite"),
        (lambda p: p.update({"b.counts": np.full((2, 2), np.inf)}), "not finite"),
        (lambda p: p.update({"b.table": np.full((2, 2), 0.9)}), "not probabilities"),
        (lambda p: p.update({"b.table": np.ones((2, 2), dtype=bool)}), "not numbers"),
    ],
)
def test_parameters_are_checked_against_the_model(copy: Path, change: Any, why: str) -> None:
    from safetensors.numpy import load, save

    path = copy / "parameters.safetensors"
    arrays = load(path.read_bytes())
    change(arrays)
    path.write_bytes(save(arrays))
    message = refused(copy)
    assert "PGM0903" in message
    assert why in message


@pytest.mark.parametrize(
    "header",
    [
        {"a.table": {"dtype": "F64", "shape": [2], "data_offsets": [0, 1 << 40]}},
        {"a.table": {"dtype": "F64", "shape": [1 << 60], "data_offsets": [0, 16]}},
        {"a.table": {"dtype": "F64", "shape": [2], "data_offsets": [16, 0]}},
        {"a.table": {"dtype": "F64", "shape": [-2], "data_offsets": [0, 16]}},
        {"a.table": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}},
        {"a.table": 3},
    ],
)
def test_headers_that_lie(copy: Path, header: dict[str, Any]) -> None:
    content = json.dumps(header).encode()
    (copy / "parameters.safetensors").write_bytes(len(content).to_bytes(8, "little") + content + b"\0" * 16)
    assert "PGM0903" in refused(copy)
    (copy / "parameters.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + content)
    assert "PGM0903" in refused(copy)


def test_links_out_of_the_folder_are_not_followed(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("token = 1")
    (copy / "model.pgm").unlink()
    (copy / "model.pgm").symlink_to(tmp_path / "secret")
    message = refused(copy)
    assert "is a link" in message
    assert "token" not in message


# ---- writing


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError()])
@pytest.mark.parametrize("nth", range(1, 4))
def test_a_failing_rename_leaves_the_old_fit(
    copy: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, nth: int
) -> None:
    fit = load_fit(copy)
    before = {p.name: p.read_bytes() for p in copy.iterdir()}
    calls, real = [], os.replace

    def failing(a: Any, b: Any) -> None:
        calls.append(b)
        if len(calls) == nth:
            raise error
        real(a, b)

    monkeypatch.setattr(os, "replace", failing)
    if nth < 3:
        with pytest.raises((PgmError, KeyboardInterrupt, RuntimeError)):
            save_fit(fit, copy, force=True)
    else:
        save_fit(fit, copy, force=True)
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == before
    assert [p.name for p in copy.parent.iterdir()] == ["m.fit"]


def test_places_that_cannot_be_written(copy: Path, tmp_path: Path) -> None:
    fit = load_fit(copy)
    (tmp_path / "file").write_text("x")
    for bad in (tmp_path / "file" / "m.fit", tmp_path / ("x" * 300)):
        with pytest.raises(PgmError) as caught:
            save_fit(fit, bad)
        assert caught.value.diagnostics[0].code == "PGM0901"
        assert caught.value.diagnostics[0].help
    with pytest.raises(PgmError) as caught:
        save_fit(fit, tmp_path / "file", force=True)
    assert caught.value.diagnostics[0].code == "PGM0902"


def test_an_empty_folder_is_replaced_with_force_only(copy: Path, tmp_path: Path) -> None:
    fit = load_fit(copy)
    (tmp_path / "new").mkdir()
    with pytest.raises(PgmError) as caught:
        save_fit(fit, tmp_path / "new")
    assert caught.value.diagnostics[0].code == "PGM0902"
    save_fit(fit, tmp_path / "new", force=True)
    assert load_fit(tmp_path / "new").model == fit.model


def test_a_folder_that_appears_meanwhile_is_kept(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pgmlang.results.save as save

    real = save._sync_folder

    def meanwhile(folder: Path) -> None:
        if not (tmp_path / "new").exists():
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "thesis.txt").write_text("years")
        real(folder)

    monkeypatch.setattr(save, "_sync_folder", meanwhile)
    with pytest.raises(PgmError):
        save_fit(load_fit(copy), tmp_path / "new")
    assert (tmp_path / "new" / "thesis.txt").read_text() == "years"


def test_permissions_follow_the_umask(copy: Path, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        save_fit(load_fit(copy), tmp_path / "private.fit")
    finally:
        os.umask(old)
    assert (tmp_path / "private.fit").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "private.fit" / "labels.json").stat().st_mode & 0o777 == 0o600


# ---- summaries


def test_summary_of_tables_without_a_prior() -> None:
    counts = np.array([[3.0, 1.0], [0.0, 0.0]])
    table = np.array([[0.75, 0.25], [0.5, 0.5]])
    fit = closed_fit(("x", "y"), table, parameters={"b.counts": counts})
    rows = [r for r in pgmlang.api.FittedModel.of(fit).summary() if r["name"] == "b"]
    assert rows[0] == {
        "name": "b", "given": {"a": "x"}, "label": "no", "mean": 0.75, "count": 3.0,
        "sd": pytest.approx((0.75 * 0.25 / 4) ** 0.5),
    }  # fmt: skip
    assert [r["sd"] for r in rows[2:]] == [None, None], "no row, no sd"
    json.dumps(rows, allow_nan=False)


def test_summary_of_params_names_their_labels() -> None:
    model = compile_source("dim f = {h, w}\nparam m[f] : real\nplate row { x[f] ~ Normal(m, 1) }\n")
    fit = Fit(model=model, source="", method="ml", parameters={"m": np.array([1.0, 2.0])})
    assert [(r["name"], r["mean"]) for r in pgmlang.api.FittedModel.of(fit).summary()] == [
        ("m[h]", 1.0),
        ("m[w]", 2.0),
    ]
