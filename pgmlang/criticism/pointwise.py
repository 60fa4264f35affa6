"""ln p(element | draw) of every independent element of the data a model was fitted to, by the emitted log-density.

Discrete latents of the elements are summed out, as `score` does; continuous latents are held at their draws. The draws are
taken in blocks, so that no more than a bounded number of terms is in memory beside the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.fixed import MAX_ELEMENTS
from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.partition import partition_of
from pgmlang.density.reductions import determines, sum_per_element
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.density.unit_values import unit_values
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Ref
from pgmlang.query.fitted_values import estimates
from pgmlang.query.joint_rows import refuse_joint_likelihoods
from pgmlang.results.draws import num_chains_and_draws
from pgmlang.results.fit import Fit
from pgmlang.results.pointwise import Pointwise
from pgmlang.tables.learned import learned_tables

TERMS = 4_000_000
"""Terms of factors in memory at a time."""
FEWEST = 100
"""Draws that are taken however many elements there are."""
FOLDS = "`pgmc compare A.fit B.fit --data FILE --folds 10` fits again without a tenth of the data"


def pointwise_log_likelihood(fit: Fit, binding: Binding, most: int | None = None) -> Pointwise:
    """Of each element of the data that the fit was made with. ``most``: numbers of the result; of more, some draws of each
    chain are taken, evenly spaced, 100 in all at least.

    Raises PgmError PGM0610 for a fit without draws, PGM0602 where no element's likelihood can be told from the others',
    PGM0708 where the data are not those of the fit, PGM0611 for more numbers than memory holds.
    """
    chains, draws = num_chains_and_draws(fit)
    if not chains * draws:
        message = f"a fit by `{fit.method}` holds no draws to average over"
        raise PgmError(Diagnostic("PGM0610", message, help=f"`--method hmc` or `gibbs`; or {FOLDS}"))
    refuse_joint_likelihoods(binding)
    joint = _with_log_z(density_of_binding(binding.model, binding, {}, torch.float64, torch.device("cpu")))
    values, params, nets, _ = estimates(fit, joint, chains * draws)
    _refuse(fit, joint, values)
    discrete = tuple(n for n in joint.latent if joint.model.by_name[n].type.is_discrete)
    plate = independent_plate(joint, discrete)
    summed = tuple(n for n in discrete if determines(joint, joint.axes(n), plate))
    draws, chosen = _chosen(chains, draws, joint.layout.size(plate), most)
    given = {k: v.index_select(0, chosen) for k, v in values.items() if k not in summed and k in joint.latent}
    sums = marginaliser_of(joint, summed) if summed else None
    found = None
    if sums is None and nets is None:
        wanted = tuple(n for n in joint.factor_axes if n not in given)
        found = unit_values(joint, given, params, wanted, plate, len(chosen))
    stacked = (
        _by_torch(joint, sums, given, params, nets, plate, len(chosen)) if found is None else found.numpy()
    ).reshape(chains, draws, -1)
    local = tuple(n for n in given if determines(joint, joint.axes(n), plate))
    weights = joint.weights.get(plate)
    return Pointwise(stacked, plate, local, None if weights is None else weights.cpu().numpy())


def _by_torch(
    joint: BoundDensity, sums: Marginaliser | None, given: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: object,
    plate: str, draws: int,
) -> np.ndarray:  # fmt: skip
    """Log-likelihoods ``[draws, elements]``, some draws at a time."""
    summed = sums.names if sums is not None else ()
    elements = sum(math.prod(joint.layout.size(a) for a in axes) for axes in joint.factor_axes.values())
    step = max(1, TERMS // max(1, elements * math.prod(joint.num_states(n) for n in summed)))
    parts = []
    with torch.no_grad():
        for start in range(0, draws, step):
            some = {k: v[start : start + step] for k, v in given.items()}
            part = _of_elements(joint, sums, some, params, nets, plate)
            parts.append(part.expand(min(step, draws - start), part.shape[-1]).cpu().numpy())
    return np.concatenate(parts)


def _with_log_z(joint: BoundDensity) -> BoundDensity:
    """The density with log Z of its fields as a factor. Raises PgmError PGM0602 where it is out of reach: no draw then has
    a likelihood."""
    fields = {v.name for v in joint.model.of_role("field")}
    if not fields:
        return joint
    partition = partition_of(joint)
    covered = set().union(*(c.fields for c in partition.components.values())) if partition is not None else set()
    if fields - covered:
        message = "the model has fields too wide for their log Z: no draw tells the likelihood of a row"
        raise PgmError(Diagnostic("PGM0602", message, help="`pgmc score` has log Z by annealing, with its error"))
    return replace(joint, partition=partition)


def _chosen(chains: int, draws: int, elements: int, most: int | None) -> tuple[int, Tensor]:
    """Draws of each chain that are taken, and which of all draws those are."""
    if most is None and chains * draws * elements > MAX_ELEMENTS:
        message = f"{chains * draws:,} draws of {elements:,} elements are {chains * draws * elements:,} numbers"
        raise PgmError(Diagnostic("PGM0611", message, help="`pgmc loo FIT DATA` takes fewer of the draws"))
    count = draws if most is None else min(draws, max(-(-FEWEST // chains), most // (chains * max(1, elements))))
    some = np.linspace(0, draws - 1, count).round().astype(int)
    return count, torch.as_tensor((np.arange(chains)[:, None] * draws + some).ravel())


def _refuse(fit: Fit, joint: BoundDensity, values: Mapping[str, Tensor]) -> None:
    model = joint.model
    for name in joint.latent:
        variable = model.by_name[name]
        if name not in values and not variable.type.is_discrete:
            message = (
                f"these data do not hold `{name}`, and the fit has no draws of it: the likelihood hangs on it"
            )
            cure = f"give the column `{name}`; where it is latent, `--method hmc` keeps its draws; or {FOLDS}"
            raise PgmError(Diagnostic("PGM0602", message, variable.span, help=cure))
        if name in values and tuple(values[name].shape[1:]) != joint.shapes[name]:
            message = f"the draws of `{name}` are of {tuple(values[name].shape[1:])} elements, these data of {joint.shapes[name]}"
            raise PgmError(
                Diagnostic("PGM0708", message, place=joint.binding.source, help="give the data of the fit")
            )
    for table in learned_tables(model):
        if table.name not in fit.parameters:
            message = f"the fit has no value of the table of `{table.target}`"
            raise PgmError(Diagnostic("PGM0610", message, help=FOLDS))


def independent_plate(joint: BoundDensity, discrete: tuple[str, ...]) -> str:
    """The innermost plate of rows whose elements are independent given the draws: everything observed in rows lies in it,
    and so do the discrete latents that are summed out, chains of them as a whole. Raises PgmError PGM0602."""
    model = joint.model
    rows = [p.name for p in model.plates if p.is_rows]
    inner = {n: joint.axes(n) for n in (*joint.observed, *discrete) if set(rows) & set(joint.axes(n))}
    candidates = [p for p in rows if inner and all(determines(joint, axes, p) for axes in inner.values())]
    chained = {p for n in discrete for p in model.by_name[n].plates if model.is_chain(p)}
    chained |= _chains_of_fields(model)
    candidates = [p for p in candidates if p not in chained]
    of_log_z = joint.partition.axes.values() if joint.partition is not None else ()
    candidates = [p for p in candidates if all(determines(joint, axes, p) for axes in of_log_z)]
    if not candidates:
        raise PgmError(_no_elements(joint, bool(chained)))
    return max(candidates, key=lambda p: len(model.enclosing(p)))


def _chains_of_fields(model: Model) -> set[str]:
    """Chains whose rows potentials bring together: a sequence of them has one log Z."""
    return {
        plate for potential in model.potentials for node in nodes_behind(model, potential)
        if isinstance(node, Ref) and node.lag and model.by_name[node.name].role == "field"
        for plate in model.by_name[node.name].plates if model.is_chain(plate)
    }  # fmt: skip


def _no_elements(joint: BoundDensity, has_states: bool) -> Diagnostic:
    """Why there is nothing to leave out one by one, and what there is instead."""
    if joint.partition is not None and (not all(joint.partition.axes.values()) or _chains_of_fields(joint.model)):
        message = "the fields have one log Z for all the data: no element has a likelihood of its own"
        cure = "`pgmc score` has the log-likelihood of the whole; fields within a plate of rows, and sequences within a plate, have their own"
    elif has_states:
        message = "the hidden states of one sequence hang together: without a row of it the others' likelihood is another"
        cure = (
            "several sequences in a plate (`plate doc { plate t = chain { ... } }`) are left out whole; of one leave the "
            "future out: fit its first part at a point (`--method em` or `map`: under draws the past would count twice), and "
            "take `pgmc score` of that from `pgmc score` of the whole"
        )
    else:
        message = "no plate's elements are independent of each other given the draws"
        cure = "several tables hang together: `pgmc score` has the log-likelihood of the whole"
    return Diagnostic("PGM0602", message, help=cure)


def _of_elements(
    joint: BoundDensity, sums: Marginaliser | None, given: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: object,
    plate: str,
) -> Tensor:  # fmt: skip
    """Log-likelihoods ``[draws, elements]``: the factors that are no prior of what is given."""
    if sums is None:
        terms = joint.factors(given, params, nets)
        return sum_per_element(joint, {k: v for k, v in terms.items() if k not in given}, plate)
    tables = sums.tables(given, params, nets)
    return sums.reduce({k: t for k, t in tables.items() if k not in given}, each=plate)
