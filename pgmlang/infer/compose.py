"""Methods put together: ``gibbs(z) * hmc(mu, sd)`` moves blocks in turn, ``tempering(hmc, 8)`` wraps a kernel.

A kernel without names takes the latents that no other names; each is in exactly one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.infer.base import Facts, Method, Problem, Verdict
from pgmlang.infer.collapsible import latent_names
from pgmlang.infer.cycle_options import GibbsOptions
from pgmlang.infer.gibbs import (
    KERNELS_OF,
    drawing_reasons,
    full_conditionals,
    has_counts,
    idle_of,
    kinds_of,
)
from pgmlang.infer.sampling import resolve
from pgmlang.model import Model
from pgmlang.plan.latents import KINDS
from pgmlang.plan.record import Assignment
from pgmlang.results.fit import Moves
from pgmlang.signatures.kernels import kernel_named, kernel_names
from pgmlang.signatures.options import typed_value

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*")


@dataclass(frozen=True)
class Part:
    """A kernel and the variables it moves; none: those that are left."""

    kernel: str
    names: tuple[str, ...]


def parse(text: str) -> tuple[Part, ...]:
    """The parts of ``a(x, y) * b(z)``. Raises PgmError PGM0604 for what is not understood."""
    parts = []
    for piece in text.split("*"):
        match = _CALL.fullmatch(piece)
        if match is None:
            raise _not_understood(text, piece)
        inside = match[2]
        names = tuple(n.strip() for n in inside.split(",")) if inside and inside.strip() else ()
        parts.append(Part(match[1], names))
    return tuple(parts)


def _not_understood(text: str, piece: str) -> PgmError:
    return PgmError(
        Diagnostic("PGM0604", f"`{text}` is not understood at `{piece.strip()}`",
                   help='write `--method "gibbs(z) * hmc(mu, sd)"` or `--method "tempering(hmc, 8)"`')
    )  # fmt: skip


def _no_kernel(name: str, known: tuple[str, ...]) -> PgmError:
    near = did_you_mean(name, known)
    listed = "kernels that compose: " + ", ".join(known)
    return PgmError(
        Diagnostic(
            "PGM0604", f"`{name}` is no kernel of a composition", help=f"{near}; {listed}" if near else listed
        )
    )


def composed(text: str) -> Method:
    """The method that a composition says. Raises PgmError PGM0604 for unknown kernels, PGM0612 for a wrong ladder."""
    parts = parse(text)
    if len(parts) == 1 and parts[0].kernel == "tempering":
        return _tempered(parts[0], text)
    for assignment in parts:
        if assignment.kernel != "gibbs" and kernel_named(assignment.kernel) is None:
            raise _no_kernel(assignment.kernel, ("gibbs", *kernel_names()))
    if sum(not p.names for p in parts) > 1:
        raise PgmError(
            Diagnostic("PGM0604", f"in `{text}` several kernels take what is left", help="name their variables")
        )

    def supports(model: Model, facts: Facts) -> Verdict:
        return Verdict.of(tuple(_reasons(model, facts, parts)))

    def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
        return ("each kernel moves its variables given the rest",)

    def assign(model: Model, facts: Facts, options: GibbsOptions) -> tuple[Assignment, ...]:
        out: list[Assignment] = []
        for assignment in assigned(model, facts, parts):
            if assignment.kernel == "gibbs":
                out += full_conditionals(model, assignment.names)
            elif assignment.names:
                out.append(Assignment(assignment.names, assignment.kernel, ("given the rest",)))
        return tuple(out)

    def idle(model: Model, facts: Facts, options: GibbsOptions) -> dict[str, str]:
        return idle_of(
            {n: KERNELS_OF.get(b.kernel, "") for b in assign(model, facts, options) for n in b.variables}
        )

    def build(problem: Problem, options: GibbsOptions) -> Any:
        from pgmlang.infer.cycle import build_cycle, plan_of

        def blocks(joint: Any) -> list[Any]:
            from pgmlang.infer.blocks import KernelBlock, gibbs_blocks
            from pgmlang.infer.sweep_blocks import sweep_block

            def sweeps(kinds: dict[str, str]) -> Any:
                return sweep_block(
                    joint, kinds, options.backend, options.warmup, options.iterations, options.num_chains
                )

            composed_blocks: list[Any] = []
            for assignment in assigned(problem.model, problem.facts, parts):
                if assignment.kernel == "gibbs":
                    kinds = {n: KERNELS_OF[problem.kernel_of(n)] for n in assignment.names}
                    composed_blocks += gibbs_blocks(
                        joint, assignment.names, kinds, lambda: plan_of("hmc", options), sweeps
                    )
                elif assignment.names:
                    composed_blocks.append(
                        KernelBlock(assignment.names, joint, plan_of(assignment.kernel, options))
                    )
            return composed_blocks

        return build_cycle(problem, options, blocks)

    moves = {_moves(p.kernel) for p in parts}
    single = moves.pop() if len(moves) == 1 else None
    return Method(
        text,
        "kernels in turn, each on its variables",
        GibbsOptions,
        supports,
        reasons,
        build,
        resolve=resolve,
        assign=assign,
        idle=idle,
        writes_rows_out=has_counts,
        moves=single,
        takes_start=True,
    )


def _moves(kernel: str) -> Moves | None:
    """How a kernel moves what it has an acceptance rate for: `gibbs` what has no full conditional, by hmc."""
    row = kernel_named("hmc" if kernel == "gibbs" else kernel)
    return row.moves if row else None


def assigned(model: Model, facts: Facts, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with the variables that each moves, those left over given out."""
    latent = latent_names(model, facts)
    named = {n for p in parts for n in p.names}
    rest = tuple(n for n in latent if n not in named)
    return tuple(p if p.names else replace(p, names=rest) for p in parts)


