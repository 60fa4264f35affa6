"""Labels below a latent class, beside numbers and counts of which some cells are missing: what is seen counts, what is not
drops out. Against enumeration of the classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

import pgmlang

ROWS = 4


class Leaves:
    """Random numbers of a model with a class ``z``, a number ``y``, a count ``k`` and labels ``w`` and ``v`` below it."""

    def __init__(self, seed: int, in_sequence: bool):
        rng = np.random.default_rng(seed)
        self.start, self.move = round(float(rng.uniform(0.2, 0.8)), 2), rng.uniform(0.1, 0.9, 2).round(2)
        self.in_sequence = in_sequence
        self.mean, self.rate = rng.normal(0, 1, 2).round(2), rng.uniform(0.5, 5, 2).round(2)
        self.w, self.v = rng.uniform(0.1, 0.9, 2).round(2), rng.uniform(0.1, 0.9, 2).round(2)
        self.data = {
            "y": [None if rng.random() < 0.5 else round(float(rng.normal()), 2) for _ in range(ROWS)],
            "k": [None if rng.random() < 0.5 else int(rng.integers(0, 6)) for _ in range(ROWS)],
            "w": [None if rng.random() < 0.5 else int(rng.integers(0, 2)) for _ in range(ROWS)],
        }
        self.data["y"][0], self.data["w"][1] = 0.5, 1

    @property
    def text(self) -> str:
        def by_class(pair: np.ndarray) -> str:
            return f"if z == 1 then {pair[1]} else {pair[0]}"

        then = f"if prev(z) == 1 then {self.move[1]} else {self.move[0]}"
        prior = f"if first then {self.start} else {then}" if self.in_sequence else str(self.start)
        return f"""plate row{" = chain" if self.in_sequence else ""} {{
          z ~ Bernoulli({prior})
          y ~ Normal({by_class(self.mean)}, 1)
          k ~ Poisson({by_class(self.rate)})
          w ~ Bernoulli({by_class(self.w)})
          v ~ Bernoulli({by_class(self.v)})
        }}"""

    def weight(self, z: tuple[int, ...]) -> float:
        out = 1.0
        for i, c in enumerate(z):
            p = self.move[z[i - 1]] if self.in_sequence and i else self.start
            out *= p if c else 1 - p
            y, k, w = (self.data[n][i] for n in ("y", "k", "w"))
            out *= 1 if y is None else stats.norm.pdf(y, self.mean[c])
            out *= 1 if k is None else stats.poisson.pmf(k, self.rate[c])
            out *= 1 if w is None else (self.w[c] if w else 1 - self.w[c])
        return float(out)

    def chances(self, of_class: np.ndarray) -> np.ndarray:
        """The mean of a number of each class, given all that is seen, row by row."""
        total, sums = 0.0, np.zeros(ROWS)
        for z in itertools.product((0, 1), repeat=ROWS):
            weight = self.weight(z)
            total += weight
            sums += weight * of_class[list(z)]
        return sums / total


@pytest.mark.parametrize("in_sequence", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_labels_beside_missing_numbers(seed: int, in_sequence: bool) -> None:
    leaves = Leaves(seed, in_sequence)
    columns = pgmlang.compile(leaves.text).given().predict_columns(leaves.data).columns
    assert np.asarray(columns["P(z = 1)"]) == pytest.approx(leaves.chances(np.array([0.0, 1.0])), abs=1e-9)
    assert np.asarray(columns["P(v = 1)"]) == pytest.approx(leaves.chances(leaves.v), abs=1e-9)
    open_cells = [i for i, w in enumerate(leaves.data["w"]) if w is None]
    shares = np.asarray(columns["P(w = 1)"])
    assert shares[open_cells] == pytest.approx(leaves.chances(leaves.w)[open_cells], abs=1e-9)


def test_an_element_of_an_axis_tells_of_labels() -> None:
    """One element of `x` is given: the others are missing, and it still counts."""
    text = """dim d[3]
    plate row {
      z ~ Bernoulli(0.3)
      x[d] ~ Normal(z, 1)
      w ~ Bernoulli(if z == 1 then 0.7 else 0.1)
      o[d] ~ Bernoulli(if z == 1 then 0.9 else 0.2)
    }"""
    given = pgmlang.compile(text).given()
    one, other = 0.3 * stats.norm.pdf(1.2, 1), 0.7 * stats.norm.pdf(1.2, 0)
    z = one / (one + other)
    assert given.query("P(w = 1 | x[1] = 1.2)").table[0]["p"] == pytest.approx(0.7 * z + 0.1 * (1 - z))
    assert given.query("P(o[2] = 1 | x[1] = 1.2)").table[0]["p"] == pytest.approx(0.9 * z + 0.2 * (1 - z))
