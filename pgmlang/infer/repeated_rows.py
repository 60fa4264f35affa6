"""Rows that stand for several, written out for methods that give each row latents of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pgmlang.infer.base import Problem
from pgmlang.plan.method import facts_of


def expanded(problem: Problem) -> Problem:
    """Rows that stand for several, written out: each has latents of its own."""
    binding = problem.binding
    if binding.weights is None:
        return problem
    repeats = np.asarray(binding.weights).astype(np.int64)
    rows = np.repeat(np.arange(len(repeats)), repeats)
    wide = replace(binding, weights=None).rows_of(binding.plate, rows)
    return replace(problem, binding=wide, facts=facts_of(problem.model, wide, problem.facts.fixed))
