"""Questions about one fresh row of a fit that is no table: ``E(y | x = 120)``, ``P(z | count = 30)``, ``P(a | do(b = 1))``.

The row is bound with what the question gives and completed for every draw of the globals, each weighed by how probable
it makes the evidence (self-normalised importance sampling: Owen 2013, section 9.2). Labels are answered by the mean of
their probabilities, numbers by draws; every figure has its Monte Carlo error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of, code_of, numbers_of
from pgmlang.query.network import COMPARE
from pgmlang.query.parse import Event, Query
from pgmlang.query.row_elements import elements_of
from pgmlang.query.row_names import base, known_to, of_a_row
from pgmlang.results.convergence import convergence

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.model.labels import Labels
    from pgmlang.query.new_rows import NewRows
    from pgmlang.results.fit import Fit

DRAWS = 4000
"""Draws of the row and of the globals, where nothing needs a chain."""
QUANTILES = (0.05, 0.5, 0.95)


def reasons_against_a_fresh_row(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question is not about a fresh row: nothing of one is given, and what is asked the fit has values of."""
    if any(True for _ in fit.model.of_role("field")):
        yield "the model has fields"
    rows = of_a_row(fit)
    given = (*query.evidence, *query.interventions)
    if given:
        # a name that there is none of is said there
        others = {v.name for v in fit.model.variables} - rows
        if all(base(e.variable.name) in others for e in given):
            yield "what is given belongs to the fit as a whole"
        return
    names = {base(t.variable.name) for t in query.targets}
    if not names & rows or names & known_to(fit):
        yield "what is asked the fit has values of"


@dataclass(frozen=True, eq=False)
class ConditionalAnswers:
    """Answers about a fresh row. ``seed``: of the draws behind them."""

    fit: Fit
    seed: int = 0

    def answer(self, query: Query) -> Answer:
        """Raises PgmError: PGM0606 for what cannot be given or asked, PGM0607 for names and labels, PGM0609 for
        impossible evidence."""
        from pgmlang.query.fresh_row import check_targets, completed_row

        if query.kind == "MAP":
            raise PgmError(Diagnostic("PGM0606", "the most probable values of a row with real variables are not sought",
                                      help="ask for `E(x | ...)` or `P(x > 3 | ...)`"))  # fmt: skip
        check_targets(self.fit, query)
        given = completed_row(self.fit, query.evidence, query.interventions, self.seed, DRAWS)
        names = {base(t.variable.name) for t in query.targets}
        derived = {n for n in names if n in given.row.joint.model.definition_of}
        draws = Draws(given.row, given.with_derived(derived), given.chances, given.weights)
        if query.targets[0].op is not None:
            rows = [draws.events(query.targets)]
        else:
            rows = [line for t in query.targets for line in draws.lines(t, query.kind)]
        notes = (f"{len(given.weights):,} draws of a fresh row, {given.effective:,.0f} effective",)
        asked = tuple(t.variable.name for t in query.targets)
        log_evidence = given.log_evidence if query.evidence else 0.0
        return Answer(query.text, self.fit.method, asked, tuple(rows), log_evidence, notes)


