"""The model whose densities programs work out: as written, but for what has a shorter form."""

from __future__ import annotations

from pgmlang.lower.covariance_factors import with_factored_covariances
from pgmlang.lower.distributions import with_labels_picked
from pgmlang.model import Model


def with_short_densities(model: Model) -> Model:
    """Labels picked out of the simplices that they are drawn by, and covariances said by their factors."""
    return with_factored_covariances(with_labels_picked(model))
