"""What a fit says of a newly bound BoundDensity: values of globals at some draws, and which latents the rows have of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.initial import fresh_nets
from pgmlang.density.simulation import simulate
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.childless import event_axes
from pgmlang.lower.order import ancestral_order
from pgmlang.model import Model
from pgmlang.model.dependence import definitions_behind
from pgmlang.results.fit import Fit
from pgmlang.tables.learned import learned_tables


def estimates(
    fit: Fit, joint: BoundDensity, most: int | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor], Any, int]:
    """Values of random variables ``[S, ...]`` (draws thinned evenly to ``most`` of them, or point estimates as one draw), params and
    tables, the networks with their weights, and S."""
    model = joint.model
    learned = {v.name for v in model.of_role("param")}
    learned |= {v.name for v in (model.guide.variables if model.guide else ()) if v.role == "param"}
    tables = {t.name for t in learned_tables(model)}
    params = {
        k: torch.as_tensor(np.array(v), dtype=joint.dtype)
        for k, v in fit.parameters.items() if k in learned or k in tables
    }  # fmt: skip
    nets = fresh_nets(joint, 0)
    if nets is not None:
        state = {k: torch.as_tensor(np.array(v)) for k, v in fit.parameters.items() if k in nets.state_dict()}
        wrong = [k for k, v in nets.state_dict().items() if k not in state or state[k].shape != v.shape]
        if wrong:
            message = f"the weights `{wrong[0]}` of a network are missing in the fit, or of another shape"
            raise PgmError(Diagnostic("PGM0903", message, help="fit the model again"))
        nets.load_state_dict({k: v.to(joint.dtype) for k, v in state.items()})
    count = 1
    values: dict[str, Tensor] = {}
    random = {v.name for v in model.of_role("random")}
    for name, array in fit.draws.items():
        if name not in random:
            continue
        total = array.shape[0] * array.shape[1]
        draws = np.unique(np.linspace(0, total - 1, total if most is None else min(most, total)).astype(int))
        count = len(draws)
        picked = np.asarray(array).reshape(total, *array.shape[2:])[draws]
        values[name] = torch.as_tensor(picked, dtype=torch.int64 if picked.dtype.kind in "iu" else joint.dtype)
    for name, point in fit.parameters.items():
        if name in random and name not in values:
            values[name] = torch.as_tensor(np.array(point), dtype=joint.dtype).expand(count, *np.shape(point))
    return values, params, nets, count


def global_values(
    fit: Fit, joint: BoundDensity, values: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any, count: int,
    generator: Generator,
) -> tuple[dict[str, Tensor], dict[str, int]]:  # fmt: skip
    """Values of what is not local to the new rows: the fit's, with elements that it does not know from the prior; and
    of such variables how many elements it knows."""
    model = joint.model
    given: dict[str, Tensor] = {}
    num_known: dict[str, int] = {}
    for item in ancestral_order(model, model.conditionals):
        name = item.target
        plates = [p for p in model.by_name[name].plates if model.plate_by_name[p].size is None]
        if name not in values or name in joint.observed or any(_is_new(fit, joint, p) for p in plates):
            continue
        value = values[name]
        shape = joint.shapes[name]
        if tuple(value.shape[1:]) != shape:
            # outer elements that the fit has not seen: its own come first
            fresh = drawn_from_prior(joint, (name,), given, params, nets, count, generator)[name].clone()
            fresh[(slice(None), *(slice(0, n) for n in value.shape[1:]))] = value.to(fresh.dtype)
            num_known[name] = value.shape[1]
            value = fresh
        given[name] = value
    return given, num_known


def drawn_from_prior(
    joint: BoundDensity, names: tuple[str, ...], given: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any, count: int,
    generator: Generator,
) -> dict[str, Tensor]:  # fmt: skip
    """Draws ``[count, *shape]`` of some variables given those above them; nothing below is drawn."""
    prior = joint.memo.once(_joint_of_targets, joint, names)
    drawn = simulate(prior, generator, dict(given), params, nets, (count,))
    return {n: drawn[n] for n in names}


def _joint_of_targets(joint: BoundDensity, names: tuple[str, ...]) -> BoundDensity:
    """The joint of these variables' conditionals alone."""
    factors = tuple(f for f in joint.model.factors if getattr(f, "target", None) in names)
    behind = definitions_behind(joint.model, *factors)
    # definitions of what is not drawn have no value here
    restricted = replace(joint.model, factors=factors, definitions=behind, guide=None)
    return density_of_binding(restricted, joint.binding, joint.held, joint.dtype, joint.device)


def _is_new(fit: Fit, joint: BoundDensity, plate: str) -> bool:
    """Whether a plate's elements are the new rows themselves: nothing names them, so none is one of the fit's."""
    return (
        plate not in fit.labels
        or joint.binding.labels.get(plate, ())[: len(fit.labels[plate])] != (fit.labels[plate])
    )


def split_latents(joint: BoundDensity, known: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Unknown variables that nothing observed hangs on (drawn forwards), and the others, in the model's order."""
    model: Model = joint.model
    seen = {n for n in joint.observed if n in {v.name for v in model.of_role("random")}}
    above: set[str] = set()
    changed = True
    while changed:
        changed = False
        for conditional in model.conditionals:
            target = conditional.target
            if target in seen or target in above:
                new = set(model.random_parents(conditional)) - seen - known - above
                if new:
                    above |= new
                    changed = True
    unknown = [
        v.name
        for v in model.of_role("random")
        if v.name not in known and (v.name not in seen or v.name in {*joint.missing, *joint.unseen})
    ]
    hidden = tuple(
        n for n in unknown
        if n in above or (n in joint.missing and (_has_children(model, n, seen) or has_seen_vectors(joint, n)))
    )  # fmt: skip
    return tuple(n for n in unknown if n not in hidden), hidden


def has_seen_vectors(joint: BoundDensity, name: str) -> bool:
    """Whether a variable is drawn as vectors, of whose cells some are seen and some are not: what is seen has its density
    together with what is not."""
    mask = joint.missing.get(name)
    return mask is not None and bool(event_axes(joint.model, name)) and not bool(mask.all())


def _has_children(model: Model, name: str, seen: set[str]) -> bool:
    return any(name in model.random_parents(c) and c.target in seen for c in model.conditionals)
