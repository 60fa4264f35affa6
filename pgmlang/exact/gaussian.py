"""Exact answers on a conditional Gaussian network, for many rows of evidence at once.

Given labels, every component of the numbers that are not seen (`gaussian.components`) is one normal distribution; the
likelihood of what is seen of it, a value for each configuration of the labels that it hangs on, is evidence about these to the
discrete engine, and their posterior weighs the component's normals: a strong junction tree whose continuous cliques are
the components (Lauritzen 1992; Cowell, Dawid, Lauritzen and Spiegelhalter 1999, chapter 7). Nothing is approximated: a number's answer is
a mixture of as many normals as its component has configurations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.engine import ExactEngine
from pgmlang.exact.evidence import Soft
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.components import NumberComponent, components
from pgmlang.gaussian.mixtures import NormalMixture
from pgmlang.gaussian.square_root import Factorised, component_rows, factorised
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor

MOST_CONFIGURATIONS = 1 << 10
"""Most configurations of the labels that one component hangs on, each a normal distribution of its numbers."""
MOST_CELLS = 1 << 22
"""Most numbers of a block of rows that are worked out at once."""
MOST_FACTORISATIONS = 256
"""Patterns of seen numbers whose factorisations are remembered."""


@dataclass(frozen=True, eq=False)
class NumberRows:
    """What is seen of some rows. ``codes``: of labels by their places, ``[rows]``, -1 where one is missing; ``numbers`` ``[rows, N]``,
    NaN where one is missing; ``soft``: weights of labels, ``[size]`` or ``[rows, size]``; ``done``: the numbers that are set rather than seen.
    ``units``: which unit of the network each row is."""

    codes: Mapping[int, np.ndarray]
    numbers: np.ndarray
    soft: Soft = field(default_factory=dict)
    done: frozenset[int] = frozenset()
    units: np.ndarray | None = None

    @property
    def num_rows(self) -> int:
        return len(self.numbers)

    def of(self, members: np.ndarray) -> NumberRows:
        """Some of the rows."""
        units = members if self.units is None else self.units[members]
        soft = {v: w if w.ndim == 1 else w[members] for v, w in self.soft.items()}
        return NumberRows(
            {v: c[members] for v, c in self.codes.items()}, self.numbers[members], soft, self.done, units
        )


@dataclass(frozen=True, eq=False)
class SolvedComponent:
    """A component of some rows: ``log_likelihoods`` ``[rows, C]`` of what is seen of it (minus infinity at configurations that the row's labels rule out),
    ``means`` ``[rows, C, h]`` of its hidden numbers, with the factorisation behind them."""

    component: NumberComponent
    factors: Factorised
    log_likelihoods: np.ndarray
    means: np.ndarray

    @property
    def sds(self) -> np.ndarray:
        """``[U, C, h]``."""
        return self.factors.sds


@dataclass(frozen=True, eq=False)
class BlockPosterior:
    """The posterior of rows whose numbers are seen alike. ``members``: which of the rows asked about; ``log_evidence``
    ``[members]``; ``tables`` by label ``[members, size]``, NaN where the evidence is impossible."""

    members: np.ndarray
    rows: NumberRows
    solved: tuple[SolvedComponent, ...]
    log_evidence: np.ndarray
    tables: Mapping[int, np.ndarray]
    weights: tuple[np.ndarray, ...]

    def figures(self, numbers: Sequence[int], quantiles: Sequence[float] = ()) -> np.ndarray:
        """Mean, sd and quantiles of numbers: ``[2 + quantiles, members, numbers]``."""
        from scipy.special import ndtri

        out = np.empty((2 + len(quantiles), len(self.members), len(numbers)))
        out[0], out[1] = self.rows.numbers[:, numbers], 0.0
        left = {i: k for k, i in enumerate(numbers)}
        for one, weights in zip(self.solved, self.weights, strict=True):
            hidden = [(place, left[i]) for place, i in enumerate(one.component.hidden) if i in left]
            if weights.shape[1] == 1 and hidden:
                places, columns = map(list, zip(*hidden, strict=True))
                out[0][:, columns], out[1][:, columns] = one.means[:, 0, places], one.sds[:, 0, places]
        for k, q in enumerate(quantiles):
            out[2 + k] = out[0] + float(ndtri(q)) * out[1]
        out[:, np.isneginf(self.log_evidence)] = np.nan
        for i, mixture in self.mixtures(numbers):
            out[:, :, left[i]] = mixture.mean(), mixture.sd(), *(mixture.quantile(q) for q in quantiles)
        return out

    def mixtures(self, numbers: Sequence[int]) -> Iterator[tuple[int, NormalMixture]]:
        """Those of some numbers that are mixtures of several normal distributions."""
        mixed = {
            i for s, w in zip(self.solved, self.weights, strict=True) if w.shape[1] > 1 for i in s.component.hidden
        }
        for i in sorted(mixed & set(numbers)):
            yield i, self.mixture(i)

    def mixture(self, number: int) -> NormalMixture:
        """A number's posterior: one that is seen is known."""
        for one, weights in zip(self.solved, self.weights, strict=True):
            if number in one.component.hidden:
                place = one.component.hidden.index(number)
                return NormalMixture(weights, one.means[:, :, place], one.sds[:, :, place])
        seen = self.rows.numbers[:, number : number + 1]
        possible = np.where(np.isneginf(self.log_evidence), np.nan, 1.0)[:, None]
        return NormalMixture(possible, seen, np.zeros((1, 1)))


class GaussianEngine:
    """``max_configurations``: refuse (PGM0611) a component that hangs on more configurations of labels than this."""

    def __init__(self, network: GaussianNetwork, max_configurations: int = MOST_CONFIGURATIONS) -> None:
        self.network = network
        self.max_configurations = max_configurations
        self._engines: dict[tuple[tuple[int, ...], ...], ExactEngine] = {}
        self._factorised: dict[tuple[object, ...], tuple[Factorised, ...]] = {}

    def posteriors(
        self, rows: NumberRows, numbers: Sequence[int] = (), labels: Sequence[int] = ()
    ) -> Iterator[BlockPosterior]:
        """The posteriors of ``numbers`` and ``labels``, in blocks of rows that share a pattern of seen numbers."""
        for members, solved in self.solved(rows, numbers):
            block = rows.of(members)
            engine, homes = self._engine(tuple(s.component.labels for s in solved))
            soft, heights = self._soft(engine, block, solved, homes)
            asked = tuple(dict.fromkeys([*labels, *(h for h in homes if h is not None)]))
            marginals = engine.marginals(block.codes, asked, soft, num_rows=len(members))
            log_evidence = marginals.log_evidence + heights
            weights = tuple(
                np.where(np.isneginf(log_evidence), np.nan, 1.0)[:, None] if h is None else marginals.tables[h]
                for h in homes
            )
            yield BlockPosterior(members, block, solved, log_evidence, marginals.tables, weights)

    def log_evidence(self, rows: NumberRows) -> np.ndarray:
        """``[rows]``: the log of the density of what is seen, minus infinity where labels make it impossible."""
        out = np.empty(rows.num_rows)
        for block in self.posteriors(rows):
            out[block.members] = block.log_evidence
        return out

    def expected_counts(self, block: BlockPosterior, weights: np.ndarray) -> list[np.ndarray]:
        """Posterior counts of every factor of the labels, summed over a block's rows by ``weights [members]``."""
        engine, homes = self._engine(tuple(s.component.labels for s in block.solved))
        soft, _ = self._soft(engine, block.rows, block.solved, homes)
        counts, _ = engine.expected_counts(block.rows.codes, weights, soft, num_rows=len(block.members))
        return counts[: len(self.network.discrete.factors)]

    def sample(self, rows: NumberRows, num_draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Joint draws of a single row's labels ``[draws, D]`` and numbers ``[draws, N]``, of evidence that is possible."""
        ((_, solved),) = self.solved(rows, range(len(self.network.numbers)))
        engine, homes = self._engine(tuple(s.component.labels for s in solved))
        soft, _ = self._soft(engine, rows, solved, homes)
        every = engine.posterior_sample(rows.codes, num_draws, rng, soft, num_rows=1)[0]
        codes = every[:, : len(self.network.discrete.variables)]
        values = np.repeat(rows.numbers, num_draws, 0)
        sizes = self.network.discrete.sizes
        for one in solved:
            hidden, labels = one.component.hidden, one.component.labels
            if not hidden:
                continue
            shape = [sizes[v] for v in labels]
            chosen = np.ravel_multi_index(codes[:, labels].T, shape) if labels else np.zeros(num_draws, int)
            noise = rng.standard_normal((num_draws, len(hidden)))
            root = one.factors.inverse_root[0]
            values[:, hidden] = one.means[0, chosen]
            for c in np.unique(chosen):
                values[np.ix_(chosen == c, hidden)] += noise[chosen == c] @ root[c].T
        return codes, values

    def joint(self, rows: NumberRows, labels: Sequence[int]) -> np.ndarray:
        """The posterior joint table of some labels of a single row, ``[sizes]``."""
        ((_, solved),) = self.solved(rows)
        engine, homes = self._engine(tuple(s.component.labels for s in solved))
        soft, _ = self._soft(engine, rows, solved, homes)
        return np.asarray(engine.joint(labels, rows.codes, soft, num_rows=1)[0])

    def mode(
        self, rows: NumberRows, numbers: Sequence[int], summed: Sequence[int] = ()
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The labels ``[D]`` but those ``summed`` over (-1) and the ``numbers`` of a single row at which their joint posterior
        density is greatest, the other numbers integrated out, and its log. Raises PgmError PGM0606 where a label that is summed over
        chooses among the numbers' distributions: the mode of a mixture has no closed form."""
        ((_, solved),) = self.solved(rows, numbers)
        self._need_chosen(solved, numbers, summed)
        engine, homes = self._engine(tuple(s.component.labels for s in solved))
        peaks = tuple(replace(s, log_likelihoods=s.log_likelihoods + _peak(s, numbers)) for s in solved)
        soft, heights = self._soft(engine, rows, peaks, homes)
        num_labels = len(self.network.discrete.variables)
        chosen = np.full(num_labels, -1)
        if summed:
            left = [v for v in range(num_labels) if v not in summed]
            codes, value = engine.map(left, rows.codes, soft, num_rows=1)
            chosen[left] = codes[0]
        else:
            codes, value = engine.mpe(rows.codes, soft, num_rows=1)
            chosen[:] = codes[0, :num_labels]
        values = rows.numbers[0].copy()
        for one in solved:
            if set(one.component.hidden) & set(numbers):
                values[list(one.component.hidden)] = one.means[
                    0, self._configuration(one.component.labels, chosen)
                ]
        log_evidence = self.log_evidence(rows)
        return chosen, values[list(numbers)], float(value[0] + heights[0] - log_evidence[0])

    def _configuration(self, labels: Sequence[int], codes: np.ndarray) -> int:
        shape = [self.network.discrete.sizes[v] for v in labels]
        return int(np.ravel_multi_index(codes[list(labels)], shape)) if shape else 0

    def _need_chosen(
        self, solved: Sequence[SolvedComponent], numbers: Sequence[int], summed: Sequence[int]
    ) -> None:
        for one in solved:
            asked = set(one.component.hidden) & set(numbers)
            mixed = [v for v in one.component.labels if v in summed]
            if asked and mixed:
                name, label = self.network.numbers[min(asked)], self.network.discrete.variables[mixed[0]].name
                message = f"`{name}` is a mixture over `{label}`, whose densest place has no closed form"
                raise PgmError(Diagnostic("PGM0606", message, help=f"ask for `{label}` too, or give it"))

    # ---- components

    def solved(
        self, rows: NumberRows, numbers: Sequence[int] = ()
    ) -> Iterator[tuple[np.ndarray, tuple[SolvedComponent, ...]]]:
        """Rows by their pattern of seen numbers, in blocks that memory holds, with their components."""
        seen = ~np.isnan(rows.numbers)
        for pattern, members in row_patterns(seen):
            parts = self._components(np.flatnonzero(pattern), numbers, rows.done)
            widest = max(
                [1, *(self.network.num_configurations(c.labels) * (len(c.conditionals) + 1) for c in parts)]
            )
            step = max(1, MOST_CELLS // widest)
            for start in range(0, len(members), step):
                some = members[start : start + step]
                block = rows.of(some)
                factors = self._factors(parts, block, pattern, numbers)
                yield some, tuple(self._solve(block, f) for f in factors)

    def _components(
        self, seen: np.ndarray, numbers: Sequence[int], done: frozenset[int]
    ) -> tuple[NumberComponent, ...]:
        parts = components(self.network, seen.tolist(), numbers, done)
        for part in parts:
            count = self.network.num_configurations(part.labels)
            if count > self.max_configurations:
                names = [self.network.numbers[i] for i in part.hidden[::-1]] or ["what is seen"]
                listed = ", ".join(f"`{n}`" for n in names[:4]) + (", ..." if len(names) > 4 else "")
                message = (
                    f"{listed} would be a mixture of {count:,} normal distributions, one for each configuration of "
                    f"{len(part.labels)} labels; the limit is {self.max_configurations:,}"
                )
                raise PgmError(
                    Diagnostic("PGM0611", message, help="give more of the labels, or draw: `--method hmc`")
                )
        return parts

    def _factors(
        self, parts: Sequence[NumberComponent], block: NumberRows, pattern: np.ndarray, numbers: Sequence[int]
    ) -> tuple[Factorised, ...]:
        """The factorisations of a pattern, remembered where all rows share them."""
        key = (pattern.tobytes(), tuple(numbers), block.done)
        if key in self._factorised:
            return self._factorised[key]
        assert block.units is not None, "a block says which rows it is of"
        out = tuple(
            factorised(component_rows(self.network, part, np.arange(self.network.num_configurations(part.labels)), block.units))
            for part in parts
        )  # fmt: skip
        if self.is_shared and len(self._factorised) < MOST_FACTORISATIONS:
            self._factorised[key] = out
        return out

    @cached_property
    def is_shared(self) -> bool:
        """Whether every row has the same network."""
        numbers = (x for c in self.network.conditionals for x in (c.intercept, c.coefficients, c.sd))
        return self.network.is_plain or all(len(x) == 1 for x in numbers)

    def _solve(self, block: NumberRows, factors: Factorised) -> SolvedComponent:
        part, rows = factors.rows.component, factors.rows
        count = self.network.num_configurations(part.labels)
        possible = self._possible(block, part.labels)
        log_likelihoods = np.full((block.num_rows, count), -np.inf)
        means = np.zeros((block.num_rows, count, len(part.hidden)))
        values = block.numbers[:, rows.seen]
        for c in range(count):
            which = np.flatnonzero(possible[:, c])
            if len(which):
                log_likelihoods[which, c], means[which, c] = factors.solved(c, which, values[which])
        return SolvedComponent(part, factors, log_likelihoods, means)

    def _possible(self, block: NumberRows, labels: Sequence[int]) -> np.ndarray:
        """Which configurations of some labels a row's codes leave open: ``[rows, C]``."""
        out = np.ones((block.num_rows, 1), dtype=bool)
        for v in labels:
            codes = block.codes.get(v)
            size = self.network.discrete.sizes[v]
            if codes is None:
                one = np.ones((block.num_rows, size), dtype=bool)
            else:
                one = (codes[:, None] == np.arange(size)) | (codes[:, None] < 0)
            out = (out[:, :, None] & one[:, None, :]).reshape(block.num_rows, -1)
        return out

    # ---- labels

    def _engine(self, scopes: tuple[tuple[int, ...], ...]) -> tuple[ExactEngine, list[int | None]]:
        """The discrete engine with a variable for each set of labels that a component hangs on, and the variable of each
        component: the label itself where it is one, none where there is none."""
        wide = tuple(dict.fromkeys(s for s in scopes if len(s) > 1))
        discrete = self.network.discrete
        first = len(discrete.variables)
        place = {s: first + k for k, s in enumerate(wide)}
        homes = [None if not s else s[0] if len(s) == 1 else place[s] for s in scopes]
        if wide not in self._engines:
            variables, factors = list(discrete.variables), list(discrete.factors)
            for scope in wide:
                count = self.network.num_configurations(scope)
                variables.append(DiscreteVariable("", tuple(map(str, range(count)))))
                table = np.eye(count).reshape(*(discrete.sizes[v] for v in scope), count)
                factors.append(TableFactor((*scope, place[scope]), table, place[scope]))
            self._engines[wide] = ExactEngine(DiscreteNetwork(tuple(variables), tuple(factors), discrete.name))
        return self._engines[wide], homes

    def _soft(
        self,
        engine: ExactEngine,
        block: NumberRows,
        solved: Sequence[SolvedComponent],
        homes: Sequence[int | None],
    ) -> tuple[dict[int, np.ndarray], np.ndarray]:
        """What is seen of numbers as weights of labels, the greatest of each row 1, and the logs of what they were divided by."""
        heights = np.zeros(block.num_rows)
        logs: dict[int, np.ndarray] = {}
        for one, home in zip(solved, homes, strict=True):
            if home is None:
                heights = heights + one.log_likelihoods[:, 0]
            else:
                logs[home] = logs.get(home, 0.0) + one.log_likelihoods
        soft = {v: np.broadcast_to(w, (block.num_rows, w.shape[-1])) for v, w in block.soft.items()}
        if not logs:
            return dict(block.soft), heights
        reachable = engine.marginals(block.codes, list(logs), dict(block.soft), num_rows=block.num_rows).tables
        for v, values in logs.items():
            # a configuration that the tables rule out must not set the scale
            values = np.where(reachable[v] > 0, values, -np.inf)
            top = values.max(1)
            top = np.where(np.isfinite(top), top, 0.0)
            heights = heights + top
            weights = np.exp(values - top[:, None])
            soft[v] = weights * soft[v] if v in soft else weights
        return soft, heights


def _pattern_texts(seen: np.ndarray) -> np.ndarray:
    """The rows of a truth table as bytes, ``[rows]``."""
    keys = np.ascontiguousarray(np.packbits(seen, axis=1))
    return keys.view(np.dtype((np.void, max(keys.shape[1], 1)))).reshape(-1)


def row_patterns(seen: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The distinct rows of a truth table ``[rows, N]``, and where each is."""
    if not len(seen):
        return []
    if (seen == seen[0]).all():
        return [(seen[0], np.arange(len(seen)))]
    _, first, inverse = np.unique(_pattern_texts(seen), return_index=True, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    cuts = np.cumsum(np.bincount(inverse.reshape(-1)))[:-1]
    return [(seen[f], members) for f, members in zip(first, np.split(order, cuts), strict=True)]


def _peak(solved: SolvedComponent, numbers: Sequence[int]) -> np.ndarray:
    """The log-density ``[U, C]`` of some of a component's hidden numbers at their mean."""
    places = [k for k, i in enumerate(solved.component.hidden) if i in numbers]
    if not places:
        return np.zeros((1, 1))
    root = solved.factors.inverse_root[..., places, :]
    triangle = np.linalg.qr(root.swapaxes(-1, -2), mode="r")
    log_root = np.log(np.abs(np.diagonal(triangle, axis1=-2, axis2=-1))).sum(-1)
    return np.asarray(-log_root - 0.5 * len(places) * np.log(2 * np.pi))
