"""Answers from a conditional Gaussian network: questions, log-evidence and draws, exact, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.exact.gaussian import BlockPosterior, GaussianEngine, NumberRows
from pgmlang.gaussian import GaussianNetwork
from pgmlang.query.answer import Answer
from pgmlang.query.asked_names import no_variable, one_of_a_vector
from pgmlang.query.events import bound_of, numbers_of
from pgmlang.query.network import NetworkAnswers, refuse_wide_answer
from pgmlang.query.parse import Event, Evidence, Query, QueryVariable
from pgmlang.query.row_names import base
from pgmlang.query.rows import Columns

QUANTILES = {"q5": 0.05, "q50": 0.5, "q95": 0.95}


@dataclass(frozen=True, eq=False)
class GaussianAnswers:
    """Everything that can be asked of one row of a conditional Gaussian network; names are those of its variables, of all
    elements together without the brackets."""

    network: GaussianNetwork

    @cached_property
    def engine(self) -> GaussianEngine:
        return GaussianEngine(self.network)

    @cached_property
    def labels(self) -> NetworkAnswers:
        """The labels alone."""
        return NetworkAnswers(self.network.discrete)

    @cached_property
    def elements(self) -> dict[str, tuple[str, ...]]:
        """The variables' names by what a question may say, a name whole or an element of it."""
        names = [*(v.name for v in self.network.discrete.variables), *self.network.numbers]
        out: dict[str, tuple[str, ...]] = {n: (n,) for n in names}
        for name in names:
            if "[" in name:
                out[base(name)] = (*out.get(base(name), ()), name)
        return out

    def is_number(self, name: str) -> bool:
        return name in self.network.number_index

    # ---- evidence

    def rows_of(self, evidence: Iterable[Evidence], interventions: Iterable[Evidence] = ()) -> NumberRows:
        """Evidence and interventions as a row. Raises PgmError PGM0606 for values that are none, PGM0607 for names and
        labels."""
        numbers = np.full((1, len(self.network.numbers)), np.nan)
        of_labels: list[Evidence] = []
        done: set[int] = set()
        for items, is_set in ((evidence, False), (interventions, True)):
            for item in items:
                name = self._single(item.variable)
                if not self.is_number(name):
                    of_labels.append(item)
                    continue
                place = self.network.number_index[name]
                numbers[0, place] = _value_of(item)
                if is_set:
                    done.add(place)
        self._need_whole_vectors(done, tuple(interventions))
        hard, soft = self.labels.evidence(of_labels)
        codes = {v: np.array([c]) for v, c in hard.items()}
        return NumberRows(codes, numbers, soft, frozenset(done), np.zeros(1, dtype=np.int64))

    def _need_whole_vectors(self, done: set[int], interventions: tuple[Evidence, ...]) -> None:
        for vector in self.network.vectors:
            if 0 < len(done.intersection(vector)) < len(vector):
                names = [self.network.numbers[i] for i in vector]
                item = next(i for i in interventions if self._single(i.variable) in names)
                raise PgmError(one_of_a_vector(names, item.variable.span))

    def _single(self, variable: QueryVariable) -> str:
        """The one element that a name is of. Raises PgmError PGM0607."""
        elements = self._elements(variable)
        if len(elements) > 1:
            message = f"`{variable.name}` has {len(elements):,} elements, and one value is given"
            raise PgmError(Diagnostic("PGM0607", message, variable.span, help=f"say which: `{elements[0]}`"))
        return elements[0]

    def _elements(self, variable: QueryVariable) -> tuple[str, ...]:
        if variable.name not in self.elements:
            raise PgmError(no_variable(variable.name, self.elements, variable.span))
        return self.elements[variable.name]

    def intervened(self, interventions: tuple[Evidence, ...]) -> GaussianAnswers:
        """The network with the arrows into the labels that are set cut; those into numbers the engine leaves out."""
        items = tuple(i for i in interventions if not self.is_number(i.variable.name))
        if not items:
            return self
        return replace(self, network=replace(self.network, discrete=self.labels.intervened(items).network))

    # ---- questions

    def answer(self, query: Query) -> Answer:
        """Raises PgmError: PGM0606 for what cannot be given or asked, PGM0607 for names and labels, PGM0609 for impossible
        evidence, PGM0611 for a mixture of too many parts."""
        answers = self.intervened(query.interventions)
        return answers._answer(query, answers.rows_of(query.evidence, query.interventions))

    def _answer(self, query: Query, row: NumberRows) -> Answer:
        told = {e.variable.name: e for e in (*query.evidence, *query.interventions) if e.value is not None}
        targets = [(t, n) for t in query.targets for n in self._elements(t.variable)]
        for target, name in targets:
            # of what is asked whole, the numbers that are told are what they are
            if name in told and not (self.is_number(name) and target.variable.name != name):
                raise PgmError(Diagnostic("PGM0606", f"`{name}` is both given and asked", target.variable.span,
                                          help="leave one of them out"))  # fmt: skip
        log_evidence = self.log_evidence(row, query)
        if query.kind == "MAP":
            rows: Iterable[dict[str, object]] = [self._mode(query, row, [n for _, n in targets])]
        elif query.targets[0].op is not None:
            rows = [self._events(query, row)]
        elif query.kind == "P" and not any(self.is_number(n) for _, n in targets):
            rows = self._joint_table(row, [n for _, n in targets])
        else:
            rows = self._marginals(query, row, targets)
        names = tuple(t.variable.name for t in query.targets) or tuple(n for _, n in targets)
        value = log_evidence if query.evidence else 0.0
        return Answer(query.text, "exact", names, tuple(rows), value)

    def log_evidence(self, row: NumberRows, query: Query) -> float:
        """ln of the density of the evidence of a question, what is set left out. Raises PgmError PGM0609 where it is
        impossible."""
        value = float(self.engine.log_evidence(row)[0])
        if value == -math.inf:
            raise PgmError(self.impossible(row, query.evidence))
        names = {i.variable.name for i in query.interventions}
        clamped = {v: c for v, c in row.codes.items() if self.network.discrete.variables[v].name in names}
        return value - (float(self.labels.engine.log_z(clamped)[0]) if clamped else 0.0)

    def impossible(self, row: NumberRows, items: Iterable[Evidence]) -> Diagnostic:
        """PGM0609, with the labels that exclude each other where they are alone in it."""
        hard = {v: int(c[0]) for v, c in row.codes.items()}
        return self.labels.impossible(hard, {v: np.asarray(w) for v, w in row.soft.items()}, items)

    def _posterior(self, row: NumberRows, names: Iterable[str]) -> BlockPosterior:
        index = self.network.discrete.index
        numbers = [self.network.number_index[n] for n in names if self.is_number(n)]
        labels = [index[n] for n in names if not self.is_number(n)]
        (block,) = self.engine.posteriors(row, numbers, labels)
        return block

    def _marginals(
        self, query: Query, row: NumberRows, targets: list[tuple[Event, str]]
    ) -> Iterator[dict[str, object]]:
        block = self._posterior(row, [n for _, n in targets])
        for target, name in targets:
            if self.is_number(name):
                mixture = block.mixture(self.network.number_index[name])
                quantiles = {k: float(mixture.quantile(q)[0]) for k, q in QUANTILES.items()}
                yield {
                    "variable": name,
                    "mean": float(mixture.mean()[0]),
                    "sd": float(mixture.sd()[0]),
                    **quantiles,
                }
                continue
            place = self.network.discrete.index[name]
            chances, labels = block.tables[place][0], self.network.discrete.variables[place].labels
            if query.kind == "E":
                values = numbers_of(target, name, labels)
                mean = float(chances @ values)
                yield {"variable": name, "mean": mean, "sd": math.sqrt(float(chances @ np.square(values - mean)))}
            else:
                for label, p in zip(labels, chances.tolist(), strict=True):
                    yield {"variable": name, "label": label, "p": p}

    def _joint_table(self, row: NumberRows, names: list[str]) -> Iterator[dict[str, object]]:
        """A row for each combination of labels, each after those before it are given."""
        discrete = self.network.discrete
        places = [discrete.index[n] for n in names]
        cells = math.prod(discrete.sizes[v] for v in places)
        refuse_wide_answer(cells)
        table = self.engine.joint(row, places)
        for cell in np.ndindex(table.shape):
            shown = {n: discrete.variables[v].labels[i] for n, v, i in zip(names, places, cell, strict=True)}
            yield {**shown, "p": float(table[cell])}

    def _events(self, query: Query, row: NumberRows) -> dict[str, object]:
        """The probability that all events hold: of labels any number, of numbers one."""
        shown: dict[str, object] = {}
        at_most: list[tuple[Event, str]] = []
        of_labels: dict[int, list[np.ndarray]] = {}
        for event in query.targets:
            name = self._single(event.variable)
            shown[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
            if self.is_number(name):
                at_most.append((event, name))
                continue
            place = self.labels.variable(name, event.variable.span)
            of_labels.setdefault(place, []).append(self.labels._mask(place, event))
        if len(at_most) > 1:
            event = at_most[1][0]
            raise PgmError(Diagnostic("PGM0606", "several numbers are compared together", event.variable.span,
                                      help="ask about one at a time, the others given"))  # fmt: skip
        masks = {v: np.prod(m, axis=0) for v, m in of_labels.items()}
        return {**shown, "p": self._share(row, masks) * self._tail(row, masks, at_most)}

    def _share(self, row: NumberRows, masks: dict[int, np.ndarray]) -> float:
        """The probability of the labels' events."""
        if not masks:
            return 1.0
        log_share = self.engine.log_evidence(_weighed(row, masks))[0] - self.engine.log_evidence(row)[0]
        return min(math.exp(log_share), 1.0)

    def _tail(self, row: NumberRows, masks: dict[int, np.ndarray], events: list[tuple[Event, str]]) -> float:
        """The probability of a number's event, given the labels' events."""
        if not events:
            return 1.0
        ((event, name),) = events
        bound = np.array([bound_of(event, name, has_atoms=False)])
        given = _weighed(row, masks)
        if self.engine.log_evidence(given)[0] == -math.inf:
            return 0.0
        mixture = self._posterior(given, [name]).mixture(self.network.number_index[name])
        return float((mixture.below(bound) if event.op in ("<", "<=") else mixture.above(bound))[0])

    def _mode(self, query: Query, row: NumberRows, names: list[str]) -> dict[str, object]:
        """The labels and numbers that are together most probable or, with numbers among them, densest: in a network whose numbers are linear in
        each other no change of units moves that place."""
        discrete = self.network.discrete
        if not names:
            told = {e.variable.name for e in (*query.evidence, *query.interventions) if e.value is not None}
            names = [n for n in (*discrete.index, *self.network.numbers) if n not in told]
        numbers = [self.network.number_index[n] for n in names if self.is_number(n)]
        labels = [discrete.index[n] for n in names if not self.is_number(n)]
        if not numbers:
            table = self.engine.joint(row, labels)
            cell = np.unravel_index(int(table.argmax()), table.shape)
            shown = {
                discrete.variables[v].name: discrete.variables[v].labels[i]
                for v, i in zip(labels, cell, strict=True)
            }
            return {**shown, "p": float(table[cell])}
        summed = set(range(len(discrete.variables))) - set(labels) - set(row.codes)
        codes, values, log_density = self.engine.mode(row, numbers, tuple(sorted(summed)))
        by_name: dict[str, object] = {
            discrete.variables[v].name: discrete.variables[v].labels[codes[v]] for v in labels
        }
        by_name |= {self.network.numbers[i]: float(x) + 0.0 for i, x in zip(numbers, values, strict=True)}
        return {**{n: by_name[n] for n in names}, "log_density": log_density}

    # ---- draws

    def sample(self, evidence: tuple[Evidence, ...], num_draws: int, seed: int | None) -> Columns:
        """Joint draws given the evidence: labels as text, numbers. Raises PgmError PGM0606 for soft evidence, PGM0609."""
        row = self.rows_of(evidence)
        if row.soft:
            raise PgmError(Diagnostic("PGM0606", "samples take hard evidence only", help="write `a = label`"))
        if self.engine.log_evidence(row)[0] == -math.inf:
            raise PgmError(self.impossible(row, evidence))
        codes, values = self.engine.sample(row, num_draws, np.random.default_rng(seed))
        columns: dict[str, list[str] | np.ndarray] = {}
        for v, variable in enumerate(self.network.discrete.variables):
            columns[variable.name] = np.array(variable.labels, dtype=object)[codes[:, v]].tolist()
        columns.update({n: values[:, i] for i, n in enumerate(self.network.numbers)})
        return Columns(columns)


def _weighed(row: NumberRows, masks: dict[int, np.ndarray]) -> NumberRows:
    """The row with labels' events as soft evidence."""
    soft = dict(row.soft)
    for v, mask in masks.items():
        soft[v] = mask * soft[v] if v in soft else mask.astype(float)
    return replace(row, soft=soft)


def _value_of(item: Evidence) -> float:
    """The number that evidence gives. Raises PgmError PGM0606 for weights and for a text that is none."""
    name, span = item.variable.name, item.variable.span
    if item.value is None:
        raise PgmError(Diagnostic("PGM0606", f"`{name}` is a number, and weights of labels say nothing of it", span,
                                  help=f"give it a value: `{name} = 1`"))  # fmt: skip
    try:
        value = float(item.value)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _no_number(item.value, name, span)
    return value


def _no_number(text: str, name: str, span: Span) -> PgmError:
    message = f"`{text}` is no finite number, and `{name}` is one"
    return PgmError(Diagnostic("PGM0606", message, span, help=f"give it a value: `{name} = 1`"))
