"""Questions about a fresh row whose numbers are jointly normal given its labels, of what gives every global a value: exact.

Every configuration of the labels that matter is a closed form of its own (`query/linear_gaussian.py`), and the answer is
their mixture (conditional Gaussian distributions: Lauritzen 1992).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of, code_of, label_weights, numbers_of
from pgmlang.query.map_targets import with_targets
from pgmlang.query.parse import Event, Evidence, Query
from pgmlang.query.row_elements import element_of_draws, elements_of, single_element
from pgmlang.query.row_names import base

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity
    from pgmlang.model import Model
    from pgmlang.model.labels import Labels
    from pgmlang.query.new_rows import NewRows
    from pgmlang.results.fit import Fit

QUANTILES = (0.05, 0.5, 0.95)
MOST_CONFIGURATIONS = 4096
"""Most configurations of the labels that are gone through."""
HALVINGS = 200
"""Steps of the search for a quantile of a mixture, at most."""


def reasons_against_closed_form(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question about a fresh row is not one about normal distributions chosen by labels."""
    from pgmlang.query.linear_gaussian import reasons_against
    from pgmlang.tables.learned import learned_tables

    model = fit.model
    if fit.draws:
        yield "the fit holds draws"
    if model.guide is not None or model.nets:
        yield "the model has a guide or networks"
    query = with_targets(fit, query)
    names = {base(t.variable.name) for t in query.targets}
    if not names or any(n not in model.by_name or model.by_name[n].role != "random" for n in names):
        yield "something that is asked is not random"
        return
    latents = _latents(fit, query)
    labels, numbers = _split(model, latents)
    yield from _against_targets(query, names, labels, numbers)
    if any(base(e.variable.name) not in labels for e in query.evidence if e.value is None):
        yield "soft evidence is of something else than an open label"
    if math.prod(_num_labels(fit, n) for n in labels) > MOST_CONFIGURATIONS:
        yield "the labels have too many configurations"
    reduced = _reduced(model, query, latents)
    if learned_tables(reduced) and not all(t.name in fit.parameters for t in learned_tables(reduced)):
        yield "a table is not known"
    yield from reasons_against(reduced, numbers)


def _against_targets(
    query: Query, names: set[str], labels: tuple[str, ...], numbers: tuple[str, ...]
) -> Iterator[str]:
    if not names <= {*labels, *numbers}:
        yield "something that is asked the fit or the question tells"
    if query.kind == "MAP" and not names <= set(labels):
        yield "the most probable value of a number is asked"
    events = [t for t in query.targets if t.op is not None and base(t.variable.name) in numbers]
    if len(events) > 1:
        yield "several numbers are compared together"
    if any(t.op in ("=", "!=") for t in events):
        yield "a number is asked to equal another"


def _split(model: Model, latents: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels, and numbers."""
    labels = tuple(n for n in latents if model.by_name[n].type.is_discrete)
    return labels, tuple(n for n in latents if n not in labels)


def _num_labels(fit: Fit, name: str) -> int:
    """Configurations of a variable of one row; more than are gone through where it is not known how many."""
    model = fit.model
    variable = model.by_name[name]
    labels = model.labels_of(variable.type)
    rows = {p.name for p in model.plates if p.is_rows}
    sizes = [
        fit.layout.sizes.get(a, 0) or len(model.axis_labels(a) or ())
        for a in model.array_axes(variable)
        if a not in rows
    ]
    count = len(labels) if labels is not None else 0
    if not count or not all(sizes):
        return MOST_CONFIGURATIONS + 1
    elements = math.prod(sizes)
    return MOST_CONFIGURATIONS + 1 if elements * math.log2(count) > 64 else int(count**elements)


def _done(query: Query) -> set[str]:
    return {base(e.variable.name) for e in query.interventions}


def _told(query: Query) -> set[str]:
    """What the question gives a value, an element of it at least."""
    return {base(e.variable.name) for e in query.evidence if e.value is not None} | _done(query)


def _latents(fit: Fit, query: Query) -> tuple[str, ...]:
    """What is asked, and what it and the evidence hang on, as far as neither the fit nor the question tells it; labels of
    which some elements are given are among them."""
    model = fit.model
    whole = {e.variable.name for e in (*query.evidence, *query.interventions) if e.value is not None}
    known = {*fit.parameters, *_done(query)}
    known |= {
        n for n in _told(query) if n in whole or n not in model.by_name or not model.by_name[n].type.is_discrete
    }
    pending = [base(t.variable.name) for t in query.targets] + [base(e.variable.name) for e in query.evidence]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        conditional = model.conditional_of.get(name)
        if conditional is not None and name not in _done(query) and name not in fit.parameters:
            pending += model.random_parents(conditional)
    return tuple(v.name for v in model.of_role("random") if v.name in reached and v.name not in known)


def _reduced(model: Model, query: Query, latents: tuple[str, ...]) -> Model:
    """The factors of what is asked, given or above either."""
    kept = {*latents, *(base(e.variable.name) for e in query.evidence)} - _done(query)
    return replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) in kept), guide=None
    )


def answer_in_closed_form(fit: Fit, query: Query) -> Answer:
    """Probabilities of labels, one by one or together, the most probable labels, moments and quantiles of numbers, and
    probabilities of their being above or below one. Raises PgmError as `fresh_row.row_of` and for elements as
    `row_elements`."""
    from pgmlang.query.fresh_row import check_targets, impossible_evidence, row_of

    query = with_targets(fit, query)
    check_targets(fit, query)
    hard = tuple(e for e in query.evidence if e.value is not None)
    row = row_of(fit, hard, query.interventions, 0, 1)
    labels, numbers = _split(fit.model, _latents(fit, query))
    mixture = _mixture(row, query, labels, numbers)
    if mixture.log_evidence == -math.inf:
        raise PgmError(impossible_evidence(query.evidence))
    names = tuple(t.variable.name for t in query.targets)
    return Answer(
        query.text, "exact", names, tuple(mixture.answer(query)), mixture.log_evidence if query.evidence else 0.0
    )


def _mixture(
    row: NewRows, query: Query, labels: tuple[str, ...], numbers: tuple[str, ...]
) -> ConfigurationMixture:
    import torch

    from pgmlang.density.bind import density_of_binding
    from pgmlang.density.reductions import sum_of_factors
    from pgmlang.density.row_subset import with_latent_cells
    from pgmlang.query.linear_gaussian import GaussianUnits

    joint = row.joint
    model = _reduced(joint.model, query, (*labels, *numbers))
    bound = density_of_binding(model, joint.binding, joint.held, joint.dtype, joint.device)
    inner = with_latent_cells(bound, labels)
    codes = _configurations(inner, labels)
    count = len(next(iter(codes.values()))) if codes else 1
    given = {k: v.expand(count, *v.shape[1:]) for k, v in row.given.items() if k not in {*labels, *numbers}}
    with torch.no_grad():
        terms = inner.factors({**given, **codes}, row.params, row.nets, only=frozenset(labels)) if labels else {}
        log_weights = (
            sum_of_factors(inner, terms).expand(count) if terms else torch.zeros(count, dtype=joint.dtype)
        )
    means: dict[str, Tensor] = {}
    sds: dict[str, Tensor] = {}
    if numbers:
        units = GaussianUnits(inner, numbers, None, {**given, **codes}, {}, row.params, row.nets, count)
        heights, mean, factor = units.solve()
        means, sds = units.marginals(mean, factor)
        log_weights = log_weights + heights[:, 0]
    else:
        with torch.no_grad():
            rest = {k: v for k, v in inner.factors({**given, **codes}, row.params, row.nets).items()
                    if k not in labels and k not in given}  # fmt: skip
            log_weights = log_weights + (sum_of_factors(inner, rest) if rest else 0.0)
    for item in query.evidence:
        if item.value is None:
            log_weights = log_weights + _soft(inner, item, codes)
    return ConfigurationMixture(inner, log_weights.cpu().numpy(), codes, means, sds)


def _configurations(joint: BoundDensity, labels: tuple[str, ...]) -> dict[str, Tensor]:
    """All values of the labels side by side, ``[count, *shape]``; cells that are given keep theirs."""
    import torch

    cells: list[tuple[int, ...]] = []
    for name in labels:
        every = tuple(range(joint.num_states(name)))
        size = math.prod(joint.shapes[name])
        seen = joint.observed[name].flatten().tolist() if name in joint.observed else [-1] * size
        is_open = joint.missing[name].flatten().tolist() if name in joint.missing else [code < 0 for code in seen]
        cells += [every if o else (int(c),) for c, o in zip(seen, is_open, strict=True)]
    grid = torch.tensor(list(product(*cells)), dtype=torch.int64, device=joint.device)
    out, first = {}, 0
    for name in labels:
        size = math.prod(joint.shapes[name])
        out[name] = grid[:, first : first + size].reshape(-1, *joint.shapes[name])
        first += size
    return out


def _soft(joint: BoundDensity, item: Evidence, codes: Mapping[str, Tensor]) -> Tensor:
    """The logarithms of the weights that soft evidence gives each configuration."""
    import torch

    name, index = _element(joint, item)
    weights = label_weights(item, joint.model.labels_of(joint.model.by_name[name].type) or ())
    picked = torch.as_tensor(element_of_draws(codes[name], index))
    return torch.as_tensor(weights, dtype=joint.dtype, device=joint.device).log()[picked]


def _element(joint: BoundDensity, item: Evidence) -> tuple[str, tuple[int, ...]]:
    """The one element that soft evidence is of. Raises PgmError PGM0606 for several."""
    return base(item.variable.name), single_element(joint, Event(item.variable))


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
                yield from self._lines(target, text, index, query.kind)

    def _elements(self, target: Event) -> list[tuple[str, tuple[int, ...]]]:
        return elements_of(self.joint, target)

    def _labels(self, name: str) -> Labels:
        return self.joint.model.labels_of(self.joint.model.by_name[name].type) or ()

    def _codes(self, name: str, index: tuple[int, ...]) -> np.ndarray:
        return element_of_draws(self.codes[name], index)

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

    def _lines(self, target: Event, text: str, index: tuple[int, ...], kind: str) -> Iterator[dict[str, object]]:
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
        from scipy.stats import norm

        ends = norm.ppf(chance, means[self.weights > 0], sds[self.weights > 0])
        low, high = float(ends.min()), float(ends.max())
        if high - low <= 1e-12 * max(1.0, abs(low)):
            return low

        def excess(x: float) -> float:
            return float(self.weights @ norm.cdf(x, means, sds)) - chance

        # at an end the other parts are beyond: rounding alone can turn the sign there
        if excess(low) >= 0 or excess(high) <= 0:
            return low if excess(low) >= 0 else high
        return float(brentq(excess, low, high, maxiter=HALVINGS))

    def _events(self, targets: tuple[Event, ...]) -> dict[str, object]:
        """The probability that all events hold: of labels any number, of numbers one."""
        from scipy.stats import norm

        row: dict[str, object] = {}
        share = self.weights
        for event in targets:
            name, index = base(event.variable.name), single_element(self.joint, event)
            row[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
            if name in self.codes:
                holds = self._codes(name, index) == code_of(event, name, self._labels(name))
                share = share * (holds if event.op == "=" else ~holds)
                continue
            bound = bound_of(event, name, is_countable=False)
            means, sds = self._normals(name, index)
            share = share * (norm.cdf if event.op in ("<", "<=") else norm.sf)(bound, means, sds)
        return {**row, "p": float(share.sum())}
