"""Gibbs sampling (Geman and Geman 1984): every latent variable from its full conditional in turn.

Discrete variables exactly as a block where they can be summed out, bits of fields colour by colour, conjugate variables
from their family; what is left takes Hamiltonian steps given the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.reasons import block_reasons
from pgmlang.graph.components import field_components, has_log_z_of_rows, summing_steps
from pgmlang.graph.summable import rows_are_apart
from pgmlang.infer.base import Facts, Method, Problem, Verdict
from pgmlang.infer.collapsed import build_collapsed, sweeps_of
from pgmlang.infer.collapsible import collapsible, latent_names
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.infer.cycle_options import GibbsOptions
from pgmlang.infer.sampling import resolve
from pgmlang.model import Model
from pgmlang.native.collapsed import CollapsedForm
from pgmlang.native.formulas import NotScalar
from pgmlang.plan.latents import KINDS, moving_partition, open_reasons, support_reasons
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.plan.record import Assignment
from pgmlang.plan.table_reasons import missing_parameters
from pgmlang.results.fit import Moves
from pgmlang.tables.learned import learned_tables

COLLAPSED, INTEGRATED = "collapsed sweep", "integrated out"
"""Kernels of labels that are drawn one by one by compiled loops, and of what is integrated out of these."""
KERNELS_OF = {
    "exact draws": "exact",
    "colours": "field",
    "elements": "elements",
    "compiled loops": "loops",
    "conjugate draws": "conjugate",
    "random walk": "walk",
    "hmc": "kernel",
}
"""The kernel of a block of full conditionals to the way that its variables are drawn, a key of ``WORDS``."""
WORDS = {
    COLLAPSED: "one by one by compiled loops, with what is conjugate to them integrated out",
    INTEGRATED: "drawn given the labels, where a draw is kept",
    "exact": "drawn together, exactly",
    "field": "colour by colour",
    "elements": "one element after the other",
    "loops": "one element after the other, by compiled loops",
    "conjugate": "from its conjugate family",
    "walk": "one element after the other by random-walk steps of compiled loops (no conjugate family)",
    "kernel": "by Hamiltonian steps given the rest (no conjugate family)",
}


MOST_TRIED = 50
"""Discrete variables of which it is asked whether each could be summed out, where all of them together cannot be; of more none is."""


def kinds_of(model: Model, names: tuple[str, ...]) -> dict[str, str]:
    """How each latent variable is drawn: a key of ``WORDS``, or empty where it cannot be."""
    known = model.once(_kinds_by_names)
    if names not in known:
        known[names] = _kinds(model, names)
    return known[names]


def _kinds_by_names(model: Model) -> dict[tuple[str, ...], dict[str, str]]:
    """How variables are drawn, by which of them are latent: filled as it is asked."""
    return {}


def _kinds(model: Model, names: tuple[str, ...]) -> dict[str, str]:
    out: dict[str, str] = {}
    discrete = [n for n in names if model.by_name[n].type.is_discrete and model.by_name[n].role == "random"]
    exact = discrete
    if discrete and summing_steps(model, discrete)[1]:
        few = discrete if len(discrete) <= MOST_TRIED else []
        exact = [n for n in few if not summing_steps(model, [n])[1]]
        if len(exact) > 1 and summing_steps(model, exact)[1]:
            exact = exact[:1]
    meeting: list[str] = []
    for name in names:
        variable = model.by_name[name]
        if name in exact:
            out[name] = "exact"
        elif variable.role == "field" and variable.type.is_discrete:
            out[name] = "field"
            if block_reasons(model, name):
                meeting.append(name)
        elif variable.type.is_discrete:
            out[name] = "elements"
            if not rows_are_apart(model, name) or not has_log_z_of_rows(model, name):
                meeting.append(name)
        elif variable.role == "random" and conjugate_family(model, name):
            out[name] = "conjugate"
        else:
            out[name] = "kernel" if variable.type.kind in KINDS else ""
    if meeting:
        loops = drawn_by_loops(model, [n for n in names if model.by_name[n].type.is_discrete])
        out |= {n: "loops" if n in loops else "" for n in meeting}
    return out


def drawn_by_loops(model: Model, discrete: Collection[str]) -> frozenset[str]:
    """Those of the latent discrete variables whose elements compiled loops can draw one after the other, whichever of them meet."""
    from importlib.util import find_spec

    from pgmlang.native.value_terms import with_loops

    if find_spec("numba") is None:
        return frozenset()
    below_fields = {n for c in field_components(model) for n in c.parents}
    return frozenset(n for n in with_loops(model, discrete) if n not in below_fields)


def walked(model: Model, names: tuple[str, ...], options: GibbsOptions) -> frozenset[str]:
    """Those of some latent variables without a conjugate family that compiled loops move, where these are asked for: by themselves Hamiltonian
    steps go further, beside which a random walk is a hundred times as cheap."""
    from importlib.util import find_spec

    if options.backend != "native" or options.dtype == "float32" or find_spec("numba") is None:
        return frozenset()
    from pgmlang.native.value_terms import walked_by_loops

    kinds = kinds_of(model, names)
    reals = [n for n in names if kinds[n] == "kernel"]
    return walked_by_loops(model, reals, [n for n in names if model.by_name[n].type.is_discrete])


def supports(model: Model, facts: Facts) -> Verdict:
    """Latent variables each of which can be drawn given the others; most of them not by a kernel."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    names = latent_names(model, facts)
    yield from drawing_reasons(model, facts)
    kinds = kinds_of(model, names)
    for name, kind in kinds.items():
        if not kind:
            variable = model.by_name[name]
            yield Diagnostic(
                "PGM0602", f"`{name}` ({variable.type}) has no full conditional to draw from", variable.span
            )
    if names and all(kind == "kernel" for kind in kinds.values()):
        yield Diagnostic(
            "PGM0602", "no latent variable has a full conditional of a known family", help="`--method hmc`"
        )


