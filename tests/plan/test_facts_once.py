"""What several methods ask of a problem is worked out once; the width of long chains from a window of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.plan import chain_window, table_reasons
from pgmlang.plan.method import Facts, facts_of, once_per_problem
from pgmlang.plan.plan import make_plan
from pgmlang.plan.registry import METHODS

CHAINS = {
    "one back": "z : {a, b, c} ~ if first then Table() else Table(prev(z))\n  x : {u, v} ~ Table(z)",
    "seen": "x : {u, v} ~ if first then Table() else Table(prev(x))",
    "two states": "z : bit ~ if first then Table() else Table(prev(z))\n"
    "  w : bit ~ if first then Table() else Table(prev(w), z)\n  x : {u, v} ~ Table(z, w)",
}


def bound(text: str, rows: int, seed: int, hole: int) -> Any:
    rng = np.random.default_rng(seed)
    cells: list[str | None] = rng.choice(["u", "v"], rows).tolist()
    start = int(rng.integers(1, rows - hole))
    cells[start : start + hole] = [None] * hole
    model = pgmlang.compile(f"plate step = chain {{\n  {text}\n}}\n")
    return model.bind({"x": cells})


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("hole", [0, 1, 30])
def test_a_window_is_as_wide_as_the_chain(name: str, hole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    binding = bound(CHAINS[name], 400, 3, hole)
    window = table_reasons.width_of(binding.model, facts_of(binding.model, binding))
    monkeypatch.setattr(chain_window, "ROWS", 10_000)
    whole = table_reasons.width_of(binding.model, facts_of(binding.model, binding))
    assert window is not None
    assert whole is not None
    assert (window.treewidth, window.largest_cells) == (whole.treewidth, whole.largest_cells)
    if hole == 0:
        assert window.total_cells == pytest.approx(whole.total_cells, rel=0.1)
    assert window.total_cells >= 0.9 * whole.total_cells


def test_sequences_are_cut_one_by_one() -> None:
    text = "plate g {\n  plate step = chain in g {\n    z : {a, b} ~ if first then Table() else Table(prev(z))\n    x : {u, v} ~ Table(z)\n  }\n}\n"
    rng = np.random.default_rng(0)
    data = {"g": ["p"] * 300 + ["q"] * 40 + ["r"] * 200, "x": rng.choice(["u", "v"], 540).tolist()}
    binding = pgmlang.compile(text.replace(" in g", "")).bind(data)
    cut, times = chain_window.chain_window(binding)
    assert np.bincount(cut.layout.parent("g", "step")).tolist() == [64, 40, 64]
    assert times == pytest.approx(540 / 168)


def test_a_long_chain_is_planned_from_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plan unrolls 100,000 rows."""
    sizes = []
    real = table_reasons.row_groups
    monkeypatch.setattr(
        table_reasons, "row_groups", lambda b, *rest: sizes.append(b.sizes["step"]) or real(b, *rest)
    )
    binding = bound(CHAINS["one back"], 100_000, 1, 50)
    assert make_plan(binding.model, binding).blocks[0].method == "em"
    assert sizes == [64]


def test_facts_answer_once() -> None:
    asked = []

    @once_per_problem
    def question(model: Any, facts: Facts) -> int:
        asked.append(model)
        return len(asked)

    model = pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n").model
    facts, others = facts_of(model), facts_of(model)
    assert [question(model, facts), question(model, facts), question(model, others)] == [1, 1, 2]
    assert facts == others


def test_a_fit_asks_for_the_width_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    real = table_reasons.chain_window
    monkeypatch.setattr(table_reasons, "chain_window", lambda b: counted.append(1) or real(b))
    text = "plate row {\n  z : {a, b} ~ Table()\n  x : {u, v} ~ Table(z)\n}\n"
    pgmlang.compile(text).fit({"x": ["u", "v", "u"]}, seed=1, options={"max_iterations": 3})
    assert len(counted) == 1


def test_records_of_methods_need_no_torch() -> None:
    """A plan is made without it."""
    modules = ", ".join(sorted(set(METHODS.values())))
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )
