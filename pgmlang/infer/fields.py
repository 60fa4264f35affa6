"""Fields of bits and spins: their conditionals, block by block, and chains over them.

The logit of every element given all others is one gradient of the summed log-potentials (for an RBM one matrix
product, for a lattice the neighbours' sum); elements that no factor brings together are drawn at once. Codes are
numbers 0 and 1 here, so that they can be relaxed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import networkx
import torch
from torch import Generator, Tensor

from pgmlang.graph.multilinear import Meeting, linear_degree, meetings
from pgmlang.graph.summable import is_elementwise, mentioned
from pgmlang.infer.joint import Joint, Values
from pgmlang.lower.factors import factor_names
from pgmlang.model import Potential

ENUMERABLE = 20
"""Most binary elements whose configurations are listed."""


@dataclass(frozen=True, eq=False)
class Fields:
    """``names``: the binary fields that are not observed here; ``colours``: for each of them masks over its elements,
    True at those drawn together (None: all at once); ``parts``: names of the factors that are linear in it, and of those
    that take its elements one by one. ``joint`` counts every row once."""

    joint: Joint
    names: tuple[str, ...]
    colours: Mapping[str, tuple[Tensor | None, ...]]
    parts: Mapping[str, tuple[frozenset[str], frozenset[str]]]

    @property
    def num_elements(self) -> int:
        """Binary elements in all."""
        return sum(int(torch.tensor(self.joint.shapes[n]).prod()) for n in self.names)

    def energy(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """The summed log-potentials ``[...]`` (minus the energy)."""
        return self.joint.log_joint(values, params, nets)

    def logits(
        self, name: str, values: Values, params: Values | None = None, nets: Any = None, create_graph: bool = False
    ) -> Tensor:
        """Log-odds of 1 of every element of a field given all else, ``[..., *shape]``: the gradient of the factors that
        are linear in it, the difference of those that take its elements one by one."""
        linear, apart = self.parts[name]
        found = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        if linear:
            with torch.enable_grad():
                relaxed = values[name].detach().requires_grad_()
                terms = self.joint.factors({**values, name: relaxed}, params, nets, only=linear)
                total = torch.stack([t.sum() for t in terms.values()]).sum()
                (found,) = torch.autograd.grad(total, relaxed, create_graph=create_graph)
        if apart:
            one, zero = (
                self.joint.factors({**values, name: fill(values[name])}, params, nets, only=apart)
                for fill in (torch.ones_like, torch.zeros_like)
            )
            for key, term in one.items():
                gap = self.joint.along(term - zero[key], self.joint.factor_axes[key], self.joint.axes(name))
                found = found + gap
        return found.expand_as(values[name])

    def sweep(self, generator: Generator, values: Values, params: Values | None = None, nets: Any = None,
              heat: tuple[float, Mapping[str, Tensor]] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """Draws every block once, each given all the others. ``heat``: an inverse temperature b and logits of an
        independent base; the target is then base^(1-b) f^b."""
        out = dict(values)
        for name in self.names:
            for mask in self.colours[name]:
                logit = self.logits(name, out, params, nets)
                if heat is not None:
                    logit = heat[0] * logit + (1 - heat[0]) * heat[1][name]
                drawn = bernoulli(generator, logit)
                out[name] = drawn if mask is None else torch.where(mask, drawn, out[name])
        return out

    def begin(
        self, generator: Generator, shape: tuple[int, ...], base: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Independent draws of every field, ``[*shape, *own]``, of the base's logits or even."""
        out = {}
        for name in self.names:
            logit = torch.zeros(
                (*shape, *self.joint.shapes[name]), dtype=self.joint.dtype, device=self.joint.device
            )
            out[name] = bernoulli(generator, logit if base is None else logit + base[name])
        return out

    def log_partition(self, params: Values | None = None, nets: Any = None) -> Tensor:
        """Exact log Z by listing all configurations. Raises ValueError for more than ``ENUMERABLE`` elements."""
        count = self.num_elements
        if count > ENUMERABLE:
            raise ValueError(f"{count} binary elements are too many to list")
        codes = torch.arange(2**count, device=self.joint.device)
        bits = ((codes[:, None] >> torch.arange(count, device=self.joint.device)) & 1).to(self.joint.dtype)
        values, place = {}, 0
        for name in self.names:
            shape = self.joint.shapes[name]
            size = int(torch.tensor(shape).prod())
            values[name] = bits[:, place : place + size].reshape(-1, *shape)
            place += size
        return torch.logsumexp(self.energy(values, params, nets), 0)

    def is_independent(self, name: str) -> bool:
        """Whether a field's elements are independent given all else."""
        return self.colours[name][0] is None


