"""A family's formulas as the text of a torch distribution class, which emitted programs carry in their foot."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from pgmlang.families import FAMILIES, Family
from pgmlang.families.formula import needed_names, printed

_CONSTRAINTS = {
    "real": "constraints.real", "positive": "constraints.positive", "unit": "constraints.unit_interval",
    "count": "constraints.nonnegative_integer", "integer": "constraints.real", "bit": "constraints.boolean",
}  # fmt: skip
_METHODS = {"log_prob": "density", "log_cdf": "log_below", "log_survival": "log_above"}


def class_text(family: Family, variant: int, use: Callable[[str], None], *, is_emitted: bool = False) -> str:
    """The class of a family of one number for a variant of its arguments; ``use`` is told what it needs of the runtime.
    ``is_emitted``: without what programs do not ask for."""
    formulas = family.formulas[variant]
    names = [p.name for p in family.variants[variant]]
    kind = "Elementwise" if family.limits is None else "BetweenLimits"
    use(kind)
    lines = [
        f"class {family.class_name(variant)}({kind}):",
        f'    """{family.name}({", ".join(names)})."""',
        "",
        f"    support = {_CONSTRAINTS[family.support]}",
    ]
    if family.discrete:
        lines.append("    is_discrete = True")
    if family.bounds != ("-inf", "inf") or family.discrete:
        lines.append("    is_bounded = True")
    if family.reparameterised:
        lines.append("    has_rsample = True")
    if family.limits is not None:
        lines.append(f"    safe = {tuple(p.safe for p in family.variants[variant])}")

    locals_used = {word: ast.Name(word, ast.Load()) for word in ("x", "u", *names, *formulas.let)}

    def written(formula: str) -> str:
        return ast.unparse(ast.fix_missing_locations(printed(formula, locals_used, use)))

    def method(name: str, given: str, texts: tuple[str, ...]) -> None:
        lines.append("")
        lines.append(f"    def {name}(self, {', '.join([*([given] if given else []), *names])}):")
        lines.extend(f"        {word} = {written(text)}" for word, text in needed_names(formulas.let, texts))
        if len(texts) == 2 and sum(map(len, texts)) > 40:
            lines.extend(
                f"        {word} = {written(t)}" for word, t in zip(("first", "second"), texts, strict=True)
            )
            texts = ("first", "second")
        lines.append(f"        return {', '.join(t if t in ('first', 'second') else written(t) for t in texts)}")

    for role, name in _METHODS.items():
        if text := getattr(formulas, role):
            method(name, "x", (text,))
    if family.is_open or formulas.edges:
        method("at_bounds", "x", formulas.edges or ("-inf", "-inf"))
    if family.bounds != ("-inf", "inf"):
        method("bounds", "", family.bounds)
        method("interior", "", (family.interior,))
    if formulas.draw:
        method("drawn", "", (formulas.draw,))
    if formulas.quantile and not (is_emitted and formulas.draw):
        method("quantile", "u", (formulas.quantile,))
    if formulas.mean and formulas.variance and not is_emitted:
        method("moments", "", (formulas.mean, formulas.variance))
    return "\n".join(lines)


def distribution_class(name: str, variant: int = 0) -> Any:
    """The class of a family by its name: that of its formulas, or the one of the runtime."""
    family = FAMILIES[name]
    if family.formulas:
        return _built(family.name, variant, class_text(family, variant, lambda _: None))
    from pgmlang.lower.runtime import combined, labels, neighbours, student_vectors, vectors

    word = family.runtime[variant]
    return next(
        getattr(part, word)
        for part in (combined, labels, vectors, student_vectors, neighbours)
        if hasattr(part, word)
    )


def statistics_function(family: Family) -> Callable[[Any], tuple[Any, ...]]:
    """The family's statistics as a function of a tensor of values."""
    return _statistics(family.statistics)


@cache
def _statistics(texts: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """The function of checked formulas of ``x``."""
    words = [
        ast.unparse(ast.fix_missing_locations(printed(t, {"x": ast.Name("x")}, lambda _: None))) for t in texts
    ]
    module = _runtime_module()
    exec(compile(f"def statistics(x):\n    return ({', '.join(words)},)", "<statistics>", "exec"), module.__dict__)
    function: Callable[[Any], tuple[Any, ...]] = module.__dict__["statistics"]
    return function


@cache
def _built(name: str, variant: int, text: str) -> Any:
    """The class of a text. Only text made of checked formulas is run."""
    module = _runtime_module()
    exec(compile(text, f"<{name}>", "exec"), module.__dict__)
    return module.__dict__[FAMILIES[name].class_name(variant)]


def _runtime_module() -> ModuleType:
    """A module with what formulas need."""
    from pgmlang.lower.runtime import elementwise, hypergeometric, mills, noncentral, saddle, simulated, special

    module = ModuleType("pgmlang.lower.runtime.families")
    for part in (special, mills, hypergeometric, noncentral, saddle, simulated, elementwise):
        module.__dict__.update(vars(part))
    return module
