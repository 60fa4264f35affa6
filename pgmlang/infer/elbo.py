"""Variational inference: the evidence lower bound by stochastic gradients.

The written guide where there is one; for other continuous latents an automatic normal one over the free numbers,
mean-field or full-rank (Kucukelbir, Tran, Ranganath, Gelman and Blei 2017). Reparameterised draws (Kingma and Welling
2014); for discrete latents of the guide the score function with the other particles as the baseline (Mnih and Rezende
2016; Kool, van Hoof and Welling 2019), each row with its own terms as the signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pgmlang.density.keys import FreeKey, GuideMoment, GuideParam
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.childless import is_childless_missing
from pgmlang.graph.components import summing_steps
from pgmlang.infer.base import Algorithm, Facts, Method, Outcome, Problem, Verdict
from pgmlang.infer.guide_start import LOC, GuideStart, free_size
from pgmlang.infer.pareto import pareto_shape
from pgmlang.infer.training import Objective, TrainOptions, check_options, idle_training, units_of
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.latents import KINDS, moving_partition, support_reasons, weight_reasons
from pgmlang.plan.reasons import lowering_reasons, missing_cells, missing_inputs

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint
    from pgmlang.density.summing import Sums

DRAWS = (4, 500)
"""Chains and draws that an automatic guide leaves."""
LINKS = {"positive": "exp", "unit": "sigmoid"}
"""Type of a guide's own param to the tensor method that gives it from a free number; a real is free."""
MOST = 20_000_000
"""Most numbers drawn at a time."""
SCALE = GuideMoment("scale")
LOG_SCALE = math.log(0.1)
"""Where the automatic guide's standard deviations begin."""


@dataclass(frozen=True, kw_only=True)
class ElboOptions(TrainOptions):
    """``particles``: draws of the guide a step (None: 1, or 8 with discrete latents or an automatic guide); ``guide``:
    ``meanfield`` or ``fullrank`` for latents that no written guide names."""

    particles: int | None = None
    guide: str = "meanfield"


def guided_names(model: Model) -> tuple[str, ...]:
    """Latents that the written guide names."""
    return tuple(c.target for c in model.guide.conditionals) if model.guide else ()


def automatic_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """Continuous latents that get an automatic guide."""
    written = guided_names(model)
    latent = facts.latent | ({v.name for v in model.of_role("random") if v.name in facts.unknown and not v.plates})
    candidates = (v for v in model.of_role("random") if v.name in latent and v.type.kind in KINDS)
    return tuple(v.name for v in candidates if v.name not in written and v.name not in facts.fixed)


def summed_out(model: Model, facts: Facts) -> tuple[str, ...]:
    """Discrete variables that are latent, or have missing cells that others hang on, outside of the written guide."""
    written = guided_names(model)
    hidden = facts.latent | {n for n in facts.missing if not is_childless_missing(model, n)}
    candidates = (v for v in model.of_role("random") if v.name in hidden and v.type.is_discrete)
    return tuple(v.name for v in candidates if v.name not in written)


