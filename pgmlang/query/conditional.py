"""Questions about one fresh row of a fit that is no table: ``E(y | x = 120)``, ``P(z | count = 30)``, ``P(a | do(b = 1))``.

The row is bound with what the question gives and completed for every draw of the globals, each weighed by how probable
it makes the evidence (self-normalised importance sampling: Owen 2013, section 9.2). Labels are answered by the mean of
their probabilities, numbers by draws; every figure has its Monte Carlo error.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model.atoms import has_atoms
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of, code_of, numbers_of
from pgmlang.query.map_targets import refuse_numbers, with_targets
from pgmlang.query.network import COMPARE, refuse_wide_answer
from pgmlang.query.parse import Event, Evidence, Query
from pgmlang.query.row_elements import element_of_draws, elements_of, single_element
from pgmlang.query.row_names import base, known_to, of_a_row
from pgmlang.query.sequences import length_of, names_of
from pgmlang.results.convergence import convergence

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity
    from pgmlang.model.labels import Labels
    from pgmlang.results.fit import Fit

DRAWS = 4000
"""Draws of the row and of the globals, where nothing needs a chain."""
QUANTILES = (0.05, 0.5, 0.95)


def reasons_against_a_fresh_row(fit: Fit, query: Query, *, with_fields: bool = False) -> Iterator[str]:
    """Why a question is not about a fresh row: nothing of one is given, and what is asked the fit has values of."""
    if not with_fields and any(True for _ in fit.model.of_role("field")):
        yield "the model has fields"
    rows = of_a_row(fit)
    if query.kind == "MAP" and not query.targets:
        return
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
            query = with_targets(self.fit, query)
            refuse_numbers(self.fit, query)
        check_targets(self.fit, query)
        hard = tuple(e for e in query.evidence if e.value is not None)
        soft = tuple(e for e in query.evidence if e.value is None)
        check_soft(self.fit, soft)
        given = completed_row(
            self.fit, hard, query.interventions, self.seed, DRAWS, length_of(self.fit.model, names_of(query))
        )
        if soft:
            given = given.weighed(soft)
        names = {base(t.variable.name) for t in query.targets}
        derived = {n for n in names if n in given.row.joint.model.definition_of}
        draws = Draws(given.row.joint, given.with_derived(derived), given.chances, given.weights)
        notes = [f"{len(given.weights):,} draws of a fresh row, {given.effective:,.0f} effective"]
        rows = draws.answer(query)
        if query.kind == "MAP":
            rows, doubts = most_probable(rows)
            notes += doubts
        asked = tuple(t.variable.name for t in query.targets)
        log_evidence = given.log_evidence if query.evidence else 0.0
        error = given.log_evidence_mcse if query.evidence else None
        return Answer(query.text, self.fit.method, asked, tuple(rows), log_evidence, tuple(notes), error)


def check_soft(fit: Fit, soft: tuple[Evidence, ...]) -> None:
    """Raises PgmError PGM0606 for what is no open label of a row."""
    for item in soft:
        name, span = item.variable.name, item.variable.span
        if fit.model.labels_of(fit.model.by_name[base(name)].type) is None:
            message = f"soft evidence gives weights of labels, and `{name}` has none"
            raise PgmError(Diagnostic("PGM0606", message, span, help=f"write `{name} = value`"))
        if base(name) not in of_a_row(fit):
            raise PgmError(Diagnostic("PGM0606", f"`{name}` belongs to the fit as a whole, not to a row", span,
                                      help=f"observe it in the fit: `--observe {name}=...`"))  # fmt: skip


def most_probable(table: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The row of the greatest probability, and a doubt where others are within two Monte Carlo errors of it."""
    first, *others = sorted(table, key=lambda r: -float(r["p"]))
    near = [r for r in others if first["p"] - r["p"] <= 2 * math.hypot(first["mcse"], r["mcse"])]
    return [first], [f"{len(near)} others are as probable within the Monte Carlo error"] if near else []


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of a row. ``values``: draws ``[S, *shape]``; ``chances``: probabilities ``[S or 1, *shape, labels]`` of
    what has labels; ``weights``: of the draws, shape (S,), summing to one."""

    joint: BoundDensity
    values: dict[str, Tensor]
    chances: dict[str, Tensor]
    weights: np.ndarray

    def answer(self, query: Query) -> list[dict[str, Any]]:
        """The rows of an answer: of labels a row for each combination."""
        if query.targets[0].op is not None:
            return [self.events(query.targets)]
        places = [(base(t.variable.name), self._elements(t)) for t in query.targets]
        are_labels = all(self._labels(name) is not None for name, _ in places)
        is_joint = all(len(elements) == 1 for _, elements in places)
        if query.kind == "MAP" or (query.kind == "P" and are_labels and is_joint):
            return self._joint_table([(name, *one) for name, elements in places for one in elements])
        return [line for t in query.targets for line in self.lines(t, query.kind)]

    def _joint_table(self, elements: list[tuple[str, str, tuple[int, ...]]]) -> list[dict[str, Any]]:
        """A row for each combination of labels of these elements."""
        labels = [self._labels(name) or () for name, _, _ in elements]
        refuse_wide_answer(math.prod(map(len, labels)))
        if len(elements) == 1:
            name, text, index = elements[0]
            means = [self._mean(self._chance(name, index, code)) for code in range(len(labels[0]))]
            return [{text: t, "p": p, "mcse": e} for t, (p, e) in zip(labels[0], means, strict=True)]
        codes = [self._codes(name, index) for name, _, index in elements]
        out = []
        for cell in np.ndindex(*map(len, labels)):
            held = np.logical_and.reduce([c == i for c, i in zip(codes, cell, strict=True)])
            p, error = self._share_of(held.astype(float), [name for name, _, _ in elements])
            texts = {e[1]: x[i] for e, x, i in zip(elements, labels, cell, strict=True)}
            out.append({**texts, "p": p, "mcse": error})
        return out

    def lines(self, target: Event, kind: str) -> list[dict[str, Any]]:
        """Rows of an answer: moments of numbers, probabilities of labels, for every element asked for."""
        name = base(target.variable.name)
        labels = self._labels(name)
        numbers = numbers_of(target, name, labels) if labels is not None and kind == "E" else None
        out: list[dict[str, Any]] = []
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

    def events(self, targets: tuple[Event, ...]) -> dict[str, Any]:
        """The probability that all events hold."""
        row: dict[str, Any] = {}
        share: np.ndarray | None = None
        for event in targets:
            one = self._share(event, alone=len(targets) == 1)
            share = one if share is None else share * one
            row[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
        assert share is not None
        p, error = self._share_of(share, [base(t.variable.name) for t in targets])
        return {**row, "p": p, "mcse": error}

    def _share(self, event: Event, alone: bool) -> np.ndarray:
        """How probable an event is in each draw, shape (S,): a probability where it is asked alone, else 0 or 1."""
        name = base(event.variable.name)
        self._elements(event)
        assert event.value is not None
        assert event.op is not None
        index, labels = single_element(self.joint, event), self._labels(name)
        if labels is not None:
            code = code_of(event, name, labels)
            share = self._chance(name, index, code) if alone else (self._codes(name, index) == code).astype(float)
            return share if event.op == "=" else 1 - share
        bound = bound_of(event, name, has_atoms(self.joint.model, name))
        return np.asarray(COMPARE[event.op](self._codes(name, index), bound), dtype=float)

    def _labels(self, name: str) -> Labels | None:
        type_ = self.joint.model.by_name[name].type
        return self.joint.model.labels_of(type_) if type_.is_discrete else None

    def _codes(self, name: str, index: tuple[int, ...]) -> np.ndarray:
        """Drawn values of an element, shape (S,)."""
        values = element_of_draws(self.values[name], index).astype(float)
        return np.broadcast_to(values, self.weights.shape)

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
        shares = element_of_draws(self.chances[name], (*index, code))
        return np.broadcast_to(shares, self.weights.shape)

    def _elements(self, target: Event) -> list[tuple[str, tuple[int, ...]]]:
        """The elements asked for with their indices. Raises PgmError PGM0607 where the fit has nothing to say of them."""
        name = base(target.variable.name)
        if name not in self.values:
            raise PgmError(Diagnostic("PGM0607", f"the fit has nothing to say of `{name}`", target.variable.span,
                                      help="it is an input, or a value of the data"))  # fmt: skip
        return elements_of(self.joint, target)

    def _mean(self, values: np.ndarray) -> tuple[float, float]:
        """The weighted mean and its Monte Carlo error: of the mean of ``w (x - mean)`` (Owen 2013, section 9.2), whose
        draws hang together as those of the globals do."""
        mean = float(self.weights @ values)
        deviations = len(values) * self.weights * (values - mean)
        return mean, float(convergence(deviations[None, :, None]).mcse[0])

    def _share_of(self, holds: np.ndarray, names: Collection[str]) -> tuple[float, float]:
        """The weighed share of draws in which something holds, and its error: of no draw or of all, that of one more draw
        (Laplace's rule), unless what it is about is known."""
        share, error = self._mean(holds)
        if np.ptp(holds) or len(holds) == 1 or all(self._is_known(n) for n in names):
            return share, error
        return share, 1 / (1 / float(np.square(self.weights).sum()) + 2)

    def _is_known(self, name: str) -> bool:
        """Whether a variable was told in every cell, or has the probabilities of its labels."""
        joint = self.joint
        is_seen = name in joint.observed and name not in joint.missing and name not in joint.unseen
        return is_seen or name in self.chances or name not in joint.model.conditional_of

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
