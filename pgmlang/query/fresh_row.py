"""A fresh row given evidence and interventions: bound with what is told, completed for every draw of the globals, each draw
weighed by how probable it makes the evidence (self-normalised importance sampling: Owen 2013, section 9.2)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding import bind
from pgmlang.binding.record import Binding
from pgmlang.data import read_frame
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.simulation import deterministic_values
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model.show import quoted
from pgmlang.query.asked_names import one_of_a_vector
from pgmlang.query.events import label_weights
from pgmlang.query.fresh_binding import fresh_binding, need_inputs, observed_outside
from pgmlang.query.new_rows import NewRows, new_rows_of
from pgmlang.query.parse import Event, Evidence, Query
from pgmlang.query.row_elements import element_of_draws, elements_of, single_element
from pgmlang.query.row_names import base, of_a_row
from pgmlang.query.row_predictions import complete
from pgmlang.query.row_scores import log_evidence
from pgmlang.query.sequences import position_of
from pgmlang.results.convergence import error_of_mean
from pgmlang.results.fit import Fit

ENOUGH = 100
"""Effective draws below which the evidence is too far from the fit to be answered for."""


@dataclass(frozen=True, eq=False)
class CompletedRow:
    """``values``: draws ``[S, *shape]``; ``chances``: probabilities ``[S or 1, *shape, labels]`` of what has labels;
    ``weights``: of the draws, shape (S,), summing to one. ``log_evidence``: ln P(evidence), a density where it is of
    numbers."""

    row: NewRows
    values: dict[str, Tensor]
    chances: dict[str, Tensor]
    weights: np.ndarray
    log_evidence: float

    @property
    def effective(self) -> float:
        """The effective number of draws (Kong 1992)."""
        return 1 / float(np.square(self.weights).sum())

    @property
    def log_evidence_mcse(self) -> float | None:
        """Monte Carlo error of `log_evidence`: the error of the mean weight relative to it; None where all are alike."""
        return log_mean_error(self.weights)

    def weighed(self, soft: tuple[Evidence, ...]) -> CompletedRow:
        """The row with soft evidence as well: every draw weighed by what it says of its labels. Raises PgmError as
        `events.label_weights` and `check_effective`."""
        log_weights = np.log(self.weights) + soft_log_weights(self.row.joint, self.values, soft)
        share = float(np.logaddexp.reduce(log_weights))
        if share == -math.inf:
            raise PgmError(impossible_evidence(soft))
        # probabilities given the hard evidence alone are none any more
        out = replace(
            self, chances={}, weights=np.exp(log_weights - share), log_evidence=self.log_evidence + share
        )
        out.check_effective(soft)
        return out

    def check_effective(self, given: tuple[Evidence, ...]) -> None:
        """Raises PgmError PGM0606 where too few draws agree with the evidence."""
        # even weights give their number up to rounding
        if self.effective < min(ENOUGH, len(self.weights)) * (1 - 1e-9):
            message = f"only {self.effective:.1f} of {len(self.weights):,} draws agree with the evidence"
            raise PgmError(Diagnostic("PGM0606", message, given[0].span if given else None,
                                      help="it is far from what the fit has seen: add it to the data, and fit again"))  # fmt: skip

    def with_derived(self, names: Collection[str]) -> dict[str, Tensor]:
        """The values, with those of deterministic names."""
        row = self.row
        if not names:
            return self.values
        derived = deterministic_values(row.joint, self.values, row.params, row.nets, names)
        count = row.num_draws
        shapes = {
            n: row.joint.binding.layout.shape(row.joint.model.array_axes(row.joint.model.by_name[n]))
            for n in names
        }
        return {**self.values, **{n: derived[n].expand(count, *shapes[n]) for n in names}}


def log_mean_error(weights: np.ndarray) -> float | None:
    """Monte Carlo error of the logarithm of a mean of draws' weights, which here are divided by their sum; None where all are
    alike."""
    if np.ptp(weights) == 0:
        return None
    return float(error_of_mean((len(weights) * weights)[:, None], are_independent=False)[0])


def soft_log_weights(joint: BoundDensity, values: dict[str, Tensor], soft: tuple[Evidence, ...]) -> np.ndarray:
    """The logarithms of the weights, shape (S,), that soft evidence gives draws of labels. Raises PgmError as
    `events.label_weights`."""
    total = np.zeros(())
    for item in soft:
        name = base(item.variable.name)
        weights = label_weights(item, joint.model.labels_of(joint.model.by_name[name].type) or ())
        codes = element_of_draws(values[name], single_element(joint, Event(item.variable))).astype(int)
        with np.errstate(divide="ignore"):
            total = total + np.log(weights)[codes]
    return total


def completed_row(
    fit: Fit,
    evidence: tuple[Evidence, ...],
    interventions: tuple[Evidence, ...],
    seed: int,
    most: int,
    length: int = 1,
) -> CompletedRow:
    """A row that the fit has not seen, given what is told of it. ``most``: draws. Raises PgmError: PGM0606 for what cannot
    be given, PGM0607 for names and labels, PGM0609 for impossible evidence."""
    row = row_of(fit, evidence, interventions, seed, most, length)
    given = (*evidence, *interventions)
    chances: dict[str, Tensor] = {}
    values = complete(row, chances, is_weighed=True)
    log_weights = log_evidence(row).cpu().numpy()
    is_even = bool((log_weights == log_weights[0]).all())
    total = float(log_weights[0] if is_even else np.logaddexp.reduce(log_weights) - math.log(len(log_weights)))
    if not np.isfinite(total):
        if not given:
            message = "the values of the fit are not finite, or not those of its model"
            raise PgmError(Diagnostic("PGM0903", message, help="fit the model again"))
        raise PgmError(impossible_evidence(given))
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights))
    out = CompletedRow(row, values, chances, weights, total)
    out.check_effective(given)
    return out


def impossible_evidence(given: tuple[Evidence, ...]) -> Diagnostic:
    return Diagnostic("PGM0609", "the evidence has probability zero", given[0].span,
                      help="ask for something that can happen")  # fmt: skip


def row_of(
    fit: Fit,
    evidence: tuple[Evidence, ...],
    interventions: tuple[Evidence, ...],
    seed: int,
    most: int,
    length: int = 1,
) -> NewRows:
    """A fresh row, or a sequence of ``length``, with what is told of it; what is set by an intervention has no density. Raises as `completed_row`."""
    given = (*evidence, *interventions)
    check_given(fit, given)
    model = fit.model
    binding = binding_of(fit, given, length)
    done = {base(e.variable.name) for e in interventions}
    # of these some elements alone are set: the others have their own density
    partly = {n for n in done if n in binding.layout.missing or n in {base(e.variable.name) for e in evidence}}
    if partly:
        binding = _with_intervened(
            fit, binding, tuple(e for e in interventions if base(e.variable.name) in partly)
        )
        done -= partly
    factors = tuple(f for f in model.factors if getattr(f, "target", None) not in done)
    guide = None if done or partly else model.guide
    fit = replace(fit, model=replace(model, factors=factors, guide=guide))
    return new_rows_of(fit, replace(binding, model=fit.model), seed, most)


def _with_intervened(fit: Fit, binding: Binding, interventions: tuple[Evidence, ...]) -> Binding:
    """The binding with the elements that are set marked. Raises PgmError PGM0606 for an element of a vector."""
    joint = density_of_binding(fit.model, binding, {}, torch.float64, torch.device("cpu"))
    masks: dict[str, np.ndarray] = {}
    for item in interventions:
        name = base(item.variable.name)
        if set(joint.axes(name)) - set(joint.factor_axes[name]):
            raise PgmError(one_of_a_vector(_columns_of(fit, item), item.span))
        mask = masks.setdefault(name, np.zeros(joint.shapes[name], dtype=bool))
        for _, index in elements_of(joint, Event(item.variable)):
            mask[index] = True
    return replace(binding, layout=replace(binding.layout, intervened=masks))


def check_targets(fit: Fit, query: Query) -> None:
    """Raises PgmError PGM0606 for what is both given and asked."""
    # weights of labels leave open which it is
    told = {one.variable.name for one in (*query.evidence, *query.interventions) if one.value is not None}
    for target in query.targets:
        name = target.variable.name
        if name in told:
            raise PgmError(Diagnostic("PGM0606", f"`{name}` is both given and asked",
                                      target.variable.span, help="leave one of them out"))  # fmt: skip


def check_given(fit: Fit, given: tuple[Evidence, ...]) -> None:
    """Names of a row, and values that are one."""
    rows, plates = of_a_row(fit), fit.model.plate_by_name
    for one in given:
        name, span = one.variable.name, one.variable.span
        if name in plates and not any(
            name in fit.model.enclosing(p.name)[:-1] for p in fit.model.plates if p.is_rows
        ):
            message = f"`{name}` is the plate of the rows themselves: a row that is asked about is a fresh one"
            names = fit.row_names.get(name) or fit.labels.get(name) or ("0",)
            element = str(one.value) if one.value in names else names[0]
            latent = [
                v.name for v in fit.model.of_role("random") if v.plates[-1:] == (name,) and v.name in fit.draws
            ]
            example = f"`E({latent[0] if latent else 'NAME'}[{quoted(element)}])`"
            cure = f"leave it out; what the fit says of an element is asked by its name or number, {example}"
            raise PgmError(Diagnostic("PGM0606", message, span, help=cure))
        if one.weights or one.value is None:
            raise PgmError(Diagnostic("PGM0606", "rows are drawn given values, not weights of labels", span,
                                      help=f"write `{name} = value`"))  # fmt: skip
        if base(name) not in rows and name not in plates:
            raise PgmError(Diagnostic("PGM0606", f"`{name}` belongs to the fit as a whole, not to a row",
                                      span, help=f"observe it in the fit: `--observe {name}=...`"))  # fmt: skip


def binding_of(fit: Fit, given: tuple[Evidence, ...], length: int = 1) -> Binding:
    """One row, or a sequence of some, with what is given; outer elements that are not named are ones that the fit has not seen. Raises PgmError for
    values that the fit's variables cannot have (07xx), PGM0602 for inputs that are not given."""
    model = fit.model
    outside = {e.variable.name: str(e.value) for e in given if _is_outside(fit, base(e.variable.name))}
    cells = {e.variable.name: e for e in given if e.variable.name not in outside}
    need_inputs(model, {base(n) for n in cells})
    plates = [p.name for p in model.plates if p.is_rows]
    unnamed = [p for p in plates[:-1] if p in model.enclosing(plates[-1]) and p not in cells]
    if not cells and not unnamed:
        return observed_outside(fresh_binding(fit, length), outside)
    columns: dict[str, list[str | None]] = {p: [_unseen(fit, p)] * length for p in unnamed}
    for name, one in cells.items():
        row = position_of(model, name) or 0
        for column in _columns_of(fit, one):
            columns.setdefault(column, [None] * length)
        column = _column(fit, one)
        columns[column] = [one.value] * length if name in plates else columns[column]
        columns[column][row] = one.value
    return bind(model, read_frame(columns), observe=outside, known=fit.labels, is_fresh=True)


