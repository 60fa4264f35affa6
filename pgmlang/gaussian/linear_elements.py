"""The linear predictors of numbers as coefficients, for many elements of a factor at once.

An expression that is linear in some variables is evaluated at zero, where its constant is left, and far out along each of
them, where its constant is lost: at a power of two so large the rounding of a slope is that of the slope alone, however
large the constant beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.families import FAMILIES
from pgmlang.model import Choice, Conditional, Dist, Distribution, Variable
from pgmlang.model.expr import Expr
from pgmlang.model.named import NamedArray, check_cells, elementwise, take
from pgmlang.tables.context import ElementContext
from pgmlang.tables.elements import ELEMENT, ElementEvaluator, NodeBlock, elements_context, groups_by_first, select
from pgmlang.tables.evaluate import Evaluator, NotEvaluable

PROBE = "#probe"
"""The axis of the points at which an expression is evaluated: zero, and one for each variable."""
PARAM = "#param"
"""The same of params without a value."""
FAR = 2.0**300


@dataclass(frozen=True, eq=False)
class LinearElements:
    """Some elements of the conditional of a number. ``child`` ``[E]``, ``parents`` ``[E, K]``: nodes of numbers; ``labels`` ``[E, L]``: nodes of
    labels with their ``sizes``; ``intercept`` ``[E or 1, C]``, ``coefficients`` ``[E or 1, C, K]``, ``sd`` ``[E or 1, C]`` for each configuration of the labels,
    the last fastest."""

    child: np.ndarray
    parents: np.ndarray
    labels: np.ndarray
    sizes: tuple[int, ...]
    intercept: np.ndarray
    coefficients: np.ndarray
    sd: np.ndarray


class Directions:
    """The variables of one kind that expressions are linear in: ``nodes`` of their elements by name, the ``axis`` of the
    points at which they are evaluated, and the nodes that stand for its directions (``found``), those of ``known`` with points of
    their own; others are met for the first time."""

    def __init__(self, nodes: Mapping[str, NodeBlock], axis: str, known: tuple[NamedArray, ...] = ()) -> None:
        self.nodes = nodes
        self.axis = axis
        self.known = known
        self.found: list[NamedArray] = []
        self._place: dict[tuple[tuple[str, ...], bytes], int] = {}
        for ids in known:
            self._direction(ids)

    def again(self) -> Directions:
        """The same with points for all that were found."""
        return Directions(self.nodes, self.axis, tuple(self.found))

    @property
    def is_settled(self) -> bool:
        return len(self.found) == len(self.known)

    def _direction(self, ids: NamedArray) -> int:
        key = (ids.axes, np.ascontiguousarray(ids.values, dtype=np.int64).tobytes())
        if key not in self._place:
            self._place[key] = len(self.found)
            self.found.append(ids)
        return self._place[key]

    def values(self, name: str, indices: Mapping[str, NamedArray]) -> NamedArray:
        """The values of a variable along the points: zero, and at the point of each element FAR there."""
        block = self.nodes[name]
        fixed = {a: i for a, i in indices.items() if set(i.axes) <= {ELEMENT}}
        free = tuple(a for a in block.axes if a not in fixed)
        where = np.arange(block.count).reshape(block.shape) + block.first
        ids = take(NamedArray(where, block.axes), fixed)
        shape = [block.shape[block.axes.index(a)] for a in free]
        axes = (ELEMENT,) if ELEMENT in ids.axes else ()
        by_element = ids.to((*free, *axes)).reshape(math.prod(shape), -1)
        check_cells([len(by_element), len(self.known) + 1], f"all of `{name}`")
        values = np.zeros((len(by_element), len(self.known) + 1))
        for k, row in enumerate(by_element):
            place = self._direction(NamedArray(row if axes else row[0], axes))
            if place < len(self.known):
                values[k, 1 + place] = FAR
        points = NamedArray(values.reshape((*shape, len(self.known) + 1)), (*free, self.axis))
        return take(points, {a: i for a, i in indices.items() if a in free})


class LinearEvaluator(ElementEvaluator):
    """Like `ElementEvaluator`, and the values of numbers, and of params where these are not known, run over their points."""

    def __init__(self, shared: Evaluator, labels: Mapping[str, NodeBlock], *directions: Directions) -> None:
        super().__init__(shared, labels)
        self.directions = directions

    def variable(self, variable: Variable, indices: Mapping[str, NamedArray]) -> NamedArray:
        for one in self.directions:
            if variable.name in one.nodes:
                return one.values(variable.name, indices)
        return super().variable(variable, indices)


@dataclass(frozen=True, eq=False)
class Predictor:
    """The mean and the sd of some elements of a normal conditional at the points of all directions: ``loc``
    ``[E or 1, C, 1 + K, 1 + J]`` (K directions of numbers, J of params), ``sd [E or 1, C, 1 + J]``; the other fields as of `LinearElements`."""

    child: np.ndarray
    parents: np.ndarray
    params: np.ndarray
    labels: np.ndarray
    sizes: tuple[int, ...]
    loc: np.ndarray
    sd: np.ndarray


def linear_elements(
    evaluator: Evaluator, factor: Conditional, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock]
) -> list[LinearElements]:
    """All elements of a number's conditional, those with one structure together. Raises NotEvaluable, and PgmError for
    values that are not known."""
    model = evaluator.model
    target = model.by_name[factor.target]
    context, count = elements_context(evaluator, factor.plates, target.axes)
    return [
        _elements(evaluator, factor, select(context, rows), len(rows), labels, numbers)
        for rows in groups_by_first(evaluator, list(model.expressions(factor)), context, count)
    ]


def _elements(
    shared: Evaluator, factor: Conditional, context: ElementContext, count: int,
    labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock],
) -> LinearElements:  # fmt: skip
    one = predictor(shared, factor, context, count, labels, numbers, {})
    points = one.loc[..., 0]
    return LinearElements(
        one.child, one.parents, one.labels, one.sizes, points[..., 0], (points[..., 1:] - points[..., :1]) / FAR, one.sd[..., 0]
    )  # fmt: skip


def predictor(
    shared: Evaluator, factor: Conditional, context: ElementContext, count: int,
    labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock], params: Mapping[str, NodeBlock],
) -> Predictor:  # fmt: skip
    """The predictor of ``count`` elements of a number's conditional, at ``context``. ``params``: those without a value. Raises
    NotEvaluable, and PgmError for values that are not known."""
    of_numbers, of_params = Directions(numbers, PROBE), Directions(params, PARAM)
    while True:
        evaluator = LinearEvaluator(shared, labels, of_numbers, of_params)
        loc, sd = _normal(evaluator, factor.distribution, context, count)
        if of_numbers.is_settled and of_params.is_settled:
            break
        of_numbers, of_params = of_numbers.again(), of_params.again()
    slots = [s for s in evaluator.slots if s.axis in loc.axes or s.axis in sd.axes]
    sizes = tuple(s.size for s in slots)
    axes = (ELEMENT, *(s.axis for s in slots))
    configurations, num_parents, num_params = math.prod(sizes), len(of_numbers.known) + 1, len(of_params.known) + 1
    check_cells([count, configurations, num_parents, num_params], f"the conditional of `{factor.target}`")
    at_points, spread = loc.to((*axes, PROBE, PARAM)), sd.to((*axes, PARAM))
    lead = at_points.shape[0]
    block = numbers[factor.target]
    model = shared.model
    indices = {a: context.coordinates[a] for a in model.array_axes(model.by_name[factor.target])}
    where = np.arange(block.count).reshape(block.shape) + block.first
    return Predictor(
        np.broadcast_to(take(NamedArray(where, block.axes), indices).to((ELEMENT,)), (count,)),
        _nodes(of_numbers.known, count),
        _nodes(of_params.known, count),
        _nodes(tuple(s.ids for s in slots), count),
        sizes,
        np.broadcast_to(at_points, (lead, *sizes, num_parents, num_params))
        .reshape(lead, configurations, num_parents, num_params).astype(float),
        np.broadcast_to(spread, (len(spread), *sizes, num_params)).reshape(len(spread), configurations, num_params).astype(float),
    )  # fmt: skip


def _nodes(ids: tuple[NamedArray, ...], count: int) -> np.ndarray:
    out = np.zeros((count, len(ids)), dtype=np.int64)
    for k, one in enumerate(ids):
        out[:, k] = one.values
    return out


def _normal(
    evaluator: LinearEvaluator, distribution: Distribution, context: ElementContext, count: int
) -> tuple[NamedArray, NamedArray]:
    """Mean and sd along ELEMENT, slots and, of the mean, PROBE."""
    if isinstance(distribution, Choice):
        condition = evaluator.evaluate(distribution.condition, context)
        if np.all(condition.values):
            return _normal(evaluator, distribution.then, context, count)
        if not np.any(condition.values):
            return _normal(evaluator, distribution.otherwise, context, count)
        loc, sd = _normal(evaluator, distribution.then, context, count)
        other_loc, other_sd = _normal(evaluator, distribution.otherwise, context, count)
        return elementwise(np.where, condition, loc, other_loc), elementwise(np.where, condition, sd, other_sd)
    arguments = normal_arguments(distribution)
    if arguments is None:
        raise NotEvaluable("what is drawn is not normal")
    return evaluator.evaluate(arguments[0], context), evaluator.evaluate(arguments[1], context)


def normal_arguments(distribution: Distribution) -> tuple[Expr, Expr] | None:
    """The mean and the sd of a family whose log-density is quadratic in a real number and its mean together; None of others."""
    family = FAMILIES.get(distribution.family) if isinstance(distribution, Dist) else None
    if not isinstance(distribution, Dist) or family is None or distribution.base is not None:
        return None
    if not family.quadratic_in or family.support != "real" or family.location_scale is None or family.event:
        return None
    arguments = dict(distribution.arguments)
    loc, sd = arguments[family.quadratic_in], arguments[family.location_scale.scale]
    assert not isinstance(loc, Dist), "a distribution of no other has expressions alone"
    assert not isinstance(sd, Dist), "a distribution of no other has expressions alone"
    return loc, sd
