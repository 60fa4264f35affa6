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

from pgmlang.gaussian.joint_rows import LOG_2PI, JointRows

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
    def own(self) -> np.ndarray:
        """The nodes that are neither seen nor shared."""
        return np.setdiff1d(self.joint.hidden, self.nodes)

    @cached_property
    def _kept(self) -> np.ndarray:
        """Rows but those of the shared numbers' own conditionals, whose posterior is known."""
        return np.flatnonzero(~np.isin(self.joint.child, self.nodes))

    @cached_property
    def _parts(self) -> tuple[csr_array, np.ndarray, csr_array]:
        """Of the rows kept the coefficients of their own numbers, the right side at the mean of the shared ones, and the coefficients of these."""
        rows = self.joint.rows
        shape = (len(rows.right), rows.num_unknowns)
        every = csr_array((rows.values, rows.columns, rows.cuts), shape=shape)[self._kept]
        places = np.searchsorted(self.joint.hidden, self.nodes)
        shared = csr_array(every[:, places])
        own = csr_array(every[:, np.searchsorted(self.joint.hidden, self.own)])
        return own, rows.right[self._kept] - shared @ self.mean, shared

    @cached_property
    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Which numbers hang together: of each of the ``own``, and of each row kept, -1 of a row without any."""
        own = self._parts[0]
        _, of_own = connected_components(own.T @ own, directed=False)
        counts = np.diff(own.indptr)
        of_row = np.full(len(counts), -1)
        of_row[counts > 0] = of_own[own.indices[own.indptr[:-1][counts > 0]]]
        return of_own, of_row

    @property
    def is_wide(self) -> bool:
        """Whether more numbers hang together than are factorised at once."""
        return bool(len(self.own)) and int(np.bincount(self.components[0]).max()) > MOST_TOGETHER

    def figures(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and sds of all nodes; zero at what is seen."""
        mean, variance = self.joint.values.copy(), np.zeros(len(self.joint.values))
        mean[self.nodes], variance[self.nodes] = self.mean, np.square(self.root).sum(1)
        for numbers, _, matrix, right, moved in self._batches(*self.components):
            basis, triangle = np.linalg.qr(matrix)
            turned = np.concatenate([right[..., None], moved], -1)
            solved = np.linalg.solve(triangle, basis.swapaxes(1, 2) @ turned)
            inverse = np.linalg.inv(triangle)
            mean[self.own[numbers]] = solved[..., 0]
            variance[self.own[numbers]] = np.square(solved[..., 1:]).sum(-1) + np.square(inverse).sum(-1)
        return mean, np.sqrt(variance)

    def log_densities(self, unit_of_node: np.ndarray, count: int) -> np.ndarray | None:
        """Of what each of ``count`` units says, by itself; None where numbers of several units hang together."""
        of_own, of_row = unit_of_node[self.own], unit_of_node[self.joint.child[self._kept]]
        together, with_rows = self.components
        first = np.zeros(int(together.max(initial=-1)) + 1, dtype=np.int64)
        first[together] = of_own
        if (first[together] != of_own).any() or (first[with_rows[with_rows >= 0]] != of_row[with_rows >= 0]).any():
            return None
        out = np.zeros(count)
        for _, rows, matrix, right, moved in self._batches(of_own, of_row):
            basis, triangle = np.linalg.qr(matrix, mode="complete")
            width = matrix.shape[2]
            left = basis[:, :, width:].swapaxes(1, 2)
            residual, along = left @ right[..., None], left @ moved
            root = np.linalg.cholesky(np.eye(along.shape[1]) + along @ along.swapaxes(1, 2))
            scaled = np.linalg.solve(root, residual)[..., 0]
            pivots = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
            value = self.joint.log_scale[self._kept[rows]].sum(1) + 0.5 * width * LOG_2PI
            value -= np.log(pivots).sum(1) + np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
            out[of_row[rows[:, 0]]] = value - 0.5 * np.square(scaled).sum(1)
        return out

    def _batches(
        self, of_own: np.ndarray, of_row: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Groups (of numbers and of rows, -1: of none) of one size together: ``numbers [B, u]`` (places in ``own``), ``rows [B, q]``, their dense matrix ``[B, q, u]``, right side
        ``[B, q]``, and what the shared numbers move that by ``[B, q, m]``."""
        own, right, shared = self._parts
        count = max(int(of_own.max(initial=-1)), int(of_row.max(initial=-1))) + 1
        numbers, rows = np.argsort(of_own, kind="stable"), np.argsort(of_row, kind="stable")
        rows = rows[int((of_row < 0).sum()) :]
        wide, tall = np.bincount(of_own, minlength=count), np.bincount(of_row[of_row >= 0], minlength=count)
        first_number, first_row = np.cumsum(wide) - wide, np.cumsum(tall) - tall
        within = np.empty(len(numbers), dtype=np.int64)
        within[numbers] = np.arange(len(numbers)) - first_number[of_own[numbers]]
        for u, q in np.unique(np.stack([wide, tall], 1), axis=0).tolist():
            if not q:
                continue
            members = np.flatnonzero((wide == u) & (tall == q))
            step = max(1, MOST_CELLS // (q * (self.root.shape[1] + q + 1)))
            for begin in range(0, len(members), step):
                some = members[begin : begin + step]
                of_number = numbers[first_number[some][:, None] + np.arange(u)]
                chosen = rows[first_row[some][:, None] + np.arange(q)]
                flat = own[chosen.reshape(-1)].tocoo()
                matrix = np.zeros((len(some) * q, u))
                np.add.at(matrix, (flat.row, within[flat.col]), flat.data)
                moved = -(shared[chosen.reshape(-1)] @ self.root)
                yield (
                    of_number,
                    chosen,
                    matrix.reshape(len(some), q, u),
                    right[chosen],
                    moved.reshape(len(some), q, -1),
                )

    def with_evidence(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Mean ``[nodes]`` and root of the covariance ``[nodes, k]`` of all given what the rows say, of the shared numbers too, and the log-density of that."""
        own, right, shared = self._parts
        u, m = own.shape[1], self.root.shape[1]
        upper = np.concatenate([own.toarray(), shared @ self.root], 1)
        basis, triangle = np.linalg.qr(np.concatenate([upper, np.eye(m, u + m, u)], 0))
        side = np.concatenate([right, np.zeros(m)])
        turned = basis.T @ side
        inverse = np.linalg.inv(triangle) if len(triangle) else triangle
        solution = inverse @ turned
        log = float(self.joint.log_scale[self._kept].sum()) - 0.5 * float(np.square(side - basis @ turned).sum())
        log += 0.5 * u * LOG_2PI - float(np.log(np.abs(np.diag(triangle))).sum())
        mean, root = self.joint.values.copy(), np.zeros((len(self.joint.values), u + m))
        mean[self.own], root[self.own] = solution[:u], inverse[:u]
        mean[self.nodes] = self.mean + self.root @ solution[u:]
        root[self.nodes] = self.root @ inverse[u:]
        return mean, root, log
