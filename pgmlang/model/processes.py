"""Processes: what is drawn at all rows of a plate together, such that its law at some rows hangs on those rows alone.

A normal vector over the rows is one where the covariance of two rows hangs on these two (Kolmogorov's consistency; a kernel of
inputs, say): then more rows follow from what is known of some. A product ``cholesky(K) @ z`` is the same, said by its root: the
factor of the first rows is the first block of the factor of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgmlang.families import FAMILIES
from pgmlang.model.dependence import names_behind, nodes_behind
from pgmlang.model.expr import (
    Apply,
    Contract,
    Element,
    Expr,
    First,
    MatrixApply,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    children,
    walk,
)
from pgmlang.model.model import Conditional, Definition, Dist, Factor, Model, Variable

COVARIANCES, FACTOR, PRECISION = ("cov", "scale"), "scale_tril", "precision"
"""The arguments by which families of vectors say how these vary together."""


@dataclass(frozen=True)
class Process:
    """A variable that is one draw over the rows of ``plate``. ``matrix``: the covariance of its rows (of Student's t their
    scale), or with ``is_root`` the Cholesky factor of that; ``axes``: those of its rows and columns. ``mean`` and ``df`` as in its
    family."""

    name: str
    plate: str
    axes: tuple[str, str]
    mean: Expr
    matrix: Expr
    is_root: bool
    df: Expr | None


@dataclass(frozen=True)
class RootProduct:
    """A product ``root @ vector`` in what ``name`` is or is drawn from, summed over the second of ``axes``, where ``root`` is the Cholesky
    factor of what a kernel gives for the rows of ``plate``."""

    name: str
    plate: str
    axes: tuple[str, str]
    node: Contract

    @property
    def root(self) -> Expr:
        return self.node.left

    @property
    def vector(self) -> Expr:
        return self.node.right

    @property
    def others(self) -> tuple[str, ...]:
        """The axes of the vectors beside that of the rows, where they are several."""
        return tuple(a for a in self.node.right.axes if a != self.axes[1])


@dataclass(frozen=True)
class NoProcess:
    """Why what is known at some rows of a plate tells nothing of others: of what, the reason, and the cure."""

    name: str
    plate: str
    reason: str
    cure: str


def joint_variables(model: Model) -> Iterator[tuple[Variable, str]]:
    """Random variables that are one draw over the rows of a plate, each with the plate."""
    for variable in model.of_role("random"):
        for axis in variable.axes:
            plate = model.plate_by_name.get(model.root_axis(axis))
            if plate is not None and plate.is_rows:
                yield variable, plate.name


def processes(model: Model) -> tuple[Process | RootProduct | NoProcess, ...]:
    """What is drawn over rows together: how it goes on to further rows, or why it does not. Numbers that are drawn one by one
    along a plate's rows are none of it."""
    return model.once(_processes)


def _processes(model: Model) -> tuple[Process | RootProduct | NoProcess, ...]:
    out: list[Process | RootProduct | NoProcess] = []
    for variable, plate in joint_variables(model):
        conditional = model.conditional_of[variable.name]
        if not isinstance(conditional.distribution, Dist) or conditional.distribution.event:
            out.append(_of_variable(model, variable, plate, conditional))
    for item in (*model.factors, *model.definitions):
        out += [_of_product(model, item, n) for n in _products(model, item)]
    return tuple(out)


def _of_variable(model: Model, variable: Variable, plate: str, conditional: Conditional) -> Process | NoProcess:
    distribution, name = conditional.distribution, variable.name
    if not isinstance(distribution, Dist) or root_variant(distribution) is None:
        what = distribution.family if isinstance(distribution, Dist) else "a choice of distributions"
        cure = f"draw what each row has of its own inside of `plate {plate}`, or a function of inputs by `MultivariateNormal`"
        return NoProcess(
            name, plate, f"`{what}` over the rows of `{plate}` does not say how it goes on to others", cure
        )
    given = {n: a for n, a in distribution.arguments if not isinstance(a, Dist)}
    covariance = next((given[n] for n in COVARIANCES if n in given), None)
    matrix, is_root = (covariance, False) if covariance is not None else (given.get(FACTOR), True)
    rows, precision = distribution.event[0], given.get(PRECISION)
    if isinstance(precision, MatrixApply) and precision.function == "inverse":
        matrix, is_root = precision.body, False
    if matrix is None:
        return NoProcess(
            name,
            plate,
            f"a precision of the rows of `{plate}` changes with every further row",
            _by_kernel(name, plate),
        )
    columns = next((a for a in matrix.axes if a != rows and model.root_axis(a) == plate), rows)
    reason = against_root(model, matrix, rows, columns) if is_root else against_pairs(model, matrix, plate)
    if reason is not None:
        return NoProcess(name, plate, reason, _by_kernel(name, plate))
    return Process(name, plate, (rows, columns), given["mean"], matrix, is_root, given.get("df"))


def root_variant(distribution: Dist) -> int | None:
    """The arguments of a family of vectors that says how they vary together by a Cholesky factor; None of any other family."""
    variants = FAMILIES[distribution.family].variants
    return next((i for i, v in enumerate(variants) if any(p.name == FACTOR for p in v)), None)


