"""From a Model to a DiscreteNetwork: that of one row where the rows are alike, or of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.model.row_plates import plates_of_elements
from pgmlang.tables.network import DiscreteNetwork
from pgmlang.tables.row_reductions import row_reductions
from pgmlang.tables.unroll import Unrolled, unroll
from pgmlang.tables.verdict import Verdict, discrete_verdict


def row_plates(model: Model) -> tuple[str, ...]:
    """The plates whose elements are the data's rows."""
    return tuple(p.name for p in model.plates if p.is_rows)


def iid_plate(model: Model, fixed: Iterable[str] = ()) -> tuple[bool, str | None]:
    """Whether the rows are independent and alike given the parameters, and the plate of the rows (None: one row).

    They are when every random variable lives in that one unsized plate (and sized plates inside it), or there is
    none, and neither a chain nor a value taken over all rows ties them together, nor does a row's own position tell it from
    others. ``fixed``: names with known values, which do not count.
    """
    over_rows = row_reductions(model)
    if over_rows.is_tied or not set(over_rows.of_inputs) <= set(fixed):
        return False, None
    rows = row_plates(model)
    homes: set[str | None] = set()
    held = frozenset(fixed)
    for variable in model.of_role("random", "field"):
        if variable.name in held:
            continue
        inside = [p for p in variable.plates if p in rows]
        homes.add(inside[-1] if inside else None)
    if len(homes) > 1:
        return False, None
    home = next(iter(homes), None)
    if home is None:
        return True, None
    if home in plates_of_elements(model):
        return False, None
    structure = model.plate_by_name[home].structure
    return (structure is None or structure.kind != "chain"), home


def iid_verdict(model: Model) -> Verdict:
    """Whether one row's network says it all."""
    alike, _ = iid_plate(model)
    if alike:
        return Verdict(True)
    return Verdict(
        False,
        (
            Diagnostic(
                "PGM0602",
                "the rows are not independent: they share latents, form a chain or mention a value of all rows",
            ),
        ),
    )


@dataclass(frozen=True, eq=False)
class OneRow:
    """What the network of one row is unrolled by: the ``plate`` of the rows (None: there is none), ``sizes`` with one row,
    the outer elements that it belongs to (``membership``) and ``inputs`` with a row axis."""

    plate: str | None
    sizes: dict[str, int]
    membership: dict[tuple[str, str], np.ndarray]
    inputs: dict[str, np.ndarray]

    @property
    def hidden(self) -> tuple[str, ...]:
        """Plates that names of elements leave out."""
        return (self.plate,) if self.plate else ()


def one_row(
    model: Model,
    parameters: Iterable[str],
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    elements: Mapping[str, int] | None = None,
) -> OneRow:
    """One row of a model whose rows are alike. Raises PgmError PGM0602 where they are not. Arguments as `row_unrolled`."""
    alike, plate = iid_plate(model, parameters)
    if not alike:
        raise PgmError(iid_verdict(model).reasons)
    one = dict(sizes or {})
    membership: dict[tuple[str, str], np.ndarray] = {}
    given = dict(inputs or {})
    if plate is not None:
        one[plate] = 1
        outer = [p for p in model.enclosing(plate) if p != plate]
        for parent in outer:
            one.setdefault(parent, len((labels or {}).get(parent, ("",))))
            membership[plate, parent] = np.array([(elements or {}).get(parent, 0)])
        for name, value in given.items():
            variable = model.by_name.get(name)
            if variable is not None and plate in model.batch_axes(variable.plates):
                given[name] = np.asarray(value)[None]
    return OneRow(plate, one, membership, given)


def row_unrolled(
    model: Model,
    parameters: Mapping[str, np.ndarray],
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    elements: Mapping[str, int] | None = None,
) -> Unrolled:
    """The network of one row with its map. ``inputs``: that row's values, without the row axis. ``elements``:
    which element of each outer plate it belongs to (default the first)."""
    row = one_row(model, parameters, sizes, labels, inputs, elements)
    return unroll(model, parameters, row.sizes, labels, row.inputs, row.membership, row.hidden)


def row_network(
    model: Model,
    parameters: Mapping[str, np.ndarray],
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    elements: Mapping[str, int] | None = None,
) -> DiscreteNetwork:
    """The network of one row; variables are named as in the model, ``v[label]`` where they have axes."""
    return row_unrolled(model, parameters, sizes, labels, inputs, elements).network


def discrete_network(
    model: Model,
    parameters: Mapping[str, np.ndarray],
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
) -> DiscreteNetwork:
    """What queries are asked of: the network of one fresh row, or else the whole (one element for each row plate
    whose size is not known). Raises PgmError where some variable fits no table."""
    verdict = discrete_verdict(model, fixed=parameters)
    if not verdict.ok:
        raise PgmError(verdict.reasons)
    if iid_plate(model, parameters)[0]:
        return row_network(model, parameters, sizes, labels, inputs)
    known = dict(sizes or {})
    membership: dict[tuple[str, str], np.ndarray] = {}
    for plate in row_plates(model):
        known[plate] = 1
        for parent in model.enclosing(plate)[:-1]:
            membership[plate, parent] = np.zeros(1, dtype=np.int64)
    hidden = row_plates(model)
    return unroll(model, parameters, known, labels, inputs, membership, hidden).network
