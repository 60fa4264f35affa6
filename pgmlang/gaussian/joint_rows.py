"""All numbers of bound data that hang together, through numbers that rows share or the rows before: a linear Gaussian model, each conditional of
which is a row of one sparse least-squares problem (Lindley and Smith 1972; Golub and Van Loan 2013, chapter 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.from_model import linear_reasons
from pgmlang.gaussian.linear_elements import LinearElements, linear_elements
from pgmlang.gaussian.normal_arguments import SPREAD_CURE
from pgmlang.gaussian.probed_factors import domain_reasons
from pgmlang.gaussian.square_root import LOG_2PI
from pgmlang.layout import Layout
from pgmlang.model import Conditional, Model
from pgmlang.normal import normal_form
from pgmlang.tables.elements import NodeBlock
from pgmlang.tables.evaluate import Evaluator, NotEvaluable
from pgmlang.tables.learned import learned_tables


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows ``values @ unknowns = right`` with residuals of sd one: ``values`` at ``columns``, cut by ``cuts [rows + 1]``; ``right [rows]``."""

    cuts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    right: np.ndarray
    num_unknowns: int


@dataclass(frozen=True, eq=False)
class JointRows:
    """``blocks``: the nodes of variables; ``values [nodes]``: of those that are seen, NaN at the unknowns, whose nodes are ``hidden``; ``child [rows]``: the node whose conditional a row
    is, ``log_scale [rows]``: the logarithm of its density where the residual is zero."""

    rows: SparseRows
    blocks: Mapping[str, NodeBlock]
    values: np.ndarray
    hidden: np.ndarray
    child: np.ndarray
    log_scale: np.ndarray


@dataclass(frozen=True)
class JointParts:
    """``numbers``: variables with elements that are not seen; ``linear``: the targets of conditionals that these are in; ``given``: targets of others, whose density is a constant."""

    numbers: tuple[str, ...]
    linear: tuple[str, ...]
    given: tuple[str, ...]


def joint_parts(model: Model, known: Mapping[str, object], open_names: frozenset[str]) -> JointParts:
    """The parts of a model whose ``known`` names have values; ``open_names``: random variables with elements that are not seen."""
    normal = normal_form(model)
    numbers = tuple(v.name for v in model.of_role("random") if v.name in open_names)
    linear: list[str] = []
    given: list[str] = []
    for factor in normal.conditionals:
        if factor.target not in known:
            # numbers that cancel, `a - a`, are in the text, which has no value without them
            written = model.conditional_of[factor.target]
            above = {*normal.random_parents(factor), *model.random_parents(written)}
            is_open = factor.target in numbers or set(numbers) & above
            (linear if is_open else given).append(factor.target)
    return JointParts(numbers, tuple(linear), tuple(given))


def joint_reasons(model: Model, known: Mapping[str, object], open_names: frozenset[str]) -> Iterator[Diagnostic]:
    """Why the numbers that are not seen are not jointly normal given the rest."""
    if model.guide is not None or model.nets:
        yield Diagnostic("PGM0602", "the model has a guide or networks")
    if model.potentials or any(True for _ in model.of_role("field")):
        yield Diagnostic("PGM0602", "the model has fields")
        return
    for table in learned_tables(model):
        if table.name not in known:
            yield Diagnostic("PGM0602", f"the table of `{table.target}` is to be learned", table.distribution.span)
    parts = joint_parts(model, known, open_names)
    normal = normal_form(model)
    for factor in normal.conditionals:
        name = factor.target
        if name not in parts.linear:
            continue
        if model.by_name[name].type.is_discrete:
            yield Diagnostic("PGM0602", f"`{name}` is discrete and hangs on a number", factor.span)
        else:
            yield from linear_reasons(normal, factor, parts.numbers)
            yield from domain_reasons(model, factor, parts.numbers)


