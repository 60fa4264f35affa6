"""Answers from posterior draws: means, quantiles and probabilities of events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.atoms import has_atoms
from pgmlang.model.labels import Labels, Positions
from pgmlang.query.answer import Answer
from pgmlang.query.conditional import QUANTILES
from pgmlang.query.events import bound_of, code_of, numbers_of
from pgmlang.query.network import COMPARE, MAX_ANSWER
from pgmlang.query.parse import Event, Evidence, Query
from pgmlang.query.row_names import base
from pgmlang.results.convergence import errors_of_means

if TYPE_CHECKING:
    from pgmlang.results.fit import Fit


@dataclass(frozen=True, eq=False)
class DrawAnswers:
    """Everything that can be asked of draws. ``draws``: shape (chain, draw, ...) by variable; ``axes``: for each the
    element names of the trailing axes; ``labels``: of a discrete variable's codes; ``with_atoms``: names whose values may have probabilities; ``numbered``: which of the axes
    are rows, whose positions are names of theirs too; ``estimates``: names of one value, which the method came to."""

    draws: Mapping[str, np.ndarray]
    axes: Mapping[str, tuple[tuple[str, ...], ...]]
    labels: Mapping[str, Labels]
    method: str
    with_atoms: frozenset[str] = frozenset()
    numbered: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    estimates: frozenset[str] = frozenset()

    @staticmethod
    def of(fit: Fit) -> DrawAnswers:
        """The answers of a fit that holds draws; point estimates count as one draw."""
        from pgmlang.results.scalars import axis_labels, is_discrete, value_labels

        axes: dict[str, tuple[tuple[str, ...], ...]] = {}
        numbered: dict[str, tuple[bool, ...]] = {}
        labels: dict[str, Labels] = {}
        for name, values in fit.draws.items():
            sized_axes = zip(fit.draw_axes.get(name, ()), values.shape[2:], strict=True)
            axes[name] = tuple(axis_labels(fit, axis, size) for axis, size in sized_axes)
            numbered[name] = tuple(axis in fit.row_names for axis in fit.draw_axes.get(name, ()))
            if is_discrete(fit, name):
                labels[name] = value_labels(fit, name)
        draws = dict(fit.draws)
        for name, point in {**fit.parameters, **fit.deterministic}.items():
            variable = fit.model.by_name.get(name)
            if variable is not None and name not in draws:
                draws[name] = np.asarray(point)[None, None]
                array_axes = fit.model.array_axes(variable)
                axes[name] = tuple(
                    axis_labels(fit, a, n) for a, n in zip(array_axes, np.shape(point), strict=True)
                )
                numbered[name] = tuple(a in fit.row_names for a in array_axes)
                if variable.type.is_discrete:
                    labels[name] = value_labels(fit, name)
                    draws[name] = draws[name].astype(np.int64)
        with_atoms = frozenset(
            v.name for v in fit.model.variables if v.name in draws and has_atoms(fit.model, v.name)
        )
        held = {*fit.provenance.get("fixed", ()), *(draws if fit.is_given else ())}
        estimates = frozenset(n for n in draws if n not in fit.draws and n not in held)
        return DrawAnswers(draws, axes, labels, fit.method, with_atoms, numbered, estimates)

    def answer(self, query: Query) -> Answer:
        """Answers ``E(x)``, ``P(x)`` (mean, sd, quantiles; shares of labels for a discrete variable) and
        ``P(x > 3)``. Raises PgmError: PGM0606 for what draws cannot say, PGM0607 for names."""
        self._refuse(query)
        names = tuple(t.variable.name for t in query.targets)
        if query.targets[0].op is not None:
            rows = [self._events(query.targets)]
        else:
            # an element that several names are of is told once
            listed = [row for target in query.targets for row in self._rows(target, query.kind)]
            rows = [*{(row["variable"], row.get("label")): row for row in listed}.values()]
        caution = self._caution(query) if query.kind == "P" else ""
        return Answer(query.text, self.method, names, tuple(rows), 0.0, caution=caution)

    def _caution(self, query: Query) -> str:
        """That a distribution was asked for, and there is one value to tell it by."""
        names = dict.fromkeys(t.variable.name for t in query.targets)
        estimates = [n for n in names if base(n) in self.estimates]
        if not estimates:
            return ""
        what = ", ".join(f"`{n}`" for n in estimates)
        are = "is one value, its estimate" if len(estimates) == 1 else "are one value each, their estimates"
        return f"{what} {are} by {self.method}: how uncertain that is, is no part of the answer"

    def _refuse(self, query: Query) -> None:
        given: tuple[Evidence, ...] = (*query.evidence, *query.interventions)
        if given:
            what = "an intervention" if query.interventions else "evidence"
            raise PgmError(
                Diagnostic("PGM0606", f"draws cannot take {what} afterwards", given[0].variable.span,
                           help=f"observe it in the fit: `--observe {given[0].variable.name}=...`")
            )  # fmt: skip
        if query.kind == "MAP":
            raise PgmError(
                Diagnostic("PGM0606", f"`{self.method}` gives draws, not the most probable values",
                           help="ask for `E(x)` or `P(x > 3)`")
            )  # fmt: skip

    def elements(self, text: str, span: Span) -> tuple[np.ndarray, list[str]]:
        """The elements that a name is of: their places within the variable, and their names. Raises PgmError PGM0607 for a name of none, PGM0611 of too many."""
        name, index = self._place(text, span)
        places = np.arange(math.prod(self.draws[name].shape[2:])).reshape(self.draws[name].shape[2:])[index]
        if places.size > MAX_ANSWER:
            raise PgmError(Diagnostic("PGM0611", f"`{name}` has {places.size:,} elements", span,
                                      help=f"ask for some: `{name}[...]`"))  # fmt: skip
        axes = self.axes[name]
        elements = [
            ", ".join(names[i] for names, i in zip(axes, (*index, *e), strict=True))
            for e in np.ndindex(places.shape)
        ]
        return places.reshape(-1), [f"{name}[{element}]" if element else name for element in elements]

    def several_elements(self, event: Event) -> PgmError:
        """PGM0606 for a comparison of a variable with several elements."""
        name, _ = self._place(event.variable.name, event.variable.span)
        example = ", ".join(names[0] for names in self.axes[name])
        return PgmError(Diagnostic("PGM0606", f"`{name}` has several elements", event.variable.span,
                                   help=f"say which: `{name}[{example}]`"))  # fmt: skip

    def _rows(self, target: Event, kind: str) -> list[dict[str, object]]:
        name, index = self._place(target.variable.name, target.variable.span)
        _, variables = self.elements(target.variable.name, target.variable.span)
        values = self._picked(name, index)
        flat = values.reshape(*values.shape[:2], -1)
        if name in self.labels and kind != "E":
            shares = [_shares(flat == code) for code in range(len(self.labels[name]))]
            return [{"variable": variable, "label": text, **share[i]}
                    for i, variable in enumerate(variables) for text, share in zip(self.labels[name], shares, strict=True)]  # fmt: skip
        if name in self.labels:
            flat = numbers_of(target, name, self.labels[name])[flat]
        return [{"variable": v, **moments} for v, moments in zip(variables, _moments(flat), strict=True)]

    def _events(self, targets: tuple[Event, ...]) -> dict[str, object]:
        held: np.ndarray | None = None
        row: dict[str, object] = {}
        for event in targets:
            mask = self._mask(event)
            held = mask if held is None else held & mask
            row[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
        assert held is not None
        return {**row, **_shares(held[..., None])[0]}

    def _mask(self, event: Event) -> np.ndarray:
        assert event.value is not None
        assert event.op is not None
        name, index = self._place(event.variable.name, event.variable.span)
        values = self._picked(name, index)
        if values.ndim > 2:
            raise self.several_elements(event)
        if name in self.labels:
            same = values == code_of(event, name, self.labels[name])
            return np.asarray(same if event.op == "=" else ~same)
        bound = bound_of(event, name, name in self.with_atoms)
        return np.asarray(COMPARE[event.op](values, bound))

    def _picked(self, name: str, index: tuple[int, ...]) -> np.ndarray:
        """Draws of the elements with these leading indices, shape (chain, draw, ...)."""
        everything: tuple[Any, ...] = (slice(None), slice(None), *index)
        picked: np.ndarray = self.draws[name][everything]
        return picked

    def _place(self, text: str, span: Span) -> tuple[str, tuple[int, ...]]:
        """The variable and the leading elements of a name such as ``theta[B, height]``."""
        name, bracket, inner = text.partition("[")
        if name not in self.draws:
            near = did_you_mean(name, self.draws)
            known = ", ".join(f"`{n}`" for n in self.draws)
            raise PgmError(Diagnostic("PGM0607", f"there are no draws of `{name}`", span,
                                      help=near or f"there are draws of {known}"))  # fmt: skip
        parts = inner.removesuffix("]").split(", ") if bracket else []
        axes = self.axes[name]
        if len(parts) > len(axes):
            cure = (
                f"its elements are `{name}[{', '.join(names[0] for names in axes)}]` and so on"
                if axes
                else f"write `{name}`"
            )
            raise PgmError(
                Diagnostic("PGM0607", f"`{name}` has {len(axes)} axes, not {len(parts)}", span, help=cure)
            )
        index = []
        is_row = self.numbered.get(name, (False,) * len(axes))
        for label, names, is_numbered in zip(parts, axes, is_row, strict=False):
            place = _element_index(label, names, is_numbered)
            if place is None:
                near = did_you_mean(label, names) or "its elements: " + ", ".join(names[:12])
                raise PgmError(Diagnostic("PGM0607", f"`{label}` is no element of `{name}`", span, help=near))
            index.append(place)
        return name, tuple(index)


def _element_index(label: str, names: Labels, is_numbered: bool) -> int | None:
    """The element of a name, or of a position where that names an element too and no name is one; None where there is none."""
    if label in names:
        return names.index(label)
    positions = Positions(len(names))
    if is_numbered and label in positions and not any(name in positions for name in names):
        return positions.index(label)
    return None


def _moments(values: np.ndarray) -> list[dict[str, float]]:
    """Of draws ``[chain, draw, elements]``, for each element; the mean alone of a point."""
    # each element's draws side by side: its sum is the same, whatever others are asked for
    flat = np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)
    if flat.shape[1] == 1:
        return [{"mean": float(x)} for x in flat[:, 0]]
    # a cell that was seen has one value, which no mean is to round
    is_one = flat.min(1) == flat.max(1)
    columns = {
        "mean": np.where(is_one, flat[:, 0], flat.mean(1)),
        "sd": np.where(is_one, 0.0, flat.std(1, ddof=1)),
    }
    columns |= dict(zip(("q5", "q50", "q95"), np.quantile(flat, QUANTILES, axis=1), strict=True))
    return _with_errors(columns, values)


def _shares(holds: np.ndarray) -> list[dict[str, float]]:
    """How often something holds in draws ``[chain, draw, elements]``, for each element."""
    return _with_errors({"p": holds.reshape(-1, holds.shape[2]).mean(0)}, holds)


def _with_errors(columns: Mapping[str, np.ndarray], values: np.ndarray) -> list[dict[str, float]]:
    """Figures of each element with the Monte Carlo error of its mean; without it of a point, or of draws too few to tell."""
    rows = [dict(zip(columns, row, strict=True)) for row in np.stack(list(columns.values()), 1).tolist()]
    if values.shape[0] * values.shape[1] > 1:
        for row, error in zip(rows, errors_of_means(values).tolist(), strict=True):
            if np.isfinite(error):
                row["mcse"] = error
    return rows
