"""The densities of vectors and matrices that have matrices in them, by Cholesky factors: what is added up along the first axis of a draw, and what
of the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pgmlang.families import FAMILIES
from pgmlang.model import Dist
from pgmlang.model.expr import Expr, Ref
from pgmlang.native.formulas import NotScalar, scalar_of
from pgmlang.native.matrix_terms import (
    APART,
    CholeskyFactor,
    MatrixExpressions,
    cholesky_factor,
    filled_array,
    given_factor,
    made_of,
    solved,
)
from pgmlang.native.placed import PlacedExpressions, Places
from pgmlang.native.scalars import Loop, Scalar
from pgmlang.native.stages import Slice

Parts = tuple[Scalar, Scalar]


def matrix_parts(
    terms: MatrixExpressions, distribution: Dist, target: Ref, places: Places, event: Sequence[str]
) -> Parts:
    """What is added up along the first axis of an event, at ``places``, and what of the whole. Raises NotScalar for what has no such form."""
    forms = FAMILIES[distribution.family].matrix_densities
    if not forms:
        raise NotScalar(f"the distribution of the vector `{target.name}`")
    outer = {a: p for a, p in places.items() if a not in event}
    return _DENSITIES[forms[distribution.variant]](terms, distribution, target, outer, event[0], places[event[0]])


def _argument(distribution: Dist, name: str) -> Expr:
    argument = dict(distribution.arguments)[name]
    if isinstance(argument, Dist):
        raise NotScalar(f"{distribution.family} of a distribution")
    return argument


def _normal_by_covariance(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    root = cholesky_factor(terms, _argument(distribution, "cov"), outer, target.name)
    return _normal(terms, root, distribution, target, outer, axis, k)


def _normal_by_root(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    root = given_factor(terms, _argument(distribution, "scale_tril"), outer, target.name, axis)
    return _normal(terms, root, distribution, target, outer, axis, k)


def _normal_by_precision(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    root = cholesky_factor(terms, _argument(distribution, "precision"), outer, target.name)
    white = _turned_gap(terms, root, distribution, target, outer, axis, k)
    each = scalar_of(terms.graph, "-0.5 * (x * x) - 0.9189385332046727", {"x": white})
    values = {"good": root.is_proper, "half": root.half_log_det}
    return each, scalar_of(terms.graph, "where(good, half, -inf)", values)


def _turned_gap(
    terms: MatrixExpressions, root: CholeskyFactor, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Scalar:  # fmt: skip
    """By the Cholesky factor F of the inverse of the covariance: F' (x - mean), at k."""
    graph, places = terms.graph, {**outer, axis: k}
    gap = graph.make("sub", terms.number(target, places), terms.number(_argument(distribution, "mean"), places))
    array, index = filled_array(terms, f"{target.name}_centred", gap, outer, (axis,))
    loop = Loop(axis, APART)
    m = graph.make("loop", payload=loop)
    product = graph.make("mul", root.at(m, k), graph.load(array, [*index, m]))
    return graph.make("sum", product, payload=loop)


