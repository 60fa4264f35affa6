"""Discrete fields: their conditionals, block by block, and chains over them.

The logit of every bit or spin given all others is one gradient of the summed log-potentials (for an RBM one matrix
product, for a lattice the neighbours' sum); labels, and bits in factors that are not linear in them, are set to each of
their values in turn. Elements that no factor brings together are drawn at once. Codes of bits and spins are numbers 0 and
1 here, so that they can be relaxed; those of labels are integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.contraction import GradientOnly
from pgmlang.density.native import no_loops
from pgmlang.density.reductions import log_joint, sum_to_axes
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.summing import categorical
from pgmlang.density.tabulated_labels import TabulatedLabels, tabulated_labels
from pgmlang.fields.pairwise import Pairwise, pairwise
from pgmlang.graph.multilinear import Meeting, linear_degree, meetings, multilinear_reasons
from pgmlang.graph.pairs import field_meetings, pairing
from pgmlang.graph.summable import is_elementwise, mentioned
from pgmlang.lower.factors import factor_names
from pgmlang.model import Potential
from pgmlang.native.formulas import NotScalar
from pgmlang.normal import canonical_factors

LOADING = 0.6
"""Seconds that loading compiled sweeps takes."""
COUPLED, COUPLED_ELEMENT, LISTED_ELEMENT = 6e-6, 5e-9, 3e-8
"""Seconds of torch's for an element: of reading off its couplings, of drawing it by these once, of trying one of its values. (They stand for
every machine, as the choice does.)"""
ENUMERABLE = 20
"""Most binary elements whose configurations are listed."""


@dataclass(frozen=True, eq=False)
class Fields:
    """``names``: the fields that are not observed here; ``colours``: for each of them masks over its elements,
    True at those drawn together (None: all at once); ``parts``: names of the factors that are linear in it, and of those
    that take its elements one by one; ``states``: numbers of values of those
    drawn by listing them; ``single``: fields whose own elements no factor multiplies; ``is_linear``: whether
    the factors are linear in all that is learned; ``held``: of fields with missing cells, True at the cells that are seen,
    and their codes, which sweeps leave alone. ``joint`` counts every row once."""

    joint: BoundDensity
    names: tuple[str, ...]
    colours: Mapping[str, tuple[Tensor | None, ...]]
    parts: Mapping[str, tuple[frozenset[str], frozenset[str]]]
    states: Mapping[str, int] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    is_linear: bool = False
    held: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @property
    def bits(self) -> float:
        """log2 of the number of configurations."""
        return sum(math.prod(self.joint.shapes[n]) * math.log2(self.states.get(n, 2)) for n in self.names)

    def energy(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """The summed log-potentials ``[...]`` (minus the energy)."""
        return log_joint(self.joint, values, params, nets)

    def slope(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """As `energy`, for the sake of its gradient by what is learned: the value itself may be wrong."""
        with GradientOnly() if self.is_linear and nets is None else nullcontext():
            return self.energy(values, params, nets)

    def logits(
        self, name: str, values: Values, params: Values | None = None, nets: Any = None, create_graph: bool = False
    ) -> Tensor:
        """Log-odds of 1 of every element of a field given all else, ``[..., *shape]``: the gradient of the factors that
        are linear in it, the difference of those that take its elements one by one."""
        linear, apart = self.parts[name]
        logits = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        if linear:
            with torch.enable_grad():
                relaxed = values[name].detach().requires_grad_()
                with GradientOnly() if name in self.single and not create_graph else nullcontext():
                    terms = self.joint.factors({**values, name: relaxed}, params, nets, only=linear)
                    total = torch.stack([t.sum() for t in terms.values()]).sum()
                (logits,) = torch.autograd.grad(total, relaxed, create_graph=create_graph)
        if apart:
            one, zero = (
                self.joint.factors({**values, name: fill(values[name])}, params, nets, only=apart)
                for fill in (torch.ones_like, torch.zeros_like)
            )
            for key, term in one.items():
                gap = sum_to_axes(self.joint, term - zero[key], self.joint.factor_axes[key], self.joint.axes(name))
                logits = logits + gap
        return logits.expand_as(values[name])

    def scores(self, name: str, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """Log-probabilities of every element's values given all else, less a constant: ``[..., *shape, K]``. Right only
        at elements of one colour of what is set at once, so all elements are set colour by colour."""
        masks = self.colours[name]
        scores = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        for mask in masks:
            scores_here = self._scores_of(name, mask, values, params, nets)
            scores = scores_here if mask is None else torch.where(mask[..., None], scores_here, scores)
        return scores

    def _scores_of(
        self, name: str, mask: Tensor | None, values: Values, params: Values | None, nets: Any
    ) -> Tensor:
        joint, now = self.joint, values[name]
        around = self.parts[name][0] | self.parts[name][1]
        field_axes = joint.axes(name)
        out = []
        for code in range(self.states[name]):
            tried = (
                torch.full_like(now, code) if mask is None else torch.where(mask, torch.full_like(now, code), now)
            )
            total = torch.zeros((), dtype=joint.dtype, device=joint.device)
            for key, term in joint.factors({**values, name: tried}, params, nets, only=around).items():
                total = total + self._elements(name, key, term, field_axes)
            out.append(total.expand(now.shape))
        return torch.stack(out, -1)

    def _elements(self, name: str, key: str, term: Tensor, field_axes: tuple[str, ...]) -> Tensor:
        """A factor's terms added up for each element of a field that it holds."""
        joint = self.joint
        meeting = pairing(canonical_factors(joint.model), factor_names(canonical_factors(joint.model))[key], name)
        assert meeting is not None
        if not meeting.plate:
            return sum_to_axes(joint, term, joint.factor_axes[key], field_axes)
        rows, first, second = _ends(joint, meeting)
        axes = joint.factor_axes[key]
        edge = joint.model.by_name[meeting.ends[0]].plates[-1] if meeting.ends else meeting.plate
        dim, size = axes.index(edge) - len(axes), joint.shapes[name][field_axes.index(meeting.plate)]
        shape = list(term.shape)
        shape[dim] = size
        some = term.index_select(dim, rows)
        sums = term.new_zeros(shape).index_add(term.dim() + dim, first, some)
        sums = sums.index_add(term.dim() + dim, second, some)
        if not meeting.ends:  # rows at a chain's start hold one element only
            alone = torch.ones(term.shape[dim], dtype=term.dtype, device=term.device)
            alone[rows] = 0.0
            sums = sums + term * alone.reshape(-1, *[1] * (-dim - 1))
        return sum_to_axes(joint, sums, tuple(meeting.plate if a == edge else a for a in axes), field_axes)

    def sweep(self, generator: Generator, values: Values, params: Values | None = None, nets: Any = None,
              heat: tuple[float, Mapping[str, Tensor]] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """Draws every block once, each given all the others. ``heat``: an inverse temperature b and logits of an
        independent base; the target is then base^(1-b) f^b."""
        out = dict(values)
        for name in self.names:
            for mask in self.colours[name]:
                if name in self.states:
                    score = self._scores_of(name, mask, out, params, nets)
                    if heat is not None:
                        score = heat[0] * score + (1 - heat[0]) * heat[1][name]
                    drawn = categorical(score.detach(), generator)
                    out[name] = self._kept(name, drawn if mask is None else torch.where(mask, drawn, out[name]))
                    continue
                logit = self.logits(name, out, params, nets)
                if heat is not None:
                    logit = heat[0] * logit + (1 - heat[0]) * heat[1][name]
                drawn = bernoulli(generator, logit)
                out[name] = self._kept(name, drawn if mask is None else torch.where(mask, drawn, out[name]))
        return out

    def _kept(self, name: str, values: Tensor) -> Tensor:
        """Values with the cells that are seen as they were."""
        if name not in self.held:
            return values
        seen, codes = self.held[name]
        return torch.where(seen, codes, values)

    def begin(
        self, generator: Generator, shape: tuple[int, ...], base: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Independent draws of every field, ``[*shape, *own]``, of the base's logits (labels: scores) or even."""
        out = {}
        for name in self.names:
            if name in self.states:
                score = torch.zeros((*shape, *self.joint.shapes[name], self.states[name]), dtype=self.joint.dtype,
                                    device=self.joint.device)  # fmt: skip
                drawn = categorical(score if base is None else score + base[name], generator)
                out[name] = self._kept(name, drawn)
                continue
            logit = torch.zeros(
                (*shape, *self.joint.shapes[name]), dtype=self.joint.dtype, device=self.joint.device
            )
            out[name] = self._kept(name, bernoulli(generator, logit if base is None else logit + base[name]))
        return out

    def with_frozen_params(
        self, params: Values | None = None, nets: Any = None, *, sweeps: int = 0, backend: str = "auto"
    ) -> Fields | Pairwise | TabulatedLabels:
        """What draws fastest while params and other variables stay as they are; for so many ``sweeps`` of all chains together loops are
        compiled where they pay. ``backend``: as for samplers. Raises PgmError PGM0602 where loops are asked for and there are none."""
        if backend == "native" or (backend == "auto" and self._is_work_for_loops(sweeps)):
            try:
                with torch.no_grad():
                    return tabulated_labels(self.joint, self.names, params, self.held, with_rest=True)
            except NotScalar as reason:
                if backend == "native":
                    raise no_loops(reason) from None
        return self._coupled(params, nets)

    def _is_work_for_loops(self, sweeps: int) -> bool:
        """Whether torch would take longer for sweeps of one chain each than loading compiled loops does."""
        if all(self.is_independent(n) for n in self.names):
            return False
        elements = sum(math.prod(self.joint.shapes[n]) for n in self.names)
        listed = max(self.states.values(), default=1)
        setting, each = (0.0, LISTED_ELEMENT * listed) if self.states or self.held else (COUPLED, COUPLED_ELEMENT)
        return elements * (setting + each * sweeps) > LOADING

    def _coupled(self, params: Values | None, nets: Any) -> Fields | Pairwise:
        if len(self.names) != 1 or self.is_independent(self.names[0]) or self.states or self.held:
            return self
        (name,) = self.names
        meeting_factors = meetings(self.joint.model, name)
        factors = factor_names(canonical_factors(self.joint.model))
        pairs = [factors[k] for k in self.parts[name][0]]
        if not all(
            isinstance(f, Potential) and linear_degree(canonical_factors(self.joint.model), f.value, name) <= 2
            for f in pairs
        ):
            return self
        axis = self.joint.axes(name).index(meeting_factors[0].plate)
        joint = self.joint
        with torch.no_grad():
            return pairwise(
                name,
                torch.zeros(joint.shapes[name], dtype=joint.dtype, device=joint.device),
                [m for m in self.colours[name] if m is not None],
                (p for m in meeting_factors for p in _pairs(joint, m)),
                axis,
                lambda s: self.logits(name, {name: s}, params, nets),
                lambda s: self.energy({name: s}, params, nets),
            )

    def log_partition(self, params: Values | None = None, nets: Any = None) -> Tensor:
        """Exact log Z by listing all configurations. Raises ValueError for more than ``ENUMERABLE`` elements."""
        if self.bits > ENUMERABLE:
            raise ValueError(f"2^{self.bits:.0f} configurations are too many to list")
        shapes = {n: self.joint.shapes[n] for n in self.names}
        return torch.logsumexp(self.energy(configurations(self, shapes), params, nets), 0)

    def log_conditionals(
        self, name: str, values: Values, params: Values | None = None, nets: Any = None, create_graph: bool = False
    ) -> Tensor:
        """Log-probability of every element's value given all the rest: ``[..., *shape]``."""
        if name in self.states:
            table = torch.log_softmax(self.scores(name, values, params, nets), -1)
            return table.gather(-1, values[name].expand(table.shape[:-1])[..., None])[..., 0]
        logit = self.logits(name, values, params, nets, create_graph)
        return torch.nn.functional.logsigmoid((2 * values[name] - 1) * logit)

    def is_independent(self, name: str) -> bool:
        """Whether a field's elements are independent given all else."""
        return self.colours[name][0] is None


def bernoulli(generator: Generator, logit: Tensor) -> Tensor:
    """0 or 1 by log-odds; comparing uniform numbers is three times as fast as ``torch.bernoulli``."""
    uniform = torch.rand(logit.shape, generator=generator, dtype=logit.dtype, device=logit.device)
    return (uniform < torch.sigmoid(logit.detach())).to(logit.dtype)


def fields_of(joint: BoundDensity, names: tuple[str, ...]) -> Fields:
    """The fields of these names on a joint whose rows count once each."""
    plain = replace(
        joint,
        scale={},
        weights={},
        observed={k: v for k, v in joint.observed.items() if k not in names},
        missing={k: v for k, v in joint.missing.items() if k not in names},
        origin=joint.whole,
        partition=None,
    )
    states = _states(joint, names)
    held = {
        n: (~m, joint.observed[n].clamp(min=0).to(torch.int64 if n in states else joint.dtype))
        for n, m in joint.missing.items() if n in names
    }  # fmt: skip
    whole = joint.whole
    parts = {n: whole.memo.once(_parts, whole, n) for n in names}
    single = frozenset(n for n in names if whole.memo.once(_is_single, whole, n))
    return Fields(plain, names, {n: colours(joint, n) for n in names}, parts, states, single,
                  whole.memo.once(_is_linear, whole), held)  # fmt: skip


def configurations(fields: Fields, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """All configurations of fields of these shapes side by side, ``[count, *shape]``."""
    joint = fields.joint
    bases = {n: fields.states.get(n, 2) for n in shapes}
    count = math.prod(bases[n] ** math.prod(s) for n, s in shapes.items())
    rest = torch.arange(count, device=joint.device)
    out = {}
    for name, shape in shapes.items():
        digits = []
        for _ in range(math.prod(shape)):
            digits.append(rest % bases[name])
            rest = rest // bases[name]
        codes = torch.stack(digits, -1).reshape(count, *shape)
        out[name] = codes if name in fields.states else codes.to(joint.dtype)
    return out


def _states(joint: BoundDensity, names: tuple[str, ...]) -> dict[str, int]:
    """Numbers of values of the fields that are no polynomial's bits."""
    return {n: joint.num_states(n) for n in names if joint.whole.memo.once(_is_listed, joint.whole, n)}


def _is_listed(joint: BoundDensity, name: str) -> bool:
    """Whether a field's values are set one after the other."""
    return any(True for _ in multilinear_reasons(joint.model, name))


def _is_single(joint: BoundDensity, name: str) -> bool:
    """Whether the potentials that hold a field are of the first degree in it."""
    model = canonical_factors(joint.model)
    factors = factor_names(model)
    linear = [factors[k] for k in _parts(joint, name)[0]]
    return all(isinstance(f, Potential) and linear_degree(model, f.value, name) <= 1 for f in linear)


def _is_linear(joint: BoundDensity) -> bool:
    """Whether all factors are potentials of the first degree in params learned."""
    model, learned = canonical_factors(joint.model), joint.learned
    is_plain = not model.conditionals and not model.nets
    return is_plain and all(linear_degree(model, f.value, learned) <= 1 for f in model.potentials)


def _parts(joint: BoundDensity, name: str) -> tuple[frozenset[str], frozenset[str]]:
    model = canonical_factors(joint.model)
    linear: set[str] = set()
    apart: set[str] = set()
    for key, factor in factor_names(model).items():
        if mentioned(model, factor, (name,)):
            is_potential = isinstance(factor, Potential) and linear_degree(model, factor.value, name) <= 1
            (apart if is_elementwise(model, factor, name) and not is_potential else linear).add(key)
    return frozenset(linear), frozenset(apart)


def as_numbers(joint: BoundDensity, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Observed codes of fields, bits and spins as numbers."""
    listed = _states(joint, names)
    return {
        n: joint.observed[n] if n in listed else joint.observed[n].to(joint.dtype)
        for n in names if n in joint.observed
    }  # fmt: skip


def colours(joint: BoundDensity, name: str) -> tuple[Tensor | None, ...]:
    """Masks over a field's elements such that no two of one mask meet in a factor: a greedy colouring of the graph of
    meetings (two for a lattice)."""
    meeting_factors = joint.whole.memo.once(_meetings, joint.whole, name)
    if not meeting_factors:
        return (None,)
    home = _home(joint, meeting_factors)
    return home.memo.once(_masks, home, name, meeting_factors)


def _meetings(joint: BoundDensity, name: str) -> tuple[Meeting, ...]:
    return tuple(field_meetings(joint.model, name))


def _masks(joint: BoundDensity, name: str, meeting_factors: tuple[Meeting, ...]) -> tuple[Tensor, ...]:
    plate = meeting_factors[0].plate
    size = joint.shapes[name][joint.axes(name).index(plate)]
    import networkx  # not needed by every density with fields

    graph = networkx.Graph()
    graph.add_nodes_from(range(size))
    for meeting in meeting_factors:
        graph.add_edges_from(_pairs(joint, meeting))
    number = networkx.greedy_color(
        graph, strategy="saturation_largest_first" if size < 500 else "connected_sequential_bfs"
    )
    trailing = len(joint.axes(name)) - joint.axes(name).index(plate) - 1
    codes = torch.tensor([number[i] for i in range(size)], device=joint.device)
    return tuple((codes == k).reshape(-1, *[1] * trailing) for k in range(int(codes.max()) + 1))


def _home(joint: BoundDensity, meeting_factors: tuple[Meeting, ...]) -> BoundDensity:
    """The joint whose elements meet as this one's do: the whole, unless this one has some rows of a chain."""
    is_alike = joint.layout is joint.whole.layout or all(m.ends is not None for m in meeting_factors)
    return joint.whole if is_alike else joint


def _pairs(joint: BoundDensity, meeting: Meeting) -> Iterator[tuple[int, int]]:
    _, first, second = _ends(joint, meeting)
    return zip(first.tolist(), second.tolist(), strict=True)


def _ends(joint: BoundDensity, meeting: Meeting) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of a plate of pairs, and the two elements that each brings together."""
    home = _home(joint, (meeting,))
    return home.memo.once(_ends_of, home, meeting)


def _ends_of(joint: BoundDensity, meeting: Meeting) -> tuple[Tensor, Tensor, Tensor]:
    if meeting.ends is not None:
        evaluator = bound_evaluator(joint.binding)
        ends = [evaluator.variable(joint.model.by_name[e], {}).values for e in meeting.ends]
        first, second = (torch.as_tensor(e, dtype=torch.int64, device=joint.device) for e in ends)
        return torch.arange(len(first), device=joint.device), first, second
    index = joint.layout.previous(meeting.plate, meeting.lag)
    position = joint.layout.position(meeting.plate)
    rows = torch.arange(len(index), device=joint.device)[position >= meeting.lag]
    return rows, rows, index[rows]


def one_row_fields(joint: BoundDensity, plate: str | None, names: tuple[str, ...]) -> Fields:
    """The fields of one row, for chains that stand for every row."""
    return fields_of(one_row(joint, plate), names)


def one_row(joint: BoundDensity, plate: str | None) -> BoundDensity:
    """One row of a joint, which counts once; all of a joint without rows."""
    one = joint if plate is None else restricted_to_rows(joint, plate, np.zeros(1, dtype=np.int64))
    return replace(one, scale={}, weights={})
