"""A column that seems to count rows is said aloud where no variable takes it, and changes nothing."""

from __future__ import annotations

import pytest

import pgmlang

MODEL = pgmlang.compile(
    "plate row {\n  sex : {m, f} ~ Table(prior = 1)\n  ill : {y, n} ~ Table(sex, prior = 1)\n}\n"
)
TABLE = {"sex": ["m", "m", "f", "f"], "ill": ["y", "n", "y", "n"]}


def codes(columns, **options):
    return [w.code for w in MODEL.bind(columns, **options).warnings if w.code == "PGM0724"]


@pytest.mark.parametrize("name", ["n", "count", "Freq", "cases", "whatever"])
def test_it_is_said(name: str) -> None:
    assert codes({**TABLE, name: [3, 7, 9, 12]}) == ["PGM0724"]
    assert codes({**TABLE, name: [3, 7, 9, 12]}, counts=name) == []


@pytest.mark.parametrize(
    "columns",
    [
        TABLE,
        {**TABLE, "n": [1, 2, 3, 4]},
        {**TABLE, "n": [1.5, 2.5, 7.5, 9.5]},
        {**TABLE, "n": [3, None, 9, 12]},
        {**TABLE, "stars": [3, 1, 5, 4]},
        {k: v * 5 for k, v in {**TABLE, "num": [0, 7, 9, 3]}.items()},
        {**TABLE, "n": ["a", "b", "c", "d"]},
        {"sex": ["m", "m", "m", "f"] * 5, "ill": ["y", "n", "y", "n"] * 5, "height": list(range(160, 180))},
    ],
)
def test_others_are_not(columns) -> None:
    assert codes(columns) == []


def test_a_model_that_uses_it_is_left_alone() -> None:
    model = pgmlang.compile("plate row {\n  sex : {m, f} ~ Table(prior = 1)\n  n ~ Poisson(8)\n}\n")
    assert not [w for w in model.bind({**TABLE, "n": [3, 7, 9, 12]}).warnings if w.code == "PGM0724"]
