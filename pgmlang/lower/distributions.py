"""Distributions as torch syntax, and the log-probability of a factor's target under them."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import replace

from pgmlang.families import FAMILIES, LEARNED, SAFE, Family, Parameter
from pgmlang.families.formula import printed
from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import Axes, Emitted, ExpressionEmitter, to_come
from pgmlang.model import Choice, Conditional, Density, Dist, Distribution, Factor, Model, TableDist, density_net
from pgmlang.model.expr import Apply, Choose, Expr, Ref, Rename
from pgmlang.model.types import UNIT
from pgmlang.normal import normal_form, without_definitions
from pgmlang.signatures.functions import FUNCTIONS


class DistributionEmitter:
    """Emits the distributions of one model's conditionals. ``partly_seen``: targets some of whose cells are missing and
    drop out (``graph.childless``): the term of such a cell is zero."""

    def __init__(self, model: Model, expressions: ExpressionEmitter, partly_seen: Collection[str] = ()) -> None:
        self.model = model
        self.expressions = expressions
        self.partly_seen = frozenset(partly_seen)
        self.table_number = 0

    def frame_of(self, conditional: Conditional) -> Axes:
        """Array axes of the target."""
        return self.expressions.array_axes(conditional.target)

    def log_prob(self, conditional: Conditional) -> tuple[ast.expr, Axes]:
        """The log-probability of the target and its axes: those of the target less the event's."""
        self.table_number = 0
        frame = self.frame_of(conditional)
        value = py.name(self.expressions.names[conditional.target])
        if conditional.target not in self.partly_seen:
            return self._log_prob(conditional.distribution, conditional, value, frame)
        seen = Emitted(self.expressions.layout.is_seen(conditional.target), frame)
        with self.expressions.branch(seen):
            term, batch = self._log_prob(conditional.distribution, conditional, value, frame)
        return py.call("torch.where", seen.node, term, py.constant(0.0)), batch

    def _log_prob(
        self, distribution: Distribution, conditional: Conditional, value: ast.expr, frame: Axes
    ) -> tuple[ast.expr, Axes]:
        match distribution:
            case Choice(condition=condition, then=then, otherwise=otherwise):
                test = self.expressions.truth(condition, frame)
                with self.expressions.branch(test):
                    a, batch = self._log_prob(then, conditional, value, frame)
                with self.expressions.branch(test, is_then=False):
                    b, _ = self._log_prob(otherwise, conditional, value, frame)
                return py.call("torch.where", self.expressions.align(test, frame[: len(batch)]), a, b), batch
            case Dist() if picked := self._label_chance(distribution, conditional, frame):
                return self._log(picked, frame), frame
            case Dist():
                built = self.dist(distribution, frame)
                batch = frame[: len(frame) - len(distribution.event)]
                return py.method(built, "log_prob", self._supported(distribution, value, frame)), batch
            case TableDist():
                return self._log(self.table_chance(distribution, conditional, frame), frame), frame
            case Density():
                self.expressions.uses.add("real")
                built, batch = self.learned(distribution, conditional, frame)
                return py.method(built, "log_prob", py.call("real", value)), batch

    def _label_chance(self, distribution: Dist, conditional: Conditional, frame: Axes) -> ast.expr | None:
        """The probability of the target's label, picked from a simplex without the rest of it being laid out."""
        chances = distribution.arguments[0][1] if distribution.arguments else None
        family = FAMILIES[distribution.family]
        if chances is None or isinstance(chances, Dist) or not family.is_by_chances(distribution.variant):
            return None
        axis = next((a for a in chances.axes if a not in frame), None)
        variable = self.model.by_name[conditional.target]
        if axis is None or variable.type.kind != "labels":
            return None
        target = Ref(variable.type, variable.axes, None, conditional.target)
        picked = _pick(chances, axis, target, self.model)
        if picked is None:
            return None
        return self.expressions.align(self.expressions.number(picked, frame), frame)

    def table_chance(self, distribution: TableDist, conditional: Conditional, frame: Axes) -> ast.expr:
        """``table[parent, parent, target]``, one number for each element of the frame."""
        table = self._table_name(conditional)
        values = [self.expressions.emit(parent, frame) for parent in distribution.parents]
        target = Emitted(py.name(self.expressions.names[conditional.target]), frame)
        codes = [self._element_of(by, frame) for by in distribution.by]
        codes += [self.expressions.to_frame(v.node, v.axes, frame) for v in values]
        picks = [self.expressions.align(code, frame) for code in (*codes, target)]
        self.expressions.uses.add("take")
        return py.call("take", table, *picks, own=py.constant(len(frame)))

    def _log(self, chance: ast.expr, frame: Axes) -> ast.expr:
        return py.call("torch.log", self.expressions.masked(Emitted(chance, frame), py.constant(1.0)).node)

    def _supported(self, distribution: Dist, value: ast.expr, frame: Axes) -> ast.expr:
        """The target; in a branch that is not taken, a value that the distribution can have."""
        if self.expressions.taken is None:
            return value
        base = distribution
        while base.base is not None:
            base = base.base
        family = FAMILIES[base.family]
        if family.support == "labels":  # a code is a value of either branch
            return value
        safe = self._safe(family.support, family.event, distribution.event)
        if safe is None:
            return value
        drawn = py.call("real", value) if family.discrete else value
        self.expressions.uses.add("real")
        return self.expressions.masked(Emitted(drawn, frame), safe).node

    def _safe(self, support: str, rank: int, event: Axes, given: float | None = None) -> ast.expr | None:
        """A value well inside a support, laid out along ``rank`` event axes; None where any number will do."""
        if rank == 2:
            return py.call("torch.eye", self.expressions.size(event[-1]))
        if support == "simplex" or (support == "unit" and rank == 1):
            return py.binary("div", py.constant(1.0), self.expressions.size(event[-1]))
        number = SAFE.get(support) if given is None else given
        return None if number is None else py.constant(number)

    def _masked_argument(self, value: Emitted, parameter: Parameter, argument: Expr, event: Axes) -> Emitted:
        """An argument; in a branch that is not taken, a value that the parameter can have."""
        if self.expressions.taken is None or _is_kept(argument, parameter):
            return value
        safe = self._safe(parameter.support, parameter.event, event, parameter.safe)
        return value if safe is None else self.expressions.masked(value, safe)

    # ---- distribution objects

    def learned(self, density: Density, conditional: Conditional, frame: Axes) -> tuple[ast.expr, Axes]:
        """The distribution that a learned density's networks give, and the axes of the target less the event's. Raises
        PgmError PGM0601 where no class is there or a draw has several axes."""
        axes = self.model.by_name[conditional.target].axes
        net = next((n for n in self.model.nets if n.name == density_net(conditional.target)), None)
        if net is None or not LEARNED[density.family].module:
            raise to_come(f"`{density.family}`", density.span)
        if len(axes) != 1:
            raise to_come(f"`{density.family}` over several axes", density.span)
        batch = frame[:-1]
        called, _ = self.expressions.net_call(net, density.given, batch)
        return called, batch

    def dist(self, distribution: Dist, frame: Axes, *, is_base: bool = False) -> ast.expr:
        """A distribution object whose batch axes are (a broadcast of) the frame without its event axes. ``is_base``: of
        a combinator, which may ask it for its distribution function."""
        family = FAMILIES[distribution.family]
        if family.takes:
            return self._combined(family, distribution, frame)
        arguments = self.arguments_of(distribution, frame)
        if family.torch and family.torch[distribution.variant] and not (is_base and family.formulas):
            return self.template(family.torch[distribution.variant], arguments)
        return self.object(family, distribution, arguments)

    def object(self, family: Family, distribution: Dist, arguments: dict[str, ast.expr]) -> ast.expr:
        """The object of the family's own class, which the foot of the program brings."""
        class_name = family.class_of(distribution.variant)
        self.expressions.uses.add(class_name)
        nodes = list(arguments.values())
        if family.event and not any(p.event for p in family.variants[distribution.variant]):
            nodes.append(self.expressions.size(distribution.event[-1]))
        return py.call(class_name, *nodes)

    def template(self, text: str, arguments: dict[str, ast.expr]) -> ast.expr:
        """A class of torch or Pyro with the arguments where the record has their names."""
        return printed(text, arguments, self.expressions.uses.add)

    def arguments_of(self, distribution: Dist, frame: Axes) -> dict[str, ast.expr]:
        """The numbers, vectors and matrices of a distribution, in the order of its parameters."""
        batch = frame[: len(frame) - len(distribution.event)]
        given = dict(distribution.arguments)
        nodes: dict[str, ast.expr] = {}
        for parameter in FAMILIES[distribution.family].variants[distribution.variant]:
            argument = given.get(parameter.name)
            assert not isinstance(argument, Dist)
            if argument is None:
                assert parameter.default is not None
                nodes[parameter.name] = py.constant(parameter.default)
            elif parameter.event == 0:
                nodes[parameter.name] = self._number_of(argument, batch, parameter)
            elif parameter.event == 1:
                nodes[parameter.name] = self._vector(argument, batch, distribution, parameter)
            else:
                nodes[parameter.name] = self._matrix(argument, batch, parameter, distribution.event)
        return nodes

    def _combined(self, family: Family, distribution: Dist, frame: Axes) -> ast.expr:
        """A distribution of another: bounds are numbers of the frame, the weights of a mixture have one axis more, along
        which the other has its components."""
        base = next(a for _, a in distribution.arguments if isinstance(a, Dist))
        arguments = self.arguments_of(distribution, frame)
        self.expressions.uses.add(family.runtime[0])
        if not any(p.event for p in family.variants[0]):
            inner = self.base(base, frame)
            numbers = [n for p, n in zip(family.variants[0], arguments.values(), strict=True) if p.default is None]
            bounds = {p.name: n for p, n in zip(family.variants[0], arguments.values(), strict=True)
                      if p.default is not None and p.name in dict(distribution.arguments)}  # fmt: skip
            return py.call(family.runtime[0], *numbers, inner, **bounds)
        batch = frame[: len(frame) - len(base.event)]
        weights = next(a for _, a in distribution.arguments if not isinstance(a, Dist))
        axis = next(a for a in weights.axes if a not in frame)
        return py.call(family.runtime[0], *arguments.values(), self.base(base, (*batch, axis, *base.event)))

    def base(self, distribution: Dist, frame: Axes) -> ast.expr:
        """The distribution that a combinator takes."""
        return self.dist(distribution, frame, is_base=True)

    def _number_of(self, argument: Expr, batch: Axes, parameter: Parameter) -> ast.expr:
        value = self._masked_argument(self.expressions.number(argument, batch), parameter, argument, ())
        return self.expressions.align(value, batch)

    def _vector(self, argument: Expr, batch: Axes, distribution: Dist, parameter: Parameter) -> ast.expr:
        """A vector argument: its own axis last; a plain number is repeated along the event axis."""
        extra = [a for a in argument.axes if a not in batch]
        if not extra:
            self.expressions.uses.add("over")
            number = replace(parameter, event=0)
            repeated = self._number_of(argument, batch, number), self.expressions.size(distribution.event[-1])
            return self._chances(py.call("over", *repeated), argument, parameter)
        axis = extra[0]
        value = self.expressions.number(argument, (*batch, axis))
        value = self._masked_argument(value, parameter, argument, (axis,))
        return self._chances(self.expressions.align(value, (*batch, axis)), argument, parameter)

    def _chances(self, node: ast.expr, argument: Expr, parameter: Parameter) -> ast.expr:
        """Probabilities; those that are no simplex by their type are possible only where they sum to one."""
        if parameter.support != "unit" or argument.type.kind == "simplex":
            return node
        self.expressions.uses.add("on_simplex")
        return py.call("on_simplex", node)

    def _matrix(self, argument: Expr, batch: Axes, parameter: Parameter, event: Axes) -> ast.expr:
        """A matrix argument, its rows along the event's first axis where it has that one."""
        own = [a for a in argument.axes if a not in batch]
        axes = tuple(sorted(own, key=lambda a: a != event[0]))
        value = self.expressions.number(argument, (*batch, *axes))
        value = self._masked_argument(value, parameter, argument, axes)
        return self.expressions.align(value, (*batch, *axes))

    # ---- tables

    def _table_name(self, conditional: Conditional) -> ast.expr:
        """Tables are numbered in the order in which they stand in a conditional."""
        self.table_number += 1
        suffix = "" if self.table_number == 1 else str(self.table_number)
        return py.name(self.expressions.names[f"{conditional.target}.table{suffix}"])

    def table(self, distribution: TableDist, conditional: Conditional, frame: Axes) -> ast.expr:
        """``dist.Categorical(table[parent, parent])``, its batch axes along the frame."""
        table = self._table_name(conditional)
        codes = [self._element_of(by, frame) for by in distribution.by]
        values = [self.expressions.emit(parent, frame) for parent in distribution.parents]
        codes += [self.expressions.to_frame(v.node, v.axes, frame) for v in values]
        if not codes:
            return py.call("dist.Categorical", table)
        picks = [self.expressions.align(code, frame) for code in codes]
        self.expressions.uses.add("take")
        rows = py.call("take", table, *picks, own=py.constant(len(frame)), rest=py.constant(1))
        return py.call("dist.Categorical", rows)

    def _element_of(self, by: str, frame: Axes) -> Emitted:
        """The element of a plate that each element of the frame is in."""
        if by in frame:
            return Emitted(py.call("torch.arange", self.expressions.size(by)), (by,))
        inner = next((f for f in frame if f in self.model.plate_by_name and by in self.model.enclosing(f)), None)
        if inner is None:
            raise to_come(f"a table by `{by}` outside of it", None)
        return Emitted(self.expressions.layout.parent(by, inner), (inner,))