def drawing_reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """What stands against any sampler that goes block by block."""
    if not latent_names(model, facts):
        yield Diagnostic("PGM0602", "no variable is latent")
    yield from moving_partition(model, facts)
    yield from support_reasons(model, facts, ())
    for table in learned_tables(model):
        message = f"the table of `{table.target}` is a parameter to be learned"
        yield Diagnostic("PGM0602", message, table.distribution.span)
    for net in model.nets:
        yield Diagnostic("PGM0602", f"the network `{net.name}` is to be learned", net.span)
    binding = facts.binding
    if binding is not None and binding.weights is not None and not binding.is_counts:
        yield Diagnostic(
            "PGM0602", "rows have weights, which draws do not take", help="weights are for `--method map`"
        )
    yield from open_reasons(model, facts)
    yield from missing_parameters(model, facts)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    return ("every latent variable is drawn given the others",)


def assign(model: Model, facts: Facts, options: GibbsOptions) -> tuple[Assignment, ...]:
    form = _collapsed(model, facts, options)
    if form is None:
        names = latent_names(model, facts)
        return full_conditionals(model, names, walked(model, names, options))
    integrated = tuple(v.name for v in form.integrated)
    return (
        Assignment(form.labels, COLLAPSED, (WORDS[COLLAPSED],)),
        Assignment(integrated, INTEGRATED, (WORDS[INTEGRATED],)),
        *(full_conditionals(model, form.outside, walked(model, form.outside, options)) if form.outside else ()),
    )


def _collapsed(model: Model, facts: Facts, options: GibbsOptions) -> CollapsedForm | None:
    """That structure where these options want it."""
    if options.backend == "torch" or options.dtype == "float32":
        return None
    form = collapsible(model, facts)
    return None if isinstance(form, NotScalar) else form


def full_conditionals(
    model: Model, names: tuple[str, ...], walks: frozenset[str] = frozenset()
) -> tuple[Assignment, ...]:
    """How each of some variables is drawn given the others, those alike in one block; ``walks``: those that loops move."""
    kinds = {n: "walk" if n in walks else kind for n, kind in kinds_of(model, names).items()}
    alike = {kernel: tuple(n for n in names if kinds[n] == kind) for kernel, kind in KERNELS_OF.items()}
    return tuple(Assignment(some, kernel, (WORDS[KERNELS_OF[kernel]],)) for kernel, some in alike.items() if some)


