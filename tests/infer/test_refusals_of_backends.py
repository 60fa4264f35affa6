"""What is said where a backend, or a method, has no form of a model: the cause in the model's words, and a cure."""

from __future__ import annotations

from typing import Any

import pytest

import pgmlang

TABLES = (
    "plate r {\n  a : {x, y} ~ Table() { 0.3, 0.7 }\n  b : {x, y} ~ Table(a) { x : 0.2, 0.8 ; y : 0.6, 0.4 }\n"
    "  c : {x, y} ~ Table(b) { x : 0.2, 0.8 ; y : 0.6, 0.4 }\n}"
)
LEARNED = "plate r {\n  a : {x, y} ~ Table()\n  b : {x, y} ~ Table(a)\n}"
TWO_BACK = (
    "dim to like state\nplate state[2] {\n  move[to] ~ Dirichlet(1)\n  level ~ Normal(0, 5)\n}\n"
    "plate t = chain {\n  z ~ Categorical(if first(2) then move[0] else move[prev(z, 2)])\n  y ~ Normal(level[z], 1)\n}"
)
B = ["x", "y", "y", "x"]
REFUSED: dict[str, tuple[str, dict[str, Any], str, dict[str, Any], str, str]] = {
    # name: (text, data, method, options, code, what is said)
    "gibbs of given tables": (TABLES, {"c": B}, "gibbs", {"backend": "native"}, "PGM0602", "`a`, `b`, drawn together, exactly"),
    "em of tables by torch": (
        LEARNED, {"b": B, "a": [None, "x", None, "y"]}, "em", {"backend": "torch"}, "PGM0612", "by the exact engine",
    ),
    "two rows back": (TWO_BACK, {"y": [0.1, 0.2, 2.0, 2.1]}, "em", {}, "PGM0602", "a term looks back 2 rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    text, data, method, options, code, words = REFUSED[name]
    with pytest.raises(pgmlang.PgmError, match=words) as refused:
        pgmlang.compile(text).fit(data, method=method, seed=1, options=options)
    assert refused.value.diagnostics[0].code == code
    assert refused.value.diagnostics[0].help


def test_columns_by_coordinates() -> None:
    text = (
        "plate image {\n  plate site = grid(2, 2) { field s : {no, yes} }\n"
        "  plate bond(i, j) = edges(site) { factor if s[i] == s[j] then 1 else 0 }\n}"
    )
    with pytest.raises(pgmlang.PgmError, match=r"`s\[0, ?0\]` is no element of `s`") as refused:
        pgmlang.compile(text).bind({f"s[{i},{j}]": ["no", "yes"] for i in range(2) for j in range(2)})
    assert "`s[0]` to `s[3]`" in str(refused.value.diagnostics[0].help)