def supports(model: Model, facts: Facts) -> Verdict:
    """Latent variables with a guide, written or automatic; discrete ones in the written guide or summed out."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from moving_partition(model, facts)
    yield from support_reasons(model, facts, summed_out(model, facts))
    yield from summing_steps(model, summed_out(model, facts))[1]
    if summed_out(model, facts) and guided_names(model):
        names = ", ".join(f"`{n}`" for n in summed_out(model, facts))
        yield Diagnostic(
            "PGM0602", f"{names}: discrete, latent and not in the guide", help="name them in the guide"
        )
    if not (guided_names(model) or automatic_names(model, facts)):
        yield Diagnostic(
            "PGM0602", "no latent variable has a guide, and no real one is latent for an automatic one"
        )
    for variable in model.guide.variables if model.guide else ():
        if variable.role == "param" and variable.type.kind not in ("real", *LINKS):
            message = f"the guide's `{variable.name}` is {variable.type}: real, positive and unit ones are learned"
            yield Diagnostic("PGM0602", message, variable.span)
    for name in guided_names(model):
        variable = model.by_name[name]
        if variable.type.is_discrete and unit_plate(model) not in variable.plates:
            message = (
                f"the guide's `{name}` is discrete and outside of the rows: the score function has no signal there"
            )
            yield Diagnostic("PGM0602", message, variable.span, help="`--method gibbs`, or a continuous guide")
        if name in facts.missing or name in facts.observed:
            yield Diagnostic("PGM0602", f"the guide is for `{name}`, which the data has", model.by_name[name].span)
    for variable in model.of_role("random"):
        if variable.name in facts.latent and variable.type.kind not in KINDS and not variable.type.is_discrete:
            yield Diagnostic("PGM0602", f"`{variable.name}` is {variable.type} and latent", variable.span)
    if automatic_names(model, facts):
        yield from weight_reasons(model, facts)
    yield from missing_cells(model, facts)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    out = []
    written, automatic = guided_names(model), automatic_names(model, facts)
    if written:
        out.append(", ".join(f"`{n}`" for n in written) + ": by the written guide")
        if any(model.by_name[n].type.is_discrete for n in written):
            out.append("discrete latents: score function, the other particles of a row as its baseline")
    if automatic:
        out.append(", ".join(f"`{n}`" for n in automatic[:8]) + ": a normal guide over the free numbers")
    if model.nets:
        out.append("networks trained on the bound: " + ", ".join(f"`{n.name}`" for n in model.nets))
    return tuple(out)


@dataclass(frozen=True, eq=False)
class Bound:
    """The evidence lower bound of one problem."""

    model: Model
    automatic: tuple[str, ...]
    summed: tuple[str, ...]
    particles: int
    is_full: bool
    plate: str | None

    # ---- the automatic guide

    def start(self, joint: Joint, generator: Generator) -> dict[FreeKey, Tensor]:
        import torch

        free: dict[FreeKey, Tensor] = {**joint.initial(generator)}
        if self.model.guide is not None:
            for variable in self.model.guide.variables:
                if variable.role == "param":
                    shape = guide_shape(joint, variable)
                    free[GuideParam(variable.name)] = torch.zeros(shape, dtype=joint.dtype, device=joint.device)
        size = free_size(joint, self.automatic)
        if size:
            loc = 0.1 * torch.randn(size, generator=generator, dtype=joint.dtype, device=joint.device)
            log_scale = torch.full((size,), LOG_SCALE, dtype=joint.dtype, device=joint.device)
            free |= {LOC: loc, SCALE: torch.diag(log_scale) if self.is_full else log_scale}
            begin = GuideStart(self.automatic, self.plate, self.params, self.loss)
            if self.model.guide is None and not self.model.nets and not self.summed:
                free[LOC] = begin.possible(joint, loc, free, generator)
                free[LOC] = begin.climbed(joint, free, generator)
            if self.summed and not self.model.nets:
                free[LOC] = begin.best(joint, free, generator)
        return free

    def _automatic(
        self, joint: Joint, free: Mapping[FreeKey, Tensor], generator: Generator, shape: tuple[int, ...],
        given: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any,
    ) -> tuple[dict[str, Tensor], Tensor]:  # fmt: skip
        """Draws of the automatic guide and their log-density ``[...]`` as values. ``given``: draws of the written one."""
        import torch

        if not self.automatic:
            return {}, torch.zeros(shape, dtype=joint.dtype, device=joint.device)
        size = free_size(joint, self.automatic)
        noise = torch.randn((*shape, size), generator=generator, dtype=joint.dtype, device=joint.device)
        if self.is_full:
            scale = free[SCALE].tril(-1) + torch.diag(free[SCALE].diagonal().exp())
            x = free[LOC] + noise @ scale.mT
            log_scale = free[SCALE].diagonal()
        else:
            log_scale = free[SCALE]
            x = free[LOC] + log_scale.exp() * noise
        log_q = -0.5 * noise.square().sum(-1) - log_scale.sum() - 0.5 * size * math.log(2 * math.pi)
        parts, start = {}, 0
        for name in self.automatic:
            free_shape = joint.free_shape(name)
            parts[name] = x[..., start : start + math.prod(free_shape)].reshape((*shape, *free_shape))
            start += math.prod(free_shape)
        values, log_det = joint.constrain(parts, given, params, nets)
        return values, log_q - log_det

    # ---- the bound

    def params(self, joint: Joint, free: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
        """Params, tables and the guide's own params from free ones."""
        learned = {n: free[n] for n in joint.learned}
        guide_params = {k.name: v for k, v in free.items() if isinstance(k, GuideParam)}
        for variable in self.model.guide.variables if self.model.guide else ():
            if variable.role == "param" and variable.type.kind in LINKS:
                guide_params[variable.name] = getattr(guide_params[variable.name], LINKS[variable.type.kind])()
        return {**(joint.constrain(learned)[0] if learned else {}), **guide_params}

    def loss(
        self, joint: Joint, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        """Minus the bound of a unit of data, with the gradient of the score function added where it is needed."""
        import torch

        from pgmlang.density.table_priors import log_table_priors

        params = self.params(joint, free)
        shape = (self.particles,)
        drawn: dict[str, Tensor] = {}
        terms_q: dict[str, Tensor] = {}
        if self.model.guide is not None:
            drawn, terms_q = joint.propose(generator, params, nets, shape)
        values, log_q = self._automatic(joint, free, generator, shape, drawn, params, nets)
        values = {**values, **drawn}
        axes_q = {k: tuple(joint.program.GUIDE_FACTORS[k]) for k in terms_q}
        if self.summed:
            bound = self._sums(joint).log_marginal(values, params, nets) - log_q
        else:
            terms = joint.factors(values, params, nets)
            bound = joint.sum(terms) - log_q
        bound = bound + log_table_priors(joint, params)
        for name, term in terms_q.items():
            bound = bound - joint.total(term, axes_q[name])
        loss = -bound.mean()
        discrete = [n for n in terms_q if self.model.by_name[n].type.is_discrete]
        if discrete and torch.is_grad_enabled():
            assert self.plate is not None
            score = sum(joint.along(terms_q[n], axes_q[n], (self.plate,)) for n in discrete)
            signal = joint.each(terms, self.plate)
            for name, term in terms_q.items():
                if joint.tells(axes_q[name], self.plate):
                    signal = signal - joint.along(term, axes_q[name], (self.plate,))
            signal = signal.detach()
            others = (signal.sum(0) - signal) / (self.particles - 1)
            # the value stays the bound, only the gradient gains the score's part
            each = (signal - others) * score * joint.weights.get(self.plate, 1.0)
            surrogate = each.sum(-1).mean() * joint.scale.get(self.plate, 1.0)
            loss = loss - (surrogate - surrogate.detach())
        return loss / units_of(joint, self.plate), extra

    def _sums(self, joint: Joint) -> Sums:
        from pgmlang.density.summing import sums_of

        return joint.memo.once(sums_of, joint, self.summed)

    def conclude(
        self, joint: Joint, free: Mapping[FreeKey, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        params = {k: v.cpu().numpy() for k, v in self.params(joint, free).items()}
        losses = [float(self.loss(joint, free, nets, generator, extra)[0]) for _ in range(8)]
        if not all(map(math.isfinite, losses)):
            message = "the bound is minus infinity: the guide reaches values that the model rules out"
            cure = "`--method hmc`, or write the bound into the variable's own distribution (`Truncated`, `: ordered`)"
            raise PgmError(Diagnostic("PGM0803", message, help=cure))
        notes: dict[str, Any] = {"elbo": -sum(losses) / len(losses), "elbo_unit": self.plate or "data"}
        drawn = self._drawn_globals(joint, self.params(joint, free), nets, generator)
        if not self.automatic:
            draws = {k: v.cpu().numpy() for k, v in drawn.items()}
            notes |= {"independent_draws": True} if draws else {}
            return Outcome(params, (), True, (), notes, draws, {k: joint.axes(k) for k in draws})
        values, log_q = self._automatic(joint, free, generator, DRAWS, drawn, self.params(joint, free), nets)
        notes |= {"independent_draws": True, **self._pareto(joint, values, log_q, params, nets)}
        if self.summed:
            values = {**values, **self._sums(joint).draw(generator, values, self.params(joint, free), nets)}
        draws = {k: v.cpu().numpy() for k, v in {**values, **drawn}.items()}
        return Outcome(params, (), True, self._doubts(notes), notes, draws, {k: joint.axes(k) for k in draws})

    def _drawn_globals(self, joint: Joint, params: Mapping[str, Tensor], nets: Any, generator: Generator) -> dict[str, Tensor]:  # fmt: skip
        """Draws of what the written guide says of variables outside of rows: what new rows hang on."""
        import torch

        rows = {p.name for p in self.model.plates if p.is_rows}
        names = [n for n in guided_names(self.model) if not rows & set(self.model.by_name[n].plates)]
        if not names:
            return {}
        size = sum(math.prod(joint.shapes[n]) for n in guided_names(self.model))
        step = max(1, MOST // (DRAWS[0] * size))
        parts = [
            joint.propose(generator, params, nets, (DRAWS[0], min(step, DRAWS[1] - start)))[0]
            for start in range(0, DRAWS[1], step)
        ]
        return {n: torch.cat([p[n] for p in parts], 1) for n in names}

    def _pareto(
        self, joint: Joint, values: Mapping[str, Tensor], log_q: Tensor, params: Any, nets: Any
    ) -> dict[str, Any]:
        """Pareto k-hat of the importance weights (Yao, Vehtari, Simpson and Gelman 2018)."""
        import torch

        if self.model.guide is not None:
            return {}
        tensors = {k: torch.as_tensor(v, dtype=joint.dtype, device=joint.device) for k, v in params.items()}
        if self.summed:
            log_p = self._sums(joint).log_marginal(values, tensors, nets)
        else:
            log_p = joint.log_joint(values, tensors, nets)
        return {"pareto_k": pareto_shape((log_p - log_q).flatten().cpu().numpy())}

    def _doubts(self, notes: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
        k = notes.get("pareto_k")
        if k is None or k <= 0.7:
            return ()
        cure = "`--guide fullrank`, or `--method hmc`" if not self.is_full else "`--method hmc`"
        message = (
            f"the guide is a poor fit: Pareto k-hat is {k:.2f}, over 0.7, and its intervals are not to be trusted"
        )
        return (Diagnostic("PGM0801", message, help=cure),)


def guide_shape(joint: Joint, variable: Any) -> tuple[int, ...]:
    """Shape of a param of the guide."""
    return tuple(joint.layout.size(a) for a in joint.model.array_axes(variable))


def build(problem: Problem, options: ElboOptions) -> Algorithm:
    check_options(options)
    model, facts = problem.model, problem.facts
    automatic = automatic_names(model, facts)
    discrete = any(model.by_name[n].type.is_discrete for n in guided_names(model))
    particles = options.particles or (8 if discrete or automatic else 1)
    if discrete and particles < 2:
        raise PgmError(
            Diagnostic("PGM0612", "discrete latents need two particles or more: each is the others' baseline")
        )
    plate = unit_plate(model)
    rows = {p.name for p in model.plates if p.is_rows}
    guided = [model.by_name[n] for n in automatic]
    guided += [v for v in (model.guide.variables if model.guide else ()) if v.role == "param"]
    if (options.batch or options.validation) and any(rows & set(v.plates) for v in guided):
        raise PgmError(Diagnostic("PGM0612", "rows with a guide of their own cannot be minibatched",
                                  help="write an amortised guide, or leave `--batch` and `--validation` out"))  # fmt: skip
    bound = Bound(model, automatic, summed_out(model, facts), particles, options.guide == "fullrank", plate)
    if automatic and not model.nets:
        rate = options.learning_rate or 0.02
        options = replace(options, epochs=options.epochs or 4000, learning_rate=rate)
    return build_training(problem, options, Objective(bound.start, bound.loss, bound.conclude, "bound"))


def idle(model: Model, facts: Facts, options: ElboOptions) -> dict[str, str]:
    """A written guide leaves nothing to an automatic one."""
    no_family = {} if automatic_names(model, facts) else {"guide": "the model has a guide for every latent"}
    return {**no_family, **idle_training(model, facts, options)}


METHOD = Method("elbo", "variational inference: the evidence lower bound", ElboOptions, supports, reasons, build,
                idle=idle)  # fmt: skip
