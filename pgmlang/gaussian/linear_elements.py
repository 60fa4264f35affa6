"""The linear predictors of numbers as coefficients, for many elements of a factor at once.

An expression that is linear in some variables is evaluated at zero, where its constant is left, and far out along each of
them, where its constant is lost: at a power of two so large the rounding of a slope is that of the slope alone, however
large the constant beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.normal_arguments import SPREAD_CURE, NormalArguments, given_those_before, normal_arguments
from pgmlang.gaussian.probed_factors import probed_factor
from pgmlang.model import Choice, Conditional, Dist, Distribution, Variable
from pgmlang.model.branches import branches
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

    def __init__(
        self, shared: Evaluator, labels: Mapping[str, NodeBlock], of_numbers: Directions, of_params: Directions
    ) -> None:
        super().__init__(shared, labels)
        self.directions = (of_numbers, of_params)

    @property
    def numbers(self) -> Mapping[str, NodeBlock]:
        return self.directions[0].nodes

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
    evaluator: Evaluator, factor: Conditional, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock],
    target: NodeBlock | None = None,
) -> Iterator[LinearElements]:  # fmt: skip
    """All elements of a number's conditional, those with one structure together; ``target``: its nodes, where its value is known and is none of the
    ``numbers``. Raises NotEvaluable, and PgmError for values that are not known."""
    for one in predictors(evaluator, factor, labels, numbers, {}, target):
        points = one.loc[..., 0]
        slopes = (points[..., 1:] - points[..., :1]) / FAR
        yield LinearElements(one.child, one.parents, one.labels, one.sizes, points[..., 0], slopes, one.sd[..., 0])


def predictors(
    evaluator: Evaluator, factor: Conditional, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock],
    params: Mapping[str, NodeBlock], target: NodeBlock | None = None,
) -> Iterator[Predictor]:  # fmt: skip
    """The predictors of all elements of a number's conditional, those with one structure together; of vectors those of the first
    number, of the second given it, and so on. ``params``: those without a value. Raises NotEvaluable, and PgmError for values that
    are not known, PGM0410 for covariances that are none."""
    model = evaluator.model
    factor = probed_factor(model, factor, numbers, params)
    event = {a for d in branches(factor.distribution) if isinstance(d, Dist) for a in d.event}
    axes = tuple(a for a in model.by_name[factor.target].axes if a not in event)
    context, count = elements_context(evaluator, factor.plates, axes)
    block = numbers[factor.target] if target is None else target
    for rows in groups_by_first(evaluator, list(model.expressions(factor)), context, count):
        yield from _of_group(evaluator, factor, block, select(context, rows), len(rows), labels, numbers, params)


def _of_group(
    shared: Evaluator, factor: Conditional, target: NodeBlock, context: ElementContext, count: int,
    labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock], params: Mapping[str, NodeBlock],
) -> Iterator[Predictor]:  # fmt: skip
    """Of ``count`` elements at ``context``."""
    of_numbers, of_params = Directions(numbers, PROBE), Directions(params, PARAM)
    while True:
        evaluator = LinearEvaluator(shared, labels, of_numbers, of_params)
        normals = _NumbersDrawn(evaluator, factor, target, context, count).of(factor.distribution)
        if of_numbers.is_settled and of_params.is_settled:
            break
        of_numbers, of_params = of_numbers.again(), of_params.again()
    met = {a for one in normals for a in (*one.loc.axes, *one.sd.axes)}
    slots = [s for s in evaluator.slots if s.axis in met]
    sizes = tuple(s.size for s in slots)
    axes = (ELEMENT, *(s.axis for s in slots))
    configurations, num_parents, num_params = math.prod(sizes), len(of_numbers.known) + 1, len(of_params.known) + 1
    check_cells([count, configurations, num_parents, num_params], f"the conditional of `{factor.target}`")
    parents, nodes = _nodes(of_numbers.known, count), _nodes(of_params.known, count)
    of_labels = _nodes(tuple(s.ids for s in slots), count)
    for one in normals:
        at_points, spread = one.loc.to((*axes, PROBE, PARAM)), one.sd.to((*axes, PARAM))
        lead = at_points.shape[0]
        loc = np.broadcast_to(at_points, (lead, *sizes, num_parents, num_params))
        loc = loc.reshape(lead, configurations, num_parents, num_params).astype(float)
        # a number of a vector hangs on those before it, and not on itself and those after it
        used = np.arange(num_parents) == 0
        used |= True if len(normals) == 1 else (loc != loc[:, :, :1]).any((0, 1, 3))
        yield Predictor(
            np.broadcast_to(one.child.to((ELEMENT,)), (count,)), parents[:, used[1:]], nodes, of_labels, sizes, loc[:, :, used],
            np.broadcast_to(spread, (len(spread), *sizes, num_params)).reshape(len(spread), configurations, num_params).astype(float),
        )  # fmt: skip


def _nodes(ids: tuple[NamedArray, ...], count: int) -> np.ndarray:
    out = np.zeros((count, len(ids)), dtype=np.int64)
    for k, one in enumerate(ids):
        out[:, k] = one.values
    return out


@dataclass(frozen=True)
class _NumberDrawn:
    """The ``child`` along ELEMENT, its mean and its sd along ELEMENT, slots and points."""

    child: NamedArray
    loc: NamedArray
    sd: NamedArray


@dataclass(frozen=True, eq=False)
class _NumbersDrawn:
    """The normal numbers that an element of a conditional draws: one, or those of a vector one after the other."""

    evaluator: LinearEvaluator
    factor: Conditional
    target: NodeBlock
    context: ElementContext
    count: int

    def of(self, distribution: Distribution) -> list[_NumberDrawn]:
        if isinstance(distribution, Choice):
            condition = self.evaluator.evaluate(distribution.condition, self.context)
            if np.all(condition.values):
                return self.of(distribution.then)
            if not np.any(condition.values):
                return self.of(distribution.otherwise)
            both = zip(self.of(distribution.then), self.of(distribution.otherwise), strict=True)
            return [
                _NumberDrawn(a.child, elementwise(np.where, condition, a.loc, b.loc), elementwise(np.where, condition, a.sd, b.sd))
                for a, b in both
            ]  # fmt: skip
        arguments = normal_arguments(distribution)
        if arguments is None:
            raise NotEvaluable("what is drawn is not normal")
        if not arguments.event:
            loc, sd = (self.evaluator.evaluate(e, self.context) for e in arguments[:2])
            return [_NumberDrawn(self._child(self.context), loc, sd)]
        return self._of_vector(arguments)

    def _child(self, context: ElementContext) -> NamedArray:
        where = np.arange(self.target.count).reshape(self.target.shape) + self.target.first
        return take(NamedArray(where, self.target.axes), self._indices(context))

    def _indices(self, context: ElementContext) -> dict[str, NamedArray]:
        model = self.evaluator.model
        return {a: context.coordinates[a] for a in model.array_axes(model.by_name[self.factor.target])}

    def _of_vector(self, arguments: NormalArguments) -> list[_NumberDrawn]:
        size = self.evaluator.layout.size(arguments.event)
        places = [
            self.context.at({arguments.event: NamedArray(np.full(self.count, i), (ELEMENT,))}) for i in range(size)
        ]
        locs = [self.evaluator.evaluate(arguments.loc, at) for at in places]
        target = self.evaluator.model.by_name[self.factor.target]
        values = [self.evaluator.variable(target, self._indices(at)) for at in places]
        spread = self.evaluator.evaluate(arguments.spread, self.context)
        root = self.evaluator.model.root_axis
        matrix = tuple(a for a in arguments.spread.axes if root(a) == root(arguments.event))[-2:]
        rest = tuple(a for a in spread.axes if a not in matrix)
        try:
            slopes, sd = given_those_before(spread.to((*rest, *matrix)), arguments.kind)
        except np.linalg.LinAlgError:
            message = f"the covariance of `{target.name}` is not positive definite"
            raise PgmError(Diagnostic("PGM0410", message, self.factor.span, help=SPREAD_CURE)) from None
        gaps = [elementwise(np.subtract, x, loc) for x, loc in zip(values, locs, strict=True)]
        out = []
        for i, loc in enumerate(locs):
            for j in range(i):
                loc = elementwise(
                    np.add, loc, elementwise(np.multiply, NamedArray(slopes[..., i, j], rest), gaps[j])
                )
            out.append(_NumberDrawn(self._child(places[i]), loc, NamedArray(sd[..., i], rest)))
        return out
