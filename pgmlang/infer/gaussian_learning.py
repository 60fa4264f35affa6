"""Coefficients and sds of conditional Gaussian networks from rows with any missing cells: expected least squares.

What rows say of a conditional is kept as a triangle whose product with itself is the sum of the expected squares and products of its
numbers (Golub and Van Loan 2013, section 5.3): these are never squared, so that predictors that are nearly collinear or far from zero cost no more
digits than in a least-squares problem of complete rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgmlang.binding.row_groups import table_shapes, weight_array
from pgmlang.exact.gaussian import BlockPosterior, GaussianEngine, NumberRows, SolvedComponent
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.design import LearnedConditional, ParamElements, learned_conditionals, param_elements
from pgmlang.gaussian.from_model import RowNodes, row_nodes
from pgmlang.gaussian.square_root import configurations_within
from pgmlang.infer.base import Problem
from pgmlang.infer.counts import summarize
from pgmlang.infer.gaussian_reasons import estimated_model
from pgmlang.infer.gaussian_rows import evidence_of
from pgmlang.tables.conditionals import uniform_parameters
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.from_model import iid_plate
from pgmlang.tables.learned import learned_tables


class Estimates(NamedTuple):
    """``coefficients``, ``sds``: of the elements of params, laid end to end; ``tables`` by name."""

    coefficients: np.ndarray
    sds: np.ndarray
    tables: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Expected:
    """What an E-step found. ``squares``: by the element of an sd (-1: those that are known) a matrix ``[rows, 1 + coefficients]`` whose product
    with (1, coefficients) has the expected squared residuals as its squared length, ``weights``: the rows behind each; ``counts`` of
    tables by name."""

    log_likelihood: float
    squares: Mapping[int, np.ndarray]
    weights: Mapping[int, float]
    counts: Mapping[str, np.ndarray]


@dataclass
class _Stack:
    """Rows that come to a triangle when they are many."""

    width: int
    parts: list[np.ndarray] = field(default_factory=list)
    rows: int = 0

    def add(self, rows: np.ndarray) -> None:
        self.parts.append(rows)
        self.rows += len(rows)
        if self.rows > 64 * self.width:
            self.parts = [self.triangle()]
            self.rows = len(self.parts[0])

    def triangle(self) -> np.ndarray:
        stacked = np.concatenate(self.parts) if self.parts else np.zeros((0, self.width))
        return np.asarray(np.linalg.qr(stacked, mode="r")) if len(stacked) > self.width else stacked


class GaussianLearning:
    """The rows of a problem, and what their conditionals are linear in."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.binding = replace(problem.binding, model=estimated_model(problem.model, problem.facts))
        model, known = self.binding.model, dict(problem.fixed)
        plate = iid_plate(model, known)[1]
        self.count = 1 if plate is None else self.binding.layout.size(plate)
        shapes = table_shapes(self.binding)
        given = {**known, **uniform_parameters(shapes)}
        self.nodes: RowNodes = row_nodes(model, given, self.binding.layout, dict(self.binding.labels))
        inputs = {n: np.asarray(v) for n, v in self.binding.values.items() if model.by_name[n].role == "input"}
        evaluator = Evaluator(model, {**given, **inputs}, self.binding.layout)
        self.elements: ParamElements = param_elements(model, known, evaluator)
        self.conditionals: tuple[LearnedConditional, ...] = learned_conditionals(
            model, evaluator, self.nodes.unrolled.nodes, self.nodes.numbers, self.elements, self.count
        )
        blocks = {**self.nodes.unrolled.nodes, **self.nodes.numbers}
        self.rows: NumberRows = evidence_of(self.binding, blocks, len(self.nodes.texts), self.count)
        weights = weight_array(self.binding)
        self.weights = np.ones(self.count) if weights is None else weights

    @cached_property
    def centre(self) -> np.ndarray:
        """The mean of what is seen of each number."""
        seen = ~np.isnan(self.rows.numbers)
        total = np.where(seen, self.rows.numbers, 0.0).sum(0)
        return np.asarray(total / np.maximum(seen.sum(0), 1))

    def label_counts(self) -> dict[str, np.ndarray]:
        """Counts of the labels' learned tables, of the rows that show all of each."""
        model = self.binding.model
        factors = tuple(c for c in model.conditionals if c.target in self.nodes.unrolled.nodes)
        counted = replace(self.binding, model=replace(model, factors=factors, guide=None))
        counts = summarize(counted, self.problem.fixed).counts
        return {t.name: counts[t.name] for t in learned_tables(model)}

    def network(self, at: Estimates) -> GaussianNetwork:
        discrete = self.nodes.unrolled.with_parameters({**self.problem.fixed, **at.tables})
        return GaussianNetwork(
            discrete, self.nodes.texts, tuple(c.at(at.coefficients, at.sds) for c in self.conditionals)
        )

    # ---- what rows say

    def expect(self, at: Estimates) -> Expected:
        """The E-step: the log-likelihood at estimates, and what the M-step needs."""
        network = self.network(at)
        engine = GaussianEngine(network)
        collected = _Collected(self)
        counts = {n: np.zeros_like(t) for n, t in at.tables.items()}
        total = 0.0
        for block in engine.posteriors(self.rows):
            weights = self.weights[block.members]
            used = weights > 0
            total += float(weights[used] @ block.log_evidence[used])
            for solved, chances in zip(block.solved, block.weights, strict=True):
                collected.add_component(network, block, solved, np.nan_to_num(chances) * weights[:, None])
            if at.tables:
                by_factor = engine.expected_counts(block, weights)
                self.nodes.unrolled.add_counts(counts, by_factor[: len(self.nodes.unrolled.origins)])
        return collected.expected(total, counts)

    def available(self, rng: np.random.Generator | None) -> Expected:
        """What the rows that show all of a conditional say of it, as where an E-step begins; ``rng``: labels that are not seen at random, else
        evenly."""
        collected = _Collected(self)
        sizes = self.nodes.unrolled.network.sizes
        chances = {}
        for v, size in enumerate(sizes):
            codes = self.rows.codes.get(v, np.full(self.count, -1))
            random = (
                np.full((self.count, size), 1.0 / size)
                if rng is None
                else rng.dirichlet(np.ones(size), self.count)
            )
            chances[v] = np.where(codes[:, None] < 0, random, codes[:, None] == np.arange(size))
        for c in self.conditionals:
            involved = [*c.parents, c.child]
            whole = np.flatnonzero(~np.isnan(self.rows.numbers[:, involved]).any(1))
            if not len(whole):
                continue
            values = np.concatenate(
                [np.ones((len(whole), 1)), self.rows.numbers[whole][:, involved] - self.centre[involved]], 1
            )
            for k, key in enumerate(np.ndindex(*(sizes[v] for v in c.labels))):
                share = self.weights[whole].copy()
                for v, code in zip(c.labels, key, strict=True):
                    share *= chances[v][whole, code]
                collected.add(c, k, whole, share, values, None)
        return collected.expected(0.0, {})


