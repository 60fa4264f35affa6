"""Held-out log-likelihood of units whose labels share a Dirichlet (documents of topics): left to right, by compiled loops.

A run takes a unit's labels in order: what each adds is its draws' probability given the labels before it, the unit's shares integrated out;
those before it are then drawn anew (Wallach, Murray, Salakhutdinov and Mimno 2009, section 3; Buntine 2009, section 4). The product over labels is
unbiased for the unit's likelihood, as annealed importance sampling is: each run is a path through distributions of more and more labels (Neal
2001). Its logarithm is low by about half its variance, which grows with a unit's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.native.collapsed import collapsed_form, labels_of
from pgmlang.native.collapsed_arrays import Arrays, DrawArrays, IntegratedTable, arrays_of, with_outside
from pgmlang.native.collapsed_sweeps import can_compile
from pgmlang.native.formulas import NotScalar
from pgmlang.native.program_files import load_program
from pgmlang.native.runtime_text import runtime_text
from pgmlang.query.new_rows import NewRows

RUNS = 50
"""Runs in all, and most draws of the globals that are gone through."""
MOVES = 500
"""Most labels that are drawn anew before another comes in: that of short units is the square of their length."""


@dataclass(frozen=True, eq=False)
class SequentialLabels:
    """The labels of units. ``owner``: their draws from the units' shares; ``known``: their draws from what the fit tells; ``unit [n]`` of each
    label."""

    rows: NewRows
    arrays: Arrays
    owner: DrawArrays
    known: tuple[DrawArrays, ...]
    unit: np.ndarray
    num_units: int

    @property
    def num_draws(self) -> int:
        """Draws of the globals that are gone through."""
        return min(RUNS, self.rows.num_draws)

    @property
    def repeats(self) -> int:
        """Runs for each draw of the globals."""
        return -(-RUNS // self.num_draws)

    def log_weights(self) -> torch.Tensor:
        """Logarithms ``[repeat, draw, unit]`` of unbiased estimates of each unit's likelihood."""
        module: Any = load_program(runtime_text("sequential_labels"))
        (label,), table = self.arrays.labels, self.owner.table
        starts = np.searchsorted(np.sort(self.unit), np.arange(self.num_units + 1))
        listed = np.argsort(self.unit, kind="stable")
        seeds = torch.randint(
            2**63 - 1, (self.repeats, self.num_draws, self.num_units), generator=self.rows.generator
        )
        streams = seeds.numpy().astype(np.uint64)
        out = np.zeros(streams.shape)
        chosen = np.linspace(0, self.rows.num_draws - 1, self.num_draws).astype(int)
        for s, draw in enumerate(chosen):
            arrays = self._arrays_at(int(draw))
            prior = arrays.concentrations.cells[table.start : table.start + table.cells].reshape(-1, label.size)
            logs = self._logs_at(int(draw))
            high = np.maximum(logs.max(1), -1e300)
            of_units = np.bincount(self.unit, high, minlength=self.num_units)
            chances = np.exp(logs - high[:, None])
            for r in range(self.repeats):
                out[r, s] = of_units
                module.left_to_right(
                    chances, label.codes, listed, starts, prior, prior.sum(1), MOVES, streams[r, s], out[r, s]
                )
        return torch.from_numpy(out)

    def _arrays_at(self, draw: int) -> Arrays:
        outside = {n: self.rows.given[n][draw].numpy() for n in self.arrays.form.outside}
        return with_outside(self.arrays, outside) if outside else self.arrays

    def _logs_at(self, draw: int) -> np.ndarray:
        """The logarithm ``[n, values]`` of what a label's value gives its draws, at a draw of the globals."""
        (label,) = self.arrays.labels
        out = np.zeros((len(label.codes), label.size))
        for d in self.known:
            with np.errstate(divide="ignore"):
                log = np.log(_in_order(self.rows.given[d.table.variable.name][draw].numpy(), d.table))
            (part,) = d.parts
            cells = (d.cell - d.table.start)[:, None] + d.table.stride(part.axis) * np.arange(label.size)
            np.add.at(out, part.element, log[cells])
        return out


def _in_order(values: np.ndarray, table: IntegratedTable) -> np.ndarray:
    """A variable's values as its table has them, flat."""
    variable = table.variable
    if variable.remembered == "zero and one":
        values = np.stack([1 - values, values], -1)
    axes = (*variable.rows, *((table.event,) if table.event else ()))
    return np.ascontiguousarray(values.transpose([axes.index(a) for a in table.axes])).reshape(-1)


def sequential_labels(rows: NewRows) -> SequentialLabels | None:
    """The labels of rows, where there is one label variable whose elements are drawn from shares of their unit's own, and all that hangs on
    it is drawn from shares or chances that the fit tells; None for anything else."""
    plate, model = rows.unit(), rows.joint.model
    told = tuple(n for n in rows.given if n not in rows.hidden)
    is_plain = can_compile() and not rows.params and rows.nets is None and rows.joint.binding.weights is None
    if plate is None or not is_plain or any(model.by_name[n].type.is_discrete for n in told):
        return None
    latent = (*rows.hidden, *(n for n in told if model.by_name[n].role == "random"))
    try:
        form = collapsed_form(model, latent)
        if len(form.labels) != 1 or form.known or set(form.outside) & set(rows.hidden):
            return None
        outside = {n: rows.given[n][0].numpy() for n in form.outside}
        arrays = arrays_of(form, bound_evaluator(rows.joint.binding, outside))
    except NotScalar:
        return None
    (label,) = arrays.labels
    if any(
        not d.table.is_count or len(d.parts) != 1 or labels_of(d.draw, form.labels) != form.labels
        for d in arrays.draws
    ):
        return None
    own = [d for d in arrays.draws if d.table.variable.name in rows.hidden]
    hidden = {label.name, *(d.table.variable.name for d in own)}
    if len(own) != 1 or own[0].draw.target != label.name or hidden != set(rows.hidden):
        return None
    owner, table = own[0], own[0].table
    known = tuple(d for d in arrays.draws if d is not owner)
    if table.variable.rows != (plate,) or owner.parts[0].axis != table.event or table.axes[-1] != table.event:
        return None
    if any(d.parts[0].axis == d.table.event for d in known):
        return None
    unit = np.full(len(label.codes), -1)
    unit[owner.parts[0].element] = owner.row - table.first_row
    # each label once, and none of a unit whose shares the fit has
    if len(owner.row) != len(unit) or (unit < rows.num_known.get(table.variable.name, 0)).any():
        return None
    return SequentialLabels(rows, arrays, owner, known, unit, rows.joint.layout.size(plate))
