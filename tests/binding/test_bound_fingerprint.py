"""The fingerprint of a table bound in blocks is that of the table bound whole, and of no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.binding.bound_fingerprint import _rounded, bound_fingerprint

ROWS = 23
MODELS = {
    "open labels": "plate row {\n  a : {...} ~ Table()\n  b : {...} ~ Table(a)\n}\n",
    "counts": "plate row {\n  a : {...} ~ Table()\n}\n",
    "an outer input": ("plate school {\n  input size : real\n  plate pupil {\n    a : {...} ~ Table()\n  }\n}\n"),
    "two outer plates": (
        "plate district {\n  plate school {\n    plate pupil {\n      a : {...} ~ Table()\n    }\n  }\n}\n"
    ),
}


def table(folder: Path, change: int | None = None) -> Path:
    rng = np.random.default_rng(3)
    schools = rng.integers(0, 4, ROWS)
    lines = ["a,b,w,district,school,size"]
    for i, school in enumerate(schools):
        label = rng.choice(["x", "yy", "z"])
        if i == change:
            label = "z" if label == "x" else "x"
        lines.append(f"{label},{rng.choice(['p', 'q'])},{1 + i % 3},d{school % 2},s{school},{school / 3}")
    path = folder / f"rows{change}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("size", [1, 7, 23])
@pytest.mark.parametrize("name", MODELS)
def test_blocks(name: str, size: int, tmp_path: Path) -> None:
    model = pgmlang.compile(MODELS[name])
    options = {"counts": "w"} if name == "counts" else {}
    path = table(tmp_path)
    fit = model.fit_stream(path, batch_rows=size, **options)
    kept = fit.record.provenance["bound_fingerprint"]
    assert kept == bound_fingerprint(fit.bind(path))
    for change in (0, ROWS - 1):
        other = model.fit_stream(table(tmp_path, change), batch_rows=size, **options)
        assert kept != other.record.provenance["bound_fingerprint"]


def test_folds_of_streamed_fits(tmp_path: Path) -> None:
    path = table(tmp_path)
    fits = {
        "one": pgmlang.compile(MODELS["open labels"]).fit_stream(path, batch_rows=5),
        "two": pgmlang.compile(MODELS["open labels"].replace("Table(a)", "Table()")).fit(path),
    }
    ranks = pgmlang.rank_fits(fits, path, folds=3)
    assert {one.name for one in ranks} == set(fits)
    with pytest.raises(pgmlang.PgmError, match="PGM0904"):
        pgmlang.rank_fits(fits, table(tmp_path, 4), folds=2)


def test_numbers_are_rounded_to_twelve_digits() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.normal(size=20_000) * 10.0 ** rng.uniform(-290, 300, 20_000), [0.0, -0.0, 1e22, -1.7e308]]
    )
    wanted = np.array([float(f"{v:.11e}") for v in x])
    is_equal = np.abs(_rounded(x) - wanted) <= 4e-16 * np.abs(wanted)
    assert is_equal.mean() > 0.999  # what lies half way by rounding goes either way
    np.testing.assert_allclose(_rounded(x), wanted, rtol=2e-11)
    kept = _rounded(np.array([[np.nan, np.inf], [-np.inf, -0.0]]))
    np.testing.assert_array_equal(kept, [[np.nan, np.inf], [-np.inf, 0.0]])
    assert not np.signbit(kept[1, 1])
