"""From a Model to a conditional Gaussian network: that of one row, or of many rows that inputs tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.linear_elements import LinearElements, Predictor, linear_elements
from pgmlang.gaussian.network import GaussianNetwork, NumberConditional
from pgmlang.gaussian.normal_arguments import SPREAD_CURE, normal_arguments
from pgmlang.gaussian.probed_factors import domain_reasons
from pgmlang.graph.childless import event_axes
from pgmlang.layout import Layout, close_layout
from pgmlang.model import Choice, Conditional, Distribution, Model
from pgmlang.model.branches import branches
from pgmlang.model.dependence import names_behind
from pgmlang.model.expr import Expr
from pgmlang.normal import normal_form
from pgmlang.normal.affine import form_in
from pgmlang.tables.elements import NodeBlock, element_names
from pgmlang.tables.evaluate import Evaluator, NotEvaluable
from pgmlang.tables.from_model import iid_plate, one_row
from pgmlang.tables.learned import learned_tables
from pgmlang.tables.unroll import Unrolled, unroll
from pgmlang.tables.verdict import discrete_verdict


def reasons_against(model: Model, known: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Why a model whose ``known`` names have values is no conditional Gaussian network."""
    if model.guide is not None or model.nets:
        yield Diagnostic("PGM0602", "the model has a guide or networks")
    if model.potentials or any(True for _ in model.of_role("field")):
        yield Diagnostic("PGM0602", "the model has fields")
        return
    numbers = number_names(model, known)
    if not numbers:
        yield Diagnostic("PGM0602", "every random variable is discrete: tables answer")
        return
    yield from discrete_verdict(labels_alone(model, known, numbers), fixed=known).reasons
    for table in learned_tables(model):
        if table.name not in known:
            yield Diagnostic("PGM0602", f"the table of `{table.target}` is to be learned", table.distribution.span)
    normal = normal_form(model)
    for conditional in normal.conditionals:
        if conditional.target not in known:
            yield from _against_conditional(normal, conditional, numbers)
            yield from domain_reasons(model, conditional, numbers)


def number_names(model: Model, known: Mapping[str, object]) -> tuple[str, ...]:
    """The random variables without a value that are no labels, in the order of the text."""
    return tuple(v.name for v in model.of_role("random") if v.name not in known and not v.type.is_discrete)


def _against_conditional(model: Model, factor: Conditional, numbers: tuple[str, ...]) -> Iterator[Diagnostic]:
    if factor.target not in numbers:
        above = sorted(set(numbers) & set(model.random_parents(factor)))
        if above:
            message = f"`{factor.target}` is discrete and hangs on the number `{above[0]}`"
            yield Diagnostic("PGM0602", message, factor.span)
        return
    yield from linear_reasons(model, factor, numbers)


