"""Missing cells are a field of the layout: masks that follow rows as they are chosen, dropped and put in order."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

TEXT = """
dim test[3]
plate school {
  size ~ Normal(0, 1)
  plate pupil in school {
    sex : bit ~ Bernoulli(0.5)
    mark[test] ~ Normal(size, 1)
  }
}
"""


def data(rng: np.random.Generator, rows: int) -> dict[str, list[object]]:
    def holes(values: list[object]) -> list[object]:
        return [None if rng.random() < 0.3 else v for v in values]

    columns: dict[str, list[object]] = {"school": [f"s{i}" for i in rng.integers(0, 3, rows)]}
    columns["sex"] = holes([int(x) for x in rng.integers(0, 2, rows)])
    for test in range(3):
        columns[f"mark.{test}"] = holes([float(x) for x in rng.normal(size=rows)])
    return columns


@pytest.mark.parametrize("seed", range(5))
def test_masks_say_where_the_values_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = data(rng, 12)
    binding = pgmlang.compile(TEXT).bind(table)
    masks = binding.layout.missing
    assert set(masks) == {"sex", "mark"}
    assert masks["mark"].axes == ("pupil", "test")
    columns = np.array([[x is None for x in table[f"mark.{t}"]] for t in range(3)]).T
    assert (masks["mark"].mask == columns).all()
    assert (masks["sex"].mask == np.array([x is None for x in table["sex"]])).all()
    assert binding.missing == {"sex": int(masks["sex"].mask.sum()), "mark": int(columns.sum())}


@pytest.mark.parametrize("seed", range(5))
def test_masks_follow_the_rows_chosen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    binding = pgmlang.compile(TEXT).bind(data(rng, 12))
    schools = rng.permutation(3)[:2]
    some = binding.rows_of("school", schools)
    for name, cells in some.layout.missing.items():
        values = some.values[name]
        is_none = np.isnan(values) if values.dtype.kind == "f" else values < 0
        assert (cells.mask == is_none).all()
    pupils = np.flatnonzero(~binding.layout.missing["sex"].mask)
    assert "sex" not in binding.rows_of("pupil", pupils).layout.missing
    assert "sex" not in binding.with_values({"mark": binding.values["mark"]}).layout.missing
