"""Matrices of which nothing but a Cholesky factor is asked are filled in their lower halves alone: it reads no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.matrix_terms import BY_BLOCKS
from pgmlang.native.scalars import Array, walk
from pgmlang.native.stages import AnyStage, SliceStage, Stage

READ_BELOW = frozenset({*BY_BLOCKS, *BY_BLOCKS.values()})
"""Functions that read lower halves."""


def with_lower_halves(stages: Sequence[AnyStage], terms: Iterable[FactorTerm]) -> tuple[AnyStage, ...]:
    """Stages with those marked that fill such matrices."""
    factorised = {s.reads[0] for s in stages if isinstance(s, SliceStage) and s.name in READ_BELOW}
    read = {
        scalar.payload for item in (*stages, *terms) for scalar in walk(*item.scalars) if scalar.op == "load"
    } | {a for s in stages for a in _read_whole(s)}
    return tuple(
        replace(s, is_lower=True)
        if isinstance(s, Stage) and s.array in factorised - read and _is_by_rows(s)
        else s
        for s in stages
    )


def _read_whole(stage: AnyStage) -> tuple[Array, ...]:
    if isinstance(stage, SliceStage) and stage.name in READ_BELOW:
        return ()
    return tuple(getattr(stage, "reads", ()))


def _is_by_rows(stage: Stage) -> bool:
    """Whether the two innermost loops are those over rows and columns."""
    is_plain = not (stage.places or stage.beside or stage.looks_back or stage.gathers)
    return is_plain and tuple(loop.axis for loop in stage.loops) == stage.array.axes and len(stage.loops) > 1
