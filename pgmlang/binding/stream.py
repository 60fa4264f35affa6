"""Data larger than memory: a table bound block by block, every block with the same labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pgmlang.binding.bind import bind
from pgmlang.binding.close import close_model, open_sets
from pgmlang.binding.columns import Matcher
from pgmlang.binding.order import refuse_ordinal_text
from pgmlang.binding.problems import BindingProblems
from pgmlang.binding.record import Binding
from pgmlang.binding.tables import column_named, main_plate
from pgmlang.data import Frame, labels_in_order
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model

Batches = Callable[[], Iterator[Frame]] | Iterable[Frame]


def bind_batches(
    model: Model,
    batches: Batches,
    *,
    mapping: Mapping[str, str] | None = None,
    hide: Sequence[str] = (),
    known: Mapping[str, tuple[str, ...]] | None = None,
    **options: Any,
) -> Iterator[Binding]:
    """Bindings of successive blocks of rows, all with the same closed Model and the same elements of outer plates.

    ``batches``: opens the table from its start, or frames in order. They are read twice where labels are the data's
    (open sets, open dims, outer plates), so an iterator then raises ValueError. ``options``: as for :func:`bind`.
    Memory is that of one block and the labels. Raises PgmError PGM0714 for a chain, whose rows cannot be parted.
    """
    plate = main_plate(model, "")
    structure = model.plate_by_name[plate].structure
    if structure is not None and structure.kind == "chain":
        cure = "read the table whole"
        raise PgmError(
            Diagnostic("PGM0714", f"plate `{plate}` is a chain: its rows cannot be read in blocks", help=cure)
        )
    known = dict(known or {})
    mapping = dict(mapping or {})
    opened: Callable[[], Iterator[Frame]] = batches if callable(batches) else lambda: iter(batches)
    if _asks_the_data(model, plate):
        if isinstance(batches, Iterator):
            raise ValueError(
                "the labels are the data's, so the table is read twice: give a function that opens it"
            )
        told, ordered = _labels(model, opened(), plate, mapping, hide, known)
        problems = BindingProblems()
        by_text = {k: v for k, v in told.items() if k not in known and k not in ordered}
        refuse_ordinal_text(model, by_text, "", problems)
        problems.stop()
        known |= told
        variable_labels = {n: known[n] for n in open_sets(model) if n in known}
        dims = {d.name: known[d.name] for d in model.dims if model.axis_labels(d.name) is None and d.name in known}
        model = close_model(model, variable_labels, dims)
    yield from _bound(model, opened(), plate, {"mapping": mapping, "hide": hide, "known": known, **options})


def _bound(model: Model, frames: Iterator[Frame], plate: str, options: dict[str, Any]) -> Iterator[Binding]:
    told: dict[str, np.ndarray] = {}
    is_empty, refusal = True, None
    for frame in frames:
        try:
            binding = bind(model, frame, is_block=True, **options)
        except PgmError as error:
            # a block without a complete row is no news while another has one
            if [d.code for d in error.diagnostics] != ["PGM0707"]:
                raise
            refusal = error
            continue
        is_empty = False
        _check_outer(binding, plate, frame, told)
        yield binding
    if is_empty and refusal is not None:
        raise refusal


def _asks_the_data(model: Model, plate: str) -> bool:
    around = [model.plate_by_name[p] for p in model.enclosing(plate)[:-1]]
    dims = any(d.like is None and model.axis_labels(d.name) is None for d in model.dims)
    return bool(open_sets(model)) or dims or bool(around)


def _labels(
    model: Model,
    frames: Iterator[Frame],
    plate: str,
    mapping: Mapping[str, str],
    hide: Sequence[str],
    known: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """A first pass: the labels of open sets, of open dims that are types, and of outer plates; and of which the data declare all."""
    sets = set(open_sets(model)) - set(known)
    dims = {d.name for d in model.dims if d.like is None and model.axis_labels(d.name) is None} - set(known)
    outer = [p for p in model.enclosing(plate)[:-1] if model.plate_by_name[p].size is None]
    seen: dict[str, set[str]] = {}
    declared: dict[str, dict[str, None]] = {}
    axes: dict[str, tuple[str, ...]] = {}
    for frame in frames:
        matches = Matcher(model, mapping, hide, known, BindingProblems()).match({plate: frame})
        axes.update(matches.labels)
        for name, (_, columns) in matches.columns.items():
            label_set = model.by_name[name].type.axis or name
            if label_set in sets or label_set in dims:
                for column in columns:
                    seen.setdefault(label_set, set()).update(frame.columns[column].labels_and_codes()[0])
                    declared.setdefault(label_set, {}).update(dict.fromkeys(frame.columns[column].declared))
        for parent in outer:
            column_of = column_named(frame, mapping.get(parent, parent))
            if column_of is not None:
                seen.setdefault(parent, set()).update(column_of.labels_and_codes()[0])
    sorted_labels = {n: labels_in_order(declared.get(n, ()), s) for n, s in seen.items() if s}
    for parent in outer:
        before = known.get(parent, ())
        if parent in sorted_labels:
            sorted_labels[parent] = (*before, *(x for x in sorted_labels[parent] if x not in set(before)))
    ordered = {n for n, s in seen.items() if s <= declared.get(n, {}).keys()}
    return {**sorted_labels, **{a: x for a, x in axes.items() if a in dims}}, ordered


def _check_outer(binding: Binding, plate: str, frame: Frame, told: dict[str, np.ndarray]) -> None:
    """An outer plate's value is the same in all blocks, as it is within each."""
    for name, values in binding.values.items():
        plates = binding.model.by_name[name].plates
        if not plates or plates[-1] not in binding.model.enclosing(plate)[:-1]:
            continue
        before = told.setdefault(name, values.copy())
        absent, new = (np.isnan(x) if x.dtype.kind == "f" else x < 0 for x in (before, values))
        differs = ~absent & ~new & (before != values)
        if differs.any():
            element = int(np.argwhere(differs)[0][0])
            label = binding.labels.get(plates[-1], (str(element),) * (element + 1))[element]
            message = f"`{name}` differs within `{label}` of `{plates[-1]}`"
            cure = f"make it constant there, or move it into plate `{plate}`"
            raise PgmError(Diagnostic("PGM0715", message, place=f"{frame.name}:{name}", help=cure))
        told[name] = np.where(absent, values, before)