class _Collected:
    """Sums over rows, one conditional and configuration after the other."""

    def __init__(self, learning: GaussianLearning) -> None:
        self.learning = learning
        self.shared: dict[tuple[int, int], _Stack] = {}
        self.own: dict[int, _Stack] = {}
        self.weights: dict[int, float] = {}

    def add_component(
        self, network: GaussianNetwork, block: BlockPosterior, solved: SolvedComponent, weights: np.ndarray
    ) -> None:
        """The conditionals of a component of a block; ``weights [members, C]`` of its configurations."""
        component, learning = solved.component, self.learning
        sizes = [network.discrete.sizes[v] for v in component.labels]
        count = weights.shape[1]
        codes = np.stack(np.unravel_index(np.arange(count), sizes), 1) if sizes else np.zeros((count, 0), int)
        place = {i: k for k, i in enumerate(component.hidden)}
        root = solved.factors.inverse_root
        for one in component.conditionals:
            c = learning.conditionals[one.child]
            involved = [*c.parents, c.child]
            within = configurations_within(network, component, one, codes)
            hidden = [(column, place[i]) for column, i in enumerate(involved) if i in place]
            for k in range(count):
                used = np.flatnonzero(weights[:, k] > 0)
                if not len(used):
                    continue
                values = block.rows.numbers[used][:, involved]
                spread = None
                if hidden:
                    columns, places = map(list, zip(*hidden, strict=True))
                    values[:, columns] = solved.means[used][:, k, places]
                    of_rows = root[:1, k] if len(root) == 1 else root[used, k]
                    spread = np.zeros((len(of_rows), root.shape[-1], 1 + len(involved)))
                    spread[:, :, [1 + i for i in columns]] = of_rows[:, places].swapaxes(1, 2)
                centred = np.concatenate([np.ones((len(used), 1)), values - learning.centre[involved]], 1)
                self.add(c, int(within[k]), block.members[used], weights[used, k], centred, spread)

    def add(
        self, c: LearnedConditional, configuration: int, rows: np.ndarray, weights: np.ndarray, values: np.ndarray,
        spread: np.ndarray | None,
    ) -> None:  # fmt: skip
        """Rows' expected (1, parents, child) ``values``, the numbers' centred, and the roots of their covariances ``spread`` ``[rows or 1, h, 2 + K]``."""
        root = np.sqrt(weights)
        of_values = root[:, None] * values
        if c.is_shared:
            stack = self.shared.setdefault((c.child, configuration), _Stack(values.shape[1]))
            stack.add(of_values)
            if spread is not None:
                wide = spread if len(spread) > 1 else np.sqrt(weights.sum()) * spread
                stack.add((wide if len(spread) == 1 else root[:, None, None] * wide).reshape(-1, values.shape[1]))
            self._weigh(c, configuration, 0, float(weights.sum()))
            return
        every = of_values[:, None, :]
        if spread is not None:
            every = np.concatenate(
                [every, root[:, None, None] * np.broadcast_to(spread, (len(rows), *spread.shape[1:]))], 1
            )
        ids = np.broadcast_to(c.sd_params, (self.learning.count, c.sd_params.shape[1]))[rows, configuration]
        for sd in np.unique(ids):
            which = np.flatnonzero(ids == sd)
            self._stack(int(sd)).add(self._columns(c, configuration, rows[which], every[which]))
            self.weights[int(sd)] = self.weights.get(int(sd), 0.0) + float(weights[which].sum())

    def _weigh(self, c: LearnedConditional, configuration: int, row: int, weight: float) -> None:
        sd = int(c.sd_params[row, configuration])
        self.weights[sd] = self.weights.get(sd, 0.0) + weight

    def _stack(self, sd: int) -> _Stack:
        return self.own.setdefault(sd, _Stack(1 + self.learning.elements.num_coefficients))

    def _columns(
        self, c: LearnedConditional, configuration: int, rows: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """Expected ``values`` ``[rows, b, 2 + K]`` as rows over (1, coefficients)."""

        def of(array: np.ndarray) -> np.ndarray:
            return array[:1] if len(array) == 1 else array[rows]

        design, params, factor = of(c.design[:, configuration]), of(c.params), of(c.factor[:, configuration])
        centre = self.learning.centre
        count, num_columns = max(len(design), len(factor)), design.shape[1]
        change = np.zeros((count, values.shape[2], num_columns))
        change[:, 0] = -(design[:, :, 0] + design[:, :, 1:] @ centre[list(c.parents)])
        change[:, 0, 0] += centre[c.child]
        change[:, 1:-1] = -design[:, :, 1:].swapaxes(1, 2)
        change[:, -1, 0] = 1.0
        change /= factor[:, None, None]
        local = np.matmul(values, change)
        out = np.zeros((*local.shape[:2], 1 + self.learning.elements.num_coefficients))
        out[:, :, 0] = local[:, :, 0]
        for j in range(num_columns - 1):
            ids = np.broadcast_to(params[:, j], (len(local),))
            np.add.at(
                out,
                (np.arange(len(local))[:, None], np.arange(local.shape[1])[None], 1 + ids[:, None]),
                local[:, :, 1 + j],
            )
        return out.reshape(-1, out.shape[2])

    def expected(self, log_likelihood: float, counts: Mapping[str, np.ndarray]) -> Expected:
        for (child, configuration), stack in self.shared.items():
            c = self.learning.conditionals[child]
            rows = self._columns(c, configuration, np.zeros(1, dtype=np.int64), stack.triangle()[None])
            self._stack(int(c.sd_params[0, configuration])).add(rows)
        return Expected(
            log_likelihood, {sd: s.triangle() for sd, s in self.own.items()}, dict(self.weights), counts
        )


# ---- estimates


def least_squares(expected: Expected, sds: np.ndarray, num_coefficients: int) -> tuple[np.ndarray, int]:
    """The coefficients that are best given sds, the shortest where several are, and their rank."""
    if not num_coefficients:
        return np.zeros(0), 0
    empty = np.zeros((0, 1 + num_coefficients))
    rows = np.concatenate([empty, *(m / (1.0 if sd < 0 else sds[sd]) for sd, m in expected.squares.items())])
    lengths = np.sqrt(np.square(rows[:, 1:]).sum(0))
    lengths = np.where(lengths > 0, lengths, 1.0)
    solution, _, rank, _ = np.linalg.lstsq(rows[:, 1:] / lengths, -rows[:, 0], rcond=1e-13)
    return solution / lengths, int(rank)


def residual_sds(expected: Expected, coefficients: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The sds that are best given coefficients: those of the residuals; as ``before`` where no row says any."""
    out = before.copy()
    for sd, rows in expected.squares.items():
        if sd >= 0 and expected.weights[sd] > 0:
            residual = rows[:, 0] + rows[:, 1:] @ coefficients
            out[sd] = np.sqrt(np.square(residual).sum() / expected.weights[sd])
    return out


NO_SPREAD = 1e-150
"""An sd by which nothing is divided: the rows lie on the predictor."""


def maximised(
    expected: Expected, sds: np.ndarray, num_coefficients: int, sweeps: int = 1
) -> tuple[np.ndarray, np.ndarray, int]:
    """Coefficients and sds, each given the others in turn (Meng and Rubin 1993): one sweep is the maximum where one sd belongs to each
    coefficient."""
    coefficients, rank = np.zeros(num_coefficients), 0
    for _ in range(sweeps):
        coefficients, rank = least_squares(expected, sds, num_coefficients)
        after = residual_sds(expected, coefficients, sds)
        is_settled = np.allclose(after, sds, rtol=1e-14, atol=0)
        sds = after
        if is_settled or (sds < NO_SPREAD).any():
            break
    return coefficients, sds, rank
