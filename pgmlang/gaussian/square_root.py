"""The posterior of a component by orthogonal transformations of its square-root information (Bierman 1977; Paige and
Saunders 1977): each conditional is a row of a least-squares problem, divided by its sd, and nothing is ever subtracted that
could cancel, neither for a measurement far finer than the prior nor for a chain of nearly exact links.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dtrtri, dtrtrs

from pgmlang.gaussian.components import NumberComponent
from pgmlang.gaussian.network import GaussianNetwork, NumberConditional

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, eq=False)
class ComponentRows:
    """The least-squares rows of a component for some configurations of its labels: ``matrix`` ``[U, C, q, h]`` over the hidden
    numbers, and what each row's right side is made of. ``U``: units that differ, or one."""

    component: NumberComponent
    matrix: np.ndarray
    sd: np.ndarray
    intercept: np.ndarray
    seen: tuple[int, ...]
    slopes: np.ndarray

    @property
    def is_shared(self) -> bool:
        """Whether all units have the same matrix, and so one factorisation."""
        return self.matrix.shape[0] == 1

    def right_side(self, configuration: int, units: np.ndarray, values: np.ndarray) -> np.ndarray:
        """``[units, q]``: of units with these ``values`` ``[units, seen]``, by one configuration."""

        def of(array: np.ndarray) -> np.ndarray:
            return array[0:1, configuration] if len(array) == 1 else array[units, configuration]

        slopes = of(self.slopes)
        if len(slopes) == 1:
            moved = values @ slopes[0].T
        else:
            moved = np.matmul(slopes, values[:, :, None])[..., 0]
        return (of(self.intercept) + moved) / of(self.sd)


def component_rows(
    network: GaussianNetwork, component: NumberComponent, configurations: np.ndarray, units: np.ndarray
) -> ComponentRows:
    """``configurations`` ``[C]``: codes of the component's labels, the last fastest; ``units``: which of the network's."""
    if network.is_plain or all(c.is_plain for c in component.conditionals):
        return _plain_rows(network, component)
    sizes = [network.discrete.sizes[v] for v in component.labels]
    codes = (
        np.stack(np.unravel_index(configurations, sizes), 1) if sizes else np.zeros((len(configurations), 0), int)
    )
    place = {i: k for k, i in enumerate(component.hidden)}
    seen = sorted({i for c in component.conditionals for i in (c.child, *c.parents)} - set(place))
    seen_place = {i: k for k, i in enumerate(seen)}
    parts = [c.of_units(units) for c in component.conditionals]
    wide = max([1, *(len(c.sd) for c in parts), *(len(c.coefficients) for c in parts)])
    rows, count = len(parts), len(configurations)
    matrix = np.zeros((wide, count, rows, len(place)))
    sd = np.ones((wide, count, rows))
    num_slopes = max([1, *(len(c.coefficients) for c in parts)])
    slopes = np.zeros((num_slopes, count, rows, len(seen)))
    intercept = np.zeros((max(len(c.intercept) for c in parts), count, rows)) if parts else np.zeros((1, count, 0))
    for r, c in enumerate(parts):
        chosen = configurations_within(network, component, c, codes)
        sd[:, :, r] = c.sd[:, chosen]
        intercept[:, :, r] = c.intercept[:, chosen]
        terms = [(c.child, np.full((1, count), -1.0))]
        terms += [(p, c.coefficients[:, chosen, k]) for k, p in enumerate(c.parents)]
        for i, coefficient in terms:
            if i in place:
                matrix[:, :, r, place[i]] -= coefficient
            else:
                slopes[:, :, r, seen_place[i]] += coefficient
    matrix /= sd[..., None]
    return ComponentRows(component, matrix, sd, intercept, tuple(seen), slopes)


def _plain_rows(network: GaussianNetwork, component: NumberComponent) -> ComponentRows:
    """The same where neither labels nor units tell numbers apart."""
    slopes, intercept, sd = network.plain_rows
    children = [c.child for c in component.conditionals]
    involved = np.zeros(len(network.numbers), dtype=bool)
    involved[children] = True
    for c in component.conditionals:
        involved[list(c.parents)] = True
    involved[list(component.hidden)] = False
    seen = np.flatnonzero(involved)
    rows = slopes[children]
    matrix = -rows[:, list(component.hidden)] / sd[children, None]
    return ComponentRows(
        component, matrix[None, None], sd[None, None, children], intercept[None, None, children],
        tuple(seen.tolist()), rows[None, None, :, seen],
    )  # fmt: skip