def _unseen(fit: Fit, plate: str) -> str:
    """A name of an element that is none of the fit's."""
    known, name = set(fit.labels.get(plate, ())), f"new {plate}"
    while name in known:
        name += "'"
    return name


def _is_outside(fit: Fit, name: str) -> bool:
    """Whether a name stands outside of all plates."""
    variable = fit.model.by_name.get(name)
    return variable is not None and not variable.plates


def _column(fit: Fit, one: Evidence) -> str:
    """The column of an element: ``x[a]``, and so of ``x[2, a]``, the third row of a sequence."""
    name, _, element = one.variable.name.partition("[")
    words = [w for w in element.removesuffix("]").split(", ") if w]
    if position_of(fit.model, one.variable.name) is not None:
        words = words[1:]
    return f"{name}[{', '.join(words)}]" if words else name


def _columns_of(fit: Fit, one: Evidence) -> Iterator[str]:
    """The columns of all elements of a variable. Raises PgmError PGM0607 for an element that there is not."""
    model, name = fit.model, base(one.variable.name)
    if _column(fit, one) == name:
        yield name
        return
    rows = {p.name for p in model.plates if p.is_rows}
    axes = [a for a in model.array_axes(model.by_name[name]) if a not in rows]
    elements = fit.layout.element_names(axes) if axes else []
    names = [f"{name}[{element}]" for element in elements]
    if _column(fit, one) not in names:
        near = f"give `{name}` as a column to `predict`"
        if names:
            near = (
                "its elements: " + ", ".join(f"`{n}`" for n in names[:12]) + (", ..." if len(names) > 12 else "")
            )
        raise PgmError(Diagnostic("PGM0607", f"`{one.variable.name}` is no element that can be given alone",
                                  one.variable.span, help=near))  # fmt: skip
    yield from names
