"""Elements of outer plates that a fit has not seen: near names are slips and refused, others are answered and said, in text, JSON,
HTML and warnings."""

from __future__ import annotations

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.posterior.new_elements import near_elements

TEXT = "mu ~ Normal(0, 10)\nplate {0} {{ a ~ Normal(mu, 2) }}\nplate row in {0} {{ y ~ Normal(a, 3) }}"
NAMES = {"school": ("North", "South", "East 1"), "g": ("a1", "a2", "a3"), "ward": ("1", "2", "3")}


@pytest.fixture(scope="module")
def fits() -> dict[str, pgmlang.FittedModel]:
    return {
        plate: pgmlang.compile(TEXT.format(plate)).fit(
            {plate: [*names, *names], "y": [1.0, 2, 3, 2, 3, 4]},
            method="hmc", seed=1, options={"draws": 50, "warmup": 50, "chains": 1},
        )
        for plate, names in NAMES.items()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plate", "slip", "meant"),
    [
        ("school", "north", "North"),
        ("school", "Nrth", "North"),
        ("school", "east1", '"East 1"'),
        ("g", "A1", "a1"),
    ],
)
def test_a_near_name_is_refused(fits: dict[str, pgmlang.FittedModel], plate: str, slip: str, meant: str) -> None:
    for ask in (
        lambda: fits[plate].query(f"E(y | {plate} = {slip})"),
        lambda: fits[plate].sample(2, seed=1, evidence=f"{plate} = {slip}"),
    ):
        with pytest.raises(PgmError) as refused:
            ask()
        (problem,) = refused.value.diagnostics
        assert problem.code == "PGM0607"
        assert f"`{plate} = {meant}`" in problem.help
    assert fits[plate].query(f"E(y | {plate} = {meant})").caution == ""
    assert fits[plate].query("E(y)").caution == ""


@pytest.mark.parametrize(("plate", "new"), [("school", "Elsewhere"), ("g", "a4"), ("ward", "7")])
def test_another_name_is_answered_and_said(fits: dict[str, pgmlang.FittedModel], plate: str, new: str) -> None:
    answer = fits[plate].query(f"E(y | {plate} = {new})")
    said = f"`{new}` of `{plate}` is new"
    assert said in answer.caution
    assert said in str(answer)
    assert said in answer._repr_html_()
    assert said in answer.to_dict()["caution"]
    with pytest.warns(pgmlang.PgmWarning, match="is new"):
        fits[plate].sample(2, seed=1, evidence=f"{plate} = {new}")
    known = NAMES[plate][0]
    columns = fits[plate].predict_columns({plate: [known, new], "y": [None, None]}, ["y"])
    (warning,) = [w for w in columns.warnings if w.code == "PGM0723"]
    assert said in warning.message
    rest = fits[plate].predict_columns({plate: [known], "y": [None]}, ["y"])
    assert not [w for w in rest.warnings if w.code == "PGM0723"]


def test_other_digits_are_other_elements() -> None:
    assert near_elements("unit 12", ["unit 11", "unit 13"]) == []
    assert near_elements("Unit-11", ["unit 11", "unit 13"]) == ["unit 11"]
