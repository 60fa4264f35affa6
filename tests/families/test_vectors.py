"""Families of labels, vectors and matrices against their definitions in four hundred digits: at ordinary, unequal, tail and extreme
arguments, with every derivative, values that cannot be, and the moments of draws."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy import stats

from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import distribution_class
from tests.families.references import sigmoid

Array = list[Any]


def _log(x: mp.mpf) -> mp.mpf:
    return mp.log(x) if x > 0 else -mp.inf


def _times_log(x: mp.mpf, p: mp.mpf) -> mp.mpf:
    return mp.mpf(0) if x == 0 else x * _log(p)


def dirichlet(x: Array, alpha: Array) -> mp.mpf:
    total = mp.loggamma(mp.fsum(alpha)) - mp.fsum(map(mp.loggamma, alpha))
    for value, a in zip(x, alpha, strict=True):
        edge = mp.mpf(0) if a == 1 else mp.inf if a < 1 else -mp.inf
        total += (a - 1) * mp.log(value) if value > 0 else edge
    return total


def multinomial(x: Array, n: mp.mpf, p: Array) -> mp.mpf:
    ways = mp.loggamma(n + 1) - mp.fsum(mp.loggamma(v + 1) for v in x)
    return ways + mp.fsum(_times_log(v, q) for v, q in zip(x, p, strict=True))


def multivariate_normal(x: Array, mean: Array, cov: Array) -> mp.mpf:
    matrix, gap = mp.matrix(cov), mp.matrix([a - b for a, b in zip(x, mean, strict=True)])
    distance = (gap.T * mp.lu_solve(matrix, gap))[0]
    return -distance / 2 - mp.log(mp.det(matrix)) / 2 - len(x) * mp.log(2 * mp.pi) / 2


def of_root(root: Array) -> Array:
    lower = mp.matrix([[v if j <= i else mp.mpf(0) for j, v in enumerate(row)] for i, row in enumerate(root)])
    return (lower * lower.T).tolist()


def rooted_normal(x: Array, mean: Array, root: Array) -> mp.mpf:
    return multivariate_normal(x, mean, of_root(root))


def student_vector(x: Array, df: mp.mpf, mean: Array, scale: Array) -> mp.mpf:
    matrix, gap = mp.matrix(scale), mp.matrix([a - b for a, b in zip(x, mean, strict=True)])
    size, away = len(x), (gap.T * matrix**-1 * gap)[0]
    bulk = mp.loggamma((df + size) / 2) - mp.loggamma(df / 2) - size * mp.log(df * mp.pi) / 2
    return bulk - mp.log(mp.det(matrix)) / 2 - (df + size) / 2 * mp.log1p(away / df)


def lkj(x: Array, eta: mp.mpf) -> mp.mpf:
    d = len(x)
    log_total = mp.fsum(
        k * mp.log(mp.pi) / 2 + mp.loggamma(eta + mp.mpf(d - 1 - k) / 2) - mp.loggamma(eta + mp.mpf(d - 1) / 2)
        for k in range(1, d)
    )
    return (eta - 1) * mp.log(mp.det(mp.matrix(x))) - log_total


def precise_normal(x: Array, mean: Array, precision: Array) -> mp.mpf:
    return multivariate_normal(x, mean, mp.inverse(mp.matrix(precision)).tolist())


def lkj_factor(x: Array, eta: mp.mpf) -> mp.mpf:
    """That of the matrix, by the derivative of the map to its entries."""
    d = len(x)
    lower = mp.matrix([[v if j <= i else mp.mpf(0) for j, v in enumerate(row)] for i, row in enumerate(x)])
    # the entry on the diagonal is what the others leave of a row's length: derivatives are by the value alone as it is used
    log_det = 2 * mp.fsum(_log(lower[k, k]) for k in range(d))
    matrix = lkj(mp.eye(d).tolist(), eta) + (eta - 1) * log_det
    return matrix + mp.fsum((d - 1 - k) * _log(lower[k, k]) for k in range(d))


def inverse_wishart(x: Array, df: mp.mpf, scale: Array) -> mp.mpf:
    """That of the inverse, by the derivative of inverting."""
    d, matrix = len(x), mp.matrix(x)
    inner = wishart(mp.inverse(matrix).tolist(), df, mp.inverse(mp.matrix(scale)).tolist())
    return inner - (d + 1) * mp.log(mp.det(matrix))


def wishart(x: Array, df: mp.mpf, scale: Array) -> mp.mpf:
    d, matrix, inner = len(x), mp.matrix(x), mp.matrix(scale)
    ratio = mp.inverse(inner) * matrix
    log_gamma = mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi) + mp.fsum(mp.loggamma((df - j) / 2) for j in range(d))
    trace = mp.fsum(ratio[i, i] for i in range(d))
    log_dets = (df - d - 1) / 2 * mp.log(mp.det(matrix)) - df / 2 * mp.log(mp.det(inner))
    return log_dets - trace / 2 - df * d * mp.log(2) / 2 - log_gamma


def ordered_logistic(x: mp.mpf, predictor: mp.mpf, cutpoints: Array) -> mp.mpf:
    k = int(x)
    below = sigmoid(cutpoints[k] - predictor) if k < len(cutpoints) else mp.mpf(1)
    return _log(below - (sigmoid(cutpoints[k - 1] - predictor) if k else 0))


def ordered_probit(x: mp.mpf, predictor: mp.mpf, cutpoints: Array) -> mp.mpf:
    k = int(x)
    left = predictor - cutpoints[k - 1] if k else mp.inf
    right = predictor - cutpoints[k] if k < len(cutpoints) else -mp.inf
    return _log(mp.ncdf(-right) - mp.ncdf(-left) if left + right > 0 else mp.ncdf(left) - mp.ncdf(right))


def dirichlet_multinomial(x: Array, n: mp.mpf, alpha: Array) -> mp.mpf:
    each = mp.fsum(mp.loggamma(a + v) - mp.loggamma(a) - mp.loggamma(v + 1) for v, a in zip(x, alpha, strict=True))
    total = mp.fsum(alpha)
    return each + mp.loggamma(n + 1) + mp.loggamma(total) - mp.loggamma(total + n)


def zero_sum_normal(x: Array, sd: mp.mpf) -> mp.mpf:
    """Independent normal numbers, over the density of their sum at zero, by the volume of the plane."""
    size = len(x)
    each = -mp.fsum(v * v for v in x) / (2 * sd * sd) - size * mp.log(sd * mp.sqrt(2 * mp.pi))
    return each + mp.log(sd * mp.sqrt(2 * mp.pi * size)) - mp.log(size) / 2


def intrinsic(x: Array, weights: Array, sd: mp.mpf) -> mp.mpf:
    """By the precision on the plane: the determinant of all but one place, times their number (Kirchhoff's theorem)."""
    size = len(x)
    precision = mp.matrix(size, size)
    for i in range(size):
        for j in range(size):
            precision[i, j] = mp.fsum(weights[i]) * (i == j) - weights[i][j]
    determinant = mp.det(precision[: size - 1, : size - 1]) * size
    pairs = mp.fsum(weights[i][j] * (x[i] - x[j]) ** 2 for i in range(size) for j in range(i)) / (2 * sd * sd)
    return mp.log(determinant) / 2 - (size - 1) * mp.log(sd * mp.sqrt(2 * mp.pi)) - pairs


def categorical_logit(x: mp.mpf, logit: Array) -> mp.mpf:
    return logit[int(x)] - mp.log(mp.fsum(map(mp.exp, logit)))


@dataclass(frozen=True)
class Row:
    """``tolerance``: relative, and of derivatives beside value over argument. ``is_edge``: derivatives are not asked for."""

    x: Any
    arguments: tuple[Any, ...]
    tolerance: float = 1e-9
    is_edge: bool = False


COV = [[2.0, 0.5, 0.1], [0.5, 1.0, -0.3], [0.1, -0.3, 0.7]]
ROOT = np.linalg.cholesky(np.array(COV)).tolist()
CORR = [[1.0, 0.5, 0.1], [0.5, 1.0, -0.3], [0.1, -0.3, 1.0]]
FACTOR = np.linalg.cholesky(np.array(CORR)).tolist()
DRAW, SCALE = [[3.0, 0.4], [0.4, 2.0]], [[1.0, 0.3], [0.3, 0.5]]
TRIANGLE = [[0.0, 1.5, 0.5], [1.5, 0.0, 1.0], [0.5, 1.0, 0.0]]
LARGE = [[1e15 + 6e7, 0.3e15], [0.3e15, 0.5e15]]

TABLE: dict[str, tuple[Callable[..., mp.mpf], tuple[int, ...], tuple[int, ...], list[Row]]] = {
    "Categorical": (lambda x, p: _log(p[int(x)]), (1,), (), [
        Row(1, ([0.2, 0.3, 0.5],)), Row(0, ([1e-300, 0.3, 0.7],)), Row(0, ([0.0, 1.0],)), Row(1, ([0.0, 1.0],)),
    ]),
    "CategoricalLogit": (categorical_logit, (1,), (), [
        Row(1, ([0.2, -1.3, 0.5],)), Row(0, ([-800.0, 3.0, 700.0],)), Row(2, ([-800.0, 3.0, 700.0],)),
    ]),
    "OrderedLogistic": (ordered_logistic, (1, 2), (), [
        Row(0, (0.3, [-1.0, 0.5, 2.0])), Row(2, (0.3, [-1.0, 0.5, 2.0])), Row(3, (0.3, [-1.0, 0.5, 2.0])),
        Row(0, (50.0, [-1.0, 0.5])), Row(2, (-700.0, [-1.0, 0.5])), Row(1, (60.0, [-1.0, 0.5])),
        Row(1, (0.3, [0.5, 0.5 + 1e-9]), 1e-6),
    ]),
    "OrderedProbit": (ordered_probit, (1, 2), (), [
        Row(0, (0.3, [-1.0, 0.5, 2.0])), Row(2, (0.3, [-1.0, 0.5, 2.0])), Row(3, (0.3, [-1.0, 0.5, 2.0])),
        Row(0, (30.0, [-1.0, 0.5])), Row(2, (-30.0, [-1.0, 0.5])), Row(1, (30.0, [-1.0, 0.5])), Row(1, (-30.0, [-1.0, 0.5])),
    ]),
    "DirichletMultinomial": (dirichlet_multinomial, (2,), (), [
        Row([1.0, 2.0, 3.0], (6.0, [1.2, 3.0, 0.7])), Row([0.0, 0.0, 6.0], (6.0, [1e-5, 2.0, 3.0])),
        Row([600.0, 1400.0, 0.0], (2000.0, [90.0, 30.0, 1e-3])), Row([0.0, 0.0], (0.0, [1.0, 2.0])),
        Row([1.0, 2.0], (3.0, [1e8, 3e8]), 1e-7),
    ]),
    "ZeroSumNormal": (zero_sum_normal, (1,), (), [
        Row([0.25, -0.75, 0.5], (1.3,)), Row([0.25, -0.25], (1e-5,)), Row([40.0, -30.0, -10.0], (1.0,)),
    ]),
    "ICAR": (intrinsic, (1, 2), (1,), [
        Row([0.25, -0.75, 0.5], (TRIANGLE, 1.3)), Row([40.0, -30.0, -10.0], (TRIANGLE, 1e-3)), Row([0.25, -0.25], ([[0.0, 1.0], [1.0, 0.0]], 2.0)),
    ]),
    "UniformSphere": (lambda x: mp.loggamma(mp.mpf(len(x)) / 2) - mp.log(2) - mp.log(mp.pi) * len(x) / 2, (), (), [
        Row([0.6, 0.8], ()), Row([0.0, 0.6, -0.8], ()),
    ]),
    "Dirichlet": (dirichlet, (0, 1), (), [
        Row([0.2, 0.3, 0.5], ([1.2, 3.0, 0.7],)), Row([0.2, 0.3, 0.5], ([1e-5, 1e-5, 1e-5],)),
        Row([1e-300, 0.3, 0.7], ([1e-5, 2.0, 3.0],)), Row([1e-3, 0.9, 0.099], ([90.0, 30.0, 20.0],)),
        Row([0.25 + 2e-8, 0.25 - 1e-8, 0.5 - 1e-8], ([1e15, 1e15, 2e15],)), Row([0.25, 0.25, 0.5], ([1e15, 1e-5, 1.0],)),
        Row([0.0, 0.4, 0.6], ([1.0, 2.0, 3.0],), is_edge=True), Row([0.0, 0.4, 0.6], ([2.0, 2.0, 3.0],)),
        Row([0.0, 0.4, 0.6], ([0.5, 2.0, 3.0],)),
    ]),
    "Multinomial": (multinomial, (2,), (), [
        Row([1.0, 2.0, 3.0], (6.0, [0.2, 0.3, 0.5])), Row([0.0, 0.0, 6.0], (6.0, [1e-300, 0.3, 0.7])),
        Row([1.0, 0.0, 5.0], (6.0, [1e-300, 0.3, 0.7])), Row([0.0, 2.0, 4.0], (6.0, [0.0, 0.3, 0.7])),
        Row([1.0, 1.0, 4.0], (6.0, [0.0, 0.3, 0.7])), Row([0.0, 0.0, 6.0], (6.0, [0.0, 0.0, 1.0])),
        Row([600.0, 1400.0, 0.0], (2000.0, [0.1, 0.85, 0.05])), Row([25e13 + 3e7, 75e13 - 3e7], (1e15, [0.25, 0.75])),
    ]),
    "MultivariateNormal": (multivariate_normal, (0, 1, 2), (2,), [
        Row([1.0, 2.0, 3.0], ([0.1, 0.2, 0.3], COV)), Row([40.0, -30.0, 25.0], ([0.0, 0.0, 0.0], COV)),
        Row([1e8 + 1, 1e8 - 1], ([1e8, 1e8], [[1.0, 0.9], [0.9, 1.0]])),
        Row([1.0, 1.0 + 1e-6], ([0.0, 0.0], [[1.0, 1 - 1e-10], [1 - 1e-10, 1.0]]), 1e-7),
        Row([3e-6, 1e6], ([0.0, 0.0], [[1e-12, 0.0], [0.0, 1e12]])),
    ]),
    "MultivariateNormalScaleTril": (rooted_normal, (0, 1, 2), (), [
        Row([1.0, 2.0, 3.0], ([0.1, 0.2, 0.3], ROOT)), Row([40.0, -30.0, 25.0], ([0.0, 0.0, 0.0], ROOT)),
        Row([3e-6, 1e6], ([0.0, 0.0], [[1e-6, 0.0], [0.5, 1e6]])),
    ]),
    "MultivariateNormalPrecision": (precise_normal, (0, 1, 2), (2,), [
        Row([1.0, 2.0, 3.0], ([0.1, 0.2, 0.3], COV)), Row([40.0, -30.0, 25.0], ([0.0, 0.0, 0.0], COV)),
        Row([1e8 + 1, 1e8 - 1], ([1e8, 1e8], [[1.0, 0.9], [0.9, 1.0]])),
        Row([3e-6, 1e6], ([0.0, 0.0], [[1e12, 0.0], [0.0, 1e-12]])),
    ]),
    "MultivariateStudentT": (student_vector, (0, 1, 2, 3), (3,), [
        Row([1.0, 2.0, 3.0], (3.5, [0.1, 0.2, 0.3], COV)), Row([40.0, -30.0, 25.0], (0.4, [0.0, 0.0, 0.0], COV)),
        Row([1e8 + 1, 1e8 - 1], (250.0, [1e8, 1e8], [[1.0, 0.9], [0.9, 1.0]])), Row([0.3, 0.4], (1e8, [0.0, 0.0], [[1.0, 0.9], [0.9, 1.0]])),
    ]),
    "MultivariateStudentTScaleTril": (
        lambda x, df, m, root: student_vector(x, df, m, of_root(root)), (0, 1, 2, 3), (), [
        Row([1.0, 2.0, 3.0], (3.5, [0.1, 0.2, 0.3], ROOT)),
    ]),
    "MultivariateStudentTPrecision": (
        lambda x, df, m, precision: student_vector(x, df, m, mp.matrix(precision) ** -1), (0, 1, 2, 3), (3,), [
        Row([1.0, 2.0, 3.0], (3.5, [0.1, 0.2, 0.3], COV)),
    ]),
    "LKJCholesky": (lkj_factor, (1,), (), [
        Row(FACTOR, (1.0,)), Row(FACTOR, (2.5,)), Row(FACTOR, (1e-5,)), Row([[1.0, 0.0], [0.0, 1.0]], (1e15,)),
        Row([[1.0, 0.0], [0.8, 0.6]], (40.0,)),
    ]),
    "InverseWishart": (inverse_wishart, (0, 1, 2), (0, 2), [
        Row(DRAW, (5.0, SCALE)), Row(DRAW, (1.0001, SCALE)), Row(DRAW, (2.0, SCALE)), Row(DRAW, (40.0, SCALE)),
        Row([[1e-8, 0.0], [0.0, 1e8]], (3.0, SCALE), 1e-8), Row([[0.01, 0.001], [0.001, 0.02]], (100.0, SCALE)),
    ]),
    "LKJ": (lkj, (1,), (), [
        Row(CORR, (1.0,)), Row(CORR, (2.5,)), Row(CORR, (1e-5,)), Row(CORR, (1e15,)),
        Row([[1.0, 1 - 1e-12], [1 - 1e-12, 1.0]], (3.0,)), Row([[1.0, 0.0], [0.0, 1.0]], (1e15,)),
        Row([[1.0, 3e-8], [3e-8, 1.0]], (1e15,)),
    ]),
    "Wishart": (wishart, (0, 1, 2), (0, 2), [
        Row(DRAW, (5.0, SCALE)), Row(DRAW, (1.0001, SCALE)), Row(DRAW, (2.0, SCALE)), Row(DRAW, (40.0, SCALE)),
        Row(DRAW, (1e15, SCALE)), Row(LARGE, (1e15, SCALE), 1e-8), Row([[1e-8, 0.0], [0.0, 1e8]], (3.0, SCALE), 1e-8),
        Row([[3e8, 0.4], [0.4, 2e8]], (1e8, [[1.0, 0.0], [0.0, 1.0]])),
    ]),
}  # fmt: skip
"""Definition; which of value and arguments have derivatives, and which of these are symmetric; rows."""
VARIANTS = {
    f.class_name(v): (f, v)
    for f in FAMILIES.values()
    for v in range(len(f.variants))
    if not (f.formulas or f.takes or f.improper)
}


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(5)
    mp.mp.dps = 400
    yield
    torch.set_default_dtype(torch.float32)


def made(name: str, arguments: list[torch.Tensor], size: int) -> torch.distributions.Distribution:
    """The object that an emitted program makes: torch's own where the record says so."""
    family, variant = VARIANTS[name]
    if family.torch and family.torch[variant]:
        names = [p.name for p in family.variants[variant]]
        scope = {"dist": torch.distributions, **dict(zip(names, arguments, strict=True))}
        return eval(family.torch[variant], scope)  # type: ignore[no-any-return]
    sizes = [size] if family.event and not any(p.event for p in family.variants[variant]) else []
    return distribution_class(family.name, variant)(*arguments, *sizes)  # type: ignore[no-any-return]


def exact(value: Any) -> Any:
    return [exact(v) for v in value] if isinstance(value, list) else mp.mpf(value)


def moved(value: Any, place: tuple[int, ...], step: mp.mpf) -> Any:
    if not place:
        return value + step
    out = copy.deepcopy(value)
    inner = out
    for i in place[:-1]:
        inner = inner[i]
    inner[place[-1]] += step
    return out


def test_every_family_of_more_than_a_number_is_in_the_table() -> None:
    assert set(TABLE) == set(VARIANTS)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_density_and_derivatives(name: str) -> None:
    reference, free, symmetric, rows = TABLE[name]
    for row in rows:
        given = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (row.x, *row.arguments)]
        log = made(name, given[1:], given[0].shape[-1] if given[0].dim() else 0).log_prob(given[0])
        point = [exact(v) for v in (row.x, *row.arguments)]
        wanted = reference(*point)
        assert float(log.detach()) == pytest.approx(float(wanted), rel=row.tolerance, abs=row.tolerance), (
            name,
            row,
        )
        if row.is_edge or not mp.isfinite(wanted):
            continue
        slopes = torch.autograd.grad(log, [given[i] for i in free], allow_unused=True) if free else ()
        for i, slope in zip(free, slopes, strict=True):
            for place in np.ndindex(*given[i].shape):
                compare_slope(name, row, reference, point, i, place, slope, i in symmetric, wanted)