def linear_reasons(model: Model, factor: Conditional, numbers: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Why a conditional of a model in normal form is not normal around a mean that is linear in the ``numbers``, with a spread that is free of them."""
    target = model.by_name[factor.target]
    if target.type.kind != "real":
        yield Diagnostic(
            "PGM0602", f"`{factor.target}` is {target.type}, which no normal distribution is", factor.span
        )
        return
    for condition in _conditions(factor.distribution):
        if set(numbers) & set(names_behind(model, condition)):
            yield Diagnostic("PGM0602", f"a number chooses the distribution of `{factor.target}`", factor.span)
    for distribution in branches(factor.distribution):
        arguments = normal_arguments(distribution)
        if arguments is None:
            family = getattr(distribution, "family", "a table")
            yield Diagnostic(
                "PGM0602", f"`{factor.target}` is drawn from {family}, and not from a Normal", factor.span
            )
            continue
        if not form_in(model, arguments.loc, numbers, with_lags=True).is_linear:
            yield Diagnostic("PGM0602", f"the mean of `{factor.target}` is not linear in the numbers", factor.span)
        if not form_in(model, arguments.spread, numbers, with_lags=True).is_free:
            yield Diagnostic(
                "PGM0602", f"the {arguments.words} of `{factor.target}` hangs on numbers", factor.span
            )


def _conditions(distribution: Distribution) -> Iterator[Expr]:
    if isinstance(distribution, Choice):
        yield distribution.condition
        yield from _conditions(distribution.then)
        yield from _conditions(distribution.otherwise)


def labels_alone(model: Model, known: Mapping[str, object], numbers: tuple[str, ...]) -> Model:
    """The model without its numbers."""
    factors = tuple(f for f in model.conditionals if f.target not in numbers)
    variables = tuple(v for v in model.variables if v.name not in numbers)
    return replace(model, factors=factors, variables=variables, guide=None)


@dataclass(frozen=True, eq=False)
class RowNetwork:
    """The network of a row, or of rows side by side (its units), and which of its variables are which elements of the
    model's: ``labels``, ``numbers`` by name with the shape of one row."""

    network: GaussianNetwork
    labels: Mapping[str, NodeBlock]
    numbers: Mapping[str, NodeBlock]
    evaluator: Evaluator


def row_network(
    model: Model,
    parameters: Mapping[str, np.ndarray],
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    elements: Mapping[str, int] | None = None,
) -> RowNetwork:
    """The network of one fresh row; arguments as `tables.from_model.row_unrolled`. Raises PgmError PGM0602 for what is
    none, PGM0610 for values that are not known."""
    row = one_row(model, parameters, sizes, labels, inputs, elements)
    given = {**parameters, **row.inputs}
    layout = close_layout(model, row.sizes, labels, row.membership)
    return _assembled(model, given, layout, labels, row.plate, 1)


def bound_row_network(
    model: Model, parameters: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray], layout: Layout,
    labels: Mapping[str, tuple[str, ...]],
) -> RowNetwork:  # fmt: skip
    """The network of all rows of a table, a unit each. Raises PgmError as `row_network`."""
    plate = iid_plate(model, parameters)[1]
    count = 1 if plate is None else layout.size(plate)
    return _assembled(model, {**parameters, **inputs}, layout, labels, plate, count)


@dataclass(frozen=True, eq=False)
class RowNodes:
    """The nodes of one row: ``unrolled`` labels with their tables, ``numbers`` by name and the ``texts`` of their elements."""

    unrolled: Unrolled
    numbers: Mapping[str, NodeBlock]
    texts: tuple[str, ...]


def row_nodes(
    model: Model, given: Mapping[str, np.ndarray], layout: Layout, labels: Mapping[str, tuple[str, ...]] | None
) -> RowNodes:
    """The nodes of a row of a model whose ``given`` names have values, tables among them; the labels' tables hang on no input of rows.
    Raises PgmError PGM0602 where the rows are not the first axis."""
    names = number_names(model, given)
    smaller = labels_alone(model, given, names)
    row = one_row(model, given, dict(layout.sizes), labels)
    unrolled = unroll(smaller, given, row.sizes, labels, {}, row.membership, row.hidden)
    numbers: dict[str, NodeBlock] = {}
    first, texts = 0, []
    one = Evaluator(model, {}, unrolled.evaluator.layout)
    for name in names:
        axes = model.array_axes(model.by_name[name])
        block = numbers[name] = NodeBlock(first, one.layout.shape(axes), axes, 0)
        texts += element_names(one, model, model.by_name[name], row.hidden)
        first += block.count
    if row.plate is not None and any(
        row.plate not in b.axes[:1] for b in (*unrolled.nodes.values(), *numbers.values())
    ):
        raise PgmError(Diagnostic("PGM0602", f"the rows of `{row.plate}` stand inside of another axis"))
    return RowNodes(unrolled, numbers, tuple(texts))


