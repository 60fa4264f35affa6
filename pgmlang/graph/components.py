"""Fields that potentials tie together, and how log Z of each such component is had exactly.

p(fields | parents) = exp(sum of the potentials) / Z(parents): a chain component (Lauritzen 1996, section 3.2.3). Where a
parent is latent, or a param learned, log Z is a factor of the density like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.summable import Step, elimination_steps, frame_of, looks_back, reaches, rows_are_apart_in
from pgmlang.model import Model, Potential, Variable
from pgmlang.normal import canonical_factors

LISTED_BITS = 12
"""log2 of the most configurations that are listed at every evaluation of a density."""

Size = Callable[[str], int | None]
"""The size of an axis, None where it is not known."""


@dataclass(frozen=True)
class FieldComponent:
    """``fields`` and what else their potentials mention: ``parents`` are directed. ``potentials``: their places among the
    model's. Log Z has an element along ``axes``: by elimination in ``steps``, or where there are none by listing the
    configurations of an element; ``reasons`` say why neither can be."""

    fields: tuple[str, ...]
    parents: tuple[str, ...]
    potentials: tuple[int, ...]
    axes: tuple[str, ...]
    steps: tuple[Step, ...]
    reasons: tuple[Diagnostic, ...] = ()

    @property
    def has_chain(self) -> bool:
        return any(s.chain is not None for s in self.steps)


def field_components(model: Model) -> tuple[FieldComponent, ...]:
    """The components of a model, by their variables."""
    return model.once(_field_components)


def _field_components(model: Model) -> tuple[FieldComponent, ...]:
    canonical = canonical_factors(model)
    fields = {v.name for v in model.of_role("field")}
    scopes = [set(canonical.random_parents(p)) & fields for p in canonical.potentials]
    # a field that no potential mentions is uniform, and Z counts its values
    groups: list[set[str]] = [{v.name} for v in model.of_role("field")]
    for scope in filter(None, scopes):
        joined = [g for g in groups if g & scope]
        groups = [g for g in groups if not g & scope] + [scope.union(*joined)]
    return tuple(_component(canonical, group, [i for i, s in enumerate(scopes) if s & group]) for group in groups)


def _component(model: Model, group: set[str], places: list[int]) -> FieldComponent:
    names = tuple(v.name for v in model.of_role("field") if v.name in group)
    potentials = tuple(model.potentials[i] for i in places)
    parents = dict.fromkeys(n for p in potentials for n in model.random_parents(p) if n not in group)
    if not potentials:
        return _uniform(model, model.by_name[names[0]])
    alone = replace(model, factors=potentials)
    steps, reasons = elimination_steps(alone, names)
    if not reasons:
        axes = model.array_axes(model.by_name[steps[-1].names[0]])
        return FieldComponent(names, tuple(parents), tuple(places), axes, steps)
    axes = _common_plates(model, names)
    if any(model.labels_of(model.by_name[n].type) is None for n in names) or not _is_apart(alone, names, axes):
        return FieldComponent(names, tuple(parents), tuple(places), axes, (), reasons)
    return FieldComponent(names, tuple(parents), tuple(places), axes, ())


def _uniform(model: Model, field: Variable) -> FieldComponent:
    """The component of a field without potentials: Z is the number of its values in every cell."""
    reasons: tuple[Diagnostic, ...] = ()
    if not field.type.is_discrete:
        message = f"no potential holds `{field.name}`: a density that is flat without end has no Z"
        reasons = (Diagnostic("PGM0602", message, field.span),)
    return FieldComponent((field.name,), (), (), model.array_axes(field), (), reasons)


def _common_plates(model: Model, names: Collection[str]) -> tuple[str, ...]:
    """The innermost plate of rows that all these variables are in, as axes."""
    plates = [model.by_name[n].plates for n in names]
    rows = [p.name for p in model.plates if p.is_rows and p.structure is None]
    common = [p for p in plates[0] if p in rows and all(p in other for other in plates)]
    return model.batch_axes(tuple(common))[-1:]


def _is_apart(model: Model, names: tuple[str, ...], axes: tuple[str, ...]) -> bool:
    """Whether every potential holds the fields of one element along the axes, so that this has a log Z of its own."""
    return all(reaches(model, frame_of(model, p), axes) for p in model.potentials) and all(
        rows_are_apart_in(model, n, axes) for n in names
    )


def log2_configurations(model: Model, component: FieldComponent, size: Size) -> float:
    """Of the fields of one element along the component's axes; infinite while a size is not known."""
    bits = 0.0
    for name in component.fields:
        labels = model.labels_of(model.by_name[name].type) or ()
        cells = 1
        for axis in model.array_axes(model.by_name[name]):
            if axis in component.axes or any(axis in model.enclosing(a) for a in component.axes):
                continue
            number = size(axis)
            if number is None:
                return math.inf
            cells *= number
        bits += cells * math.log2(max(1, len(labels)))
    return bits


def partition_reasons(model: Model, component: FieldComponent, size: Size | None = None) -> Iterator[Diagnostic]:
    """Why log Z of a component is not had exactly; ``size``: of axes, where data is bound."""
    yield from component.reasons
    if component.reasons or component.steps or not component.potentials or size is None:
        return
    bits = log2_configurations(model, component, size)
    if bits > LISTED_BITS:
        message = f"log Z of `{component.fields[0]}` and the fields beside it would take a list of 2^{bits:.0f} configurations"
        yield Diagnostic("PGM0603", message, model.by_name[component.fields[0]].span)


def summing_steps(model: Model, names: Collection[str]) -> tuple[tuple[Step, ...], tuple[Diagnostic, ...]]:
    """As `elimination_steps`, of a density in which log Z of each component below the variables is a factor."""
    below = [c for c in field_components(model) if set(c.parents) & set(names)]
    reasons = tuple(d for c in below for d in _summing_reasons(model, c, names))
    if reasons:
        return (), reasons
    return elimination_steps(model, names, [c.parents for c in below])


def _summing_reasons(model: Model, component: FieldComponent, names: Collection[str]) -> Iterator[Diagnostic]:
    first = component.fields[0]
    for name in (n for n in component.parents if n in names):
        variable, axes = model.by_name[name], model.array_axes(model.by_name[name])
        lagged = {
            n for p in potentials_of(canonical_factors(model), component) for n, _ in looks_back(model, p, names)
        }
        if component.reasons:
            why = component.reasons[0]
            yield replace(why, message=f"log Z of `{first}` hangs on `{name}`: {why.message}")
        elif name in lagged or (component.has_chain and set(component.axes) & set(axes)):
            message = f"log Z of `{first}` hangs on several rows of `{name}` at once"
            yield Diagnostic("PGM0602", message, variable.span)
        elif not reaches(model, component.axes, axes):
            message = f"log Z of `{first}` hangs on several elements of `{name}` at once"
            yield Diagnostic("PGM0602", message, variable.span)


def has_log_z_of_rows(model: Model, name: str) -> bool:
    """Whether each element along a variable's plates is in a log Z of its own, of all components below it."""
    plates = model.batch_axes(model.by_name[name].plates)
    below = [c for c in field_components(model) if name in c.parents]
    return all(not c.has_chain and reaches(model, c.axes, plates) for c in below)


def potentials_of(model: Model, component: FieldComponent) -> tuple[Potential, ...]:
    """The component's potentials among a model's own."""
    return tuple(model.potentials[i] for i in component.potentials)
