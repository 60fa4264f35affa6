"""The probabilities that are drawn in nodes are those that queries give, on random networks with random evidence."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.query import parse_conditions
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.network_figures import label_marks, network_figures, percent
from pgmlang.query.parse import parse_query
from pgmlang.tables.network import DiscreteNetwork, DiscreteVariable, TableFactor


def random_network(seed: int, count: int = 6) -> DiscreteNetwork:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(2, 5, count)
    variables = tuple(DiscreteVariable(f"v{i}", tuple(f"s{k}" for k in range(sizes[i]))) for i in range(count))
    factors = []
    for child in range(count):
        parents = tuple(sorted(draw.permutation(child)[: draw.integers(0, 3)].tolist()))
        scope = (*parents, child)
        table = draw.gamma(1, size=[sizes[v] for v in scope])
        factors.append(TableFactor(scope, table / table.sum(-1, keepdims=True), child))
    return DiscreteNetwork(variables, tuple(factors))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("conditions", ["", "v3 = s1", "v5 = s0, v1 ~ {s0: 0.2, s1: 0.8}", "v4 = s1, do(v2 = s0)"])
def test_marks_are_posteriors(seed: int, conditions: str) -> None:
    network = random_network(seed)
    if "~" in conditions and network.sizes[1] != 2:
        conditions = "v5 = s0"
    answers = NetworkAnswers(network)
    figures = network_figures(answers, *parse_conditions(conditions))
    for variable in network.variables:
        joined = f" | {conditions}" if conditions else ""
        wanted = answers.answer(parse_query(f"P({variable.name}{joined})")).probabilities
        marks = figures[variable.name].marks
        assert [m.label for m in marks] == list(variable.labels)
        assert [m.high for m in marks] == pytest.approx([wanted[m.label] for m in marks], abs=1e-12)
        told = variable.name in conditions
        assert figures[variable.name].is_evidence == told


def test_elements_of_one_node_have_a_line_each() -> None:
    labels = ("no", "yes")
    pair = tuple(DiscreteVariable(f"x[{e}]", labels) for e in ("a", "b"))
    network = DiscreteNetwork(
        pair, tuple(TableFactor((i,), np.array([p, 1 - p]), i) for i, p in enumerate((0.3, 0.9)))
    )
    (figures,) = network_figures(NetworkAnswers(network), node_of=lambda n: n.partition("[")[0]).values()
    assert [(m.label, m.text) for m in figures.marks] == [("a = yes", "70.0 %"), ("b = no", "90.0 %")]
    many = DiscreteNetwork(
        tuple(DiscreteVariable(f"x[{i}]", labels) for i in range(9)),
        tuple(TableFactor((i,), np.array([0.5, 0.5]), i) for i in range(9)),
    )
    assert network_figures(NetworkAnswers(many), node_of=lambda n: n.partition("[")[0]) == {}


def test_impossible_and_unknown_evidence_is_refused() -> None:
    network = DiscreteNetwork(
        (DiscreteVariable("a", ("no", "yes")),), (TableFactor((0,), np.array([1.0, 0.0]), 0),)
    )
    for text, code in (("a = yes", "PGM0609"), ("b = yes", "PGM0607"), ("a = maybe", "PGM0607")):
        with pytest.raises(PgmError) as caught:
            network_figures(NetworkAnswers(network), *parse_conditions(text))
        assert caught.value.diagnostics[0].code == code


def test_the_likeliest_of_many_labels_and_the_rest() -> None:
    table = np.array([0.02, 0.3, 0.01, 0.2, 0.03, 0.1, 0.04, 0.15, 0.05, 0.1])
    marks = label_marks(tuple("abcdefghij"), table)
    assert [m.label for m in marks] == ["b", "d", "f", "g", "h", "i", "j", "3 others"]
    assert sum(m.high for m in marks) == pytest.approx(1)


def test_per_cents_look_sure_only_of_what_is() -> None:
    assert [percent(p) for p in (0.0, 1e-9, 0.5, 0.9999, 1.0)] == ["0 %", "<0.1 %", "50.0 %", ">99.9 %", "100 %"]
