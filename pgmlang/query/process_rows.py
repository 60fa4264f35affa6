"""Processes at rows that a fit has not seen, given what it says of its own: kriging.

Of a normal vector over the fit's rows and further ones with the covariance K = L L', L lower triangular in blocks, the further
ones are normal given the others, with mean m* + L21 L11^-1 (f - m) and factor L22 (Rasmussen and Williams 2006, 2.2); no inverse
is formed. Of Student's t the factor grows with how far out f is (Shah, Wilson and Ghahramani 2014). Of a product
``cholesky(K) @ z`` it is L21 z and L22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.process_rows import names_of_process, parent_key
from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.density.simulation import deterministic_values
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.layout import close_layout
from pgmlang.model import Definition, Model, Variable
from pgmlang.model.dependence import definitions_behind
from pgmlang.model.expr import Expr
from pgmlang.model.processes import Process, RootProduct, names_at_rows
from pgmlang.model.types import REAL
from pgmlang.query.process_model import FurtherRows, plates_of
from pgmlang.results.fit import Fit

AT_ONCE = 20_000_000
"""Most numbers of covariances that are factorised together."""
VALUE = "value at rows"
"""What an expression is called while it is worked out; no name of a text has a space."""


def given_fit_rows(
    fit: Fit, rows: Binding, further: tuple[FurtherRows, ...], values: Mapping[str, Tensor], params: Mapping[str, Tensor],
    nets: Any, count: int,
) -> dict[str, Tensor]:  # fmt: skip
    """The values ``[count, *shape]`` that say processes at the elements of ``rows`` (see `FurtherRows`). ``values``: draws ``[count,
    ...]`` that the fit has of everything random. ``rows``: elements that the fit knows first, with their inputs; bound to
    the model of the fit. Raises PgmError PGM0602 where a covariance has no factor in rounded arithmetic."""
    out: dict[str, Tensor] = {}
    for one in further:
        out |= _Extension(fit, rows, one, values, params, nets, count).values()
    return out


class _Extension:
    """One process, from the fit's rows to those of a binding."""

    def __init__(
        self, fit: Fit, rows: Binding, further: FurtherRows, values: Mapping[str, Tensor], params: Mapping[str, Tensor],
        nets: Any, count: int,
    ) -> None:  # fmt: skip
        self.fit, self.rows, self.further, self.process = fit, rows, further, further.process
        self.given, self.params, self.nets, self.count = values, params, nets, count
        self.model, self.plate = rows.model, further.process.plate
        self.num_fitted = fit.sizes[self.plate]
        self.num_known = self.num_fitted if is_labelled(fit, rows, self.plate) else 0
        self.num_new = rows.sizes[self.plate] - self.num_known

    def values(self) -> dict[str, Tensor]:
        """By name, draws first."""
        of_one = (self.num_fitted + self.num_new) ** 2 * math.prod(self.rows.layout.shape(self._batch))
        most = max(1, AT_ONCE // of_one)
        parts = [self._of_draws(slice(i, min(i + most, self.count))) for i in range(0, self.count, most)]
        return {n: torch.cat([p[n] for p in parts]) for n in parts[0]}

    @property
    def _batch(self) -> tuple[str, ...]:
        return self.model.batch_axes(plates_of(self.model, self.process))

    def _of_draws(self, chosen: slice) -> dict[str, Tensor]:
        given = {k: v[chosen] for k, v in self.given.items()}
        process, further, n = self.process, self.further, self.num_fitted
        if isinstance(process, RootProduct):
            root = self._at(process.root, process.axes, given, are_all=True)
            vectors = self._at(process.vector, (process.axes[1], *process.others), given)
            others = vectors.shape[vectors.dim() - len(process.others) :]
            columns = vectors.flatten(vectors.dim() - len(others)) if others else vectors[..., None]
            rows = torch.cat([root[..., : self.num_known, :n], root[..., n:, :n]], -2)
            shift = (rows @ columns).unflatten(-1, others) if others else (rows @ columns)[..., 0]
            return {further.shift: shift, further.factor: self._widened(root[..., n:, n:], 0.0)}
        mean = self._at(process.mean, process.axes[:1], given)
        matrix = self._at(process.matrix, process.axes, given, are_all=True)
        gap = (self._drawn(given) - mean)[..., None]
        lower = matrix[..., :n, :n] if process.is_root else self._root(matrix[..., :n, :n])
        across = (
            matrix[..., n:, :n]
            if process.is_root
            else torch.linalg.solve_triangular(lower, matrix[..., n:, :n].mT, upper=False).mT
        )
        white = torch.linalg.solve_triangular(lower, gap, upper=False)
        rest = matrix[..., n:, n:] if process.is_root else self._root(matrix[..., n:, n:] - across @ across.mT)
        of_known = gap[..., : self.num_known, 0]
        out = {further.shift: torch.cat([of_known, (across @ white)[..., 0]], -1)}
        if process.df is not None:
            df = self._at(process.df, (), given)
            beyond = (df + white.square().sum((-1, -2))) / (df + n)
            rest, out[further.df] = rest * beyond.sqrt()[..., None, None], df + n
        # what is known has its value surely: a factor such that its density there is one
        out[further.factor] = self._widened(rest, 1 / math.sqrt(2 * math.pi))
        return out

    def _widened(self, factor: Tensor, known: float) -> Tensor:
        """The factor with the known elements before the new ones, ``known`` on their diagonal."""
        k = self.num_known
        out = factor.new_zeros(*factor.shape[:-2], k + self.num_new, k + self.num_new)
        out[..., range(k), range(k)] = known
        out[..., k:, k:] = factor
        return out

    def _drawn(self, given: Mapping[str, Tensor]) -> Tensor:
        """What the process was at the fit's rows: as drawn, or as seen."""
        name = self.process.name
        if name in given:
            return given[name]
        return torch.as_tensor(np.array(self.fit.process_rows[name]))

    def _root(self, matrix: Tensor) -> Tensor:
        factor, faults = torch.linalg.cholesky_ex(matrix)
        if bool(faults.any()) or not bool(torch.isfinite(factor).all()):
            message = f"the covariance of `{self.process.name}` at these rows and the fit's has no factor in rounded arithmetic"
            cure = (
                "points that nearly coincide: a larger `jitter` or a `noise` in the kernel, or fewer rows at once"
            )
            raise PgmError(Diagnostic("PGM0602", message, self.model.by_name[self.process.name].span, help=cure))
        return factor

    def _at(
        self, expr: Expr, axes: tuple[str, ...], given: Mapping[str, Tensor], *, are_all: bool = False
    ) -> Tensor:
        """An expression along ``axes`` at the fit's rows, or at these and the new ones: ``[draws, *batch, *axes]``."""
        definition = Definition(VALUE, expr, expr.span)
        behind = definitions_behind(self.model, expr)
        plates = plates_of(self.model, self.process)
        model = replace(
            self.model, factors=(), definitions=(*behind, definition), guide=None,
            variables=(*self.model.variables, Variable(VALUE, "derived", REAL, plates, axes)),
        )  # fmt: skip
        binding = self._bound(model, expr, are_all)
        joint = density_of_binding(model, binding, {}, torch.float64, torch.device("cpu"))
        of_rows = names_at_rows(self.model, self.plate, expr)
        seen = {
            n: torch.as_tensor(np.array(v), dtype=joint.dtype) for n, v in binding.values.items() if n in of_rows
        }
        known = {n: v for n, v in given.items() if n in self.model.by_name and (n not in of_rows or not are_all)}
        values = {**{n: v for n, v in seen.items() if self.model.by_name[n].role == "random"}, **known}
        out = deterministic_values(joint, values, self.params, self.nets, (VALUE,))[VALUE]
        draws = next(iter(given.values())).shape[0] if given else self.count
        return out.to(torch.float64).expand(draws, *joint.shape_of(VALUE))

    def _bound(self, model: Model, expr: Expr, are_all: bool) -> Binding:
        """The fit's rows, or with ``are_all`` the new ones after them, as data of a model."""
        rows, fit, plate = self.rows, self.fit, self.plate
        values = {n: v for n, v in rows.values.items() if plate not in _roots(model, n)}
        for name in names_at_rows(self.model, plate, expr) & {*fit.process_rows}:
            before = fit.process_rows[name]
            if are_all:
                axis = _roots(model, name).index(plate)
                new = np.take(rows.values[name], range(self.num_known, self.num_known + self.num_new), axis)
                before = np.concatenate([before, new], axis)
            values[name] = before.astype(np.int64) if model.by_name[name].type.is_discrete else np.array(before)
        count = self.num_fitted + (self.num_new if are_all else 0)
        sizes = {**rows.sizes, **{a: count for a in rows.sizes if model.root_axis(a) == plate}}
        membership = {
            (plate, q): fit.process_rows[key].astype(np.int64)
            for q in model.enclosing(plate)[:-1] if (key := parent_key(plate, q)) in fit.process_rows and not are_all
        }  # fmt: skip
        labels = {p: told for p, told in rows.labels.items() if p != plate}
        return Binding(model, close_layout(model, sizes, labels, membership), labels, values, plate=plate)


def _roots(model: Model, name: str) -> tuple[str, ...]:
    return tuple(map(model.root_axis, model.array_axes(model.by_name[name])))


def is_labelled(fit: Fit, rows: Binding, plate: str) -> bool:
    """Whether the elements of a plate have names, so that those of the fit are the first of a binding."""
    known = fit.labels.get(plate)
    return known is not None and rows.labels.get(plate, ())[: len(known)] == known


def with_inputs_of_known(fit: Fit, rows: Binding, processes: tuple[Process | RootProduct, ...]) -> Binding:
    """The binding with what the fit's own elements have, where new rows do not say it."""
    values = dict(rows.values)
    for process in processes:
        plate = process.plate
        if not is_labelled(fit, rows, plate):
            continue
        for name in names_of_process(rows.model, process) & set(values) & set(fit.process_rows):
            if rows.model.by_name[name].role == "input":
                before, array = fit.process_rows[name], np.array(values[name])
                array[: len(before)] = before
                values[name] = array
    return replace(rows, values=values)
