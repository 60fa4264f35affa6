"""Nothing that a fit hands out writes into it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.api import FittedModel

pytest.importorskip("arviz_base")

NORMAL = pgmlang.compile("""
mu ~ Normal(0, 5)
s = exp(mu)
plate row { y ~ Normal(mu, 1) }
""")
LABELS = pgmlang.compile("plate row {\n  a : {...} ~ Table()\n  b : {...} ~ Table(a)\n  c : {...} ~ Table(b)\n}")
ROWS = {"y": [1.0, 2.0, 0.5]}
WORDS = {"a": ["n", "y"] * 9, "b": ["l", "h", "h"] * 6, "c": ["u", "v", "v"] * 6}
DRAWN = {"chains": 2, "draws": 20, "warmup": 20}


def fits() -> dict[str, FittedModel]:
    drawn = NORMAL.fit(ROWS, method="hmc", options=DRAWN, seed=0).with_pointwise(ROWS)
    return {"draws": drawn, "point": NORMAL.fit(ROWS, method="map", seed=0), "tables": LABELS.fit(WORDS)}


def arrays(value: Any) -> Iterator[np.ndarray]:
    for one in value.values():
        yield np.asarray(one)


def test_arrays_of_a_record_and_of_its_inference_data(tmp_path: Path) -> None:
    for name, made in fits().items():
        made.save(tmp_path / name)
        for fit in (made, pgmlang.load(tmp_path / name), pickle.loads(pickle.dumps(made))):
            record = fit.record
            held = [
                record.parameters,
                record.draws,
                record.sample_stats,
                record.deterministic,
                record.standard_errors,
            ]
            every = [a for some in held for a in arrays(some)]
            every += [] if record.pointwise is None else [record.pointwise.values]
            assert every
            for array in every:
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 7.0
            before = [array.copy() for array in every]
            handed = [a for group in fit.inference_data().children.values() for a in arrays(group.data_vars)]
            for array in handed:
                # what is made for ArviZ alone may be written to
                with suppress(ValueError):
                    array[...] = 7.0
            assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, every, strict=True))


@pytest.mark.parametrize("kind", ["draws", "point", "tables"])
def test_whatever_was_asked_a_fit_pickles_to_an_equal_one(kind: str) -> None:
    fit = fits()[kind]
    asked = {
        "draws": lambda f: (f.predict({"y": [None]}), f.score(ROWS), f.query("E(mu)"), f.sample(2, seed=0)),
        "point": lambda f: (f.predict({"y": [None]}), f.score(ROWS), f.query("E(mu)"), f.sample(2, seed=0)),
        "tables": lambda f: (
            f.predict({"b": ["l", "h"], "c": ["u", "v"]}), f.score(WORDS), f.query("P(a | c = u)"), f.sample(2, seed=0),
            f.graph().svg(), f.predict({"b": ["l"]}),
        ),
    }[kind]  # fmt: skip
    first = asked(fit)
    again = asked(pickle.loads(pickle.dumps(fit)))
    assert first[0].equals(again[0])
    assert np.array_equal(first[1], again[1])
    assert repr(first[2]) == repr(again[2])
