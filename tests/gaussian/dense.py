"""Random conditional Gaussian networks, and their answers by enumeration of all labels and dense conditioning of the joint
normal distribution of all numbers (Bishop 2006, section 2.3.1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor


def random_network(rng: np.random.Generator, num_labels: int, num_numbers: int) -> GaussianNetwork:
    """Labels of two or three values, numbers in a random order; each arrow there is with a third of a chance."""
    variables = tuple(DiscreteVariable(f"k{i}", tuple("abc"[: rng.integers(2, 4)])) for i in range(num_labels))
    factors = []
    for i in range(num_labels):
        above = [j for j in range(i) if rng.random() < 0.4]
        shape = [variables[j].size for j in above]
        factors.append(TableFactor((*above, i), rng.dirichlet(np.ones(variables[i].size), size=shape), i))
    discrete = DiscreteNetwork(variables, tuple(factors))
    rank = rng.permutation(num_numbers)
    conditionals = []
    for i in range(num_numbers):
        parents = tuple(j for j in range(num_numbers) if rank[j] < rank[i] and rng.random() < 0.35)
        labels = tuple(v for v in range(num_labels) if rng.random() < 0.4)
        count = int(np.prod([variables[v].size for v in labels]))
        conditionals.append(
            NumberConditional(
                i, parents, labels, rng.normal(size=(1, count)), rng.normal(size=(1, count, len(parents))),
                np.exp(rng.normal(size=(1, count))),
            )
        )  # fmt: skip
    return GaussianNetwork(discrete, tuple(f"x{i}" for i in range(num_numbers)), tuple(conditionals))


def joint_moments(network: GaussianNetwork, labels: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of all numbers given all labels."""
    n = len(network.numbers)
    slopes, constant, sd = np.zeros((n, n)), np.zeros(n), np.ones(n)
    for c in network.conditionals:
        sizes = [network.discrete.sizes[v] for v in c.labels]
        k = int(np.ravel_multi_index([labels[v] for v in c.labels], sizes)) if sizes else 0
        constant[c.child], sd[c.child] = c.intercept[0, k], c.sd[0, k]
        slopes[c.child, list(c.parents)] = c.coefficients[0, k]
    inverse = np.linalg.inv(np.eye(n) - slopes)
    return inverse @ constant, inverse @ np.diag(sd**2) @ inverse.T


@dataclass(frozen=True)
class DensePosterior:
    """``log_evidence``; ``mean``, ``covariance`` of the numbers that are not seen; ``chances`` of each label."""

    log_evidence: float
    mean: np.ndarray
    covariance: np.ndarray
    chances: list[np.ndarray]


def worlds(
    network: GaussianNetwork, codes: Mapping[int, int], values: np.ndarray
) -> Iterator[tuple[tuple[int, ...], float, np.ndarray, np.ndarray]]:
    """Each configuration of the labels that the codes leave open, with the log of its joint with what is seen, and mean and
    covariance of the rest."""
    seen = ~np.isnan(values)
    for labels in itertools.product(*map(range, network.discrete.sizes)):
        if any(labels[v] != c for v, c in codes.items() if c >= 0):
            continue
        mean, covariance = joint_moments(network, labels)
        log = float(sum(np.log(f.values[tuple(labels[v] for v in f.scope)]) for f in network.discrete.factors))
        of_seen = covariance[np.ix_(seen, seen)]
        gain = np.linalg.solve(of_seen, covariance[np.ix_(seen, ~seen)]).T
        gap = values[seen] - mean[seen]
        log -= 0.5 * float(gap @ np.linalg.solve(of_seen, gap)) + 0.5 * float(
            np.linalg.slogdet(2 * np.pi * of_seen)[1]
        )
        rest = covariance[np.ix_(~seen, ~seen)] - gain @ covariance[np.ix_(seen, ~seen)]
        yield labels, log, mean[~seen] + gain @ gap, rest


def dense_posterior(network: GaussianNetwork, codes: Mapping[int, int], values: np.ndarray) -> DensePosterior:
    labels, logs, means, covariances = map(list, zip(*worlds(network, codes, values), strict=True))
    log_evidence = float(np.logaddexp.reduce(logs))
    weights = np.exp(np.array(logs) - log_evidence)
    mean = weights @ np.array(means)
    gaps = np.array(means) - mean
    covariance = np.einsum("c,cij->ij", weights, np.array(covariances) + gaps[:, :, None] * gaps[:, None, :])
    chances = [
        np.bincount([one[v] for one in labels], weights, minlength=size)
        for v, size in enumerate(network.discrete.sizes)
    ]
    return DensePosterior(log_evidence, mean, covariance, chances)