def _by_kernel(name: str, plate: str) -> str:
    return f"say the covariance of two rows by what these two have, as in `{name}[{plate}] ~ MultivariateNormal(0, exp_quad(x, scale, length))`"


def against_pairs(model: Model, matrix: Expr, plate: str) -> str | None:
    """Why an entry of a matrix over the rows of a plate does not hang on its two rows alone; None where it does."""
    for node in nodes_behind(model, matrix):
        is_over = isinstance(node, Reduce | Contract) and model.root_axis(node.axis) == plate
        if is_over or (isinstance(node, Stack | MatrixApply) and plate in map(model.root_axis, _along(node))):
            what = node.function if isinstance(node, MatrixApply | Reduce) else "a product"
            return f"`{what}` over the rows of `{plate}` makes the covariance of two rows hang on all the others"
        if isinstance(node, Element) and model.root_axis(node.axis) == plate and node.type.kind == "count":
            return f"the covariance hangs on positions in `{plate}`, which further rows do not continue"
        if isinstance(node, First | Solution) or (isinstance(node, Ref) and node.lag):
            return f"the covariance hangs on what comes before in `{plate}`"
        if isinstance(node, Ref) and (variable := model.by_name.get(node.name)) is not None:
            axes = [model.root_axis(a) for a in model.array_axes(variable)]
            if variable.role != "derived" and axes.count(plate) > 1:
                return f"`{node.name}` has no numbers of these rows and the fit's together"
    return None


def _along(node: Stack | MatrixApply) -> tuple[str, ...]:
    return (node.axis,) if isinstance(node, Stack) else (node.rows, node.columns)


def against_root(model: Model, root: Expr, rows: str, columns: str) -> str | None:
    """Why a matrix is no Cholesky factor, its rows scaled perhaps, of one whose entries hang on two rows alone."""
    plate = model.root_axis(rows)
    match root:
        case Rename(body=body, old=old, new=new):
            back = {new: old}
            return against_root(model, body, back.get(rows, rows), back.get(columns, columns))
        case Ref(name=name, index=()) if name in model.definition_of:
            return against_root(model, model.definition_of[name].value, rows, columns)
        case MatrixApply(function="cholesky") if (root.rows, root.columns) == (rows, columns):
            return against_pairs(model, root.body, plate)
        case Apply(function="mul" | "div", arguments=(left, right)):
            whole, scale = (right, left) if columns in right.axes and root.function == "mul" else (left, right)
            if columns not in scale.axes:
                return against_pairs(model, scale, plate) or against_root(model, whole, rows, columns)
    return f"it is no Cholesky factor, `cholesky(K)`, of a covariance of the rows of `{plate}`"


def _products(model: Model, item: Factor | Definition) -> Iterator[Contract | Reduce]:
    """What an item sums over the rows of a plate of a matrix over these rows."""
    drawn = {v.name for v, _ in joint_variables(model)}
    for node in (n for expr in model.expressions(item) for n in walk(expr)):
        if not isinstance(node, Contract | Reduce) or not _is_rows(model, model.root_axis(node.axis)):
            continue
        sides, plate = children(node), model.root_axis(node.axis)
        is_matrix = any([model.root_axis(a) for a in side.axes].count(plate) > 1 for side in sides)
        if is_matrix and (isinstance(node, Contract) or names_behind(model, node) & drawn):
            yield node


def _is_rows(model: Model, axis: str) -> bool:
    return axis in model.plate_by_name and model.plate_by_name[axis].is_rows


def _of_product(model: Model, item: Factor | Definition, node: Contract | Reduce) -> RootProduct | NoProcess:
    plate, name = model.root_axis(node.axis), getattr(item, "target", "")
    reason: str | None = f"a matrix over the rows of `{plate}` is summed over them"
    if isinstance(node, Contract):
        rows = next((a for a in node.left.axes if a != node.axis and model.root_axis(a) == plate), None)
        if rows is not None and [model.root_axis(a) for a in node.right.axes].count(plate) == 1:
            reason = against_root(model, node.left, rows, node.axis)
            if reason is None:
                return RootProduct(name, plate, (rows, node.axis), node)
    cure = f"write `cholesky(K) @ z` with a kernel `K` of the rows, or draw `{name}` itself by `MultivariateNormal(0, K)`"
    return NoProcess(name, plate, f"`{name}` at further rows is not told: {reason}", cure)


def names_at_rows(model: Model, plate: str, *items: Factor | Definition | Expr) -> set[str]:
    """Inputs and random variables of the rows of a plate that items hang on."""
    return {
        n for n in names_behind(model, *items)
        if (v := model.by_name.get(n)) is not None and v.role in ("input", "random") and plate in _roots(model, v)
    }  # fmt: skip


def _roots(model: Model, variable: Variable) -> tuple[str, ...]:
    return tuple(map(model.root_axis, model.array_axes(variable)))


def parts_of(process: Process | RootProduct) -> tuple[Expr, ...]:
    """The expressions that a process is said by."""
    if isinstance(process, RootProduct):
        return (process.root, process.vector)
    return tuple(e for e in (process.mean, process.matrix, process.df) if e is not None)