def _assembled(
    model: Model, given: Mapping[str, np.ndarray], layout: Layout, labels: Mapping[str, tuple[str, ...]] | None,
    plate: str | None, count: int,
) -> RowNetwork:  # fmt: skip
    inputs = {v.name for v in model.of_role("input")} if count != 1 else set()
    nodes = row_nodes(model, {k: v for k, v in given.items() if k not in inputs}, layout, labels)
    unrolled, numbers = nodes.unrolled, nodes.numbers
    evaluator = Evaluator(model, given, layout)
    wide_labels, wide_numbers = (
        (unrolled.nodes, numbers) if plate is None else (one_of_rows(b, count) for b in (unrolled.nodes, numbers))
    )
    conditionals: list[NumberConditional | None] = [None] * len(nodes.texts)
    for factor in model.conditionals:
        if factor.target not in numbers:
            continue
        try:
            parts = tuple(linear_elements(evaluator, factor, wide_labels, wide_numbers))
        except NotEvaluable as reason:
            raise PgmError(Diagnostic("PGM0602", f"`{factor.target}`: {reason}", factor.span)) from None
        for part in parts:
            for one_conditional in _by_child(part, unrolled.nodes, numbers, count):
                conditionals[one_conditional.child] = one_conditional
    assert all(c is not None for c in conditionals), "every number has a conditional"
    for text, one in zip(nodes.texts, conditionals, strict=True):
        if one is not None and not (np.isfinite(one.sd).all() and (one.sd > 0).all()):
            raise PgmError(Diagnostic("PGM0410", f"the sd of `{text}` is no finite number above zero",
                                      model.conditional_of[text.partition("[")[0]].span, help=SPREAD_CURE))  # fmt: skip
    network = GaussianNetwork(
        unrolled.network, nodes.texts, tuple(c for c in conditionals if c), model.name, _vectors(model, numbers)
    )
    return RowNetwork(network, unrolled.nodes, numbers, evaluator)


def _vectors(model: Model, numbers: Mapping[str, NodeBlock]) -> tuple[tuple[int, ...], ...]:
    """The numbers of each draw that spans an axis, which is the last of its variable's."""
    out: list[tuple[int, ...]] = []
    for name, block in numbers.items():
        if event_axes(model, name):
            width = block.shape[-1]
            out += [tuple(range(i, i + width)) for i in range(block.first, block.first + block.count, width)]
    return tuple(out)


def one_of_rows(blocks: Mapping[str, NodeBlock], count: int) -> dict[str, NodeBlock]:
    """The nodes of all rows: those of a variable in one row after the other."""
    return {
        n: NodeBlock(b.first * count, (count, *b.shape[1:]) if b.axes else b.shape, b.axes, b.size)
        for n, b in blocks.items()
    }


def _by_child(
    part: LinearElements, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock], count: int
) -> Iterator[NumberConditional]:
    """A conditional for each element of one row, its units the rows."""
    for child, rows, parents, scope in children_of_rows(part, labels, numbers, count):
        values = (x if len(x) == 1 else x[rows] for x in (part.intercept, part.coefficients, part.sd))
        yield NumberConditional(child, parents, scope, *map(shared_units, values))


def children_of_rows(
    part: LinearElements | Predictor, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock], count: int
) -> Iterator[tuple[int, np.ndarray, tuple[int, ...], tuple[int, ...]]]:
    """The children of one row: the element of each of the ``count`` rows, its parents and its labels. Raises PgmError PGM0602
    where a row hangs on another, or on other elements than the rows beside it do."""
    child, row = _of_one_row(part.child, numbers, count)
    parents, parent_rows = _of_one_row(part.parents, numbers, count)
    scope, label_rows = _of_one_row(part.labels, labels, count)
    if (parent_rows != row[:, None]).any() or (label_rows != row[:, None]).any():
        raise PgmError(Diagnostic("PGM0602", "rows hang together"))
    for one in np.unique(child):
        which = np.flatnonzero(child == one)
        which = which[np.argsort(row[which])]
        alike = (parents[which] == parents[which[0]]).all() and (scope[which] == scope[which[0]]).all()
        if len(which) != count or not alike:
            raise PgmError(Diagnostic("PGM0602", "rows hang on different elements"))
        yield int(one), which, tuple(parents[which[0]].tolist()), tuple(scope[which[0]].tolist())


def _of_one_row(nodes: np.ndarray, blocks: Mapping[str, NodeBlock], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of all rows as those of one row, and the row of each."""
    listed = sorted(blocks.values(), key=lambda b: b.first)
    if not listed or not nodes.size:
        return np.zeros(nodes.shape, dtype=np.int64), np.zeros(nodes.shape, dtype=np.int64)
    firsts = np.array([b.first for b in listed])
    widths = np.array([b.count for b in listed])
    place = np.searchsorted(firsts * count, nodes, side="right") - 1
    offset = nodes - firsts[place] * count
    return firsts[place] + offset % widths[place], offset // widths[place]


def shared_units(values: np.ndarray) -> np.ndarray:
    """Values of units, once where all have the same."""
    return values[:1] if (values == values[:1]).all() else values
