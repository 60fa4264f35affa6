"""Answers from a discrete network: queries, predictions, scores, samples and log Z, all through exact inference."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.query.answer import Answer
from pgmlang.query.asked_names import no_variable
from pgmlang.query.events import label_weights
from pgmlang.query.parse import Event, Evidence, Query
from pgmlang.tables import DiscreteNetwork, TableFactor

if TYPE_CHECKING:
    from pgmlang.exact import ExactEngine

MAX_ANSWER = 1 << 22
"""Cells of a joint answer, refused beyond."""

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def refuse_wide_answer(cells: int) -> None:
    """Raises PgmError PGM0611 for a joint answer of more rows than anyone reads."""
    if cells > MAX_ANSWER:
        raise PgmError(
            Diagnostic(
                "PGM0611",
                f"the answer would have {cells:,} rows; the limit is {MAX_ANSWER:,}",
                help="ask for fewer variables at once, or for `MAP(...)`",
            )
        )


def answers_of_network(network: DiscreteNetwork) -> NetworkAnswers:
    """What can be asked of a network of a file: variables of undirected factors are its fields."""
    undirected = {network.variables[v].name for f in network.factors if f.child is None for v in f.scope}
    return NetworkAnswers(network, frozenset(undirected))


@dataclass(frozen=True, eq=False)
class NetworkAnswers:
    """Everything that can be asked of a discrete network.

    ``fields``: names of undirected variables, on which ``do`` is refused. ``max_cells``: limit of the exact engine.
    """

    network: DiscreteNetwork
    fields: frozenset[str] = frozenset()
    max_cells: int | None = None

    @cached_property
    def engine(self) -> ExactEngine:
        from pgmlang.exact import ExactEngine

        return ExactEngine(self.network, max_cells=self.max_cells)

    # ---- names

    def variable(self, name: str, span: Span | None) -> int:
        """Index of a variable. Raises PgmError PGM0607."""
        index = self.network.index.get(name)
        if index is None:
            raise PgmError(no_variable(name, self.network.index, span))
        return index

    def code(self, variable: int, label: str, span: Span | None) -> int:
        """Code of a label. Raises PgmError PGM0607."""
        record = self.network.variables[variable]
        if label not in record.labels:
            near = did_you_mean(label, record.labels)
            listed = ", ".join(f"`{x}`" for x in record.labels[:20])
            raise PgmError(
                Diagnostic(
                    "PGM0607",
                    f"`{label}` is not a label of `{record.name}`",
                    span,
                    help=near or f"its labels: {listed}",
                )
            )
        return record.labels.index(label)

    def evidence(self, items: Iterable[Evidence]) -> tuple[dict[int, int], dict[int, np.ndarray]]:
        """Hard evidence as codes and soft evidence as weights. Raises PgmError: PGM0606 for weights of a part of the
        labels, PGM0607 for names."""
        hard: dict[int, int] = {}
        soft: dict[int, np.ndarray] = {}
        for item in items:
            variable = self.variable(item.variable.name, item.variable.span)
            if item.value is not None:
                hard[variable] = self.code(variable, item.value, item.span)
                continue
            soft[variable] = label_weights(item, self.network.variables[variable].labels)
        return hard, soft

    def log_evidence(self, hard: dict[int, int], soft: dict[int, np.ndarray], given: Iterable[int] = ()) -> float:
        """ln P(evidence): of soft evidence the expected weight. ``given``: variables among ``hard`` that are set rather
        than seen (``do``)."""
        value = float(self.engine.log_z(hard, soft)[0])
        if not np.isfinite(value):
            return value
        clamped = {v: hard[v] for v in given}
        return value - (float(self.engine.log_z(clamped, {})[0]) if clamped else self.log_partition)

    @cached_property
    def log_partition(self) -> float:
        """log Z before anything is seen: 0 where every variable is directed."""
        is_directed = all(f.child is not None for f in self.network.factors)
        return 0.0 if is_directed else float(self.engine.log_z({}, {})[0])

    # ---- queries

    def answer(self, query: Query) -> Answer:
        """Answers a query exactly. Raises PgmError: PGM0607 names, PGM0608 do, PGM0609 impossible evidence, PGM0603."""
        answers = self.intervened(query.interventions) if query.interventions else self
        hard, soft = answers.evidence(query.evidence)
        clamped = {answers.variable(i.variable.name, None): i for i in query.interventions}
        for variable, item in clamped.items():
            hard[variable] = answers.code(variable, item.value or "", item.span)
        for target in query.targets:
            variable = answers.variable(target.variable.name, target.variable.span)
            if variable in hard and query.kind != "P":
                raise PgmError(
                    Diagnostic(
                        "PGM0606",
                        f"`{target.variable.name}` is given, so it cannot be asked",
                        target.variable.span,
                        help="take it out of the targets",
                    )
                )
        if query.kind == "MAP":
            return answers._map(query, hard, soft)
        if query.kind == "E":
            return answers._expectation(query, hard, soft)
        return answers._probability(query, hard, soft)

    def intervened(self, interventions: tuple[Evidence, ...]) -> NetworkAnswers:
        """The network with the arrows into the intervened variables cut (Pearl 2009, section 1.3)."""
        cut: set[int] = set()
        for item in interventions:
            variable = self.variable(item.variable.name, item.variable.span)
            if item.value is None:
                raise PgmError(Diagnostic("PGM0606", "`do` sets a variable to one label", item.variable.span))
            self.code(variable, item.value, item.span)
            if item.variable.name in self.fields or not any(f.child == variable for f in self.network.factors):
                raise PgmError(
                    Diagnostic(
                        "PGM0608",
                        f"`{item.variable.name}` is a field: `do` needs an arrow to cut",
                        item.variable.span,
                        help="condition on it instead: `" + f"{item.variable.name} = {item.value}`",
                    )
                )
            cut.add(variable)
        factors = tuple(
            f
            if f.child not in cut
            else TableFactor((f.child,), np.full(self.network.sizes[f.child], 1.0), f.child)  # type: ignore[index, arg-type]
            for f in self.network.factors
        )
        return replace(self, network=replace(self.network, factors=factors))

    def _joint(
        self, targets: list[int], hard: dict[int, int], soft: dict[int, np.ndarray], query: Query
    ) -> tuple[np.ndarray, float]:
        """The normalised joint table of the targets (given ones are fixed) and the log evidence."""
        free = [t for t in targets if t not in hard]
        cells = prod(self.network.sizes[t] for t in targets)
        refuse_wide_answer(cells)
        log_evidence = self._possible(hard, soft, query)
        table = self.engine.joint(free, hard, soft)[0] if free else np.ones(())
        full = np.zeros([self.network.sizes[t] for t in targets])
        full[tuple(slice(None) if t not in hard else hard[t] for t in targets)] = table
        return full, log_evidence

    def impossible(
        self, hard: dict[int, int], soft: dict[int, np.ndarray], items: Iterable[Evidence] = ()
    ) -> Diagnostic:
        """PGM0609 with the smallest part of the evidence that already has probability zero."""
        from pgmlang.exact import conflict

        guilty = conflict(self.network, hard) if not soft else list(hard)
        named = ", ".join(
            f"{self.network.variables[v].name} = {self.network.variables[v].labels[hard[v]]}"
            for v in guilty
            if v in hard
        )
        message = (
            f"the evidence has probability zero: {named} cannot be"
            if named
            else "the evidence has probability zero"
        )
        spans = {i.variable.name: i.variable.span for i in items}
        span = next(
            (spans[self.network.variables[v].name] for v in guilty if self.network.variables[v].name in spans),
            None,
        )
        cure = "correct the evidence; where a table was learned of data without it, fit with a prior (`prior = 1`)"
        return Diagnostic("PGM0609", message, span, help=cure)

    def _possible(self, hard: dict[int, int], soft: dict[int, np.ndarray], query: Query) -> float:
        """The log evidence of a query. Raises PgmError PGM0609 where it is minus infinity."""
        given = {self.variable(i.variable.name, None) for i in query.interventions}
        log_evidence = self.log_evidence(hard, soft, given)
        if not np.isfinite(log_evidence):
            raise PgmError(self.impossible(hard, soft, query.evidence))
        return log_evidence

    def _probability(self, query: Query, hard: dict[int, int], soft: dict[int, np.ndarray]) -> Answer:
        targets = [self.variable(t.variable.name, t.variable.span) for t in query.targets]
        joint, log_evidence = self._joint(targets, hard, soft, query)
        names = tuple(t.variable.name for t in query.targets)
        if query.targets[0].op is not None:
            keep = joint
            for axis, (target, event) in enumerate(zip(targets, query.targets, strict=True)):
                mask = self._mask(target, event)
                keep = keep * mask.reshape([-1 if i == axis else 1 for i in range(joint.ndim)])
            row = {e.variable.name: (e.value if e.op == "=" else f"{e.op} {e.value}") for e in query.targets}
            return Answer(query.text, "exact", names, ({**row, "p": float(keep.sum())},), log_evidence)
        rows = []
        for index in np.ndindex(joint.shape):
            labels = {
                n: self.network.variables[t].labels[i] for n, t, i in zip(names, targets, index, strict=True)
            }
            rows.append({**labels, "p": float(joint[index])})
        return Answer(query.text, "exact", names, tuple(rows), log_evidence)

    def _mask(self, variable: int, event: Event) -> np.ndarray:
        record = self.network.variables[variable]
        assert event.value is not None
        if event.op in ("=", "!="):
            mask = np.zeros(record.size)
            mask[self.code(variable, event.value, event.variable.span)] = 1.0
            return mask if event.op == "=" else 1 - mask
        values = self._numbers(variable, event.variable.span)
        try:
            bound = float(event.value)
        except ValueError:
            raise PgmError(
                Diagnostic("PGM0606", f"`{event.value}` is not a number to compare with", event.variable.span)
            ) from None
        return np.array([float(COMPARE[event.op or "<"](v, bound)) for v in values])

    def _numbers(self, variable: int, span: Span | None) -> np.ndarray:
        record = self.network.variables[variable]
        try:
            return np.array([float(x) for x in record.labels])
        except ValueError:
            raise PgmError(
                Diagnostic(
                    "PGM0606",
                    f"the labels of `{record.name}` are not numbers",
                    span,
                    help=f"ask for `P({record.name} | ...)`",
                )
            ) from None

    def _expectation(self, query: Query, hard: dict[int, int], soft: dict[int, np.ndarray]) -> Answer:
        row: dict[str, float] = {}
        names = tuple(t.variable.name for t in query.targets)
        log_evidence = 0.0
        rows = []
        for event in query.targets:
            target = self.variable(event.variable.name, event.variable.span)
            values = self._numbers(target, event.variable.span)
            p, log_evidence = self._joint([target], hard, soft, query)
            mean = float(p @ values)
            row = {"mean": mean, "sd": max(float(p @ (values - mean) ** 2), 0.0) ** 0.5}
            rows.append({"variable": event.variable.name, **row})
        return Answer(query.text, "exact", names, tuple(rows), log_evidence)

    def _map(self, query: Query, hard: dict[int, int], soft: dict[int, np.ndarray]) -> Answer:
        log_evidence = self._possible(hard, soft, query)
        if query.targets:
            targets = [self.variable(t.variable.name, t.variable.span) for t in query.targets]
        else:
            targets = [i for i in range(len(self.network.variables)) if i not in hard]
        if len(targets) + len(hard) == len(self.network.variables):
            codes, log_value = self.engine.mpe(hard, soft)
            chosen = [int(codes[0][t]) for t in targets]
            value = float(log_value[0])
        else:
            codes, log_value = self.engine.map(targets, hard, soft)
            chosen = [int(c) for c in codes[0]]
            value = float(log_value[0])
        names = tuple(self.network.variables[t].name for t in targets)
        row: dict[str, object] = {
            n: self.network.variables[t].labels[c] for n, t, c in zip(names, targets, chosen, strict=True)
        }
        row["p"] = exp(value - float(self.engine.log_z(hard, soft)[0]))
        return Answer(query.text, "exact", names, (row,), log_evidence)
