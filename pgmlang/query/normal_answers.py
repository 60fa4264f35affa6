"""Questions about numbers whose posterior is a normal distribution that the fit keeps: closed forms, given others of them too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.mixtures import normal_below
from pgmlang.gaussian.square_root import LOG_2PI
from pgmlang.query.answer import Answer
from pgmlang.query.asked_names import LISTED
from pgmlang.query.conditional import QUANTILES
from pgmlang.query.draws import DrawAnswers
from pgmlang.query.events import bound_of
from pgmlang.query.parse import Evidence, Query
from pgmlang.query.row_names import base, rows_of
from pgmlang.results.fit import Fit
from pgmlang.results.normal_posterior import NormalPosterior


def reasons_against_normal(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question is not one about numbers of the fit's normal posterior."""
    if fit.normal is None:
        yield "the fit keeps no normal posterior"
        return
    given = [e.variable.name for e in query.evidence]
    names = {base(n) for n in (*given, *(t.variable.name for t in query.targets))}
    if not query.targets or not names <= set(fit.normal.shapes):
        yield "something that is asked or given is none of its numbers"
    # as for a fit of draws: elements of an outer plate are the fit's where they are named
    is_fresh = names & rows_of(fit, inner=True) or {n for n in given if n == base(n)} & rows_of(fit)
    if query.evidence and is_fresh:
        yield "what is given or asked belongs to a fresh row"
    if query.interventions or any(e.value is None for e in query.evidence):
        yield "an intervention or soft evidence"
    if len(query.targets) > 1 and query.targets[0].op is not None:
        yield "several numbers are compared together"


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
    where_given, given = _given(fit.normal, draws, query.evidence)
    places = [fit.normal.first[base(t.variable.name)] + where for t, where, _ in targets]
    for (target, *_), where in zip(targets, places, strict=True):
        if np.isin(where, where_given).any():
            message = f"`{target.variable.name}` is both given and asked"
            raise PgmError(Diagnostic("PGM0606", message, target.variable.span, help="leave one of them out"))
    # an element that several names are of is asked once
    elements = {
        n: int(p)
        for where, (*_, names) in zip(places, targets, strict=True)
        for n, p in zip(names, where, strict=True)
    }
    every, names = np.fromiter(elements.values(), dtype=np.int64), tuple(elements)
    if query.kind == "MAP":
        _refuse_seen(fit.normal, query, every, names)
        rows: Sequence[dict[str, object]] = [_mode(given, every, names)]
    elif query.targets[0].op is not None:
        rows = [_event(given, draws, query, places[0])]
    else:
        rows = _moments(given, every, names)
    asked = tuple(t.variable.name for t in query.targets)
    return Answer(query.text, "exact", asked, tuple(rows), given.log_evidence)


def _refuse_seen(normal: NormalPosterior, query: Query, places: np.ndarray, names: Sequence[str]) -> None:
    """Raises PgmError PGM0606 for elements that were seen: they have no density."""
    is_seen = ~normal.root[places].any(1)
    if not is_seen.any():
        return
    seen, hidden = ([n for n, s in zip(names, is_seen, strict=True) if s == which] for which in (True, False))
    listed = ", ".join(hidden[:LISTED]) + (", ..." if len(hidden) > LISTED else "")
    what = f"leave it out: `MAP({listed})`" if hidden else f"its value is `E({seen[0]})`"
    message = f"`{seen[0]}` was seen: its one value has no density to be greatest"
    raise PgmError(Diagnostic("PGM0606", message, query.targets[0].variable.span, help=what))


def _given(
    normal: NormalPosterior, draws: DrawAnswers, evidence: tuple[Evidence, ...]
) -> tuple[list[int], _Given]:
    """Where some numbers are, and the distribution given values of them (Bishop 2006, section 2.3.1)."""
    if not evidence:
        return [], _Given(normal.mean, normal.root, 0.0)
    where, values = [], []
    for item in evidence:
        places, names = draws.elements(item.variable.name, item.variable.span)
        if len(names) > 1:
            cure = f"say which: `{names[0]} = {item.value}`"
            raise PgmError(Diagnostic("PGM0607", f"`{item.variable.name}` has {len(names)} elements, and one value is given", item.variable.span, help=cure))  # fmt: skip
        where.append(normal.first[base(item.variable.name)] + int(places[0]))
        values.append(_number_of(item))
    basis, triangle = np.linalg.qr(normal.root[where].T)
    gap = np.array(values) - normal.mean[where]
    if not (np.abs(np.diag(triangle)) > 1e-12 * np.abs(normal.root[where]).max(1)).all():
        raise PgmError(Diagnostic("PGM0609", "the evidence has probability zero", evidence[0].variable.span,
                                  help="a number that is seen, or that others fix, has one value"))  # fmt: skip
    scaled = np.linalg.solve(triangle.T, gap)
    log = -0.5 * float(scaled @ scaled) - float(np.log(np.abs(np.diag(triangle))).sum()) - 0.5 * len(gap) * LOG_2PI
    along = normal.root @ basis
    return where, _Given(normal.mean + along @ scaled, normal.root - along @ basis.T, log)


def _number_of(item: Evidence) -> float:
    try:
        value = float(str(item.value))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        cure = f"give one: `{item.variable.name} = 1`"
        raise PgmError(
            Diagnostic(
                "PGM0606", f"`{item.value}` is not a number that can be given", item.variable.span, help=cure
            )
        )
    return value


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
