"""A fresh row of a point estimate in every configuration of the labels that a question asks or softly tells: each weighed by
how probable it makes the rest of what is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.distributions import ConditionalDistribution
from pgmlang.query.configuration_mixture import ConfigurationMixture
from pgmlang.query.events import label_weights
from pgmlang.query.fresh_row import row_of
from pgmlang.query.new_rows import NewRows
from pgmlang.query.number_mixtures import NumberMixture, number_mixtures
from pgmlang.query.parse import Event, Evidence, Query, QueryVariable
from pgmlang.query.row_elements import element_of_draws, elements_of, single_element
from pgmlang.query.row_names import base
from pgmlang.query.row_scores import told_log_evidence
from pgmlang.query.sequences import length_of, names_of
from pgmlang.results.fit import Fit

MOST_CONFIGURATIONS = 64
"""Most configurations that are gone through: each is a sum, and may be an integral, of its own."""
MOST_APART = 1e-3
"""Most difference of a probability by quadrature and by that of twice the step, which is far less exact."""


class NotTold(Exception):
    """A number has no distribution here."""


@dataclass(frozen=True, eq=False)
class LabelledRow:
    """``rows``: one for each configuration; ``log_weights`` (C,): with the density of the evidence; ``codes``: labels
    ``[C, *shape]``; ``error``: of the integrals, in nats; ``differences``: of the figures that were told by quadrature from
    those of twice its step."""

    rows: tuple[NewRows, ...]
    log_weights: np.ndarray
    codes: dict[str, Tensor]
    error: float
    differences: list[float] = field(default_factory=list)

    @property
    def joint(self) -> BoundDensity:
        return self.rows[0].joint

    @property
    def log_evidence(self) -> float:
        return self.of_labels.log_evidence

    @property
    def weights(self) -> np.ndarray:
        return self.of_labels.weights

    @property
    def is_integrated(self) -> bool:
        """Whether something was integrated by quadrature."""
        return self.error > 0 or bool(self.differences)

    @cached_property
    def of_labels(self) -> ConfigurationMixture:
        """The configurations alone."""
        return ConfigurationMixture(self.joint, self.log_weights, self.codes, {}, {})

    def number(self, name: str, holds: np.ndarray | None = None) -> NumberMixture:
        """The distribution of a number, ``[C, *shape]``, in the configurations where something ``holds``. Raises NotTold."""
        weights = np.where(True if holds is None else holds, self.weights, 0.0)
        chosen = np.flatnonzero(weights)
        mixtures = []
        for i in chosen:
            mixture = number_mixtures(self.rows[i], (name,)).get(name)
            if mixture is None:
                raise NotTold(name)
            mixtures.append(mixture)
        if len(mixtures) == 1:
            return mixtures[0]
        shares = torch.as_tensor(weights[chosen] / weights[chosen].sum())
        return _joined(mixtures, shares, _joined([m.coarse or m for m in mixtures], shares, None))

    def check(self, mixture: NumberMixture, chance: Callable[[NumberMixture], Tensor]) -> None:
        """Raises NotTold where quadrature of twice the step says another probability."""
        if mixture.coarse is None:
            return
        apart = (chance(mixture) - chance(mixture.coarse)).abs()
        if not bool((apart <= MOST_APART).all()):
            raise NotTold("a probability")
        self.differences.append(float(apart.max()))


def _joined(mixtures: list[NumberMixture], shares: Tensor, coarse: NumberMixture | None) -> NumberMixture:
    first = mixtures[0].mean
    wide = shares.reshape(-1, *[1] * first.dim()).expand(-1, *first.shape)
    return NumberMixture(ConditionalDistribution(_Stacked(tuple(mixtures))), wide, coarse, mixtures[0].has_atoms)


@dataclass(frozen=True, eq=False)
class _Stacked:
    """Distributions ``[*shape]`` side by side: ``[C, *shape]``."""

    mixtures: tuple[NumberMixture, ...]

    @property
    def mean(self) -> Tensor:
        return torch.stack([m.mean for m in self.mixtures])

    @property
    def variance(self) -> Tensor:
        return torch.stack([m.sd.square() for m in self.mixtures])

    @property
    def is_discrete(self) -> bool:
        return self.mixtures[0].is_discrete

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.stack([m.log_prob(x) for m in self.mixtures])

    def log_cdf(self, x: Tensor) -> Tensor:
        return torch.stack([m.log_cdf(x) for m in self.mixtures])

    def log_survival(self, x: Tensor) -> Tensor:
        return torch.stack([m.log_survival(x) for m in self.mixtures])


def labelled_row(fit: Fit, query: Query) -> LabelledRow | None:
    """The row of a question; None where only draws tell how probable something is, or the configurations are too many.
    Raises PgmError as `fresh_row.row_of` and for elements as `row_elements`."""
    length = length_of(fit.model, names_of(query))
    hard = tuple(e for e in query.evidence if e.value is not None)
    plain = row_of(fit, hard, query.interventions, 0, 1, length)
    cells = dict(_open_labels(plain.joint, query))
    if any(not _is_nameable(plain.joint, base(text)) for text in cells):
        return None
    labels = {text: _labels_of(plain.joint, base(text)) for text in cells}
    if math.prod(map(len, labels.values())) > MOST_CONFIGURATIONS:
        return None
    codes = {base(t.variable.name): _seen_codes(plain.joint, base(t.variable.name))
             for t in (*query.targets, *(Event(e.variable) for e in query.evidence if e.value is None))
             if plain.joint.model.by_name[base(t.variable.name)].type.is_discrete}  # fmt: skip
    rows, log_weights, error = [], [], 0.0
    every: dict[str, list[Tensor]] = {n: [] for n in codes}
    for chosen in product(*(range(len(x)) for x in labels.values())):
        told = tuple(
            Evidence(QueryVariable(text, query.targets[0].variable.span), labels[text][code])
            for text, code in zip(cells, chosen, strict=True)
        )
        row = row_of(fit, (*hard, *told), query.interventions, 0, 1, length) if told else plain
        integrals = told_log_evidence(row.as_one_draw()) if query.evidence or told else None
        if integrals is None and (query.evidence or told):
            return None
        rows.append(row)
        log_weights.append(0.0 if integrals is None else float(integrals.values[0]))
        error = max(error, 0.0 if integrals is None else integrals.error)
        for name, seen in codes.items():
            one = seen.clone()
            for (text, index), code in zip(cells.items(), chosen, strict=True):
                if base(text) == name:
                    one[index] = code
            every[name].append(one)
    stacked = {n: torch.stack(x) for n, x in every.items()}
    weights = np.array(log_weights) + sum(
        _soft(plain.joint, e, stacked) for e in query.evidence if e.value is None
    )
    return LabelledRow(tuple(rows), weights, stacked, error)


def _open_labels(joint: BoundDensity, query: Query) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The elements with labels that are asked or softly told and not seen, by their text, with their indices."""
    asked = [*query.targets, *(Event(e.variable) for e in query.evidence if e.value is None)]
    for target in asked:
        name = base(target.variable.name)
        if not joint.model.by_name[name].type.is_discrete:
            continue
        for text, index in elements_of(joint, target):
            mask = joint.missing.get(name, joint.unseen.get(name))
            if name not in joint.observed or (mask is not None and bool(mask[index])):
                yield text, index


def _is_nameable(joint: BoundDensity, name: str) -> bool:
    """Whether evidence can tell each element of a variable alone."""
    rows = {p.name for p in joint.model.plates if p.is_rows}
    axes = [a for a in joint.axes(name) if a not in rows]
    return not axes or (len(axes) == 1 and len(axes) < len(joint.axes(name)))


def _labels_of(joint: BoundDensity, name: str) -> tuple[str, ...]:
    return tuple(joint.model.labels_of(joint.model.by_name[name].type) or ())


def _seen_codes(joint: BoundDensity, name: str) -> Tensor:
    zeros = torch.zeros(joint.shapes[name], dtype=torch.int64)
    return joint.observed[name].to(torch.int64) if name in joint.observed else zeros


def _soft(joint: BoundDensity, item: Evidence, codes: dict[str, Tensor]) -> np.ndarray:
    """The logarithms of the weights that soft evidence gives each configuration."""
    name, index = base(item.variable.name), single_element(joint, Event(item.variable))
    weights = label_weights(item, _labels_of(joint, name))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weights)[element_of_draws(codes[name], index).astype(np.int64)])