def compare_slope(
    name: str, row: Row, reference: Callable[..., mp.mpf], point: list[Any], i: int, place: tuple[int, ...],
    slope: torch.Tensor | None, is_symmetric: bool, wanted: mp.mpf,
) -> None:  # fmt: skip
    """A derivative against a central difference; of a symmetric matrix by both halves at once."""
    value = point[i]
    for k in place:
        value = value[k]
    if value == 0 and name in ("Dirichlet", "Multinomial", "Categorical"):
        return
    turned = place[::-1] if is_symmetric and place[0] != place[1] else None
    step = mp.mpf("1e-25") * (abs(value) or 1)

    def beside(sign: int) -> mp.mpf:
        there = moved(point[i], place, sign * step)
        there = there if turned is None else moved(there, turned, sign * step)
        return reference(*point[:i], there, *point[i + 1 :])

    derivative = float((beside(1) - beside(-1)) / (2 * step))
    got = 0.0 if slope is None else float(slope[place]) + (0.0 if turned is None else float(slope[turned]))
    largest = max(float(abs(wanted)), *(abs(float(a)) for a in row.arguments if isinstance(a, float)), 1.0)
    scale = largest / max(float(abs(value)), 1e-300) if value else largest
    assert got == pytest.approx(derivative, rel=1e-6, abs=100 * row.tolerance * scale * 1e-3), (
        name,
        row,
        i,
        place,
    )


