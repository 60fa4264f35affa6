"""Questions about a fresh row whose numbers are jointly normal given its labels, of what gives every global a value: exact.

Every configuration of the labels and fields that matter is a closed form of its own (`query/linear_gaussian.py`), and the answer is
their mixture (conditional Gaussian distributions: Lauritzen 1992).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.graph.childless import event_axes
from pgmlang.lower.factors import factor_names
from pgmlang.model import Conditional, Potential
from pgmlang.query.answer import Answer
from pgmlang.query.configuration_mixture import ConfigurationMixture
from pgmlang.query.events import label_weights
from pgmlang.query.map_targets import with_targets
from pgmlang.query.parse import Event, Evidence, Query
from pgmlang.query.row_elements import element_of_draws, single_element
from pgmlang.query.row_names import base
from pgmlang.query.sequences import chain_of_rows, length_of, names_of

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity
    from pgmlang.model import Model
    from pgmlang.query.new_rows import NewRows
    from pgmlang.results.fit import Fit

MOST_CONFIGURATIONS = 4096
"""Most configurations of the labels that are gone through."""


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
    if not names or any(n not in model.by_name or model.by_name[n].role not in ("random", "field") for n in names):
        yield "something that is asked is not random"
        return
    yield from _against_fields(fit, query)
    latents = _latents(fit, query)
    labels, numbers = _split(model, latents)
    yield from _against_targets(query, names, labels, numbers)
    partly = {base(e.variable.name) for e in query.evidence if "[" in e.variable.name}
    partly = {n for n in partly if n in model.by_name and not model.by_name[n].type.is_discrete}
    if any(partly & set(model.random_parents(c)) for c in model.conditionals if c.target in _reached(fit, query)):
        yield "something hangs on a number of which some elements are given"
    if any(base(e.variable.name) not in labels for e in query.evidence if e.value is None):
        yield "soft evidence is of something else than an open label"
    length = length_of(model, names_of(query))
    if any(True for _ in _set_in_part(fit, query, length)):
        yield "an intervention sets some elements of a variable"
    if math.prod(_num_labels(fit, n, length) for n in labels) > MOST_CONFIGURATIONS:
        yield "the labels have too many configurations"
    reduced = _reduced(model, query, latents)
    if learned_tables(reduced) and not all(t.name in fit.parameters for t in learned_tables(reduced)):
        yield "a table is not known"
    yield from reasons_against(reduced, numbers)


def _set_in_part(fit: Fit, query: Query, length: int) -> Iterator[str]:
    """Variables of which interventions set some elements, and not all."""
    model = fit.model
    rows = {p.name for p in model.plates if p.is_rows}
    names = [base(e.variable.name) for e in query.interventions]
    for name in {n for n in names if n in model.by_name}:
        axes = [a for a in model.array_axes(model.by_name[name]) if a not in rows]
        in_chain = chain_of_rows(model) in model.array_axes(model.by_name[name])
        elements = math.prod(fit.layout.size(a) for a in axes) * (length if in_chain else 1)
        if any("[" in e.variable.name for e in query.interventions if base(e.variable.name) == name) and (
            names.count(name) < elements
        ):
            yield name


def _against_fields(fit: Fit, query: Query) -> Iterator[str]:
    model, fields = fit.model, _fields(fit.model)
    if not fields & _reached(fit, query):
        return
    if _done(query) & fields:
        yield "a field is set"
    if any(set(model.random_parents(p)) - fields for p in model.potentials):
        yield "the fields hang on directed variables"
    if math.prod(_num_labels(fit, n) for n in fields) > MOST_CONFIGURATIONS:
        yield "the fields have too many configurations"


def _fields(model: Model) -> set[str]:
    return {v.name for v in model.of_role("field")}


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


def _num_labels(fit: Fit, name: str, length: int = 1) -> int:
    """Configurations of a variable of one row, of a sequence of ``length`` in a chain; more than are gone through where it is not known how many."""
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
    in_chain = chain_of_rows(model) in model.array_axes(variable)
    elements = math.prod(sizes) * (length if in_chain else 1)
    return MOST_CONFIGURATIONS + 1 if elements * math.log2(count) > 64 else int(count**elements)


def _done(query: Query) -> set[str]:
    return {base(e.variable.name) for e in query.interventions}


def _told(query: Query) -> set[str]:
    """What the question gives a value, an element of it at least."""
    return {base(e.variable.name) for e in query.evidence if e.value is not None} | _done(query)


def _latents(fit: Fit, query: Query) -> tuple[str, ...]:
    """What is asked, and what it and the evidence hang on, as far as neither the fit nor the question tells it; labels of
    which some elements are given are among them, and vectors."""
    model = fit.model
    whole = {e.variable.name for e in (*query.evidence, *query.interventions) if e.value is not None}
    known = {*fit.parameters, *_done(query)}
    known |= {n for n in _told(query) if n in whole or not _has_open_elements(model, n)}
    reached = _reached(fit, query) - known
    return tuple(v.name for v in model.of_role("random", "field") if v.name in reached)


def _has_open_elements(model: Model, name: str) -> bool:
    """Whether the elements that are not given matter to what is: those of labels, and those drawn with them as one vector."""
    return name in model.by_name and (model.by_name[name].type.is_discrete or bool(event_axes(model, name)))


def _reached(fit: Fit, query: Query) -> set[str]:
    """What is asked and given, and what these hang on; of fields all of them, which hang together."""
    model, fields = fit.model, _fields(fit.model)
    pending = [base(t.variable.name) for t in query.targets] + [base(e.variable.name) for e in query.evidence]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        if name in fields:
            pending += fields
        conditional = model.conditional_of.get(name)
        if conditional is not None and name not in _done(query) and name not in fit.parameters:
            pending += model.random_parents(conditional)
    return reached


def _reduced(model: Model, query: Query, latents: tuple[str, ...]) -> Model:
    """The factors of what is asked, given or above either."""
    kept = {*latents, *(base(e.variable.name) for e in query.evidence)} - _done(query)
    has_fields = bool(_fields(model) & kept)
    factors = tuple(f for f in model.factors if (f.target in kept if isinstance(f, Conditional) else has_fields))
    return replace(model, factors=factors, guide=None)


def answer_in_closed_form(fit: Fit, query: Query) -> Answer:
    """Probabilities of labels, one by one or together, the most probable labels, moments and quantiles of numbers, and
    probabilities of their being above or below one. Raises PgmError as `fresh_row.row_of` and for elements as
    `row_elements`."""
    from pgmlang.query.fresh_row import check_targets, impossible_evidence, row_of

    query = with_targets(fit, query)
    check_targets(fit, query)
    hard = tuple(e for e in query.evidence if e.value is not None)
    length = length_of(fit.model, names_of(query))
    row = row_of(fit, hard, query.interventions, 0, 1, length)
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
    from pgmlang.fields.fields import as_numbers
    from pgmlang.query.linear_gaussian import GaussianUnits

    joint = row.joint
    model = _reduced(joint.model, query, (*labels, *numbers))
    bound = density_of_binding(model, joint.binding, joint.held, joint.dtype, joint.device)
    inner = with_latent_cells(bound, labels)
    told = tuple(n for n in numbers if n in inner.observed and n not in inner.missing)
    numbers = tuple(n for n in numbers if n not in told)
    codes = _configurations(inner, labels, is_given=True)
    count = len(next(iter(codes.values()))) if codes else 1
    known = {k: v for k, v in row.given.items() if k not in {*labels, *numbers}}
    fields = tuple(n for n in _fields(model) if n in inner.observed and n not in codes)
    known |= {k: v[None] for k, v in as_numbers(inner, fields).items()}
    given = {k: v.expand(count, *v.shape[1:]) for k, v in known.items()}
    with torch.no_grad():
        terms = inner.factors({**given, **codes}, row.params, row.nets, only=frozenset(labels)) if labels else {}
        log_weights = (
            sum_of_factors(inner, terms).expand(count) if terms else torch.zeros(count, dtype=joint.dtype)
        )
    means: dict[str, Tensor] = {}
    sds: dict[str, Tensor] = {}
    for name in told:
        seen = inner.observed[name]
        means[name], sds[name] = (x.expand(count, *x.shape) for x in (seen, torch.zeros_like(seen)))
    if numbers:
        units = GaussianUnits(inner, numbers, None, {**given, **codes}, {}, row.params, row.nets, count)
        heights, mean, factor = units.solve()
        open_means, open_sds = units.marginals(mean, factor)
        means, sds = {**means, **open_means}, {**sds, **open_sds}
        log_weights = log_weights + heights[:, 0]
    else:
        with torch.no_grad():
            rest = {k: v for k, v in inner.factors({**given, **codes}, row.params, row.nets).items()
                    if k not in labels and k not in given}  # fmt: skip
            log_weights = log_weights + (sum_of_factors(inner, rest) if rest else 0.0)
    for item in query.evidence:
        if item.value is None:
            log_weights = log_weights + _soft(inner, item, codes)
    if any(isinstance(f, Potential) for f in model.factors):
        log_weights = log_weights - _log_z(inner, known, row)
    return ConfigurationMixture(inner, log_weights.cpu().numpy(), codes, means, sds)


def _log_z(joint: BoundDensity, known: Mapping[str, Tensor], row: NewRows) -> Tensor:
    """log Z of the fields, nothing of the row seen."""
    import torch

    from pgmlang.density.reductions import sum_of_factors

    fields = _fields(joint.model)
    unseen = replace(
        joint,
        observed={k: v for k, v in joint.observed.items() if k not in fields},
        missing={k: v for k, v in joint.missing.items() if k not in fields},
    )
    potentials = frozenset(k for k, f in factor_names(joint.model).items() if isinstance(f, Potential))
    codes = _configurations(joint, tuple(sorted(fields)), is_given=False)
    with torch.no_grad():
        terms = unseen.factors({**known, **codes}, row.params, row.nets, only=potentials)
    count = len(next(iter(codes.values())))
    return torch.logsumexp(sum_of_factors(joint, terms).expand(count), 0)


def _configurations(joint: BoundDensity, labels: tuple[str, ...], *, is_given: bool) -> dict[str, Tensor]:
    """All values of the labels side by side, ``[count, *shape]``; where the row ``is_given`` its cells keep their values."""
    import torch

    cells: list[tuple[int, ...]] = []
    for name in labels:
        every = tuple(range(joint.num_states(name)))
        size = math.prod(joint.shapes[name])
        is_told = is_given and name in joint.observed
        seen = joint.observed[name].flatten().tolist() if is_told else [-1] * size
        masked = is_told and name in joint.missing
        is_open = joint.missing[name].flatten().tolist() if masked else [code < 0 for code in seen]
        cells += [every if o else (int(c),) for c, o in zip(seen, is_open, strict=True)]
    grid = torch.tensor(list(product(*cells)), dtype=torch.int64, device=joint.device)
    out, first = {}, 0
    for name in labels:
        size = math.prod(joint.shapes[name])
        codes = grid[:, first : first + size].reshape(-1, *joint.shapes[name])
        is_number = joint.model.by_name[name].role == "field" and joint.model.by_name[name].type.kind != "labels"
        out[name] = codes.to(joint.dtype) if is_number else codes
        first += size
    return out


def _soft(joint: BoundDensity, item: Evidence, codes: Mapping[str, Tensor]) -> Tensor:
    """The logarithms of the weights that soft evidence gives each configuration."""
    import torch

    name, index = _element(joint, item)
    weights = label_weights(item, joint.model.labels_of(joint.model.by_name[name].type) or ())
    picked = torch.as_tensor(element_of_draws(codes[name], index).astype(np.int64))
    return torch.as_tensor(weights, dtype=joint.dtype, device=joint.device).log()[picked]


def _element(joint: BoundDensity, item: Evidence) -> tuple[str, tuple[int, ...]]:
    """The one element that soft evidence is of. Raises PgmError PGM0606 for several."""
    return base(item.variable.name), single_element(joint, Event(item.variable))