def joint_rows(
    model: Model, known: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray], parts: JointParts, layout: Layout,
    weights: tuple[str, np.ndarray] | None = None,
) -> JointRows:  # fmt: skip
    """The rows of all ``parts.linear``. ``known``: values of params and inputs; ``values``: what is seen of random variables, NaN or a code
    below zero where not. ``weights``: a plate, and how often each of its rows counts. Raises PgmError PGM0602, PGM0410 for sds that are not above zero."""
    whole = {n: v for n, v in values.items() if n not in parts.numbers}
    evaluator = Evaluator(model, {**known, **whole}, layout)
    blocks: dict[str, NodeBlock] = {}
    first = 0
    for name in dict.fromkeys((*parts.numbers, *parts.linear)):
        axes = model.array_axes(model.by_name[name])
        blocks[name] = NodeBlock(first, layout.shape(axes), axes, 0)
        first += blocks[name].count
    told = np.full(first, np.nan)
    for name, block in blocks.items():
        if name in values:
            told[block.first : block.first + block.count] = np.asarray(values[name], dtype=float).reshape(-1)
    numbers = {n: blocks[n] for n in parts.numbers}
    collected = _CollectedRows(told)
    for factor in model.conditionals:
        if factor.target not in parts.linear:
            continue
        try:
            for part in linear_elements(evaluator, factor, {}, numbers, blocks[factor.target]):
                collected.add(part, _weights_of(part, blocks[factor.target], weights), factor)
        except NotEvaluable as reason:
            raise PgmError(Diagnostic("PGM0602", f"`{factor.target}`: {reason}", factor.span)) from None
    return JointRows(collected.rows(), blocks, told, collected.hidden, *collected.about_rows())


def _weights_of(
    part: LinearElements, block: NodeBlock, weights: tuple[str, np.ndarray] | None
) -> np.ndarray | None:
    """How often each element counts; None where each is one."""
    if weights is None or weights[0] not in block.axes:
        return None
    place = block.axes.index(weights[0])
    return np.asarray(weights[1][np.unravel_index(part.child - block.first, block.shape)[place]], dtype=float)


class _CollectedRows:
    """The rows so far. ``told``: values of nodes, NaN at the unknowns."""

    def __init__(self, told: np.ndarray) -> None:
        self.told = told
        self.hidden = np.flatnonzero(np.isnan(told))
        self.place = np.full(len(told), -1)
        self.place[self.hidden] = np.arange(len(self.hidden))
        self._child: list[np.ndarray] = []
        self._log_scale: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []
        self._columns: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._right: list[np.ndarray] = []

    def add(self, part: LinearElements, weights: np.ndarray | None, factor: Conditional) -> None:
        count = len(part.child)
        sd = np.broadcast_to(part.sd[:, 0], (count,))
        if not ((sd > 0) & np.isfinite(sd)).all():
            raise PgmError(Diagnostic("PGM0410", f"the sd of `{factor.target}` is no finite number above zero",
                                      factor.span, help=SPREAD_CURE))  # fmt: skip
        nodes = np.concatenate([part.child[:, None], part.parents], 1)
        slopes = np.broadcast_to(part.coefficients[:, 0], part.parents.shape)
        scaled = np.concatenate([np.ones((count, 1)), -slopes], 1) / sd[:, None]
        right = np.broadcast_to(part.intercept[:, 0], (count,)) / sd
        repeated = np.ones(count) if weights is None else weights
        scaled, right = scaled * np.sqrt(repeated)[:, None], right * np.sqrt(repeated)
        self._child.append(part.child)
        self._log_scale.append(-repeated * (np.log(sd) + 0.5 * LOG_2PI))
        is_open = (self.place[nodes] >= 0) & (scaled != 0)
        seen = np.where((self.place[nodes] >= 0) | (scaled == 0), 0.0, self.told[nodes])
        self._right.append(right - (scaled * seen).sum(1))
        self._counts.append(is_open.sum(1))
        self._columns.append(self.place[nodes][is_open])
        self._values.append(scaled[is_open])

    def about_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """`JointRows.child` and `JointRows.log_scale`."""
        child = np.concatenate([np.zeros(0, dtype=np.int64), *self._child])
        return child, np.concatenate([np.zeros(0), *self._log_scale])

    def rows(self) -> SparseRows:
        counts = np.concatenate([np.zeros(1, dtype=np.int64), *self._counts])
        empty = np.zeros(0)
        return SparseRows(
            np.cumsum(counts), np.concatenate([empty.astype(np.int64), *self._columns]), np.concatenate([empty, *self._values]),
            np.concatenate([empty, *self._right]), len(self.hidden),
        )  # fmt: skip
