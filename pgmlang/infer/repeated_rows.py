"""Rows that stand for several, written out for methods that give each row latents of its own."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.binding.counted_rows import rows_written_out
from pgmlang.infer.base import Problem
from pgmlang.plan.method import facts_of


def expanded(problem: Problem) -> Problem:
    """Rows that stand for several, written out: each has latents of its own."""
    binding = problem.binding
    if binding.weights is None:
        return problem
    wide = rows_written_out(binding)
    return replace(problem, binding=wide, facts=facts_of(problem.model, wide, problem.facts.fixed))
