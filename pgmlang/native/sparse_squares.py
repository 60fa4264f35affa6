"""Sparse linear least squares of many rows by compiled loops: solution, variances, draws."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.joint_rows import SparseRows
from pgmlang.native.program_files import load_program

MOST_ENTRIES = 20_000_000
"""Entries of the triangular factor."""
LOST = 1e-6
"""Share of the square of its column that must be left at an unknown for elimination of the normal equations to keep ten digits."""
FULL = 1e-14
"""Share of its column's norm below which an unknown hangs on others alone."""
STEPS = 3
"""Of refinement; the first solves."""


@cache
def squares_programs() -> ModuleType:
    """The compiled loops."""
    from pgmlang.native.runtime import sparse_squares

    return load_program(inspect.getsource(sparse_squares))


@dataclass(frozen=True, eq=False)
class SolvedRows:
    """The posterior of the unknowns. ``rank``: the place of each in the order of elimination, in which the arrays of the triangular factor are."""

    rank: np.ndarray
    begins: np.ndarray
    later: np.ndarray
    root: np.ndarray
    ratio: np.ndarray
    solution: np.ndarray
    squares: float

    @property
    def mean(self) -> np.ndarray:
        """``[unknowns]``."""
        return self.solution[self.rank]

    @property
    def log_root(self) -> float:
        """Half the logarithm of the determinant of the precision."""
        return float(np.log(self.root).sum())

    @cached_property
    def sds(self) -> np.ndarray:
        """``[unknowns]``."""
        variance, inverse = np.empty_like(self.root), np.empty_like(self.ratio)
        squares_programs().covariances(self.begins, self.later, self.root, self.ratio, variance, inverse)
        return np.sqrt(variance[self.rank])

    def scattered(self, noise: np.ndarray) -> np.ndarray:
        """Independent standard normal numbers ``[unknowns, draws]`` as draws around zero: what is added to the mean. The ``noise`` is used up."""
        squares_programs().scattered(self.begins, self.later, self.root, self.ratio, noise)
        return np.asarray(noise[self.rank])

    def root_of(self, unknowns: np.ndarray) -> np.ndarray:
        """Of some unknowns a lower triangular matrix ``[m, m]`` whose product with its own transpose is their covariance."""
        sides = np.zeros((len(self.root), len(unknowns)))
        sides[self.rank[unknowns], np.arange(len(unknowns))] = 1.0
        squares_programs().standardised(self.begins, self.later, self.root, self.ratio, sides)
        if not len(unknowns):
            return np.zeros((0, 0))
        return np.asarray(np.linalg.qr(sides, mode="r")).T


def solved(rows: SparseRows) -> SolvedRows:
    """Raises PgmError PGM0611 where too much fills in, PGM0602 where unknowns are told apart by nothing."""
    n, programs = rows.num_unknowns, squares_programs()
    rank, begins, later = _structure(rows)
    columns = rank[rows.columns]
    root, ratio = np.empty(n), np.empty(len(later))
    arrays = (rows.cuts, columns, rows.values)
    factor = (begins, later, root, ratio)
    if not programs.eliminated(*arrays, *factor) > LOST:
        largest = np.zeros(len(rows.right))
        np.maximum.at(largest, np.repeat(np.arange(len(largest)), np.diff(rows.cuts)), np.abs(rows.values))
        # great rows first: small ones beside them stay whole (Powell and Reid 1969)
        order = np.argsort(-largest, kind="stable")
        if not programs.rotated(order, *arrays, *factor) > FULL:
            raise PgmError(Diagnostic("PGM0602", "some numbers are told apart by nothing, in floating point",
                                      help="scales that differ by many powers of ten: measure in other units"))  # fmt: skip
    solution, residual = np.zeros(n), np.empty(len(rows.right))
    programs.refined(*arrays, rows.right, *factor, solution, residual, STEPS)
    return SolvedRows(rank, begins, later, root, ratio, solution, float(residual @ residual))


def _structure(rows: SparseRows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order of elimination by least degree (Liu 1985, as of SuperLU), and the places of the factor's entries."""
    from scipy.sparse import csc_array, csr_array, diags_array
    from scipy.sparse.linalg import spilu

    n = rows.num_unknowns
    if n == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    shape = (len(rows.right), n)
    pattern = csr_array((np.ones(len(rows.columns)), rows.columns, rows.cuts), shape=shape)
    joined = csc_array(pattern.T @ pattern)
    heavy = csc_array(joined + diags_array(joined.sum(0) + 1.0))
    # nothing is kept of this factorisation but its order
    rank = spilu(heavy, drop_tol=1.0, fill_factor=1.0, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0).perm_c
    rank = rank.astype(np.int64)
    order = np.argsort(rank)
    moved = csr_array(csr_array(joined)[order][:, order])
    begins, later = squares_programs().filled(
        moved.indptr.astype(np.int64), moved.indices.astype(np.int64), MOST_ENTRIES
    )
    if len(later) != begins[-1]:
        message = f"{n:,} numbers hang together too densely for a sparse factorisation"
        raise PgmError(Diagnostic("PGM0611", message, help="draw: `--method hmc`"))
    return rank, begins, later