IMPOSSIBLE: list[tuple[str, Any, tuple[Any, ...]]] = [
    ("Dirichlet", [-0.1, 0.5, 0.6], ([1.0, 2.0, 3.0],)),
    ("Multinomial", [1.0, 2.0, 4.0], (6.0, [0.2, 0.3, 0.5])),
    ("Multinomial", [-1.0, 3.0, 4.0], (6.0, [0.2, 0.3, 0.5])),
    ("Multinomial", [0.5, 2.5, 3.0], (6.0, [0.2, 0.3, 0.5])),
    ("MultivariateNormal", [0.0, 0.0], ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])),
    ("MultivariateNormalScaleTril", [0.0, 0.0], ([0.0, 0.0], [[1.0, 0.0], [2.0, -1.0]])),
    ("MultivariateNormalPrecision", [0.0, 0.0], ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])),
    ("MultivariateStudentT", [0.0, 0.0], (3.0, [0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])),
    ("MultivariateStudentTScaleTril", [0.0, 0.0], (3.0, [0.0, 0.0], [[1.0, 0.0], [2.0, -1.0]])),
    ("MultivariateStudentTPrecision", [0.0, 0.0], (3.0, [0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])),
    ("LKJCholesky", [[1.0, 0.0], [0.5, -0.1]], (2.0,)),
    ("InverseWishart", [[1.0, 1.5], [1.5, 1.0]], (5.0, SCALE)),
    ("InverseWishart", DRAW, (0.9, SCALE)),
    ("InverseWishart", DRAW, (5.0, [[1.0, 2.0], [2.0, 1.0]])),
    ("LKJ", [[1.0, 1.5], [1.5, 1.0]], (2.0,)),
    ("Wishart", [[1.0, 1.5], [1.5, 1.0]], (5.0, SCALE)),
    ("Wishart", DRAW, (0.9, SCALE)),
    ("Wishart", DRAW, (5.0, [[1.0, 2.0], [2.0, 1.0]])),
    ("OrderedLogistic", 1, (0.0, [2.0, -1.0])),
]


