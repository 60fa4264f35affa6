"""Exact log Z of discrete fields by variable elimination, differentiable by what is learned.

The emitted factors fill the tables. Elements are coloured such that no two of one scope are alike; setting each colour to
each value gives all entries of all elements' tables in a few evaluations. The engine's contraction does the rest
(`log_z_torch`), so that the gradient is that of exact moments (Darwiche 2003).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.exact import ExactEngine, log_z_torch
from pgmlang.fields.fields import Fields
from pgmlang.fields.scopes import FieldScopes, field_scopes, homes


class Filling(NamedTuple):
    """Where elements of a factor go: ``rows`` of them, their axes in the order ``order``, into the stack of tables of
    these ``sizes`` at ``positions``, along its axes ``at``."""

    rows: Tensor
    order: tuple[int, ...]
    sizes: tuple[int, ...]
    positions: Tensor
    at: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FieldNetwork:
    """``fields``: all fields of one row of ``plate`` (None: of all there is); ``scopes``: which elements its factors
    bring together."""

    fields: Fields
    scopes: FieldScopes
    plate: str | None

    @cached_property
    def engine(self) -> ExactEngine:
        """Compiled queries are kept in it: only the structure counts."""
        return ExactEngine(self.scopes.network)

    def log_partition(self, params: Values | None = None, nets: Any = None) -> Tensor:
        """log Z of a row, a scalar."""
        tables, constant = self.tables(params, nets)
        return log_z_torch(self.scopes.network, tables, engine=self.engine).reshape(()) + constant

    def log_evidence(self, codes: Mapping[str, Tensor], params: Values | None = None, nets: Any = None) -> Tensor:
        """log of the sum over the other fields, for rows that have these fields' codes ``[rows, *shape]``: ``[rows]``."""
        evidence, rows = self._evidence(codes)
        tables, constant = self.tables(params, nets)
        return log_z_torch(self.scopes.network, tables, evidence, num_rows=rows, engine=self.engine) + constant

    def marginals(self, codes: Mapping[str, Tensor], names: Collection[str], params: Values | None = None,
                  nets: Any = None) -> dict[str, Tensor]:  # fmt: skip
        """Probabilities ``[rows, *shape, states]`` of the fields ``names`` given these fields' codes."""
        evidence, rows = self._evidence(codes)
        joint, nodes = self.fields.joint, self.scopes.nodes
        tables, _ = self.tables(params, nets)
        factors = tuple(
            replace(f, values=t.detach().cpu().double().numpy())
            for f, t in zip(self.scopes.network.factors, tables, strict=True)
        )
        targets = [nodes[n].first + i for n in names for i in range(nodes[n].count)]
        filled = ExactEngine(replace(self.scopes.network, factors=factors))
        node_tables = filled.marginals(evidence, targets, num_rows=rows).tables
        out = {}
        for name in names:
            block = nodes[name]
            stacked = np.stack([node_tables[block.first + i] for i in range(block.count)], 1)
            shape = block.shape if self.plate is None else block.shape[1:]
            out[name] = torch.as_tensor(
                stacked.reshape(rows, *shape, block.size), dtype=joint.dtype, device=joint.device
            )
        return out

    def _evidence(self, codes: Mapping[str, Tensor]) -> tuple[dict[int, np.ndarray], int]:
        """Observed codes by node, and how many rows there are."""
        out: dict[int, np.ndarray] = {}
        rows = 1
        for name, code in codes.items():
            flat = code.reshape(len(code), -1).long().cpu().numpy()
            rows = len(flat)
            out |= {self.scopes.nodes[name].first + i: np.ascontiguousarray(c) for i, c in enumerate(flat.T)}
        return out, rows

    def tables(self, params: Values | None = None, nets: Any = None) -> tuple[list[Tensor], Tensor]:
        """Log tables in the order of the network's factors, and the sum of what hangs on no field."""
        joint = self.fields.joint
        constant = torch.zeros((), dtype=joint.dtype, device=joint.device)
        stacks = {
            sizes: torch.zeros((len(numbers), *sizes), dtype=joint.dtype, device=joint.device)
            for sizes, numbers in self._classes.items()
        }
        for key, slots in self.scopes.slots.items():
            if not slots.shape[1]:
                constant = constant + self._entries(key, (), params, nets).sum()
                continue
            colours = self.scopes.colours[slots]
            entries_so_far: Tensor | None = None
            for chosen in np.unique(colours, axis=0):
                entries = self._entries(key, tuple(chosen.tolist()), params, nets)
                mask = torch.as_tensor((colours == chosen).all(1), device=joint.device)
                mask = mask.reshape(-1, *[1] * slots.shape[1])
                entries_so_far = entries if entries_so_far is None else torch.where(mask, entries, entries_so_far)
            assert entries_so_far is not None
            for filling in self._fillings[key]:
                block = entries_so_far[filling.rows].permute(0, *(1 + i for i in filling.order))
                shape = [1] * len(filling.sizes)
                for axis, size in zip(filling.at, block.shape[1:], strict=True):
                    shape[axis] = size
                block = block.reshape(-1, *shape).expand(-1, *filling.sizes)
                stacks[filling.sizes] = stacks[filling.sizes].index_add(0, filling.positions, block)
        pieces = {sizes: stack.unbind(0) for sizes, stack in stacks.items()}
        return [pieces[sizes][index] for sizes, index in self._places], constant

    def _entries(self, key: str, chosen: tuple[int, ...], params: Values | None, nets: Any) -> Tensor:
        """The factor's elements ``[elements, *values]`` where the nodes of the ``chosen`` colours run over all values."""
        joint, network = self.fields.joint, self.scopes.network
        slots = self.scopes.slots[key]
        sizes = [network.variables[v].size for v in slots[0]]
        lead = len(chosen)
        values: dict[str, Tensor] = {}
        for name, nodes in self.scopes.nodes.items():
            node_colours = self.scopes.colours[nodes.first : nodes.first + nodes.count].reshape(nodes.shape)
            code = torch.zeros(nodes.shape, dtype=torch.int64, device=joint.device)
            for i, (colour, size) in enumerate(zip(chosen, sizes, strict=True)):
                mask = torch.as_tensor(node_colours == colour, device=joint.device)
                every = torch.arange(size, device=joint.device).clamp(max=nodes.size - 1)
                shaped = every.reshape([size if j == i else 1 for j in range(lead)] + [1] * len(nodes.shape))
                code = torch.where(mask, shaped, code)
            values[name] = code if name in self.fields.states else code.to(joint.dtype)
        term = joint.factors(values, params, nets, only=(key,))[key]
        return term.expand((*sizes, *self.scopes.shapes[key])).reshape(*sizes, len(slots)).movedim(-1, 0)

    @cached_property
    def _classes(self) -> dict[tuple[int, ...], list[int]]:
        """Numbers of the network's factors by the shapes of their tables."""
        out: dict[tuple[int, ...], list[int]] = {}
        for i, factor in enumerate(self.scopes.network.factors):
            out.setdefault(factor.values.shape, []).append(i)
        return out

    @cached_property
    def _places(self) -> list[tuple[tuple[int, ...], int]]:
        """For each of the network's factors its stack and its place there."""
        place_of = {
            number: (sizes, i) for sizes, numbers in self._classes.items() for i, number in enumerate(numbers)
        }
        return [place_of[i] for i in range(len(self.scopes.network.factors))]

    @cached_property
    def _fillings(self) -> dict[str, list[Filling]]:
        network, device = self.scopes.network, self.fields.joint.device
        number = {f.scope: i for i, f in enumerate(network.factors)}
        home = dict(homes(network))
        out: dict[str, list[Filling]] = {}
        for key, slots in self.scopes.slots.items():
            groups: dict[tuple[Any, ...], tuple[list[int], list[int]]] = {}
            for row, members in enumerate(slots.tolist()):
                order = tuple(int(i) for i in np.argsort(members))
                scope = tuple(sorted(members))
                into = scope if scope in number else home[scope[0]]
                sizes, position = self._places[number[into]]
                axes = tuple(into.index(v) for v in scope)
                rows, positions = groups.setdefault((order, sizes, axes), ([], []))
                rows.append(row)
                positions.append(position)
            out[key] = [
                Filling(torch.tensor(r, device=device), order, sizes, torch.tensor(p, device=device), axes)
                for (order, sizes, axes), (r, p) in groups.items()
            ]
        return out


def field_network(joint: BoundDensity, one: Fields, plate: str | None) -> FieldNetwork | None:
    """The network of one row's fields ``one`` of a joint, None where elimination is too wide."""
    scopes = field_scopes(joint.binding, plate)
    return None if scopes is None else FieldNetwork(one, scopes, plate)
