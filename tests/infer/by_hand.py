"""Models and bindings made by hand, and the naive counterparts that methods are held against."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import pgmlang
from pgmlang.binding.record import Binding
from pgmlang.infer.base import Problem, facts_of
from pgmlang.layout import MissingMask, close_layout
from pgmlang.model import Model
from pgmlang.tables import DiscreteNetwork

SPRINKLER = """
plate day {
  cloudy    : {no, yes} ~ Table()
  rain      : {no, yes} ~ Table(cloudy)
  sprinkler : {no, yes} ~ Table(cloudy)
  wet       : {no, yes} ~ Table(rain, sprinkler) {
    no,  no  : 1.00, 0.00
    no,  yes : 0.10, 0.90
    yes, no  : 0.10, 0.90
    yes, yes : 0.01, 0.99
  }
}
"""


def problem_of(text: str, data: Any, device: str = "cpu", **binding: Any) -> Problem:
    """A model's problem with data."""
    found = pgmlang.compile(text).bind(data, **binding)
    return Problem(found.model, found, {}, facts_of(found.model, found), device)


def bound(
    model: Model,
    columns: Mapping[str, Sequence[object] | np.ndarray],
    plate: str = "row",
    weights: np.ndarray | None = None,
    sizes: Mapping[str, int] | None = None,
    membership: Mapping[tuple[str, str], np.ndarray] | None = None,
) -> Binding:
    """A binding of columns of labels (None is missing) or of arrays of codes."""
    values: dict[str, np.ndarray] = {}
    missing: dict[str, MissingMask] = {}
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            values[name] = column
        else:
            labels = model.labels_of(model.by_name[name].type)
            assert labels is not None
            values[name] = np.array([-1 if x is None else labels.index(str(x)) for x in column], dtype=np.int64)
        if model.by_name[name].role in ("random", "field") and (values[name] < 0).any():
            missing[name] = MissingMask(model.array_axes(model.by_name[name]), values[name] < 0)
    num_rows = len(next(iter(values.values())))
    random = [v.name for v in model.of_role("random", "field")]
    return Binding(
        model,
        close_layout(model, {**(sizes or {}), plate: num_rows}, {}, membership, missing),
        {},
        values,
        weights,
        observed=tuple(n for n in random if n in values),
        latent=tuple(n for n in random if n not in values),
    )


def joint(network: DiscreteNetwork) -> np.ndarray:
    """The log of the product of all factors, one axis a variable."""
    out = np.zeros(network.sizes)
    for factor in network.factors:
        order = np.argsort(factor.scope)
        shape = [network.sizes[v] if v in factor.scope else 1 for v in range(len(network.sizes))]
        out = out + factor.log_values().transpose(order).reshape(shape)
    return out


def log_sum(values: np.ndarray) -> float:
    top = values.max()
    return float(np.log(np.exp(values - top).sum()) + top)


def completions(codes: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Every way to fill in the cells that are -1."""
    return list(itertools.product(*([c] if c >= 0 else range(s) for c, s in zip(codes, sizes, strict=True))))


def random_dag(seed: int, prior: str = "", max_nodes: int = 6) -> tuple[str, dict[str, int]]:
    """A model of learned tables over a random DAG, and the number of labels of each variable."""
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(int(rng.integers(3, max_nodes + 1)))]
    sizes = {n: int(rng.integers(2, 4)) for n in names}
    lines = []
    for i, name in enumerate(names):
        parents = [names[j] for j in rng.permutation(i)[: rng.integers(0, min(i, 2) + 1)]]
        labels = ", ".join("abc"[: sizes[name]])
        arguments = ", ".join([*parents, *([prior] if prior else [])])
        lines.append(f"  {name} : {{{labels}}} ~ Table({arguments})")
    return "plate row {\n" + "\n".join(lines) + "\n}\n", sizes


def random_tables(model: Model, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random rows for every learned table of a model whose labels are closed."""
    from pgmlang.tables.evaluate import Evaluator
    from pgmlang.tables.learned import learned_tables, table_shape

    evaluator = Evaluator(model, {})
    shapes = {t.name: table_shape(evaluator, t) for t in learned_tables(model)}
    return {name: rng.dirichlet(np.ones(s[-1]), size=s[:-1]) for name, s in shapes.items()}


def sample_rows(network: DiscreteNetwork, num_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Independent draws by enumeration, (rows, variables)."""
    p = np.exp(joint(network)).ravel()
    flat = rng.choice(p.size, size=num_rows, p=p / p.sum())
    return np.stack(np.unravel_index(flat, network.sizes), 1)


def columns_of(network: DiscreteNetwork, rows: np.ndarray) -> dict[str, np.ndarray]:
    return {v.name: np.ascontiguousarray(rows[:, i]) for i, v in enumerate(network.variables)}
