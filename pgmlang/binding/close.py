"""A Model with its open label sets and dims filled in from the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

from pgmlang.data import Column, labels_in_order
from pgmlang.model import Model, Type
from pgmlang.model.row_plates import plates_as_values


def close_model(
    model: Model,
    labels: Mapping[str, tuple[str, ...]],
    dims: Mapping[str, tuple[str, ...]],
    elements: Mapping[str, tuple[str, ...]] | None = None,
) -> Model:
    """``labels``: those of variables with an open set ``{...}``, by the variable's name; ``dims``: those of open dims;
    ``elements``: those of row plates, of which the ones that are values of variables are kept."""
    told = {p: elements[p] for p in plates_as_values(model) if p in elements} if elements else {}
    if not labels and not dims and not told:
        return model

    def closed(value: Any) -> Any:
        if isinstance(value, Type):
            is_open = value.kind == "labels" and value.axis is None and value.labels is None
            if is_open and value.owner is not None and value.owner in labels:
                return replace(value, labels=tuple(labels[value.owner]))
            return value
        if isinstance(value, tuple):
            made = tuple(closed(v) for v in value)
            return value if all(a is b for a, b in zip(made, value, strict=True)) else made
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                f.name: new
                for f in fields(value)
                if f.name != "span" and (new := closed(getattr(value, f.name))) is not getattr(value, f.name)
            }
            return replace(value, **changed) if changed else value
        return value

    dimensions = tuple(replace(d, labels=tuple(dims[d.name])) if d.name in dims else d for d in model.dims)
    return replace(
        model,
        dims=dimensions,
        plates=tuple(replace(p, elements=tuple(told[p.name])) if p.name in told else p for p in model.plates),
        variables=closed(model.variables),
        factors=closed(model.factors),
        definitions=closed(model.definitions),
        guide=closed(model.guide),
    )


def open_sets(model: Model) -> list[str]:
    """Variables whose own label set only the data knows."""
    return [
        v.name
        for v in model.variables
        if v.type.kind == "labels" and v.type.axis is None and v.type.labels is None and v.role != "derived"
    ]


class LabelsInData(NamedTuple):
    """``sets``: of open sets by variable; ``dims``: of open dims; ``ordered``: those of which the data declare all, in order."""

    sets: dict[str, tuple[str, ...]]
    dims: dict[str, tuple[str, ...]]
    ordered: frozenset[str]


def labels_in_data(
    model: Model,
    columns: Callable[[str], list[Column]],
    axes: Mapping[str, tuple[str, ...]],
    known: Mapping[str, tuple[str, ...]],
) -> LabelsInData:
    """Labels of open sets and of open dims: those ``known``, those of ``axes`` (from the names of columns),
    else those that the ``columns`` of variables declare and hold (`labels_in_order`)."""
    labels: dict[str, tuple[str, ...]] = {}
    ordered: set[str] = set()

    def values(name: str, users: list[str]) -> tuple[str, ...]:
        several = [c for user in users for c in columns(user)]
        declared = dict.fromkeys(x for c in several for x in c.declared)
        seen = {x for c in several for x in c.labels_and_codes()[0]}
        if declared and seen <= declared.keys():
            ordered.add(name)
        return labels_in_order(declared, seen)

    for name in open_sets(model):
        labels_seen = known.get(name) or values(name, [name])
        if labels_seen:
            labels[name] = labels_seen
    dims: dict[str, tuple[str, ...]] = {}
    is_open = {d.name for d in model.dims if d.like is None and model.axis_labels(d.name) is None}
    for axis in sorted(is_open):
        if axis in known or axis in axes:
            dims[axis] = known.get(axis) or axes[axis]
            continue
        users = [v.name for v in model.variables if v.type.kind == "labels" and v.type.axis == axis]
        labels_seen = values(axis, users)
        if labels_seen:
            dims[axis] = labels_seen
    return LabelsInData(labels, dims, frozenset(ordered))
