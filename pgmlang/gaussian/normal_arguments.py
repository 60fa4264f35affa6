"""What normal distributions of numbers and of vectors hang on, and a vector as numbers one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Distribution
from pgmlang.model.expr import Expr

OF_A_NUMBER = "sd"
COVARIANCE, ROOT, PRECISION = "normal by covariance", "normal by root", "normal by precision"


SPREAD_CURE = (
    "a spread may be as small as 1e-9, but not zero: what does not vary at all is a name of its own (`y = ...`)"
)


class NormalArguments(NamedTuple):
    """``loc``; ``spread``, an sd or what a vector of the axis ``event`` varies by: ``kind``."""

    loc: Expr
    spread: Expr
    kind: str = OF_A_NUMBER
    event: str = ""

    @property
    def words(self) -> str:
        """What the spread is called."""
        return "sd" if self.kind == OF_A_NUMBER else "covariance"


def normal_arguments(distribution: Distribution) -> NormalArguments | None:
    """Those of a family whose log-density is quadratic in real numbers and their mean together; None of others."""
    family = FAMILIES.get(distribution.family) if isinstance(distribution, Dist) else None
    if not isinstance(distribution, Dist) or family is None or distribution.base is not None:
        return None
    if not family.quadratic_in or family.support != "real" or family.location_scale is None:
        return None
    arguments = {n: a for n, a in distribution.arguments if not isinstance(a, Dist)}
    loc = arguments.pop(family.quadratic_in)
    if not family.event:
        return NormalArguments(loc, arguments[family.location_scale.scale])
    if len(arguments) != 1 or len(distribution.event) != 1 or not family.matrix_densities:
        return None
    (spread,) = arguments.values()
    return NormalArguments(loc, spread, family.matrix_densities[distribution.variant], distribution.event[0])


def given_those_before(matrices: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Of normal vectors by their ``matrices`` ``[..., n, n]`` of a kind: the slopes ``[..., n, n]`` of each number's distance from its mean on the
    distances of those before it, strictly lower triangular, and its sd given them ``[..., n]``. Raises LinAlgError for
    matrices that are not positive definite.

    They are the rows of the inverse of the Cholesky factor; of a precision the factor of its mirror image, so that it is
    never inverted."""
    if kind == PRECISION:
        mirrored = np.linalg.cholesky(matrices[..., ::-1, ::-1])
        inverse = mirrored[..., ::-1, ::-1].swapaxes(-1, -2)
    else:
        root = np.linalg.cholesky(matrices) if kind == COVARIANCE else np.tril(matrices)
        if not (np.diagonal(root, axis1=-2, axis2=-1) > 0).all():
            raise np.linalg.LinAlgError("not positive definite")
        inverse = np.linalg.solve(root, np.broadcast_to(np.eye(root.shape[-1]), root.shape))
    sd = 1.0 / np.diagonal(inverse, axis1=-2, axis2=-1)
    return np.tril(-inverse * sd[..., None], -1), sd
