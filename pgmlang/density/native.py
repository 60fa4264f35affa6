"""The native program of a bound density over one free vector: which arrays it reads, and why there is none."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from types import FunctionType

import numpy as np
import torch
from torch.distributions import constraints

from pgmlang.density.bound import BoundDensity
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.lower.supports import bounds_of
from pgmlang.native.formulas import NotScalar
from pgmlang.native.label_chances import NativeLabelChances
from pgmlang.native.labels import labelled_by
from pgmlang.native.log_density import NativeLogDensity
from pgmlang.native.placed import Marks
from pgmlang.native.program import NativeProgram, native_program
from pgmlang.native.scalars import Array
from pgmlang.native.supports import VECTORS, AnySupport, MovingSupport, Support
from pgmlang.tables.learned import tables_of


def native_of(
    joint: BoundDensity,
    names: Sequence[str],
    summed: Collection[str],
    backend: str,
    plain: Collection[str] = (),
) -> NativeLogDensity | None:
    """The compiled log-density with ``native``, and with ``auto`` where there is one: None otherwise. Whether it pays is the plan's question;
    ``plain``: as `native_program`. Raises PgmError PGM0602 where it is asked for and there is none."""
    if backend == "torch":
        return None
    try:
        refuse_other_machines(joint)
        return native_log_density(joint, names, summed, plain)
    except NotScalar as reason:
        if backend == "auto":
            return None
        raise no_loops(reason) from None


def no_loops(reason: NotScalar) -> PgmError:
    """The error of compiled loops that were asked for, and that there are none of."""
    message = f"`--backend native`: there is no program of loops for {reason}"
    return PgmError(Diagnostic("PGM0602", message, help="leave it out: torch works it out"))


def refuse_other_machines(joint: BoundDensity) -> None:
    """Raises NotScalar where loops are not compiled."""
    if joint.dtype != torch.float64 or joint.device.type != "cpu":
        raise NotScalar("numbers other than float64 on the CPU")
    if find_spec("numba") is None:
        raise NotScalar("anything without the package numba")


def program_of(
    joint: BoundDensity, names: Sequence[str], summed: Collection[str] = (), plain: Collection[str] = (), *, of_labels: bool = False
) -> NativeProgram:  # fmt: skip
    """The program of the log-density of variables ``names``, the discrete variables ``summed`` summed out, one for all rows of a model that are
    marked alike; ``plain``: as `native_program`; ``of_labels``: of the posterior chances of labels. Raises NotScalar for what has no such form."""
    unknown = sorted(joint.missing.keys() - set(summed) - set(names))
    if unknown:
        raise NotScalar(f"missing cells of {', '.join(f'`{n}`' for n in unknown)}")
    if joint.partition is not None:
        raise NotScalar("the normalising constant of fields")
    steps, reasons = summing_steps(joint.model, tuple(summed))
    if reasons:
        raise PgmError(reasons)
    supports, marks = supports_of(joint, names), marks_of(joint, names)
    in_part = frozenset(joint.missing.keys() & set(summed))
    key = (tuple(supports.items()), marks, frozenset(plain), tuple(summed), in_part, of_labels)
    if key not in joint.programs.of_loops:
        joint.programs.of_loops[key] = native_program(
            joint.model, supports, marks, frozenset(plain), steps, in_part, of_labels=of_labels
        )
    return joint.programs.of_loops[key]


def marks_of(joint: BoundDensity, names: Collection[str]) -> Marks:
    """What is said of a density's rows and cells beside the model, variables ``names`` free."""
    return Marks(
        frozenset(joint.programs.partly_seen), frozenset(joint.missing.keys() & set(names)), frozenset(joint.intervened),
        frozenset(joint.weights), frozenset(joint.scale),
    )  # fmt: skip


def native_log_density(
    joint: BoundDensity, names: Sequence[str], summed: Collection[str] = (), plain: Collection[str] = ()
) -> NativeLogDensity:
    """The compiled log-density of variables ``names``. Raises NotScalar as `program_of`."""
    program = program_of(joint, names, summed, plain)
    return NativeLogDensity(program, *arrays_of(joint, program, summed), torch.get_num_threads())


def native_label_chances(joint: BoundDensity, names: Sequence[str], summed: Collection[str]) -> NativeLabelChances:
    """The compiled posterior chances of the discrete variables ``summed``, given variables ``names``. Raises NotScalar as `program_of`."""
    program = program_of(joint, names, summed, of_labels=True)
    steps, _ = summing_steps(joint.model, tuple(summed))
    labels = tuple(name for step in steps for name in step.names)
    return NativeLabelChances(program, *arrays_of(joint, program, summed), labels)


