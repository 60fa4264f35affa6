"""Chains of numbers that are normal and linear in each other and in the rows before: linear Gaussian state space models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.from_model import number_names, reasons_against
from pgmlang.gaussian.linear_elements import LinearElements, linear_elements
from pgmlang.gaussian.network import GaussianNetwork, NumberConditional
from pgmlang.gaussian.normal_arguments import SPREAD_CURE
from pgmlang.layout import Layout
from pgmlang.model import Model
from pgmlang.model.row_plates import row_chain
from pgmlang.tables import DiscreteNetwork
from pgmlang.tables.elements import NodeBlock
from pgmlang.tables.evaluate import Evaluator, NotEvaluable


@dataclass(frozen=True, eq=False)
class ChainNetwork:
    """Rows sequence after sequence (``order``, which ``begins [sequences + 1]`` cut), ``n`` numbers each (``blocks``: which are
    which elements of the model's). A row of ``kind [rows]`` has ``slopes [kinds, n, (lags + 1) * n]`` of the numbers of its own row, of the row
    before and so on (none before its sequence begins), and ``sd [kinds, n]``; ``intercept [rows, n]``."""

    order: np.ndarray
    begins: np.ndarray
    kind: np.ndarray
    slopes: np.ndarray
    sd: np.ndarray
    intercept: np.ndarray
    blocks: Mapping[str, NodeBlock]

    @property
    def lags(self) -> int:
        return self.slopes.shape[2] // self.slopes.shape[1] - 1


MOST_LAGS = 16
"""Rows that a row may look back."""


def chain_reasons(model: Model, known: Mapping[str, object], *, has_labels: bool = False) -> Iterator[Diagnostic]:
    """Why the rows of a model whose ``known`` names have values are no such chain; ``has_labels``: whether there may be labels too."""
    plates = [p.name for p in model.plates if p.is_rows]
    chain = row_chain(model)
    if not chain:
        yield Diagnostic("PGM0602", "the rows are no chain")
        return
    for variable in model.of_role("random", "field"):
        if variable.name in known:
            if set(plates) & set(variable.plates):
                yield Diagnostic("PGM0602", f"`{variable.name}` has a value for the elements of the fit alone")
        elif variable.type.is_discrete and not has_labels:
            yield Diagnostic("PGM0602", f"`{variable.name}` has labels")
        elif chain not in variable.plates:
            yield Diagnostic("PGM0602", f"`{variable.name}` is shared by the rows")
    yield from reasons_against(model, known)


def chain_network(
    model: Model, parameters: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray], layout: Layout
) -> ChainNetwork:
    """The network of bound rows. Raises PgmError PGM0602 for rows that hang on later ones or on other sequences, PGM0610 for
    values that are not known."""
    chain = row_chain(model) or ""
    given = {**parameters, **inputs}
    names = number_names(model, given)
    evaluator = Evaluator(model, given, layout)
    count = layout.size(chain)
    blocks: dict[str, NodeBlock] = {}
    width = 0
    for name in names:
        axes = model.array_axes(model.by_name[name])
        if axes[:1] != (chain,):
            raise PgmError(Diagnostic("PGM0602", f"the rows of `{chain}` stand inside of another axis"))
        shape = layout.shape(axes)
        size = int(np.prod(shape[1:], dtype=np.int64))
        blocks[name] = NodeBlock(width, (1, *shape[1:]), axes, 0)
        width += size
    wide = {n: NodeBlock(b.first * count, (count, *b.shape[1:]), b.axes, 0) for n, b in blocks.items()}
    parts: list[LinearElements] = []
    for factor in model.conditionals:
        if factor.target in names:
            try:
                parts += linear_elements(evaluator, factor, {}, wide)
            except NotEvaluable as reason:
                raise PgmError(Diagnostic("PGM0602", f"`{factor.target}`: {reason}", factor.span)) from None
    sequences = evaluator.sequences(chain)
    begins = np.append(np.flatnonzero(sequences.position[sequences.order] == 0), count)
    return _assembled(parts, blocks, width, count, sequences.rank, sequences.position, sequences.order, begins)


def _assembled(
    parts: list[LinearElements], blocks: Mapping[str, NodeBlock], width: int, count: int, rank: np.ndarray,
    position: np.ndarray, order: np.ndarray, begins: np.ndarray,
) -> ChainNetwork:  # fmt: skip
    starts = np.array([b.first for b in blocks.values()])
    sizes = np.array([b.count for b in blocks.values()])

    def placed(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number within a row, and the row."""
        block = np.searchsorted(starts * count, nodes, side="right") - 1
        offset = nodes - starts[block] * count
        return starts[block] + offset % sizes[block], offset // sizes[block]

    located = [(p, *placed(p.child), *placed(p.parents)) for p in parts]
    lags = 1
    for part, _, row, _, parent_row in located:
        used = (part.coefficients[:, 0] != 0) | np.zeros((len(row), 1), dtype=bool)
        lag = np.where(used, rank[row][:, None] - rank[parent_row], 0)
        if (lag < 0).any() or (lag > position[row][:, None]).any():
            raise PgmError(Diagnostic("PGM0602", "rows hang on others than those before them in their sequence"))
        lags = max(lags, int(lag.max(initial=0)))
    if lags > MOST_LAGS:
        raise PgmError(Diagnostic("PGM0611", f"rows look back {lags} rows; the limit is {MOST_LAGS}"))
    kind, num_kinds = _kinds(located, count)
    slopes = np.zeros((num_kinds, width, (lags + 1) * width))
    sd = np.ones((num_kinds, width))
    intercept = np.zeros((count, width))
    for part, child, row, parent, parent_row in located:
        intercept[row, child] = part.intercept[:, 0]
        sd[kind[row], child] = part.sd[:, 0]
        for k in range(part.parents.shape[1]):
            coefficient = np.broadcast_to(part.coefficients[:, 0, k], row.shape)
            lag = np.where(coefficient != 0, rank[row] - rank[parent_row[:, k]], 0)
            slopes[kind[row], child, lag * width + parent[:, k]] = np.where(
                coefficient != 0, coefficient, slopes[kind[row], child, lag * width + parent[:, k]]
            )
    if not (sd > 0).all():
        raise PgmError(Diagnostic("PGM0410", "an sd of the chain is not above zero", help=SPREAD_CURE))
    return ChainNetwork(order, begins, kind[order], slopes, sd, intercept[order], blocks)


def unrolled(network: ChainNetwork) -> tuple[GaussianNetwork, np.ndarray]:
    """All cells as one network, rows in the order of their sequences, and the row of each."""
    count, width = network.intercept.shape
    conditionals = []
    for t in range(count):
        begin = network.begins[np.searchsorted(network.begins, t, side="right") - 1]
        slopes = network.slopes[network.kind[t]]
        for i in range(width):
            parents, values = [], []
            for k in np.flatnonzero(slopes[i]):
                row = t - k // width
                if row >= begin:
                    parents.append(int(row * width + k % width))
                    values.append(slopes[i, k])
            conditionals.append(
                NumberConditional(
                    t * width + i, tuple(parents), (), network.intercept[t, i].reshape(1, 1),
                    np.array(values, dtype=float).reshape(1, 1, -1), network.sd[network.kind[t], i].reshape(1, 1),
                )
            )  # fmt: skip
    names = tuple(str(i) for i in range(count * width))
    return GaussianNetwork(DiscreteNetwork((), ()), names, tuple(conditionals)), np.repeat(np.arange(count), width)


def _kinds(
    located: list[tuple[LinearElements, np.ndarray, np.ndarray, np.ndarray, np.ndarray]], count: int
) -> tuple[np.ndarray, int]:
    """Which rows have the same slopes and sds: those of the same parts whose numbers do not vary along them."""
    if any(len(p.coefficients) > 1 or len(p.sd) > 1 for p, *_ in located):
        return np.arange(count), count
    member = np.zeros((count, len(located)), dtype=np.int8)
    for k, (_, _, row, _, _) in enumerate(located):
        member[row, k] = 1
    _, kind = np.unique(member, axis=0, return_inverse=True)
    return kind.reshape(-1), int(kind.max(initial=0)) + 1