def _reasons(model: Model, facts: Facts, parts: tuple[Part, ...]) -> Iterator[Diagnostic]:
    latent = latent_names(model, facts)
    seen: set[str] = set()
    for name in (n for p in parts for n in p.names):
        if name not in latent:
            near = did_you_mean(name, latent) or "latent are " + (", ".join(f"`{n}`" for n in latent) or "none")
            yield Diagnostic("PGM0602", f"`{name}` is not latent here", help=near)
        if name in seen:
            yield Diagnostic("PGM0602", f"`{name}` is moved by two kernels")
        seen.add(name)
    left = [n for n in latent if n not in seen]
    if left and all(p.names for p in parts):
        names = ", ".join(f"`{n}`" for n in left)
        yield Diagnostic(
            "PGM0602", f"no kernel moves {names}", help="name them, or add a kernel without names: `* hmc`"
        )
    for assignment in assigned(model, facts, parts):
        known = tuple(n for n in assignment.names if n in latent)
        kinds = kinds_of(model, known)
        for name in known:
            variable = model.by_name[name]
            if assignment.kernel == "gibbs" and not kinds[name]:
                yield Diagnostic("PGM0602", f"`{name}` has no full conditional to draw from", variable.span)
            if assignment.kernel != "gibbs" and variable.type.kind not in KINDS:
                message = f"`{assignment.kernel}` moves real values, and `{name}` is {variable.type}"
                yield Diagnostic("PGM0602", message, variable.span, help=f"`gibbs({name})`")
    yield from drawing_reasons(model, facts)


def _tempered(assignment: Part, text: str) -> Method:
    """``tempering(hmc, 8)``: the inner kernel and the number of temperatures."""
    from pgmlang.infer import tempering

    inner = [n for n in assignment.names if not n.isdigit()]
    rungs = [int(n) for n in assignment.names if n.isdigit()]
    if len(inner) > 1 or len(rungs) > 1:
        raise _not_understood(text, text)
    for name in inner:
        if kernel_named(name) is None:
            raise _no_kernel(name, kernel_names())
    for number in rungs:
        problem = typed_value("temperatures", int, number)[1]
        if problem is not None:
            raise PgmError(problem)
    changes = {**({"inner": inner[0]} if inner else {}), **({"temperatures": rungs[0]} if rungs else {})}

    def resolve_ladder(
        model: Model, facts: Facts, options: tempering.TemperingOptions
    ) -> tempering.TemperingOptions:
        return tempering.resolve_tempering(model, facts, replace(options, **changes))  # type: ignore[arg-type]

    def idle(model: Model, facts: Facts, options: tempering.TemperingOptions) -> dict[str, str]:
        said = dict.fromkeys(changes, f"`{text}` says it")
        return {**tempering.idle(model, facts, replace(options, **changes)), **said}  # type: ignore[arg-type]

    return replace(tempering.METHOD, resolve=resolve_ladder, idle=idle)
