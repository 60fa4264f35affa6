"""Who works out a sampler's density, by the estimated cost of its program of loops: what `plan` says and a fit does."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from pgmlang.binding.record import Binding
from pgmlang.graph.childless import is_childless_missing
from pgmlang.graph.components import summing_steps
from pgmlang.infer.noncentring import movable_names, noncentred
from pgmlang.model import Model
from pgmlang.native.code_files import why_not_kept
from pgmlang.native.costs import BackendChoice, Counts, affordable, chosen, estimated
from pgmlang.native.formulas import NotScalar
from pgmlang.native.labels import labelled_by
from pgmlang.native.placed import Marks
from pgmlang.native.program import native_program
from pgmlang.native.supports import supports_of_text
from pgmlang.plan.latents import hidden_names, open_variables, sampled_variables, summed_names
from pgmlang.plan.method import Facts, facts_of, once_per_problem


def native_choice(
    model: Model, facts: Facts, chains: int, gradients: int, dtype: str | None
) -> BackendChoice | None:
    """The backend of a run of so many ``gradients`` of so many ``chains``; None without data, whose sizes decide."""
    if facts.binding is None:
        return None
    if find_spec("numba") is None:
        return BackendChoice("torch", "torch: loops need the package numba, which is not there")
    if facts.device != "cpu":
        return BackendChoice("torch", f"torch: loops are for the CPU, not `{facts.device}`")
    if dtype not in (None, "float64"):
        return BackendChoice("torch", f"torch: loops are of float64, not {dtype}")
    counts = _counts(model, facts)
    if isinstance(counts, NotScalar):
        return BackendChoice("torch", f"torch: there is no program of loops for {counts}")
    sizes = {axis: _size(model, facts.binding, axis) for axis in counts.axes}
    choice = chosen(counts, sizes, chains, gradients)
    unkept = why_not_kept() if choice.backend == "native" else None
    return (
        choice
        if unkept is None
        else replace(choice, reason=f"{choice.reason}; compiled anew in each process, as {unkept}")
    )


def gradient_seconds(model: Model, facts: Facts, chains: int, backend: str) -> float | None:
    """What a gradient of one chain is estimated to take, of so many together; None where nothing is estimated."""
    if facts.binding is None or facts.device != "cpu":
        return None
    counts = _counts(model, facts)
    if isinstance(counts, NotScalar):
        return None
    cost = estimated(counts, {axis: _size(model, facts.binding, axis) for axis in counts.axes}, chains)
    return cost.loops if backend == "native" else cost.torch


def affordable_chains(model: Model, facts: Facts, gradients: int, usual: int, backend: str) -> int:
    """How many chains of so many ``gradients`` each a run has: the ``usual`` ones, fewer where the estimated cost of these is large."""
    if facts.binding is None or facts.device != "cpu":
        return usual
    counts = _counts(model, facts)
    if isinstance(counts, NotScalar):
        return usual
    sizes = {axis: _size(model, facts.binding, axis) for axis in counts.axes}
    return affordable(counts, sizes, gradients, usual, backend)


def _size(model: Model, binding: Binding, axis: str) -> int:
    """The number of elements of an axis, or of the states of a variable that is summed out."""
    variable = model.by_name.get(labelled_by(axis))
    if variable is None:
        return binding.layout.size(model.root_axis(axis))
    labels = model.labels_of(variable.type)
    return len(labels) if labels is not None else binding.layout.size(model.root_axis(variable.type.axis or ""))


@once_per_problem
def _counts(model: Model, facts: Facts) -> Counts | NotScalar:
    """The operations of a value of the density, or why there are no loops for it. As it is written, and non-centred in all that may be."""
    try:
        counts = _counts_of(model, facts)
        moved = movable_names(model, facts)
        if moved:
            rewritten = noncentred(model, moved)
            _counts_of(rewritten, facts_of(rewritten, facts.binding, facts.fixed))
    except NotScalar as reason:
        return reason
    return counts


def _counts_of(model: Model, facts: Facts) -> Counts:
    summed = summed_names(model, facts)
    dropped = {n for n in facts.missing if is_childless_missing(model, n)}
    opened = {v.name for v in open_variables(model, facts)}
    unknown = sorted(facts.missing.keys() - dropped - set(summed) - opened)
    if unknown:
        raise NotScalar(f"missing cells of {', '.join(f'`{n}`' for n in unknown)}")
    if any(v.name in hidden_names(model, facts) for v in model.of_role("field")):
        raise NotScalar("the normalising constant of fields")
    steps, reasons = summing_steps(model, tuple(summed))
    if reasons:
        raise NotScalar(f"the sum over {', '.join(f'`{n}`' for n in summed)}")
    names = [v.name for v in sampled_variables(model, facts) if v.name not in summed]
    binding = facts.binding
    weighted = (binding.plate,) if binding is not None and binding.weights is not None else ()
    in_part = facts.missing.keys() & set(summed)
    marks = Marks(partly_seen=frozenset(dropped), partly_given=frozenset(opened), weighted=frozenset(weighted))
    return native_program(model, supports_of_text(model, names), marks, (), steps, in_part).counts
