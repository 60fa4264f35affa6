"""One posterior: what a fit leaves, a model gives or a file holds, conditioned in one way and asked by four folds."""

from pgmlang.posterior.condition import Conditioned, condition
from pgmlang.posterior.folds import log_z, of_new_labels, predict, query, sample, score
from pgmlang.posterior.given import posterior_of_fit, posterior_of_model, posterior_of_network
from pgmlang.posterior.record import Posterior

__all__ = [
    "Conditioned",
    "Posterior",
    "condition",
    "log_z",
    "of_new_labels",
    "posterior_of_fit",
    "posterior_of_model",
    "posterior_of_network",
    "predict",
    "query",
    "sample",
    "score",
]