def _is_kept(argument: Expr, parameter: Parameter) -> bool:
    """Whether an argument is in its support whether its branch is taken or not: a variable is in its own, and what is
    safe for ``exp`` and ``sqrt`` makes them positive."""
    if isinstance(argument, Apply) and argument.function in FUNCTIONS:
        row = FUNCTIONS[argument.function]
        return row.safe is not None and row.result == parameter.support == "positive"
    is_own = argument.type.kind in (parameter.support, "simplex")
    return isinstance(argument, Ref) and not argument.lag and is_own and parameter.support in ("positive", "unit")


def with_labels_picked(model: Model) -> Model:
    """The model with the labels whose probabilities are elements of a simplex drawn by those: of ``q[k] = phi[z]`` and ``w
    ~ Categorical(q)``, or ``Categorical(logit = log(phi[z]))``, a program reads ``phi[z, w]`` and lays out no q."""

    def chosen(factor: Factor) -> Factor:
        if not isinstance(factor, Conditional) or not isinstance(factor.distribution, Dist):
            return factor
        if not FAMILIES[factor.distribution.family].has_labels_of_its_vector or _is_picked(
            model, factor, factor.distribution
        ):
            return factor
        for other in (without_definitions(model), normal_form(model)):
            distribution = other.conditional_of[factor.target].distribution
            if isinstance(distribution, Dist) and _is_picked(model, factor, distribution):
                return replace(factor, distribution=distribution)
        return factor

    return replace(model, factors=tuple(map(chosen, model.factors)))


