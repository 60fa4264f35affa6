"""The query language."""

from __future__ import annotations

import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.query import parse_evidence, parse_query


def test_targets_evidence_and_interventions() -> None:
    query = parse_query('P(a, "x.1" | b = yes, do(c = no), d = "0-5 cm")')
    assert [t.variable.name for t in query.targets] == ["a", "x.1"]
    assert [(e.variable.name, e.value) for e in query.evidence] == [("b", "yes"), ("d", "0-5 cm")]
    assert [(e.variable.name, e.value) for e in query.interventions] == [("c", "no")]


def test_labels_that_look_like_numbers_stay_text() -> None:
    query = parse_query("P(a | b = 1_1, c = 3rd, d = -1, e = 1.0)")
    assert [e.value for e in query.evidence] == ["1_1", "3rd", "-1", "1.0"]


def test_events_and_soft_evidence() -> None:
    query = parse_query("P(x > 3 | y ~ {no: 0.2, yes: .8})")
    assert (query.targets[0].op, query.targets[0].value) == (">", "3")
    assert query.evidence[0].weights == (("no", 0.2), ("yes", 0.8))


def test_map_of_everything() -> None:
    assert parse_query("MAP(* | a = b)").targets == ()


def test_an_element_may_name_its_plate() -> None:
    assert parse_query('P(z[day = "d17"])').targets[0].variable.name == "z[d17]"


def test_evidence_alone() -> None:
    assert [(e.variable.name, e.value) for e in parse_evidence('a = 1, "b c" = "d, e"')] == [
        ("a", "1"),
        ("b c", "d, e"),
    ]


@pytest.mark.parametrize(
    ("text", "column"),
    [("", 1), ("lung", 1), ("P(", 3), ("P()", 3), ("P(a", 4), ("P(a | b)", 8), ("P(a | b = )", 11), ("P(a $)", 5),
     ("P(a) b", 6), ("P(a, a)", 6), ("P(a | b = 1, b = 2)", 14), ("P(a = 1, b)", 10), ("P(a | b ~ {no: -1})", 16),
     ("Q(a)", 1), ("P(a | do(b))", 11)],
)  # fmt: skip
def test_what_is_not_understood_is_placed(text: str, column: int) -> None:
    with pytest.raises(PgmError) as caught:
        parse_query(text)
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "PGM0606"
    assert caught.value.exit_code == 64
    assert diagnostic.help
    if column and text:
        assert diagnostic.span is not None
        assert abs(diagnostic.span.column - column) <= 3


def test_garbage_never_crashes() -> None:
    import random

    rng = random.Random(5)
    alphabet = 'PMAE(ab|=,"~{}:*[]do3. <>$\\é\n'
    for _ in range(3000):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(12)))
        codes: set[str] = set()
        try:
            parse_query("P(" + text if rng.random() < 0.5 else text)
        except PgmError as error:
            codes = {d.code for d in error.diagnostics}
        assert codes <= {"PGM0606"}


@pytest.mark.parametrize(
    ("question", "message", "cure"),
    [
        ("P(y | x > 33)", "no event such as `x > 33`", "`P(..., x > 33)` divided by `P(x > 33)`"),
        ("P(y | x != a)", "no event such as `x != a`", "write `x = VALUE`"),
        ("P(0.2 < theta < 0.5)", "two comparisons", "`P(theta < 0.5)` and `P(theta > 0.2)`"),
        ("P(0.5 >= theta >= 0.2)", "two comparisons", "`P(theta >= 0.2)` and `P(theta <= 0.5)`"),
        ("P(theta[A] > theta[B])", "compared with a number", "P(d > 0)"),
        ("E(a[A] - a[B])", "`-` means nothing", "define it in the model"),
        ("P(a > 2 * b)", "`*` means nothing", "define it in the model"),
    ],
)
def test_what_is_not_there_is_named(question: str, message: str, cure: str) -> None:
    with pytest.raises(PgmError) as refused:
        parse_query(question)
    (problem,) = refused.value.diagnostics
    assert message in problem.message
    assert cure in problem.help
