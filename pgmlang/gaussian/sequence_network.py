"""Rows of chains whose labels choose among their numbers' distributions, all of a sequence in one conditional Gaussian network: a
switching linear dynamical system (Ghahramani and Hinton 2000), a switching autoregression with holes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.chain_network import chain_reasons
from pgmlang.gaussian.from_model import labels_alone, number_names
from pgmlang.gaussian.linear_elements import LinearElements, linear_elements
from pgmlang.gaussian.network import GaussianNetwork, NumberConditional
from pgmlang.gaussian.normal_arguments import SPREAD_CURE
from pgmlang.model import Model
from pgmlang.tables.elements import NodeBlock
from pgmlang.tables.evaluate import Evaluator, NotEvaluable
from pgmlang.tables.unroll import unroll

MOST_NUMBERS = 100_000
"""Most numbers of a sequence."""


@dataclass(frozen=True, eq=False)
class SequenceNetwork:
    """The network of a sequence, or of several side by side, and which of its variables are which elements of the model's."""

    network: GaussianNetwork
    labels: Mapping[str, NodeBlock]
    numbers: Mapping[str, NodeBlock]

    def given(self, codes: Mapping[int, int]) -> GaussianNetwork:
        """The network in which labels that are seen choose no more."""
        sizes = self.network.discrete.sizes
        return replace(
            self.network, conditionals=tuple(_given(c, codes, sizes) for c in self.network.conditionals)
        )


def _given(c: NumberConditional, codes: Mapping[int, int], sizes: tuple[int, ...]) -> NumberConditional:
    if not any(v in codes for v in c.labels):
        return c
    every = np.arange(math.prod(sizes[v] for v in c.labels)).reshape([sizes[v] for v in c.labels])
    left = every[tuple(codes.get(v, slice(None)) for v in c.labels)].reshape(-1)
    return NumberConditional(
        c.child, c.parents, tuple(v for v in c.labels if v not in codes),
        c.intercept[:, left], c.coefficients[:, left], c.sd[:, left],
    )  # fmt: skip


def switching_reasons(model: Model, known: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Why the rows of a model whose ``known`` names have values are no chain of labels and of numbers among whose distributions they choose."""
    yield from chain_reasons(model, known, has_labels=True)
    if not any(v.type.is_discrete for v in model.of_role("random") if v.name not in known):
        yield Diagnostic("PGM0602", "the chain has no labels")


def sequence_network(
    model: Model, known: Mapping[str, np.ndarray], sizes: Mapping[str, int], labels: Mapping[str, tuple[str, ...]],
    membership: Mapping[tuple[str, str], np.ndarray],
) -> SequenceNetwork:  # fmt: skip
    """All rows of ``sizes``. ``known``: values of params and inputs. Raises PgmError PGM0602 for what is none, PGM0610 for values that
    are not known, PGM0611 for too many numbers."""
    names = number_names(model, known)
    given = dict(known)
    unrolled = unroll(labels_alone(model, known, names), given, sizes, dict(labels), {}, membership)
    evaluator = Evaluator(model, given, unrolled.evaluator.layout)
    numbers: dict[str, NodeBlock] = {}
    first = 0
    for name in names:
        axes = model.array_axes(model.by_name[name])
        numbers[name] = NodeBlock(first, evaluator.layout.shape(axes), axes, 0)
        first += numbers[name].count
    if first > MOST_NUMBERS:
        message = f"a sequence has {first:,} numbers; the limit is {MOST_NUMBERS:,}"
        raise PgmError(
            Diagnostic(
                "PGM0611",
                message,
                help="draw: `--method hmc` (`gibbs` where labels alone are open), or cut the sequence",
            )
        )
    conditionals: list[NumberConditional | None] = [None] * first
    for factor in model.conditionals:
        if factor.target not in numbers:
            continue
        try:
            for part in linear_elements(evaluator, factor, unrolled.nodes, numbers):
                for one in _of_elements(part):
                    conditionals[one.child] = one
        except NotEvaluable as reason:
            raise PgmError(Diagnostic("PGM0602", f"`{factor.target}`: {reason}", factor.span)) from None
    every = tuple(c for c in conditionals if c is not None)
    if not all((c.sd > 0).all() and np.isfinite(c.sd).all() for c in every):
        raise PgmError(
            Diagnostic("PGM0410", "an sd of the chain is no finite number above zero", help=SPREAD_CURE)
        )
    texts = tuple(f"{n}[{i}]" for n, block in numbers.items() for i in range(block.count))
    return SequenceNetwork(GaussianNetwork(unrolled.network, texts, every), unrolled.nodes, numbers)


def _of_elements(part: LinearElements) -> Iterator[NumberConditional]:
    """A conditional for each element, without the parents that it does not hang on."""
    intercept, coefficients, sd = (
        np.broadcast_to(x, (len(part.child), *x.shape[1:])) for x in (part.intercept, part.coefficients, part.sd)
    )
    for e, child in enumerate(part.child.tolist()):
        used = np.flatnonzero((coefficients[e] != 0).any(0))
        labels = tuple(part.labels[e].tolist())
        if len(set(labels)) < len(labels):
            raise PgmError(Diagnostic("PGM0602", "a label chooses twice"))
        yield NumberConditional(
            child, tuple(part.parents[e, used].tolist()), labels, intercept[e : e + 1], coefficients[e : e + 1][..., used], sd[e : e + 1]
        )  # fmt: skip