def _is_picked(model: Model, factor: Conditional, distribution: Dist) -> bool:
    """Whether the probabilities of labels are elements of variables that are simplices."""
    chances = dict(distribution.arguments).get("p")
    variable = model.by_name[factor.target]
    if (
        not FAMILIES[distribution.family].is_by_chances(distribution.variant)
        or chances is None
        or isinstance(chances, Dist)
    ):
        return False
    axis = next((a for a in chances.axes if variable.type.axis and model.root_axis(a) == variable.type.axis), None)
    target = Ref(variable.type, variable.axes, None, factor.target)
    return axis is not None and _pick(chances, axis, target, model) is not None


def _pick(expr: Expr, axis: str, target: Ref, model: Model) -> Expr | None:
    """A simplex at the target's label, or None where it is not known to be normalised."""
    rest = tuple(a for a in expr.axes if a != axis)
    match expr:
        case Ref(type=type_, index=index, name=name) if (
            type_.kind == "simplex" and model.by_name[name].role != "derived" and axis in expr.axes
        ):
            return replace(expr, axes=rest, type=UNIT, index=(*index, (axis, target)))
        case Choose(then=then, otherwise=otherwise):
            a, b = _pick(then, axis, target, model), _pick(otherwise, axis, target, model)
            return replace(expr, axes=rest, type=UNIT, then=a, otherwise=b) if a and b else None
        case Rename(body=body, old=old, new=new) if new == axis:
            return _pick(body, old, target, model)
        case _:
            return None
