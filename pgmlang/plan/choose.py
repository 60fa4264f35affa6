"""Which method fits a model and data: the first that can, or the reasons why none does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.plan.method import Facts, Method
from pgmlang.plan.registry import METHODS, TO_COME, method_named


@dataclass(frozen=True)
class Refusal:
    """A method and why it does not fit."""

    method: str
    reasons: tuple[Diagnostic, ...]


def choose(
    model: Model, facts: Facts, method: str = "auto", options: Collection[str] = ()
) -> tuple[Method, tuple[Refusal, ...]]:
    """The method to take and those tried before it; of those that ``auto`` finds unwise the first, where no other
    fits, but never one that is taken by name only. ``options``: the names of those that are given (``device`` and ``start`` too), which the method should have a use for. Raises PgmError: PGM0601 when none fits, PGM0602 when the one
    asked for does not, PGM0610 when only values of params are lacking."""
    if method != "auto":
        asked = method_named(method)
        verdict = asked.supports(model, facts)
        if not verdict.ok:
            raise refused(asked.name, verdict.reasons)
        return asked, ()
    refusals: list[Refusal] = []
    second: Method | None = None
    for name in METHODS:
        candidate = method_named(name)
        verdict = candidate.supports(model, facts)
        against = candidate.only_by_name(model, facts) if verdict.ok else ()
        doubts = candidate.reasons_against_auto(model, facts) if verdict.ok else ()
        doubts = doubts or (_without_use(candidate, model, facts, options) if verdict.ok else ())
        if verdict.ok and not doubts and not against:
            return candidate, tuple(refusals)
        if verdict.ok and not against and second is None:
            second = candidate
        refusals.append(Refusal(name, against or doubts or verdict.reasons))
    if second is not None:
        return second, tuple(r for r in refusals if r.method != second.name)
    raise none_fits(refusals)


def _without_use(method: Method, model: Model, facts: Facts, options: Collection[str]) -> tuple[Diagnostic, ...]:
    """Why a method is not meant by the options that are given: it has none of that name, or runs on no such device. (One that is idle for
    this model alone changes no choice: it is told.)"""
    idle = method.idle(model, facts, method.options())
    lacking = set(options).difference(f.name for f in fields(method.options)) - {
        "device",
        *(("start",) if method.takes_start else ()),
    }
    useless = sorted(lacking | (set(options) & set(idle) & {"device", "start"}))
    return tuple(Diagnostic("PGM0612", f"it has no use for the option `{name}`") for name in useless[:1])


def refused(name: str, reasons: tuple[Diagnostic, ...]) -> PgmError:
    """Why the method asked for does not fit; values that are lacking speak for themselves."""
    lacking = [d for d in reasons if d.code in ("PGM0610", "PGM0718", "PGM0603")]
    if len(lacking) == len(reasons):
        return PgmError(lacking)
    first = next(d for d in reasons if d not in lacking)
    others = [d for d in reasons if d is not first]
    cure = first.help or "`--method auto` finds one that fits, `pgmc plan` says why"
    return PgmError(
        Diagnostic("PGM0602", f"`{name}` does not fit: {first.message}", first.span,
                   notes=tuple(d.message for d in others[:8]), help=cure)
    )  # fmt: skip


def none_fits(refusals: list[Refusal]) -> PgmError:
    """PGM0601 with each method's reasons, or PGM0610 where that is all one method lacks."""
    for refusal in refusals:
        if refusal.reasons and all(d.code in ("PGM0610", "PGM0718", "PGM0603") for d in refusal.reasons):
            return PgmError(refusal.reasons)
    notes = tuple(f"{r.method}: " + "; ".join(dict.fromkeys(d.message for d in r.reasons[:4])) for r in refusals)
    span = next((d.span for r in refusals for d in r.reasons if d.span), None)
    return PgmError(
        Diagnostic(
            "PGM0601",
            "no method of today fits this model and data",
            span,
            notes=notes,
            help=_nearest_cure(refusals) or "methods still to come: " + ", ".join(TO_COME),
        )
    )


def _nearest_cure(refusals: list[Refusal]) -> str:
    """What the method says to do that has one reason against the model, and knows a cure."""
    return next((r.reasons[0].help for r in refusals if len(r.reasons) == 1 and r.reasons[0].help), "")
