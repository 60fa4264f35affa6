"""The answer to a question about a fresh row as a mixture: a normal distribution of its numbers for each configuration of
its labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.query.events import bound_of, code_of, numbers_of
from pgmlang.query.parse import Event, Query
from pgmlang.query.row_elements import element_of_draws, elements_of, single_element
from pgmlang.query.row_names import base

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity
    from pgmlang.model.labels import Labels

QUANTILES = (0.05, 0.5, 0.95)
HALVINGS = 200
"""Steps of the search for a quantile of a mixture, at most."""


@dataclass(frozen=True, eq=False)
class ConfigurationMixture:
    """``log_weights`` (C,): of the configurations, with the density of the evidence; ``codes``: labels ``[C, *shape]``;
    ``means``, ``sds``: of the numbers in each, ``[C, *shape]``."""

    joint: BoundDensity
    log_weights: np.ndarray
    codes: Mapping[str, Tensor]
    means: Mapping[str, Tensor]
    sds: Mapping[str, Tensor]

    @cached_property
    def log_evidence(self) -> float:
        return float(np.logaddexp.reduce(self.log_weights))

    @cached_property
    def weights(self) -> np.ndarray:
        return np.asarray(np.exp(self.log_weights - self.log_evidence))

    def answer(self, query: Query) -> Iterator[dict[str, object]]:
        """The rows of the answer."""
        if query.targets[0].op is not None:
            yield self._events(query.targets)
            return
        places = [(t, self._elements(t)) for t in query.targets]
        is_joint = all(base(t.variable.name) in self.codes and len(p) == 1 for t, p in places)
        if query.kind == "MAP" or (query.kind == "P" and is_joint):
            table = self._joint_table([(base(t.variable.name), one) for t, p in places for one in p])
            yield from [max(table, key=lambda r: float(r["p"]))] if query.kind == "MAP" else table  # type: ignore[arg-type]
            return
        for target, elements in places:
            for text, index in elements:
                yield from self.lines(target, text, index, query.kind)

    def _elements(self, target: Event) -> list[tuple[str, tuple[int, ...]]]:
        return elements_of(self.joint, target)

    def _labels(self, name: str) -> Labels:
        return self.joint.model.labels_of(self.joint.model.by_name[name].type) or ()

    def _codes(self, name: str, index: tuple[int, ...]) -> np.ndarray:
        return element_of_draws(self.codes[name], index).astype(np.int64)

    def _joint_table(self, elements: list[tuple[str, tuple[str, tuple[int, ...]]]]) -> list[dict[str, object]]:
        """A row for each combination of labels of these elements."""
        from pgmlang.query.network import refuse_wide_answer

        labels = [self._labels(name) for name, _ in elements]
        refuse_wide_answer(math.prod(map(len, labels)))
        table = np.zeros([len(x) for x in labels])
        np.add.at(table, tuple(self._codes(name, index) for name, (_, index) in elements), self.weights)
        texts = [text for _, (text, _) in elements]
        return [
            {**{t: x[i] for t, x, i in zip(texts, labels, cell, strict=True)}, "p": float(table[cell])}
            for cell in np.ndindex(table.shape)
        ]

    def lines(self, target: Event, text: str, index: tuple[int, ...], kind: str) -> Iterator[dict[str, object]]:
        """The rows of one element."""
        name = base(target.variable.name)
        if name not in self.codes:
            yield {"variable": text, **self._moments(name, index)}
        elif kind == "E":
            values = numbers_of(target, name, self._labels(name))[self._codes(name, index)]
            mean = float(self.weights @ values)
            yield {"variable": text, "mean": mean, "sd": math.sqrt(float(self.weights @ np.square(values - mean)))}
        else:
            codes = self._codes(name, index)
            for code, label in enumerate(self._labels(name)):
                yield {"variable": text, "label": label, "p": float(self.weights[codes == code].sum())}

    def _moments(self, name: str, index: tuple[int, ...]) -> dict[str, float]:
        means, sds = self._normals(name, index)
        mean = float(self.weights @ means)
        variance = float(self.weights @ (np.square(sds) + np.square(means - mean)))
        low, middle, high = (self._quantile(means, sds, q) for q in QUANTILES)
        return {"mean": mean, "sd": math.sqrt(variance), "q5": low, "q50": middle, "q95": high}

    def _normals(self, name: str, index: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return element_of_draws(self.means[name], index), element_of_draws(self.sds[name], index)

    def _quantile(self, means: np.ndarray, sds: np.ndarray, chance: float) -> float:
        """Where the mixture's distribution function is a chance, between the least and the greatest of its parts."""
        from scipy.optimize import brentq
        from scipy.special import ndtri

        ends = (means + sds * ndtri(chance))[self.weights > 0]
        low, high = float(ends.min()), float(ends.max())
        if high - low <= 1e-12 * max(1.0, abs(low)):
            return low

        def excess(x: float) -> float:
            return float(self.weights @ _below(x, means, sds)) - chance

        # at an end the other parts are beyond: rounding alone can turn the sign there
        if excess(low) >= 0 or excess(high) <= 0:
            return low if excess(low) >= 0 else high
        return float(brentq(excess, low, high, maxiter=HALVINGS))

    def _events(self, targets: tuple[Event, ...]) -> dict[str, object]:
        """The probability that all events hold: of labels any number, of numbers one."""
        row: dict[str, object] = {}
        share = self.weights
        for event in targets:
            name, index = base(event.variable.name), single_element(self.joint, event)
            row[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
            if name in self.codes:
                holds = self._codes(name, index) == code_of(event, name, self._labels(name))
                share = share * (holds if event.op == "=" else ~holds)
                continue
            bound = bound_of(event, name, has_atoms=False)
            means, sds = self._normals(name, index)
            # mirrored, what is above has no cancelling
            side = 1.0 if event.op in ("<", "<=") else -1.0
            share = share * _below(side * bound, side * means, sds)
        return {**row, "p": float(share.sum())}


def _below(x: float, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """The probability that each normal is at most ``x``; of none that varies, a number that was given, 0 or 1."""
    from scipy.special import ndtr

    varies = sds > 0
    return np.where(varies, ndtr((x - means) / np.where(varies, sds, 1.0)), x >= means)