@dataclass(frozen=True, eq=False)
class Draws:
    """A completed row. ``values``: draws ``[S, *shape]``; ``chances``: probabilities ``[S or 1, *shape, labels]`` of
    what has labels; ``weights``: of the draws, shape (S,), summing to one."""

    row: NewRows
    values: dict[str, Tensor]
    chances: dict[str, Tensor]
    weights: np.ndarray

    def lines(self, target: Event, kind: str) -> list[dict[str, object]]:
        """Rows of an answer: moments of numbers, probabilities of labels, for every element asked for."""
        name = base(target.variable.name)
        labels = self._labels(name)
        numbers = numbers_of(target, name, labels) if labels is not None and kind == "E" else None
        out: list[dict[str, object]] = []
        for text, index in self._elements(target):
            if labels is None:
                out.append({"variable": text, **self._moments(self._codes(name, index))})
                continue
            if numbers is not None:
                out.append({"variable": text, **self._moments_of_labels(name, index, numbers)})
                continue
            for code, label in enumerate(labels):
                p, error = self._mean(self._chance(name, index, code))
                out.append({"variable": text, "label": label, "p": p, "mcse": error})
        return out

    def events(self, targets: tuple[Event, ...]) -> dict[str, object]:
        """The probability that all events hold."""
        row: dict[str, object] = {}
        share: np.ndarray | None = None
        for event in targets:
            one = self._share(event, alone=len(targets) == 1)
            share = one if share is None else share * one
            row[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
        assert share is not None
        p, error = self._mean(share)
        return {**row, "p": p, "mcse": error}

    def _share(self, event: Event, alone: bool) -> np.ndarray:
        """How probable an event is in each draw, shape (S,): a probability where it is asked alone, else 0 or 1."""
        name = base(event.variable.name)
        elements = self._elements(event)
        if len(elements) > 1:
            raise PgmError(Diagnostic("PGM0606", f"`{name}` has several elements", event.variable.span,
                                      help=f"say which: `{elements[0][0]}`"))  # fmt: skip
        assert event.value is not None
        assert event.op is not None
        index, labels = elements[0][1], self._labels(name)
        if labels is not None:
            code = code_of(event, name, labels)
            share = self._chance(name, index, code) if alone else (self._codes(name, index) == code).astype(float)
            return share if event.op == "=" else 1 - share
        bound = bound_of(event, name, self.row.joint.model.by_name[name].type.is_discrete)
        return np.asarray(COMPARE[event.op](self._codes(name, index), bound), dtype=float)

    def _labels(self, name: str) -> Labels | None:
        type_ = self.row.joint.model.by_name[name].type
        return self.row.joint.model.labels_of(type_) if type_.is_discrete else None

    def _codes(self, name: str, index: tuple[int, ...]) -> np.ndarray:
        """Drawn values of an element, shape (S,)."""
        values = self._element(self.values[name], index).astype(float)
        return np.broadcast_to(values, self.weights.shape)

    @staticmethod
    def _element(values: Tensor, index: tuple[int, ...]) -> np.ndarray:
        """The elements at an index of every draw."""
        for i in index:
            values = values[:, i]
        return np.asarray(values.cpu().numpy())

    def _moments_of_labels(self, name: str, index: tuple[int, ...], numbers: np.ndarray) -> dict[str, float]:
        """Moments of labels that are numbers, a bit's among them, by their probabilities."""
        shares = np.stack([self._chance(name, index, code) for code in range(len(numbers))], -1)
        mean, error = self._mean(shares @ numbers)
        square, _ = self._mean(shares @ np.square(numbers - mean))
        return {"mean": mean, "sd": math.sqrt(max(square, 0.0)), "mcse": error}

    def _chance(self, name: str, index: tuple[int, ...], code: int) -> np.ndarray:
        """The probability of a label in each draw, shape (S,)."""
        if name not in self.chances:
            return (self._codes(name, index) == code).astype(float)
        shares = self._element(self.chances[name], (*index, code))
        return np.broadcast_to(shares, self.weights.shape)

    def _elements(self, target: Event) -> list[tuple[str, tuple[int, ...]]]:
        """The elements asked for with their indices. Raises PgmError PGM0607 where the fit has nothing to say of them."""
        name = base(target.variable.name)
        if name not in self.values:
            raise PgmError(Diagnostic("PGM0607", f"the fit has nothing to say of `{name}`", target.variable.span,
                                      help="it is an input, or a value of the data"))  # fmt: skip
        return elements_of(self.row.joint, target)

    def _mean(self, values: np.ndarray) -> tuple[float, float]:
        """The weighted mean and its Monte Carlo error: of the mean of ``w (x - mean)`` (Owen 2013, section 9.2), whose
        draws hang together as those of the globals do."""
        mean = float(self.weights @ values)
        deviations = len(values) * self.weights * (values - mean)
        return mean, float(convergence(deviations[None, :, None]).mcse[0])

    def _moments(self, values: np.ndarray) -> dict[str, float]:
        mean, error = self._mean(values)
        if np.ptp(values) == 0:
            return {"mean": mean}
        order = np.argsort(values)
        below = np.cumsum(self.weights[order])
        low, middle, high = (
            float(values[order[min(int(np.searchsorted(below, q)), len(values) - 1)]]) for q in QUANTILES
        )
        sd = float(np.sqrt(self.weights @ np.square(values - mean)))
        return {"mean": mean, "sd": sd, "q5": low, "q50": middle, "q95": high, "mcse": error}