def idle(model: Model, facts: Facts, options: GibbsOptions) -> dict[str, str]:
    """Only Hamiltonian steps have a length, only discrete variables are drawn by compiled loops, which have no device."""
    form = _collapsed(model, facts, options)
    names = latent_names(model, facts) if form is None else form.outside
    walks = walked(model, names, options)
    out = idle_of({n: "walk" if n in walks else kind for n, kind in kinds_of(model, names).items()})
    if form is not None:
        out.pop("backend", None)
        if not form.outside:
            out["device"] = "labels are drawn by compiled loops on the CPU"
    return out


def idle_of(kinds: dict[str, str]) -> dict[str, str]:
    """What has nothing to do with variables that are drawn in these ways."""
    out = {}
    if "kernel" not in kinds.values():
        out["length"] = "no variable is moved by Hamiltonian steps"
    if not {"exact", "field", "elements", "loops", "walk"} & set(kinds.values()):
        out["backend"] = "no variable is discrete"
    return out


def build(problem: Problem, options: GibbsOptions) -> Any:
    names = latent_names(problem.model, problem.facts)
    kernels = {n: problem.kernel_of(n) for n in names}
    swept = tuple(n for n in names if kernels[n] in (COLLAPSED, INTEGRATED))
    if swept == names:
        if problem.start:
            message = "everything latent is a label that is drawn one by one, or integrated out of these: nothing begins at a number"
            raise PgmError(Diagnostic("PGM0612", message, help="leave `--start` out"))
        return build_collapsed(problem, options, names)
    from pgmlang.infer.cycle import build_cycle, plan_of

    def blocks(joint: Any) -> list[Any]:
        from pgmlang.density.native import no_loops
        from pgmlang.infer.blocks import gibbs_blocks
        from pgmlang.infer.collapsed_block import CollapsedBlock
        from pgmlang.infer.sweep_blocks import SweepBlock, sweep_block

        backend = "auto" if swept and options.backend == "native" else options.backend

        def sweeps(kinds: dict[str, str]) -> Any:
            return sweep_block(joint, kinds, backend, options.warmup, options.iterations, options.num_chains)

        outside = tuple(n for n in names if n not in swept)
        kinds = {n: KERNELS_OF[kernels[n]] for n in outside}
        first = [CollapsedBlock(swept, sweeps_of(problem, names), joint)] if swept else []
        made = [*first, *gibbs_blocks(joint, outside, kinds, lambda: plan_of("hmc", options), sweeps)]
        if options.backend == "native" and not any(isinstance(b, CollapsedBlock | SweepBlock) for b in made):
            raise no_loops(_why_no_loops(problem, kinds))
        return made

    return build_cycle(problem, options, blocks)


def _why_no_loops(problem: Problem, kinds: dict[str, str]) -> NotScalar:
    """What stands against drawing anything by loops, where no block does."""
    drawn = [n for n, kind in kinds.items() if kind == "exact"]
    if drawn and len(drawn) == len(kinds):
        return NotScalar(
            f"{', '.join(f'`{n}`' for n in drawn)}, drawn together, exactly, by sums over whole arrays"
        )
    reason = collapsible(problem.model, problem.facts)
    return reason if isinstance(reason, NotScalar) else NotScalar("numbers other than float64")


def has_counts(model: Model, facts: Facts) -> bool:
    """Whether rows stand for several: each is drawn by itself."""
    return facts.binding is not None and facts.binding.weights is not None


METHOD = Method("gibbs", "Gibbs sampling: full conditionals in turn", GibbsOptions, supports, reasons, build,
                resolve=resolve, assign=assign, idle=idle, writes_rows_out=has_counts, moves=Moves.GRADIENT, takes_start=True)  # fmt: skip
"""What has no full conditional to draw from is moved by hmc."""
