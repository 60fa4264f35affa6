"""Gaussian networks as JSON and as `.pgm` text: numbers come back to the bit, and faults are shown where they are."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError, SourceFile
from pgmlang.formats import gaussian_to_pgm, read_gaussian_json, write_gaussian_json
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.from_model import row_network
from tests.formats.networks import text
from tests.formats.test_fuzz import mutated
from tests.gaussian.dense import random_network

SMALL: dict[str, Any] = {
    "nodes": ["rain", "4", "yield"],
    "arcs": [["rain", "yield"], ["4", "yield"]],
    "cpds": {
        "rain": {"coefficients": {"(Intercept)": [1.5]}, "variance": [0.034], "parents": []},
        "4": {"coefficients": {"(Intercept)": [0]}, "variance": [2.0], "parents": []},
        "yield": {"coefficients": {"(Intercept)": [-0.25], "rain": [0.5], "4": [-1e-05]}, "variance": [1], "parents": ["rain", "4"]},
    },
}  # fmt: skip


def same(a: GaussianNetwork, b: GaussianNetwork) -> None:
    """The same conditionals to the bit, whatever the order of parents and labels."""
    for one, other in zip(a.conditionals, b.conditionals, strict=True):
        order = [other.parents.index(p) for p in one.parents if p in other.parents]
        assert (
            one.coefficients[..., [i for i, p in enumerate(one.parents) if p in other.parents]]
            == other.coefficients[..., order]
        ).all()
        assert all(
            (one.coefficients[..., i] == 0).all() for i, p in enumerate(one.parents) if p not in other.parents
        )
        assert (one.intercept == other.intercept).all()
        assert (one.sd == other.sd).all()


def test_what_is_read() -> None:
    network = read_gaussian_json(text(json.dumps(SMALL)))
    assert network.numbers == ("rain", "4", "yield")
    last = network.conditionals[2]
    assert (last.parents, last.intercept[0, 0], last.coefficients[0, 0].tolist()) == ((0, 1), -0.25, [0.5, -1e-05])
    assert network.conditionals[0].sd[0, 0] == np.sqrt(0.034)


def test_json_there_and_back() -> None:
    assert json.loads(write_gaussian_json(read_gaussian_json(text(json.dumps(SMALL))))) == SMALL
    for seed in range(20):
        network = random_network(np.random.default_rng(seed), 0, 5)
        again = read_gaussian_json(text(write_gaussian_json(network)))
        same(network, again)


@pytest.mark.parametrize("seed", range(6))
def test_pgm_there_and_back(seed: int) -> None:
    """With labels too: each configuration has its own coefficients and sd."""
    network = random_network(np.random.default_rng(seed), seed % 3, 5)
    model = pgmlang.compile(gaussian_to_pgm(network, "m", "a.json")).model
    again = row_network(model, {}).network
    assert again.numbers == network.numbers
    assert [v.labels for v in again.discrete.variables] == [v.labels for v in network.discrete.variables]
    rng = np.random.default_rng(0)
    for c, d in zip(network.conditionals, again.conditionals, strict=True):
        for _ in range(8):
            labels = [int(rng.integers(s)) for s in network.discrete.sizes]
            values = rng.normal(size=5)
            assert _at(network, c, labels, values) == pytest.approx(_at(again, d, labels, values), rel=1e-14)


def _at(network: GaussianNetwork, c: Any, labels: list[int], values: np.ndarray) -> tuple[float, float]:
    sizes = [network.discrete.sizes[v] for v in c.labels]
    k = int(np.ravel_multi_index([labels[v] for v in c.labels], sizes)) if sizes else 0
    return float(c.intercept[0, k] + c.coefficients[0, k] @ values[list(c.parents)]), float(c.sd[0, k])


def test_names_that_the_language_has_not() -> None:
    written = gaussian_to_pgm(read_gaussian_json(text(json.dumps(SMALL))), "field", "a b.json")
    assert '# _4 was "4"' in written
    assert pgmlang.compile(written).given().query("E(_4)").table[0]["mean"] == 0


def changed(path: tuple[str, ...], value: object) -> str:
    document = json.loads(json.dumps(SMALL))
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(document, indent=1)


@pytest.mark.parametrize(("content", "words"), [
    ("{", "this is no JSON"),
    ("[1]", "no Gaussian network"),
    ("[" * 100_000, "nested too deeply"),
    ('{"cpds": {"a": 1, "a": 2}}', "`a` stands twice"),
    (changed(("nodes",), 3), "`nodes` is no list"),
    (changed(("nodes",), ["rain", "4", "4", "yield"]), "named twice"),
    (changed(("nodes",), ["rain", "4"]), "`yield` of `cpds` is no node"),
    (changed(("cpds", "rain"), None), "`rain` has no entry"),
    (changed(("cpds", "rain", "variance"), [0]), "the variance of `rain` is 0"),
    (changed(("cpds", "rain", "variance"), [-1.0]), "the variance of `rain` is -1"),
    (changed(("cpds", "rain", "variance"), None), "the variance of `rain` is no number"),
    (changed(("cpds", "rain", "variance"), [1.0, 2.0]), "2 values"),
    (changed(("cpds", "rain", "coefficients"), {}), "`rain` has no intercept"),
    (changed(("cpds", "rain", "coefficients"), {"(Intercept)": ["x"]}), "the intercept of `rain` is no number"),
    (changed(("cpds", "yield", "coefficients", "4"), None), "no coefficient of its parent `4`"),
    (changed(("cpds", "yield", "parents"), ["rain"]), "a coefficient of `4`"),
    (changed(("cpds", "yield", "parents"), ["rain", "4", "snow"]), "the parent `snow` of `yield` is no node"),
    (changed(("arcs",), [["rain", "yield"]]), "`4` is a parent of `yield`"),
    (changed(("arcs",), [*SMALL["arcs"], ["rain", "4"]]), "the arc from `rain` to `4`"),
    (changed(("arcs",), {}), "`arcs` is no list"),
])  # fmt: skip
def test_faults(content: str, words: str) -> None:
    with pytest.raises(PgmError) as caught:
        read_gaussian_json(text(content))
    assert any(words in d.message for d in caught.value.diagnostics)
    assert all(d.span is not None and d.code == "PGM0910" for d in caught.value.diagnostics)


def test_a_cycle() -> None:
    round_ = {
        "cpds": {
            n: {"coefficients": {"(Intercept)": [0], p: [1]}, "variance": [1]} for n, p in (("a", "b"), ("b", "a"))
        }
    }
    with pytest.raises(PgmError) as caught:
        read_gaussian_json(text(json.dumps(round_)))
    assert [d.code for d in caught.value.diagnostics] == ["PGM0501"]


def test_mutated_files() -> None:
    rng = random.Random(3)
    content = json.dumps(SMALL, indent=1)
    for _ in range(400):
        try:
            read_gaussian_json(SourceFile("a.json", mutated(rng, content)))
        except PgmError:
            continue