@pytest.mark.parametrize(("name", "x", "arguments"), IMPOSSIBLE)
def test_what_cannot_be_has_no_mass_and_a_gradient(name: str, x: Any, arguments: tuple[Any, ...]) -> None:
    given = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in arguments]
    value = torch.tensor(x, dtype=torch.float64)
    log = made(name, given, value.shape[-1] if value.dim() else 0).log_prob(value)
    assert float(log.detach()) == -math.inf
    slopes = torch.autograd.grad(torch.where(torch.isfinite(log), log, 0.0), given, allow_unused=True)
    assert all(s is None or bool(torch.isfinite(s).all()) for s in slopes)


MOMENTS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "Categorical": (([0.2, 0.3, 0.5],), 1.3),
    "CategoricalLogit": (([0.0, math.log(3.0)],), 0.75),
    "OrderedLogistic": ((0.0, [0.0, math.log(3.0)]), 0.75),
    "Dirichlet": (([1.2, 3.0, 0.8],), [0.24, 0.6, 0.16]),
    "Multinomial": ((6.0, [0.2, 0.3, 0.5]), [1.2, 1.8, 3.0]),
    "DirichletMultinomial": ((6.0, [1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
    "ZeroSumNormal": ((1.3,), [0.0, 0.0, 0.0]),
    "ICAR": ((TRIANGLE, 1.3), [0.0, 0.0, 0.0]),
    "UniformSphere": ((), [0.0, 0.0, 0.0]),
    "MultivariateNormal": (([0.1, 0.2, 0.3], COV), [0.1, 0.2, 0.3]),
    "MultivariateNormalScaleTril": (([0.1, 0.2, 0.3], ROOT), [0.1, 0.2, 0.3]),
    "MultivariateNormalPrecision": (([0.1, 0.2, 0.3], COV), [0.1, 0.2, 0.3]),
    "MultivariateStudentT": ((5.0, [0.1, 0.2, 0.3], COV), [0.1, 0.2, 0.3]),
    "MultivariateStudentTScaleTril": ((5.0, [0.1, 0.2, 0.3], ROOT), [0.1, 0.2, 0.3]),
    "MultivariateStudentTPrecision": ((5.0, [0.1, 0.2, 0.3], COV), [0.1, 0.2, 0.3]),
    "InverseWishart": ((12.0, SCALE), (np.array(SCALE) / 9).tolist()),
    "LKJ": ((1.5,), np.eye(3).tolist()),
    "Wishart": ((5.0, SCALE), (5 * np.array(SCALE)).tolist()),
}


@pytest.mark.parametrize("name", sorted(MOMENTS))
def test_means_of_draws(name: str) -> None:
    arguments, mean = MOMENTS[name]
    draws = made(name, [torch.tensor(a) for a in arguments], 3).expand((40_000,)).sample().double()
    spread = draws.std(0) / math.sqrt(len(draws))
    assert bool(((draws.mean(0) - torch.tensor(mean)).abs() <= 5 * spread + 1e-12).all())


def test_draws_of_factors_and_of_precisions() -> None:
    """Covariances of draws, and factors of correlations whose products have the marginals of LKJ's theorem: Beta on [-1, 1]."""
    draws = made("MultivariateNormalPrecision", [torch.zeros(3), torch.tensor(COV)], 3).expand((40_000,)).rsample()
    np.testing.assert_allclose(np.cov(draws.T), np.linalg.inv(COV), atol=0.05)
    draws = made("ICAR", [torch.tensor(TRIANGLE), torch.tensor(2.0)], 3).expand((40_000,)).rsample()
    precision = np.diag(np.sum(TRIANGLE, 0)) - np.array(TRIANGLE)
    np.testing.assert_allclose(np.cov(draws.T), 4 * np.linalg.pinv(precision), atol=0.05)
    roots = made("LKJCholesky", [torch.tensor(1.5)], 3).expand((4000,)).sample()
    assert bool((roots.triu(1) == 0).all())
    np.testing.assert_allclose(roots.square().sum(-1), 1.0, rtol=1e-12)
    found = (roots @ roots.mT)[:, 2, 1]
    assert stats.kstest((found.numpy() + 1) / 2, stats.beta(2.0, 2.0).cdf).pvalue > 1e-4


def test_draws_of_a_wishart_near_its_least_df() -> None:
    """Their chances by the law of the determinant, a product of chi squares (Muirhead 1982, theorem 3.2.15)."""
    draws = made("Wishart", [torch.tensor(1.5), torch.tensor(SCALE)], 2).expand((4000,)).sample()
    assert made("Wishart", [torch.tensor(5.0), torch.tensor(SCALE)], 2).has_rsample
    ratio = torch.linalg.det(draws) / torch.linalg.det(torch.tensor(SCALE))
    rng = np.random.default_rng(2)
    wanted = rng.chisquare(1.5, 4000) * rng.chisquare(0.5, 4000)
    assert stats.ks_2samp(ratio.clamp(min=0).numpy() ** 0.2, wanted**0.2).pvalue > 1e-4


def test_against_scipy() -> None:
    x, scale = np.array(DRAW), np.array(SCALE)
    for df in (2.5, 7.0, 300.0):
        mine = made("Wishart", [torch.tensor(df), torch.tensor(SCALE)], 2).log_prob(torch.tensor(DRAW))
        assert float(mine) == pytest.approx(stats.wishart(df, scale).logpdf(x), rel=1e-11)
        mine = made("InverseWishart", [torch.tensor(df), torch.tensor(SCALE)], 2).log_prob(torch.tensor(DRAW))
        assert float(mine) == pytest.approx(stats.invwishart(df, scale).logpdf(x), rel=1e-11)
    mine = made("MultivariateStudentT", [torch.tensor(3.5), torch.zeros(3), torch.tensor(COV)], 3).log_prob(
        torch.ones(3)
    )
    assert float(mine) == pytest.approx(stats.multivariate_t(np.zeros(3), COV, 3.5).logpdf(np.ones(3)), rel=1e-11)
    point = torch.tensor([0.2, 0.3, 0.5])
    mine = made("Dirichlet", [torch.tensor([1.2, 3.0, 0.7])], 3).log_prob(point)
    assert float(mine) == pytest.approx(stats.dirichlet([1.2, 3.0, 0.7]).logpdf(point.numpy()), rel=1e-12)
    counts = torch.tensor([1.0, 2.0, 3.0])
    mine = made("Multinomial", [torch.tensor(6.0), point], 3).log_prob(counts)
    assert float(mine) == pytest.approx(stats.multinomial(6, point.numpy()).logpmf([1, 2, 3]), rel=1e-12)
