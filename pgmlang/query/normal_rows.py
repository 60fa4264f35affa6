"""Rows that are new to a fit which keeps a normal posterior: predictions, scores and questions in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from pgmlang.binding.record import Binding
from pgmlang.gaussian.given_shared import GivenShared
from pgmlang.gaussian.joint_rows import joint_parts, joint_reasons, joint_rows
from pgmlang.gaussian.mixtures import NormalMixture
from pgmlang.model import Model
from pgmlang.model.processes import processes
from pgmlang.model.row_plates import row_chain
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of
from pgmlang.query.parse import Query
from pgmlang.query.row_names import base
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score
from pgmlang.results.fit import Fit
from pgmlang.tables.elements import element_names
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.row_reductions import reductions_of_rows


def given_shared(fit: Fit, bound: Binding) -> GivenShared | None:
    """The rows with the fit's posterior of what they share; None where it keeps none of it, or they are no linear Gaussian model given that."""
    model = bound.model
    random = [v.name for v in model.of_role("random") if v.name not in fit.parameters]
    shared = [] if fit.normal is None else [n for n in fit.normal.shapes if n not in bound.values and n in random]
    shared = [n for n in shared if not any(_is_new(fit, bound, p) for p in model.by_name[n].plates)]
    # a process over rows goes on from the fit's own
    if fit.normal is None or reductions_of_rows(model) or processes(model):
        return None
    open_names = frozenset(n for n in random if n not in bound.values or bound.missing.get(n))
    apart = open_names.difference(shared)
    if any(not any(_is_new(fit, bound, p) for p in model.by_name[n].plates) for n in apart):
        return None
    inputs = {n: np.asarray(v) for n, v in bound.values.items() if model.by_name[n].role == "input"}
    known = {**{n: v for n, v in fit.parameters.items() if n in model.by_name}, **inputs}
    if any(True for _ in joint_reasons(model, known, open_names)):
        return None
    seen = {n: np.asarray(bound.values[n]) for n in random if n in bound.values}
    parts = joint_parts(model, known, open_names)
    joint = joint_rows(model, known, seen, parts, bound.layout)
    nodes, places = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for name in shared:
        block, where = joint.blocks[name], fit.normal.places(name)
        every = np.arange(block.count).reshape(block.shape) + block.first
        # the fit's own elements come first
        nodes.append(every[tuple(slice(0, n) for n in where.shape)].reshape(-1))
        places.append(where.reshape(-1))
    order = np.argsort(np.concatenate(nodes))
    chosen = np.concatenate(places)[order]
    out = GivenShared(joint, np.concatenate(nodes)[order], fit.normal.mean[chosen], fit.normal.root[chosen])
    return None if out.is_wide else out


def _is_new(fit: Fit, bound: Binding, plate: str) -> bool:
    """Whether a plate's elements are the rows' own: nothing names them, so none is one of the fit's."""
    if bound.model.plate_by_name[plate].size is not None:
        return False
    return plate not in fit.labels or bound.labels.get(plate, ())[: len(fit.labels[plate])] != fit.labels[plate]


def predicted(fit: Fit, bound: Binding, targets: Sequence[str] | None) -> Columns | None:
    """Mean, sd and the middle 90 % of every number that rows leave open; None where not all of that is asked is such a number."""
    rows = given_shared(fit, bound)
    model, plate = bound.model, bound.plate
    if rows is None or not plate:
        return None
    names = [n for n, b in rows.joint.blocks.items() if b.axes[:1] == (plate,) and _has_local(rows, n)]
    asked = names if targets is None else list(targets)
    if not asked or not set(asked) <= set(names):
        return None
    mean, sd = rows.figures()
    evaluator, hidden = Evaluator(model, {}, bound.layout), tuple(p.name for p in model.plates if p.is_rows)
    columns: dict[str, list[str] | np.ndarray] = {}
    for name in sorted(asked, key=[v.name for v in model.variables].index) if targets is None else asked:
        block = rows.joint.blocks[name]
        width = block.count // block.shape[0] if block.shape[0] else 0
        for k, text in enumerate(element_names(evaluator, model, model.by_name[name], hidden)[:width]):
            where = block.first + width * np.arange(block.shape[0]) + k
            m, s = mean[where], sd[where]
            ends = {f"{text}.q5": m + float(ndtri(0.05)) * s, f"{text}.q95": m + float(ndtri(0.95)) * s}
            columns |= {text: m, f"{text}.sd": s, **ends}
    return Columns(columns, plate=plate)