def bernoulli(generator: Generator, logit: Tensor) -> Tensor:
    """0 or 1 by log-odds; comparing uniform numbers is three times as fast as ``torch.bernoulli``."""
    uniform = torch.rand(logit.shape, generator=generator, dtype=logit.dtype, device=logit.device)
    return (uniform < torch.sigmoid(logit.detach())).to(logit.dtype)


def fields_of(joint: Joint, names: tuple[str, ...]) -> Fields:
    """The fields of these names on a joint whose rows count once each."""
    plain = replace(
        joint, scale={}, weights={}, observed={k: v for k, v in joint.observed.items() if k not in names}
    )
    return Fields(plain, names, {n: colours(joint, n) for n in names}, {n: _parts(joint, n) for n in names})


def _parts(joint: Joint, name: str) -> tuple[frozenset[str], frozenset[str]]:
    cache: dict[str, tuple[frozenset[str], frozenset[str]]] = joint.source.setdefault("parts", {})
    if name in cache:
        return cache[name]
    model = joint.model
    linear: set[str] = set()
    apart: set[str] = set()
    for key, factor in factor_names(model).items():
        if mentioned(model, factor, (name,)):
            is_potential = isinstance(factor, Potential) and linear_degree(model, factor.value, name) <= 1
            (apart if is_elementwise(model, factor, name) and not is_potential else linear).add(key)
    cache[name] = frozenset(linear), frozenset(apart)
    return cache[name]


def as_numbers(joint: Joint, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Observed codes of fields as numbers."""
    return {n: joint.observed[n].to(joint.dtype) for n in names if n in joint.observed}


def colours(joint: Joint, name: str) -> tuple[Tensor | None, ...]:
    """Masks over a field's elements such that no two of one mask meet in a factor: a greedy colouring of the graph of
    meetings (two for a lattice)."""
    found = meetings(joint.model, name)
    if not found:
        return (None,)
    cache: dict[str, Any] = joint.source.setdefault("colours", {})
    plate = found[0].plate
    size = joint.shapes[name][joint.axes(name).index(plate)]
    key = f"{name} {size}"
    if key not in cache:
        graph = networkx.Graph()
        graph.add_nodes_from(range(size))
        for meeting in found:
            graph.add_edges_from(_pairs(joint, meeting))
        number = networkx.greedy_color(
            graph, strategy="saturation_largest_first" if size < 500 else "connected_sequential_bfs"
        )
        trailing = len(joint.axes(name)) - joint.axes(name).index(plate) - 1
        codes = torch.tensor([number[i] for i in range(size)], device=joint.device)
        masks = tuple((codes == k).reshape(-1, *[1] * trailing) for k in range(int(codes.max()) + 1))
        cache[key] = masks
    masks_found: tuple[Tensor | None, ...] = cache[key]
    return masks_found


def _pairs(joint: Joint, meeting: Meeting) -> Iterator[tuple[int, int]]:
    if meeting.ends is not None:
        from pgmlang.infer.rows import bound_evaluator

        evaluator = bound_evaluator(joint.source["binding"])
        ends = [evaluator.variable(joint.model.by_name[e], {}).values for e in meeting.ends]
        return zip(ends[0].tolist(), ends[1].tolist(), strict=True)
    index = joint.data[f"previous_{meeting.lag}_in_{meeting.plate}"]
    position = joint.data[f"position_in_{meeting.plate}"]
    rows = torch.arange(len(index))[position.cpu() >= meeting.lag]
    return zip(rows.tolist(), index.cpu()[rows].tolist(), strict=True)
