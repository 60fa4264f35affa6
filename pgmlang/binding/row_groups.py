"""A Binding as networks with evidence: groups of rows that share one network, or the whole unrolled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pgmlang.binding.counted_rows import row_counts, rows_written_out
from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model, Variable
from pgmlang.model.row_plates import plates_of_elements
from pgmlang.tables.conditionals import as_codes
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.from_model import iid_plate, row_unrolled
from pgmlang.tables.learned import learned_tables, table_shape
from pgmlang.tables.row_reductions import row_reductions
from pgmlang.tables.unroll import Unrolled, unroll

MAX_GROUPS = 4096
"""Most different networks of one data set."""


@dataclass(frozen=True, eq=False)
class RowGroup:
    """Units with the same network. ``members``: elements of the plate ``unit`` (None: all hangs together, one member);
    ``inverse``: every member to its distinct row of evidence; ``evidence``: node to codes of the distinct rows, -1 for
    missing; ``weights`` of the distinct rows. ``inside``: the elements of each plate that belong to each member,
    ``[members, elements]``; of plates that are not there all belong."""

    unrolled: Unrolled
    members: np.ndarray
    inverse: np.ndarray
    evidence: dict[int, np.ndarray]
    weights: np.ndarray
    unit: str | None = None
    inside: Mapping[str, np.ndarray] = field(default_factory=dict)

    def place(self, out: np.ndarray, name: str, values: np.ndarray) -> None:
        """Puts values of a variable's nodes, ``[members, nodes, k]``, where they belong in its array ``[*axes, k]``."""
        block = self.unrolled.nodes[name]
        group_values = values.reshape(len(self.members), *block.shape, values.shape[-1])
        axis = next((i for i, a in enumerate(block.axes) if a in self.inside), None)
        if axis is None:
            out[...] = group_values[0]
        else:
            np.moveaxis(out, axis, 0)[self.inside[block.axes[axis]]] = np.moveaxis(group_values, axis + 1, 1)


def bound_evaluator(binding: Binding, fixed: Mapping[str, np.ndarray] | None = None) -> Evaluator:
    """The evaluator over the bound values."""
    values = {**(fixed or {}), **binding.values}
    return Evaluator(binding.model, values, binding.layout)


def table_shapes(binding: Binding) -> dict[str, tuple[int, ...]]:
    """The shape of every learned table."""
    evaluator = bound_evaluator(binding)
    return {t.name: table_shape(evaluator, t) for t in learned_tables(binding.model)}


def weight_array(binding: Binding) -> np.ndarray | None:
    return None if binding.weights is None else np.asarray(binding.weights, dtype=float)


def row_groups(
    binding: Binding,
    parameters: Mapping[str, np.ndarray],
    fixed: Mapping[str, np.ndarray],
    one_row: Unrolled | None = None,
) -> Iterator[RowGroup]:
    """The networks of the data, with ``parameters`` for the learned tables. ``one_row``: the network of a row, where it
    is known and nothing of a row tells its network from another's (`has_one_network`)."""
    model = binding.model
    known = {**parameters, **fixed}
    over_rows = _values_over_rows(binding, known)
    known, fixed = {**known, **over_rows}, {**fixed, **over_rows}
    alike, plate = iid_plate(model, fixed)
    if not alike:
        binding = counted_apart(binding)
        nested = nested_plates(model, fixed)
        yield from [_whole(binding, known)] if nested is None else _by_length(binding, known, *nested)
        return
    inputs = {k: np.asarray(v) for k, v in binding.values.items() if model.by_name[k].role == "input"} | over_rows
    if plate is None:
        unrolled = row_unrolled(model, known, binding.sizes, binding.labels, inputs)
        yield _group(unrolled, binding, np.zeros(1, dtype=np.int64), None)
        return
    for members in _alike(binding, plate, inputs):
        first = int(members[0])
        one = {k: v[first] if _row_axis(model, k, plate) is not None else v for k, v in inputs.items()}
        elements = {
            p: int(binding.layout.parent(p, plate)[first])
            for p in model.enclosing(plate)[:-1]
            if binding.layout.is_inside(plate, p)
        }
        unrolled = one_row or row_unrolled(model, known, binding.sizes, binding.labels, one, elements)
        yield replace(_group(unrolled, binding, members, plate), unit=plate, inside={plate: members[:, None]})