def _has_local(rows: GivenShared, name: str) -> bool:
    block = rows.joint.blocks[name]
    return bool(((rows.local >= block.first) & (rows.local < block.first + block.count)).any())


def scored(fit: Fit, bound: Binding) -> Score | None:
    """The log predictive density of what each row says, by itself; None where it has no closed form."""
    rows = given_shared(fit, replace(bound, weights=None))
    if rows is None or not bound.plate:
        return None
    unit = _unit(bound, rows)
    units = np.zeros(len(rows.joint.values), dtype=np.int64)
    for block in rows.joint.blocks.values():
        if block.axes[:1] == (bound.plate,):
            of_row = bound.layout.parent(unit, bound.plate) if unit != bound.plate else np.arange(block.shape[0])
            of_block = np.asarray(of_row)
        elif block.axes[:1] == (unit,):
            of_block = np.arange(block.shape[0])
        elif np.isin(rows.local, np.arange(block.first, block.first + block.count)).any():
            return None
        else:
            continue
        units[block.first : block.first + block.count] = np.repeat(of_block, block.count // max(1, block.shape[0]))
    values = rows.log_densities(units, bound.layout.size(unit))
    others = _others(bound, fit, rows)
    if values is None or any(bound.plate not in bound.model.by_name[n].plates for n in others):
        return None
    values = values + _log_density_of(fit, replace(bound, weights=None), others, unit)
    return Score(values, unit, "exact, averaged over the normal posterior")


def _unit(bound: Binding, rows: GivenShared) -> str:
    """The plate whose elements are independent given what is shared: that of the rows, or the outermost around them that has numbers of its own. Of a chain it is the series,
    whatever is seen of it."""
    model = bound.model
    enclosing = model.enclosing(bound.plate)
    series = enclosing[-2:-1] if model.is_chain(bound.plate) else ()
    with_local = {
        model.by_name[n].plates[-1] for n in rows.joint.blocks if model.by_name[n].plates and _has_local(rows, n)
    }
    return next((p for p in enclosing if p in with_local or p in series), bound.plate)


def _others(bound: Binding, fit: Fit, rows: GivenShared) -> frozenset[str]:
    """What is seen whose density hangs on no number that is not seen: labels of the rows, say."""
    model: Model = bound.model
    observed = [
        n for n in bound.values if model.by_name[n].role in ("random", "field") and n not in fit.parameters
    ]
    children = {
        n
        for n, b in rows.joint.blocks.items()
        if np.isin(np.arange(b.first, b.first + b.count), rows.joint.child).any()
    }
    return frozenset(observed) - children


def _log_density_of(fit: Fit, bound: Binding, names: frozenset[str], unit: str) -> np.ndarray | float:
    """The log-density of these variables in each element of a plate; zero of none."""
    if not names:
        return 0.0
    import torch

    from pgmlang.density.bind import density_of_binding
    from pgmlang.density.reductions import sum_per_unit

    held = {n: v for n, v in fit.parameters.items() if n in bound.model.by_name}
    joint = density_of_binding(bound.model, bound, held, torch.float64, torch.device("cpu"))
    with torch.no_grad():
        terms = joint.factors({}, {}, None, only=names)
        return np.asarray(sum_per_unit(joint, terms, unit).reshape(-1).cpu().numpy())


# ---- questions about a fresh row


def reasons_against_fresh_numbers(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question is not one about numbers of a fresh row whose shared numbers have a normal posterior."""
    if fit.normal is None:
        yield "the fit keeps no normal posterior"
        return
    by_name = fit.model.by_name
    asked = [by_name.get(base(t.variable.name)) for t in query.targets]
    if not asked or any(v is None or v.role != "random" or v.type.is_discrete for v in asked):
        yield "something that is asked is no number of the model"
    if query.kind == "MAP" or (len(asked) > 1 and query.targets[0].op is not None):
        yield "numbers are asked for together"
    if any(e.value is None for e in (*query.evidence, *query.interventions)):
        yield "soft evidence"
    if row_chain(fit.model):
        yield "rows follow each other"


def answer_of_fresh_row(fit: Fit, query: Query) -> Answer | None:
    """Mean, sd and quantiles of numbers given evidence, which tells of the shared numbers too, or the probability of an event; None where the row is no linear
    Gaussian model. Raises PgmError as `fresh_row.completed_row`."""
    from pgmlang.query.fresh_row import binding_of, check_given, check_targets

    check_targets(fit, query)
    given = (*query.evidence, *query.interventions)
    check_given(fit, given)
    bound = binding_of(fit, given)
    done = {base(e.variable.name) for e in query.interventions}
    if done & {base(e.variable.name) for e in query.evidence} or any(bound.missing.get(n) for n in done):
        return None
    factors = tuple(f for f in bound.model.factors if getattr(f, "target", None) not in done)
    bound = replace(bound, model=replace(bound.model, factors=factors))
    rows = given_shared(fit, bound)
    if rows is None:
        return None
    mean, root, log_evidence = rows.with_evidence()
    log_evidence += float(np.sum(_log_density_of(fit, bound, _others(bound, fit, rows) - done, bound.plate)))
    nodes = _nodes_by_name(bound, rows)
    whole = [_nodes_of(nodes, t.variable.name) for t in query.targets]
    if not all(whole):
        return None
    asked = tuple(t.variable.name for t in query.targets)
    if query.targets[0].op is not None:
        (event,), ((_, node), *others) = query.targets, whole[0]
        if others:
            return None
        bound_value = bound_of(event, event.variable.name, has_atoms=False)
        mixture = NormalMixture(
            np.ones((1, 1)), mean[[node]][:, None], np.sqrt(np.square(root[[node]]).sum(1))[:, None]
        )
        tail = mixture.below if str(event.op).startswith("<") else mixture.above
        table = [{event.variable.name: f"{event.op} {event.value}", "p": float(tail(np.array([bound_value]))[0])}]
    else:
        table = [
            _moments_of(text, float(mean[node]), float(np.sqrt(np.square(root[node]).sum())))
            for text, node in dict(pair for listed in whole for pair in listed).items()
        ]
    return Answer(query.text, "exact", asked, tuple(table), log_evidence if query.evidence else 0.0)


def _moments_of(text: str, mean: float, sd: float) -> dict[str, object]:
    ends = {q: mean + float(ndtri(c)) * sd for q, c in (("q5", 0.05), ("q50", 0.5), ("q95", 0.95))}
    return {"variable": text, "mean": mean, "sd": sd, **ends}


def _nodes_by_name(bound: Binding, rows: GivenShared) -> dict[str, int]:
    """The nodes of the elements of a single row, and of what stands outside of it, by their names."""
    model = bound.model
    evaluator, hidden = (
        Evaluator(model, {}, bound.layout),
        tuple(p.name for p in model.plates if p.is_rows and bound.layout.size(p.name) == 1),
    )
    out: dict[str, int] = {}
    for name, block in rows.joint.blocks.items():
        texts = element_names(evaluator, model, model.by_name[name], hidden)
        if len(texts) == block.count:
            out |= dict(zip(texts, range(block.first, block.first + block.count), strict=True))
    return out


def _nodes_of(nodes: dict[str, int], name: str) -> list[tuple[str, int]]:
    """Those that a question's name is of: an element, or all of a variable."""
    if name in nodes:
        return [(name, nodes[name])]
    return [(text, node) for text, node in nodes.items() if base(text) == name]
