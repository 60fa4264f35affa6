"""Rows of a linear Gaussian model given a normal distribution of the numbers that they share: what each says of its own numbers at every value of
the shared ones, averaged over these. What the rows themselves tell of the shared numbers is no part of it, but in `with_evidence`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from pgmlang.gaussian.joint_rows import JointRows
from pgmlang.gaussian.square_root import LOG_2PI

MOST_CELLS = 1 << 22
"""Numbers of a batch that are worked out at once."""
MOST_TOGETHER = 2_000
"""Most numbers of rows that hang together, beside the shared ones."""


@dataclass(frozen=True, eq=False)
class GivenShared:
    """``nodes [t]`` of ``joint`` are shared, with ``mean [t]`` and ``root [t, m]`` of their covariance."""

    joint: JointRows
    nodes: np.ndarray
    mean: np.ndarray
    root: np.ndarray

    @cached_property
    def local(self) -> np.ndarray:
        """The nodes that are neither seen nor shared."""
        return np.setdiff1d(self.joint.hidden, self.nodes)

    @cached_property
    def _rows(self) -> np.ndarray:
        """Rows but those of the shared numbers' own conditionals, whose posterior is known."""
        return np.flatnonzero(~np.isin(self.joint.child, self.nodes))

    @cached_property
    def _parts(self) -> tuple[csr_array, np.ndarray, csr_array]:
        """Of the rows kept the coefficients of their own numbers, the right side at the mean of the shared ones, and the coefficients of these."""
        rows = self.joint.rows
        shape = (len(rows.right), rows.num_unknowns)
        every = csr_array((rows.values, rows.columns, rows.cuts), shape=shape)[self._rows]
        places = np.searchsorted(self.joint.hidden, self.nodes)
        shared = csr_array(every[:, places])
        local = csr_array(every[:, np.searchsorted(self.joint.hidden, self.local)])
        return local, rows.right[self._rows] - shared @ self.mean, shared

    @cached_property
    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Which numbers hang together: of each of the ``local``, and of each row kept, -1 of a row without any."""
        local = self._parts[0]
        _, of_local = connected_components(local.T @ local, directed=False)
        counts = np.diff(local.indptr)
        of_row = np.full(len(counts), -1)
        of_row[counts > 0] = of_local[local.indices[local.indptr[:-1][counts > 0]]]
        return of_local, of_row

    @property
    def is_wide(self) -> bool:
        """Whether more numbers hang together than are factorised at once."""
        return bool(len(self.local)) and int(np.bincount(self.components[0]).max()) > MOST_TOGETHER

    def figures(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and sds of all nodes; zero at what is seen."""
        mean, variance = self.joint.values.copy(), np.zeros(len(self.joint.values))
        mean[self.nodes], variance[self.nodes] = self.mean, np.square(self.root).sum(1)
        for numbers, _, matrix, right, moved in self._batches(*self.components):
            basis, triangle = np.linalg.qr(matrix)
            turned = np.concatenate([right[..., None], moved], -1)
            solved = np.linalg.solve(triangle, basis.swapaxes(1, 2) @ turned)
            inverse = np.linalg.inv(triangle)
            mean[self.local[numbers]] = solved[..., 0]
            variance[self.local[numbers]] = np.square(solved[..., 1:]).sum(-1) + np.square(inverse).sum(-1)
        return mean, np.sqrt(variance)

    def log_densities(self, unit_of_node: np.ndarray, count: int) -> np.ndarray | None:
        """Of what each of ``count`` units says, by itself; None where numbers of several units hang together."""
        of_local, of_row = unit_of_node[self.local], unit_of_node[self.joint.child[self._rows]]
        together, with_rows = self.components
        first = np.zeros(int(together.max(initial=-1)) + 1, dtype=np.int64)
        first[together] = of_local
        if (first[together] != of_local).any() or (
            first[with_rows[with_rows >= 0]] != of_row[with_rows >= 0]
        ).any():
            return None
        out = np.zeros(count)
        for _, rows, matrix, right, moved in self._batches(of_local, of_row):
            q, u, m = *matrix.shape[1:], moved.shape[2]
            value = self.joint.log_scale[self._rows[rows]].sum(1) + 0.5 * u * LOG_2PI
            # of many rows the shared numbers are integrated beside the rows' own, of few what the rows leave of them
            part = _log_density_of_many if q - u > m else _log_density_of_few
            out[of_row[rows[:, 0]]] = value + part(matrix, right, moved)
        return out

    @cached_property
    def _moving_root(self) -> np.ndarray:
        """``root`` turned to as few columns as there are shared numbers that the rows hang on; zero of the others."""
        touched = np.unique(self._parts[2].indices)
        if len(touched) >= self.root.shape[1]:
            return self.root
        out = np.zeros((len(self.root), len(touched)))
        _, triangle = np.linalg.qr(self.root[touched].T)
        out[touched] = triangle.T
        return out

    def _batches(
        self, of_local: np.ndarray, of_row: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Groups (of numbers and of rows, -1: of none) of one size together: ``numbers [B, u]`` (places in ``local``), ``rows [B, q]``, their dense matrix ``[B, q, u]``, right side
        ``[B, q]``, and what the shared numbers move that by ``[B, q, m]``."""
        local, right, shared = self._parts
        count = max(int(of_local.max(initial=-1)), int(of_row.max(initial=-1))) + 1
        numbers, rows = np.argsort(of_local, kind="stable"), np.argsort(of_row, kind="stable")
        rows = rows[int((of_row < 0).sum()) :]
        wide, tall = np.bincount(of_local, minlength=count), np.bincount(of_row[of_row >= 0], minlength=count)
        first_number, first_row = np.cumsum(wide) - wide, np.cumsum(tall) - tall
        within = np.empty(len(numbers), dtype=np.int64)
        within[numbers] = np.arange(len(numbers)) - first_number[of_local[numbers]]
        for u, q in np.unique(np.stack([wide, tall], 1), axis=0).tolist():
            if not q:
                continue
            members = np.flatnonzero((wide == u) & (tall == q))
            step = max(1, MOST_CELLS // (q * (self._moving_root.shape[1] + u + 1)))
            for begin in range(0, len(members), step):
                some = members[begin : begin + step]
                of_number = numbers[first_number[some][:, None] + np.arange(u)]
                chosen = rows[first_row[some][:, None] + np.arange(q)]
                flat = local[chosen.reshape(-1)].tocoo()
                matrix = np.zeros((len(some) * q, u))
                np.add.at(matrix, (flat.row, within[flat.col]), flat.data)
                moved = -(shared[chosen.reshape(-1)] @ self._moving_root)
                yield (
                    of_number,
                    chosen,
                    matrix.reshape(len(some), q, u),
                    right[chosen],
                    moved.reshape(len(some), q, -1),
                )

    def with_evidence(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Mean ``[nodes]`` and root of the covariance ``[nodes, k]`` of all given what the rows say, of the shared numbers too, and the log-density of that."""
        local, right, shared = self._parts
        u, m = local.shape[1], self.root.shape[1]
        upper = np.concatenate([local.toarray(), shared @ self.root], 1)
        basis, triangle = np.linalg.qr(np.concatenate([upper, np.eye(m, u + m, u)], 0))
        side = np.concatenate([right, np.zeros(m)])
        turned = basis.T @ side
        inverse = np.linalg.inv(triangle) if len(triangle) else triangle
        solution = inverse @ turned
        log = float(self.joint.log_scale[self._rows].sum()) - 0.5 * float(np.square(side - basis @ turned).sum())
        log += 0.5 * u * LOG_2PI - float(np.log(np.abs(np.diag(triangle))).sum())
        mean, root = self.joint.values.copy(), np.zeros((len(self.joint.values), u + m))
        mean[self.local], root[self.local] = solution[:u], inverse[:u]
        mean[self.nodes] = self.mean + self.root @ solution[u:]
        root[self.nodes] = self.root @ inverse[u:]
        return mean, root, log


def _log_density_of_few(matrix: np.ndarray, right: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Of rows ``matrix [B, q, u]`` with the right side ``[B, q]``, which standard normals move by ``moved [B, q, m]``, all numbers integrated: but for constants,
    ``[B]``. Cubic in the rows."""
    basis, triangle = np.linalg.qr(matrix, mode="complete")
    left = basis[:, :, matrix.shape[2] :].swapaxes(1, 2)
    residual, along = left @ right[..., None], left @ moved
    root = np.linalg.cholesky(np.eye(along.shape[1]) + along @ along.swapaxes(1, 2))
    scaled = np.linalg.solve(root, residual)[..., 0]
    return -0.5 * np.square(scaled).sum(1) - _log_diagonal(triangle) - _log_diagonal(root)


def _log_density_of_many(matrix: np.ndarray, right: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The same, linear in the rows: the standard normals are unknowns, with a row each."""
    (count, _, u), m = matrix.shape, moved.shape[2]
    ends = np.broadcast_to(np.eye(m, u + m, u), (count, m, u + m))
    upper = np.concatenate([np.concatenate([matrix, -moved], 2), ends], 1)
    side = np.concatenate([right, np.zeros((count, m))], 1)[..., None]
    basis, triangle = np.linalg.qr(upper)
    residual = side - basis @ (basis.swapaxes(1, 2) @ side)
    return -0.5 * np.square(residual[..., 0]).sum(1) - _log_diagonal(triangle)


def _log_diagonal(triangle: np.ndarray) -> np.ndarray:
    return np.log(np.abs(np.diagonal(triangle, axis1=1, axis2=2))).sum(1)