def counted_apart(binding: Binding) -> Binding:
    """Rows that hang together, each as often as it counts. Raises PgmError PGM0716 for weights that are no counts."""
    if row_counts(binding) is None:
        message = "rows that share latents or form a chain cannot be weighted"
        raise PgmError(
            Diagnostic("PGM0716", message, help="give whole numbers, how often each row occurs: `--counts`")
        )
    return rows_written_out(binding)


def _values_over_rows(binding: Binding, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The deterministic values of inputs and params that are taken over all rows."""
    model = binding.model
    evaluator = bound_evaluator(binding, known)
    out: dict[str, np.ndarray] = {}
    for name in row_reductions(model).of_inputs:
        variable = model.by_name[name]
        axes = model.array_axes(variable)
        value = evaluator.evaluate(model.definition_of[name].value, variable.plates).to(axes)
        out[name] = np.broadcast_to(value, tuple(binding.layout.size(a) for a in axes))
    return out


def has_one_network(binding: Binding, fixed: Iterable[str] = ()) -> bool:
    """Whether every row has the same network: rows are independent, and no input and no element sets them apart."""
    alike, plate = iid_plate(binding.model, fixed)
    if not alike or plate is None:
        return False
    inputs = [
        v.name for v in binding.model.of_role("input") if _row_axis(binding.model, v.name, plate) is not None
    ]
    return not inputs and not plates_told_apart(binding.model, plate)


def plates_told_apart(model: Model, plate: str) -> tuple[str, ...]:
    """The plates around a row plate whose elements have tables, params or inputs of their own, or are named, outermost first."""
    by = {b for t in learned_tables(model) for b in t.distribution.by}
    of_inputs = row_reductions(model).of_inputs
    given = [v for v in model.variables if v.role in ("input", "param") or v.name in of_inputs]
    outer = {p for v in given for p in v.plates if p != plate} | plates_of_elements(model)
    return tuple(p for p in model.enclosing(plate)[:-1] if p in by | outer)


def _row_axis(model: Model, name: str, plate: str) -> int | None:
    axes = model.batch_axes(model.by_name[name].plates)
    return axes.index(plate) if plate in axes else None


def _alike(binding: Binding, plate: str, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Rows in sets that share inputs and elements of the plates that tables or inputs are given by."""
    model = binding.model
    num_rows = binding.sizes[plate]
    keys: list[np.ndarray] = []
    for parent in plates_told_apart(model, plate):
        if binding.layout.is_inside(plate, parent):
            keys.append(binding.layout.parent(parent, plate).astype(float)[:, None])
    for name, values in sorted(inputs.items()):
        if _row_axis(model, name, plate) is not None:
            keys.append(np.asarray(values, dtype=float).reshape(num_rows, -1))
    if not keys or num_rows == 0:
        return [np.arange(num_rows)] if num_rows else []
    _, group = np.unique(np.concatenate(keys, 1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    count = int(group.max()) + 1
    if count > MAX_GROUPS:
        message = f"the inputs take {count:,} different values: a network for each is too many"
        raise PgmError(Diagnostic("PGM0611", message, help=f"bin them into at most {MAX_GROUPS:,} values"))
    order = np.argsort(group, kind="stable")
    return np.split(order, np.cumsum(np.bincount(group, minlength=count))[:-1])


def _group(unrolled: Unrolled, binding: Binding, members: np.ndarray, plate: str | None) -> RowGroup:
    """The evidence of some rows, equal rows merged."""
    nodes: list[int] = []
    columns: list[np.ndarray] = []
    for name, block in unrolled.nodes.items():
        if name not in binding.values:
            continue
        codes = checked_codes(binding.model.by_name[name], binding.values[name], block.size)
        axis = _row_axis(binding.model, name, plate) if plate is not None else None
        rows = np.moveaxis(codes, axis, 0)[members] if axis is not None else codes[None]
        columns.append(rows.reshape(len(members), -1))
        nodes.extend(range(block.first, block.first + block.count))
    weights = weight_array(binding)
    ours = np.ones(len(members)) if weights is None or plate is None else weights[members]
    return _merged(unrolled, members, nodes, columns, ours)


def _merged(
    unrolled: Unrolled, members: np.ndarray, nodes: list[int], columns: list[np.ndarray], ours: np.ndarray
) -> RowGroup:
    """Equal rows as one, with the sum of their weights."""
    if not columns:
        return RowGroup(unrolled, members, np.zeros(len(members), dtype=np.int64), {}, np.array([ours.sum()]))
    matrix = np.concatenate(columns, 1)
    first, inverse = distinct_rows(matrix)
    evidence = {node: np.ascontiguousarray(matrix[first, i]) for i, node in enumerate(nodes)}
    return RowGroup(unrolled, members, inverse, evidence, np.bincount(inverse, ours, minlength=len(first)))


def nested_plates(model: Model, fixed: Iterable[str] = ()) -> tuple[str, str] | None:
    """Outer and inner plate of rows, where every random variable lives in the one or the other and nothing but the
    number of rows tells outer elements apart: sequences, documents. None for other models."""
    homes: set[str] = set()
    for variable in model.of_role("random", "field", "input"):
        rows = [p for p in variable.plates if model.plate_by_name[p].is_rows]
        if variable.name in frozenset(fixed) or (variable.role == "input" and not rows):
            continue
        if variable.role == "input" or not rows:
            return None
        homes.add(rows[-1])
    if any(not model.is_chain(p) and model.plate_by_name[p].is_rows for p in plates_of_elements(model)):
        return None
    inner = [p for p in homes if any(model.plate_by_name[q].is_rows for q in model.enclosing(p)[:-1])]
    if len(inner) != 1 or any(t.distribution.by for t in learned_tables(model)):
        return None
    enclosing = model.enclosing(inner[0])
    return (enclosing[0], inner[0]) if len(enclosing) == 2 and homes <= set(enclosing) else None


def _by_length(binding: Binding, known: Mapping[str, np.ndarray], outer: str, inner: str) -> Iterator[RowGroup]:
    """A network for each number of inner rows; the outer elements with that many are its rows of evidence."""
    model = binding.model
    member = binding.layout.parent(outer, inner)
    order = np.argsort(member, kind="stable")
    lengths = np.bincount(member, minlength=binding.sizes[outer])
    starts = np.cumsum(lengths) - lengths
    inputs = {k: v for k, v in binding.values.items() if model.by_name[k].role == "input"}
    for length in np.unique(lengths):
        elements = np.flatnonzero(lengths == length)
        rows = order[starts[elements][:, None] + np.arange(length)]
        sizes = {**binding.sizes, outer: 1, inner: int(length)}
        labels = {k: v for k, v in binding.labels.items() if k not in (outer, inner)}
        inside = {(inner, outer): np.zeros(length, dtype=np.int64)}
        unrolled = unroll(model, known, sizes, labels, inputs, inside, hidden=(outer,))
        nodes: list[int] = []
        columns: list[np.ndarray] = []
        for name, block in unrolled.nodes.items():
            if name in binding.values:
                codes = checked_codes(model.by_name[name], binding.values[name], block.size)
                # the plate of the rows is always the first axis
                chosen = codes[rows if block.axes[0] == inner else elements]
                columns.append(chosen.reshape(len(elements), -1))
                nodes.extend(range(block.first, block.first + block.count))
        group = _merged(unrolled, elements, nodes, columns, np.ones(len(elements)))
        yield replace(group, unit=outer, inside={outer: elements[:, None], inner: rows})


def _whole(binding: Binding, known: Mapping[str, np.ndarray]) -> RowGroup:
    """Everything in one network: rows that hang together."""
    inputs = {k: v for k, v in binding.values.items() if binding.model.by_name[k].role == "input"}
    unrolled = unroll(binding.model, known, binding.sizes, binding.labels, inputs, binding.layout.parents)
    return _group(unrolled, binding, np.zeros(1, dtype=np.int64), None)


def checked_codes(variable: Variable, values: np.ndarray, size: int) -> np.ndarray:
    """Codes of a column. Raises PgmError PGM0706 for a value beyond the largest."""
    codes = as_codes(np.asarray(values))
    if codes.size and int(codes.max()) >= size:
        message = f"`{variable.name}` is {int(codes.max())} in the data, at most {size - 1} is possible"
        raise PgmError(Diagnostic("PGM0706", message, variable.span))
    return codes


def distinct_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(index of the first of each distinct row, every row's distinct row); codes packed into bytes first."""
    top = int(matrix.max(initial=0))
    kind = np.int8 if top < 127 else np.int16 if top < 32767 else np.int64
    packed = np.ascontiguousarray(matrix.astype(kind))
    width = packed.dtype.itemsize * packed.shape[1]
    if width == 0:
        return np.zeros(min(1, len(matrix)), dtype=np.int64), np.zeros(len(matrix), dtype=np.int64)
    keys = packed.view(np.dtype((np.void, width))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)
