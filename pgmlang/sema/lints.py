"""Warnings about models that are right but perhaps not meant: unused names, guides with gaps, loose fields."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.relevance import names_in_guide, relevant_names
from pgmlang.model import Definition, Factor, Model
from pgmlang.model.dependence import definitions_behind, names_behind
from pgmlang.model.expr import Apply, Contract, Expr, Ref, State, walk
from pgmlang.sema.collect import Collector
from pgmlang.sema.scope import Scope


def lint(scope: Scope, collector: Collector, model: Model) -> list[Diagnostic]:
    """All warnings about a model without errors."""
    return [*_unused(scope, model), *_guide_gaps(model), *_unconfined(model)]


def _unused(scope: Scope, model: Model) -> Iterator[Diagnostic]:
    stated: tuple[Factor | Definition, ...] = (*model.factors, *model.definitions)
    mentioned = {r.name for f in stated for r in model.mentions(f)}
    mentioned |= {e.name for d in model.definitions for e in walk(d.value) if isinstance(e, State)}
    if model.guide:
        given: tuple[Factor | Definition, ...] = (*model.guide.conditionals, *model.guide.definitions)
        for item in given:
            mentioned |= {r.name for r in model.mentions(item)}
    what = {"param": "parameter", "input": "input", "derived": "value", "field": "field"}
    for symbol in scope.variables.values():
        if symbol.role in what and symbol.name not in mentioned and not _is_figure(symbol.name, model):
            yield Diagnostic("PGM0212", f"the {what[symbol.role]} `{symbol.name}` is never used", symbol.span,
                             help="use it or remove it")  # fmt: skip
    yield from _without_effect(model, mentioned)
    shaped = {a for v in model.variables for a in (*v.axes, *v.plates)} | {
        model.root_axis(a) for v in model.variables for a in v.axes
    }
    for dim in model.dims:
        if dim.name not in scope.used and dim.name not in shaped and dim.span:
            yield Diagnostic(
                "PGM0212", f"the dim `{dim.name}` is never used", dim.span, help="use it or remove it"
            )
    for kind, table in (("definition", scope.definitions), ("network", scope.nets), ("module", scope.modules)):
        for name in table:
            if name not in scope.used and name in scope.spans:
                yield Diagnostic(
                    "PGM0212", f"the {kind} `{name}` is never used", scope.spans[name], help="use it or remove it"
                )
    for name in scope.settings:
        if name not in scope.used and name in scope.spans:
            yield Diagnostic(
                "PGM0212", f"the setting `{name}` is never used", scope.spans[name], help="use it or remove it"
            )


def _is_figure(name: str, model: Model) -> bool:
    """Whether a name is a value of something random or learned, which summaries and answers show."""
    definition = model.definition_of.get(name)
    return definition is not None and bool(names_behind(model, definition) & model.once(_with_effect))


def _with_effect(model: Model) -> frozenset[str]:
    """Random variables, and the params that a distribution or a factor hangs on."""
    targets = {c.target for c in model.conditionals} | {v.name for v in model.of_role("field")}
    relevant = relevant_names(model, targets) | names_in_guide(model.guide, model)
    return frozenset(targets | (relevant & {v.name for v in model.of_role("param")}))


def _without_effect(model: Model, mentioned: set[str]) -> Iterator[Diagnostic]:
    """Params that only values nobody uses hang on."""
    for variable in model.of_role("param"):
        if variable.name in mentioned and variable.name not in model.once(_with_effect):
            yield Diagnostic("PGM0212", f"no distribution and no factor hangs on the parameter `{variable.name}`: "
                             "no data can tell its value", variable.span, help="use it or remove it")  # fmt: skip


def _guide_gaps(model: Model) -> Iterator[Diagnostic]:
    """Random variables of a guided plate that the guide neither gives a distribution nor conditions on."""
    guide = model.guide
    if guide is None or not guide.conditionals:
        return
    named = {c.target for c in guide.conditionals}
    stated: tuple[Factor | Definition, ...] = (*guide.conditionals, *guide.definitions)
    used = {r.name for item in stated for r in model.mentions(item)}
    plates = {c.plates for c in guide.conditionals}
    children = {p for f in model.conditionals for p in model.random_parents(f)}
    for conditional in model.conditionals:
        name = conditional.target
        if conditional.plates in plates and name not in named and name not in used and name in children:
            span = guide.conditionals[0].span
            yield Diagnostic("PGM0313", f"the guide gives no distribution to `{name}`", span,
                             notes=(f"if `{name}` is latent it gets an automatic factor",),
                             help=f"add `{name} ~ ...` to the guide, or observe `{name}`")  # fmt: skip


def _unconfined(model: Model) -> Iterator[Diagnostic]:
    for variable in model.of_role("field"):
        if variable.type.kind not in ("real", "positive"):
            continue
        confined = any(
            _confines(e, variable.name)
            for p in model.potentials
            for e in (p.value, *(d.value for d in definitions_behind(model, p)))
        )
        if not confined and variable.span:
            yield Diagnostic("PGM0505", f"nothing confines the field `{variable.name}`: Z may be infinite", variable.span,
                             help=f"add a quadratic factor, such as `factor -{variable.name} ^ 2 / 200`"
                             if not variable.axes else
                             f"add a quadratic factor, such as `factor -{variable.name} @ {variable.name} / 200`")  # fmt: skip


def _confines(expr: Expr, name: str) -> bool:
    """Whether a potential holds something quadratic in the field."""
    for node in walk(expr):
        match node:
            case Contract(left=left, right=right) if _mentions(left, name) and _mentions(right, name):
                return True
            case Apply(function="pow" | "square" | "abs", arguments=(inner, *_)) if _mentions(inner, name):
                return True
            case Apply(function="mul", arguments=(a, b)) if _mentions(a, name) and _mentions(b, name):
                return True
    return False


def _mentions(expr: Expr, name: str) -> bool:
    return any(isinstance(e, Ref) and e.name == name for e in walk(expr))