def _normal(
    terms: MatrixExpressions, root: CholeskyFactor, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:  # fmt: skip
    """By the Cholesky factor L of the covariance: the squares of L^-1 (x - mean), and the log determinant."""
    graph = terms.graph
    white = _whitened(terms, root, distribution, target, outer, axis, k)
    here = graph.load(white.array, [*white.index, k])
    each = scalar_of(graph, "-0.5 * (x * x) - 0.9189385332046727", {"x": here})
    whole = scalar_of(graph, "where(good, -half, -inf)", {"good": root.is_proper, "half": root.half_log_det})
    return each, whole


def _whitened(
    terms: MatrixExpressions, root: CholeskyFactor, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Slice:  # fmt: skip
    """L^-1 (x - mean)."""
    graph, name, places = terms.graph, target.name, {**outer, axis: k}
    mean = terms.number(_argument(distribution, "mean"), places)
    gap = graph.make("sub", terms.number(target, places), mean)
    array, index = filled_array(terms, f"{name}_centred", gap, outer, (axis,))
    return solved(terms, root, Slice(array, index, 1), f"{name}_whitened")


def _student_by_scale(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    root = cholesky_factor(terms, _argument(distribution, "scale"), outer, target.name)
    white = _whitened(terms, root, distribution, target, outer, axis, k)
    return _student(terms, root, white, distribution, outer, axis, "-half")


def _student_by_root(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    root = given_factor(terms, _argument(distribution, "scale_tril"), outer, target.name, axis)
    white = _whitened(terms, root, distribution, target, outer, axis, k)
    return _student(terms, root, white, distribution, outer, axis, "-half")


def _student_by_precision(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    root = cholesky_factor(terms, _argument(distribution, "precision"), outer, target.name)
    turned = _turned_gap(terms, root, distribution, target, outer, axis, k)
    array, index = filled_array(terms, f"{target.name}_whitened", turned, outer, (axis,))
    return _student(terms, root, Slice(array, index, 1), distribution, outer, axis, "half")


def _student(
    terms: MatrixExpressions, root: CholeskyFactor, white: Slice, distribution: Dist, outer: Places, axis: str, log_det: str
) -> Parts:  # fmt: skip
    """As ``MultivariateStudentT`` of the runtime (Kotz and Nadarajah 2004), of the squares of what is whitened; all of it is of the whole."""
    graph, loop = terms.graph, Loop(axis, APART)
    m = graph.make("loop", payload=loop)
    square = scalar_of(graph, "x * x", {"x": graph.load(white.array, [*white.index, m])})
    df = terms.number(_argument(distribution, "df"), outer)
    values = {
        "away": graph.make("sum", square, payload=loop), "size": graph.make("size", payload=axis), "given": df,
        "df": scalar_of(graph, "where(df > 0, df, 1.0)", {"df": df}), "good": root.is_proper, "half": root.half_log_det,
    }  # fmt: skip
    whole = scalar_of(
        graph,
        f"where(good & (given > 0), {log_det} + log_rising(0.5 * df, 0.5 * size) - 0.5 * size * (log(0.5 * df) + 1.8378770664093453)"
        " - 0.5 * (df + size) * log1p(away / df), -inf)",
        values,
    )
    return graph.number(0.0), whole


def _intrinsic(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    """As ``ICAR`` of the runtime: by the Cholesky factor F of the precision, with 1 across the plane of numbers that sum to zero, the squares of F' x."""
    graph, weights = terms.graph, _argument(distribution, "weights")
    rows, columns = pair = tuple(a for a in weights.axes if a not in outer)
    here, there, beside = (
        graph.make("loop", payload=loop) for loop in (Loop(rows), Loop(columns), Loop(columns, APART))
    )
    degree = graph.make(
        "sum", terms.number(weights, {**outer, rows: here, columns: beside}), payload=Loop(columns, APART)
    )
    degrees, index = filled_array(terms, f"{target.name}_degrees", degree, outer, (rows,))
    values = {
        "i": here, "j": there, "w": terms.number(weights, {**outer, rows: here, columns: there}),
        "degree": graph.load(degrees, [*index, here]), "size": graph.make("size", payload=axis),
    }  # fmt: skip
    precision = scalar_of(graph, "where(i == j, degree, 0.0) - w + 1 / size", values)
    held, at = filled_array(terms, f"{target.name}_precision", precision, outer, pair)
    root = CholeskyFactor(terms, made_of(terms, held, "cholesky", "root"), at)
    array, index = filled_array(
        terms, f"{target.name}_values", terms.number(target, {**outer, axis: k}), outer, (axis,)
    )
    loop = Loop(axis, APART)
    m = graph.make("loop", payload=loop)
    white = graph.make("sum", graph.make("mul", root.at(m, k), graph.load(array, [*index, m])), payload=loop)
    values |= {
        "sd": terms.number(_argument(distribution, "sd"), outer),
        "half": root.half_log_det,
        "good": _is_connected(root),
    }
    values["even"] = _is_symmetric(terms, weights, outer, pair)
    each = scalar_of(graph, "-0.5 * (x / sd) * (x / sd)", {**values, "x": white})
    return each, scalar_of(
        graph, "where(good & even, half - (size - 1) * (log(sd) + 0.9189385332046727), -inf)", values
    )


def _is_symmetric(terms: MatrixExpressions, matrix: Expr, outer: Places, pair: tuple[str, ...]) -> Scalar:
    graph, (rows, columns) = terms.graph, pair
    loops = Loop(rows, APART), Loop(columns, APART)
    i, j = (graph.make("loop", payload=loop) for loop in loops)
    one, other = (terms.number(matrix, {**outer, rows: a, columns: b}) for a, b in ((i, j), (j, i)))
    most = scalar_of(graph, "abs(one - other)", {"one": one, "other": other})
    for loop in reversed(loops):
        most = graph.make("max_over", most, payload=loop)
    return scalar_of(graph, "most == 0", {"most": most})


def _is_connected(root: CholeskyFactor) -> Scalar:
    least, most = root.along_diagonal("min_over", "x"), root.along_diagonal("max_over", "x")
    return scalar_of(root.terms.graph, "least > 1e-6 * most", {"least": least, "most": most})


def _correlations(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    """As ``LKJ`` of the runtime (Lewandowski, Kurowicka and Joe 2009, theorem 5), by rows of the Cholesky factor: 1 less what of a row is beside the
    diagonal does not cancel where that is little."""
    root = cholesky_factor(terms, target, outer, target.name)
    return _by_factor(terms, root, distribution, outer, axis, k, "0.0")


def _correlation_factors(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    """As ``LKJCholesky`` of the runtime: row k of the map to correlations has the derivative of the diagonal to the power size - 1 - k."""
    root = given_factor(terms, target, outer, target.name, axis)
    return _by_factor(terms, root, distribution, outer, axis, k, "0.5 * (size - 1 - k)")


def _by_factor(
    terms: MatrixExpressions,
    root: CholeskyFactor,
    distribution: Dist,
    outer: Places,
    axis: str,
    k: Scalar,
    more: str,
) -> Parts:
    graph = terms.graph
    eta = terms.number(_argument(distribution, "eta"), outer)
    size = graph.make("size", payload=axis)
    values = {
        "eta": eta, "k": k, "size": size, "length": root.at(k, k), "beside": _beside(terms, root, k),
    }  # fmt: skip
    log_square = scalar_of(
        graph,
        "where(beside < 0.5, log1p(-where(beside < 0.5, beside, 0.0)), 2 * log(where(beside < 0.5, 1.0, abs(length))))",
        values,
    )
    constant = scalar_of(
        graph, "where(k > 0, log_rising(eta + 0.5 * (size - 1 - k), 0.5 * where(k > 0, k, 1)) - 0.5723649429247001 * k, 0.0)",
        {**values, "eta": scalar_of(graph, "where(eta > 0, eta, 1.0)", values)},
    )  # fmt: skip
    each = scalar_of(
        graph, f"(eta - 1 + {more}) * log_square + c", {**values, "log_square": log_square, "c": constant}
    )
    whole = scalar_of(graph, "where(good & (eta > 0), 0.0, -inf)", {"good": root.is_proper, "eta": eta})
    return each, whole


def _beside(terms: PlacedExpressions, root: CholeskyFactor, row: Scalar) -> Scalar:
    """The squares of a row of a factor added up, but for the diagonal's."""
    graph, loop = terms.graph, Loop(root.axis, APART)
    m = graph.make("loop", payload=loop)
    square = scalar_of(graph, "where(m < k, x * x, 0.0)", {"m": m, "k": row, "x": root.at(row, m)})
    return graph.make("sum", square, payload=loop)


def _covariances(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    """As ``Wishart`` of the runtime, by Bartlett's factor: gamma variables on its diagonal and normal ones beside."""
    graph = terms.graph
    root = cholesky_factor(terms, target, outer, target.name)
    scale = cholesky_factor(terms, _argument(distribution, "scale"), outer, f"scale_of_{target.name}")
    df = terms.number(_argument(distribution, "df"), outer)
    found = solved(terms, scale, root.slice, f"factor_of_{target.name}", "solve_lower_columns")
    factor = CholeskyFactor(terms, found.array, found.index)
    size = graph.make("size", payload=axis)
    values = {"df": df, "k": k, "size": size, "length": factor.at(k, k), "beside": _beside(terms, factor, k)}
    values["shape"] = scalar_of(graph, "where(df > k, 0.5 * (df - k), 1.0)", values)
    values["half"] = scalar_of(graph, "0.5 * (length * length)", values)
    each = scalar_of(
        graph,
        "gamma_kernel(shape, half, log(half)) - 0.5 * (size + 1 - k) * log(half) - 0.5 * beside",
        values,
    )
    good = graph.make(
        "and", graph.make("and", root.is_proper, scale.is_proper), scalar_of(graph, "df > size - 1", values)
    )
    whole = scalar_of(
        graph,
        "where(good, -0.25 * size * ((size + 1) * 1.3862943611198906 + (size - 1) * 1.1447298858494002)"
        " - (size + 1) * half_log_det, -inf)",
        {"good": good, "size": size, "half_log_det": scale.half_log_det},
    )  # fmt: skip
    return each, whole


def _inverse_covariances(
    terms: MatrixExpressions, distribution: Dist, target: Ref, outer: Places, axis: str, k: Scalar
) -> Parts:
    """As ``InverseWishart`` of the runtime, by Bartlett's factor of the inverse."""
    graph = terms.graph
    root = cholesky_factor(terms, target, outer, target.name)
    scale = cholesky_factor(terms, _argument(distribution, "scale"), outer, f"scale_of_{target.name}")
    df = terms.number(_argument(distribution, "df"), outer)
    found = solved(terms, root, scale.slice, f"factor_of_{target.name}", "solve_lower_columns")
    factor = CholeskyFactor(terms, found.array, found.index)
    size = graph.make("size", payload=axis)
    values = {"df": df, "k": k, "size": size, "length": factor.at(k, k), "beside": _beside(terms, factor, k)}
    values["shape"] = scalar_of(graph, "where(df > k, 0.5 * (df - k), 1.0)", values)
    values["half"] = scalar_of(graph, "0.5 * (length * length)", values)
    each = scalar_of(graph, "gamma_kernel(shape, half, log(half)) + 0.5 * k * log(half) - 0.5 * beside", values)
    proper = graph.make("and", root.is_proper, scale.is_proper)
    good = graph.make("and", proper, scalar_of(graph, "df > size - 1", values))
    whole = scalar_of(
        graph,
        "where(good, -0.25 * size * (size - 1) * 1.1447298858494002 - (size + 1) * half_log_det, -inf)",
        {"good": good, "size": size, "half_log_det": root.half_log_det},
    )
    return each, whole


_DENSITIES: Mapping[str, Callable[[MatrixExpressions, Dist, Ref, Places, str, Scalar], Parts]] = {
    "normal by covariance": _normal_by_covariance,
    "normal by root": _normal_by_root,
    "normal by precision": _normal_by_precision,
    "student by scale": _student_by_scale,
    "student by root": _student_by_root,
    "student by precision": _student_by_precision,
    "intrinsic": _intrinsic,
    "correlations": _correlations,
    "correlation factors": _correlation_factors,
    "inverse covariances": _inverse_covariances,
    "covariances": _covariances,
}
"""By the words of ``Family.matrix_densities``."""