def arrays_of(
    joint: BoundDensity, program: NativeProgram, summed: Collection[str] = ()
) -> tuple[list[np.ndarray], list[int]]:
    """The arrays that a program reads, and the sizes of its axes."""
    return [held_values(joint, a) for a in program.arrays], [_size_of(joint, a, summed) for a in program.sizes]


def _size_of(joint: BoundDensity, axis: str, summed: Collection[str]) -> int:
    """The number of elements of an axis, or of the states of a variable that is summed out."""
    label = labelled_by(axis)
    return joint.num_states(label) if label in summed else joint.layout.size(joint.model.root_axis(axis))


def supports_of(joint: BoundDensity, names: Sequence[str]) -> dict[str, AnySupport]:
    """The supports of variables. Raises NotScalar for what has none."""
    out: dict[str, AnySupport] = {}
    for name in names:
        if name not in joint.model.by_name:
            raise NotScalar("tables to be learned")
        kind = joint.model.by_name[name].type.kind
        if kind in VECTORS:
            out[name] = VECTORS[kind]
            continue
        support = joint.program.SUPPORTS[name]
        low, high = getattr(support, "lower_bound", None), getattr(support, "upper_bound", None)
        is_real = support is constraints.real
        if isinstance(support, FunctionType):
            out[name] = MovingSupport(*bounds_of(joint.model, joint.model.by_name[name]))
            continue
        if not is_real and low is None and high is None:
            raise NotScalar(f"`{name}`, which is {joint.model.by_name[name].type}")
        if any(torch.as_tensor(b).numel() > 1 for b in (low, high) if b is not None):
            raise NotScalar(f"the bounds of `{name}`, one for each element")
        out[name] = Support() if is_real else Support(*(None if b is None else float(b) for b in (low, high)))
    return out


def held_values(joint: BoundDensity, array: Array, params: Mapping[str, torch.Tensor] | None = None) -> np.ndarray:
    """What an array of the program holds. Raises NotScalar for what is not known before the program runs."""
    layout, of = joint.layout, array.of
    match array.kind:
        case "parent":
            return np.asarray(layout.parent(*of))
        case "previous":
            return np.asarray(layout.previous(of[0], int(of[1])))
        case "position":
            return np.asarray(layout.position(of[0]))
        case "order":
            return np.asarray(joint.binding.layout.sequences(of[0]).order)
        case "open":
            return np.asarray(joint.missing[of[0]])
        case "seen":
            return np.asarray(layout.is_seen(of[0]))
        case "weight":
            return np.asarray(joint.weights[of[0]])
        case "scale":
            return np.asarray(joint.scale[of[0]])
        case "given":
            return np.asarray(~joint.missing[of[0]])
        case "numbers":
            return np.array(json.loads(of[0]), dtype=float)
        case "set":
            return _set_cells(joint, of[0], array.axes)
    for held in (params or {}, joint.observed, joint.data, joint.fixed):
        if of[0] in held:
            return np.asarray(held[of[0]].detach())
    table = next((t for t in tables_of(joint.model) if t.name == of[0]), None)
    if table is not None and table.distribution.rows is not None:
        parents = [joint.num_states(p.name) for p in table.distribution.parents]
        shape = (*(layout.size(b) for b in table.distribution.by), *parents, joint.num_states(table.target))
        rows = np.array(table.distribution.rows, dtype=float).reshape(shape)
        return np.asarray(rows / rows.sum(-1, keepdims=True))
    if table is None and joint.model.by_name[of[0]].role == "index":
        ends = np.asarray(getattr(joint.program, of[0]))
        # those of a lattice are the same in every row
        return np.broadcast_to(
            ends, (*(layout.size(a) for a in array.axes[: len(array.axes) - ends.ndim]), *ends.shape)
        )
    raise NotScalar(f"`{of[0]}`, which is learned beside")


def _set_cells(joint: BoundDensity, name: str, axes: tuple[str, ...]) -> np.ndarray:
    """The cells that an intervention set, along the axes of the factor: a vector is set whole."""
    mask = np.asarray(joint.intervened[name])
    return np.asarray(mask.any(tuple(i for i, a in enumerate(joint.axes(name)) if a not in axes)))
