"""Hidden labels whose values are the elements of a plate that the data give."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

import pgmlang
from pgmlang.diagnostics import PgmError

TEXT = """
w[kind] ~ Dirichlet(1)
plate kind { input mu : real }
plate row {
  z ~ Categorical(w)
  y ~ Normal(mu[z], 1)
}
"""
MU, Y = [2.5, -1.0, 0.0], [-0.8, 0.1, 2.2, 0.4]


def shares() -> np.ndarray:
    """Means of ``w`` by all labellings, with the shares integrated (Dirichlet-multinomial)."""
    weight, mean = 0.0, np.zeros(3)
    for labels in itertools.product(range(3), repeat=len(Y)):
        counts = np.bincount(labels, minlength=3)
        log = gammaln(1 + counts).sum() - 0.5 * sum((y - MU[k]) ** 2 for y, k in zip(Y, labels, strict=True))
        weight += np.exp(log)
        mean += np.exp(log) * (1 + counts) / (3 + len(Y))
    return mean / weight


@pytest.mark.parametrize("names", [pytest.param(["c", "a", "b"], marks=pytest.mark.slow), None])
@pytest.mark.parametrize("method", ["hmc", "elbo"])
def test_shares_against_all_labellings(names: list[str] | None, method: str) -> None:
    kinds = {"mu": MU} if names is None else {"kind": names, "mu": MU}
    fit = pgmlang.compile(TEXT).fit(
        {"kind": pd.DataFrame(kinds), "row": pd.DataFrame({"y": Y})}, method=method, seed=1
    )
    found = {r["name"]: r["mean"] for r in fit.summary()}
    for k, wanted in enumerate(shares()):
        assert found[f"w[{names[k] if names else k}]"] == pytest.approx(
            wanted, abs=0.02 if method == "hmc" else 0.05
        )


def test_a_fit_keeps_the_elements(tmp_path: Path) -> None:
    data = {"kind": pd.DataFrame({"kind": ["c", "a", "b"], "mu": MU}), "row": pd.DataFrame({"y": Y})}
    fit = pgmlang.compile(TEXT).fit(data, seed=1)
    fit.save(tmp_path / "m.fit")
    again = pgmlang.load(tmp_path / "m.fit")
    assert again.record.model.labels_of(again.record.model.by_name["z"].type) == ("a", "b", "c")
    assert again.summary() == fit.summary()


def test_an_element_stands_in_one_row() -> None:
    data = {"kind": pd.DataFrame({"kind": ["c", "c", "b"], "mu": MU}), "row": pd.DataFrame({"y": Y})}
    with pytest.raises(PgmError) as error:
        pgmlang.compile(TEXT).bind(data)
    assert error.value.diagnostics[0].code == "PGM0714"