def configurations_within(
    network: GaussianNetwork, component: NumberComponent, conditional: NumberConditional, codes: np.ndarray
) -> np.ndarray:
    """Which of a conditional's configurations each of the component's is."""
    if not conditional.labels:
        return np.zeros(len(codes), dtype=np.int64)
    columns = [codes[:, component.labels.index(v)] for v in conditional.labels]
    return np.ravel_multi_index(columns, [network.discrete.sizes[v] for v in conditional.labels])


@dataclass(frozen=True, eq=False)
class Factorised:
    """``matrix = basis @ root`` of `ComponentRows`, ``basis`` ``[U, C, q, h]`` orthonormal and ``root`` ``[U, C, h, h]`` upper
    triangular with the precision ``root.T @ root``; ``heights`` ``[U, C]``: what the log-evidence has beside the residual."""

    rows: ComponentRows
    basis: np.ndarray
    root: np.ndarray
    heights: np.ndarray

    @cached_property
    def inverse_root(self) -> np.ndarray:
        """``[U, C, h, h]``: draws are the mean and this times noise."""
        return _upper_inverse(self.root) if self.root.shape[-1] else self.root

    @cached_property
    def sds(self) -> np.ndarray:
        """Of the hidden numbers, ``[U, C, h]``."""
        return np.asarray(np.sqrt(np.square(self.inverse_root).sum(-1)))

    def solved(self, configuration: int, units: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The log-evidence ``[units]`` and the means of the hidden numbers ``[units, h]`` by one configuration."""
        side = self.rows.right_side(configuration, units, values)
        if self.rows.is_shared:
            basis, root = self.basis[0, configuration], self.root[0, configuration]
            turned = side @ basis
            residual = side - turned @ basis.T
            means = _upper_solved(root, turned) if root.shape[-1] else turned
            height = self.heights[0, configuration]
        else:
            basis, root = self.basis[units, configuration], self.root[units, configuration]
            turned = np.matmul(basis.swapaxes(1, 2), side[:, :, None])
            residual = side - np.matmul(basis, turned)[..., 0]
            means = np.linalg.solve(root, turned)[..., 0] if root.shape[-1] else turned[..., 0]
            height = self.heights[units, configuration]
        return height - 0.5 * np.square(residual).sum(-1), means


LARGE = 16
"""Width from which on LAPACK's triangular routines, a call a matrix, are faster than the general one for many at once."""


def _upper_inverse(roots: np.ndarray) -> np.ndarray:
    """Of upper triangular matrices ``[..., h, h]``."""
    h = roots.shape[-1]
    if h < LARGE:
        return np.asarray(np.linalg.solve(roots, np.broadcast_to(np.eye(h), roots.shape)))
    out = np.empty_like(roots)
    for place in np.ndindex(roots.shape[:-2]):
        # the transpose of a lower triangle is one by columns, as LAPACK has them
        inverse, failed = dtrtri(roots[place].T, lower=1)
        if failed:
            raise np.linalg.LinAlgError("Singular matrix")
        out[place] = inverse.T
    return out


def _upper_solved(root: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """``x`` ``[rows, h]`` with ``root @ x = side`` for each of ``sides`` ``[rows, h]``."""
    solution, failed = dtrtrs(root.T, sides.T, lower=1, trans=1)
    if failed:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.asarray(solution.T)


def factorised(rows: ComponentRows) -> Factorised:
    """The orthogonal factorisation; rows of the matrix go in by their size, the greatest first, which keeps small rows whole
    beside large ones (Powell and Reid 1969)."""
    q, h = rows.matrix.shape[-2:]
    log_sd = np.log(rows.sd).sum(-1)
    if not h:
        heights = -log_sd - 0.5 * q * LOG_2PI
        return Factorised(rows, np.zeros_like(rows.matrix), np.zeros((*rows.matrix.shape[:2], 0, 0)), heights)
    order = np.argsort(-np.abs(rows.matrix).max(-1), axis=-1, kind="stable")[..., None]
    basis, root = np.linalg.qr(np.take_along_axis(rows.matrix, order, -2))
    unsorted = np.empty_like(basis)
    np.put_along_axis(unsorted, np.broadcast_to(order, basis.shape), basis, -2)
    log_root = np.log(np.abs(np.diagonal(root, axis1=-2, axis2=-1))).sum(-1)
    return Factorised(rows, unsorted, root, -log_sd - log_root - 0.5 * (q - h) * LOG_2PI)
