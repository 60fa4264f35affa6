"""Questions about numbers whose posterior is a normal distribution that the fit keeps: closed forms, given others of them too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.mixtures import normal_below
from pgmlang.query.answer import Answer
from pgmlang.query.conditional import QUANTILES, reasons_against_a_fresh_row
from pgmlang.query.draws import DrawAnswers
from pgmlang.query.events import bound_of
from pgmlang.query.parse import Evidence, Query
from pgmlang.query.row_names import base
from pgmlang.results.fit import Fit
from pgmlang.results.normal_posterior import NormalPosterior

LOG_2PI = math.log(2 * math.pi)


def reasons_against_normal(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question is not one about numbers of the fit's normal posterior: those that rows share, or the fit's own elements with nothing of a row given."""
    if fit.normal is None:
        yield "the fit keeps no normal posterior"
        return
    given = (*query.evidence, *query.interventions)
    are_named = bool(given) and all(_is_of_no_row(fit, e.variable.name) for e in given)
    if not are_named and not any(True for _ in reasons_against_a_fresh_row(fit, query)):
        yield "what rows have for themselves is that of a fresh row"
    told = [e.variable.name for e in query.evidence]
    names = {base(n) for n in (*told, *(t.variable.name for t in query.targets))}
    if not query.targets or not names <= set(fit.normal.shapes):
        yield "something that is asked or given is none of its numbers"
    if query.interventions or any(e.value is None for e in query.evidence):
        yield "an intervention or soft evidence"
    if len(query.targets) > 1 and query.targets[0].op is not None:
        yield "several numbers are compared together"


def _is_of_no_row(fit: Fit, name: str) -> bool:
    """Whether a variable stands in no plate of data but those whose elements the fit knows by name: positions of rows are no names, as new rows have them too."""
    variable = fit.model.by_name.get(base(name))
    if variable is None:
        return False
    return {a for a in fit.model.array_axes(variable) if _is_rows(fit, a)} <= set(fit.labels)


def _is_rows(fit: Fit, axis: str) -> bool:
    plate = fit.model.plate_by_name.get(fit.model.root_axis(axis))
    return plate is not None and plate.is_rows


@dataclass(frozen=True, eq=False)
class _Given:
    """The ``mean`` and the ``root`` of the covariance of all numbers given some of them, and the log-density of those."""

    mean: np.ndarray
    root: np.ndarray
    log_evidence: float


def answer_by_normal(fit: Fit, query: Query) -> Answer:
    """Mean, sd and quantiles (`E`, `P`), the probability of an event, or the densest place (`MAP`). Raises PgmError: PGM0606 for what is both given and asked, and for a number that is compared
    by ``=``; PGM0607 for names; PGM0609 for values of numbers that others fix."""
    assert fit.normal is not None, "a question without a reason against it has its posterior"
    draws = DrawAnswers.of(fit)
    targets = [(t, *draws.elements(t.variable.name, t.variable.span)) for t in query.targets]
    given = _given(fit.normal, draws, query.evidence)
    told = {e.variable.name for e in query.evidence}
    for target, _, names in targets:
        if told & {target.variable.name, *names}:
            message = f"`{target.variable.name}` is both given and asked"
            raise PgmError(Diagnostic("PGM0606", message, target.variable.span, help="leave one of them out"))
    places = [fit.normal.first[base(t.variable.name)] + where for t, where, _ in targets]
    if query.kind == "MAP":
        rows: Sequence[dict[str, object]] = [
            _mode(given, np.concatenate(places), [n for *_, names in targets for n in names])
        ]
    elif query.targets[0].op is not None:
        rows = [_event(given, draws, query, places[0])]
    else:
        rows = [row for p, (*_, names) in zip(places, targets, strict=True) for row in _moments(given, p, names)]
    asked = tuple(t.variable.name for t in query.targets)
    return Answer(query.text, "exact", asked, tuple(rows), given.log_evidence)


def _given(normal: NormalPosterior, draws: DrawAnswers, evidence: tuple[Evidence, ...]) -> _Given:
    """The distribution given values of some numbers (Bishop 2006, section 2.3.1)."""
    if not evidence:
        return _Given(normal.mean, normal.root, 0.0)
    where, values = [], []
    for item in evidence:
        places, names = draws.elements(item.variable.name, item.variable.span)
        if len(names) > 1:
            cure = f"say which: `{names[0]} = {item.value}`"
            raise PgmError(Diagnostic("PGM0607", f"`{item.variable.name}` has {len(names)} elements, and one value is given", item.variable.span, help=cure))  # fmt: skip
        where.append(normal.first[base(item.variable.name)] + int(places[0]))
        try:
            values.append(float(str(item.value)))
        except ValueError:
            raise PgmError(Diagnostic("PGM0606", f"`{item.value}` is not a number", item.variable.span)) from None
    basis, triangle = np.linalg.qr(normal.root[where].T)
    gap = np.array(values) - normal.mean[where]
    if not (np.abs(np.diag(triangle)) > 1e-12 * np.abs(normal.root[where]).max(1)).all():
        raise PgmError(Diagnostic("PGM0609", "the evidence has probability zero", evidence[0].variable.span,
                                  help="a number that is seen, or that others fix, has one value"))  # fmt: skip
    scaled = np.linalg.solve(triangle.T, gap)
    log = -0.5 * float(scaled @ scaled) - float(np.log(np.abs(np.diag(triangle))).sum()) - 0.5 * len(gap) * LOG_2PI
    along = normal.root @ basis
    return _Given(normal.mean + along @ scaled, normal.root - along @ basis.T, log)


def _moments(given: _Given, places: np.ndarray, names: Sequence[str]) -> list[dict[str, object]]:
    from scipy.special import ndtri

    means, sds = given.mean[places], np.sqrt(np.square(given.root[places]).sum(1))
    quantiles = {q: means + float(ndtri(c)) * sds for q, c in zip(("q5", "q50", "q95"), QUANTILES, strict=True)}
    columns = {"mean": means, "sd": sds, **quantiles}
    return [{"variable": n, **{c: float(v[i]) for c, v in columns.items()}} for i, n in enumerate(names)]


def _event(given: _Given, draws: DrawAnswers, query: Query, places: np.ndarray) -> dict[str, object]:
    (event,) = query.targets
    name = event.variable.name
    if len(places) > 1:
        raise draws.several_elements(event)
    bound = bound_of(event, name, base(name) in draws.with_atoms)
    mean, sd = given.mean[places], np.sqrt(np.square(given.root[places]).sum(1))
    below = str(event.op).startswith("<")
    chance = normal_below(np.array([bound]), mean, sd) if below else normal_below(np.array([-bound]), -mean, sd)
    return {name: f"{event.op} {event.value}", "p": float(chance[0])}


def _mode(given: _Given, places: np.ndarray, names: Sequence[str]) -> dict[str, object]:
    triangle = np.linalg.qr(given.root[places].T, mode="r")
    with np.errstate(divide="ignore"):
        log_root = np.log(np.abs(np.diag(triangle))).sum()
    log_density = float(-log_root - 0.5 * len(places) * LOG_2PI)
    return {**dict(zip(names, given.mean[places].tolist(), strict=True)), "log_density": log_density}
