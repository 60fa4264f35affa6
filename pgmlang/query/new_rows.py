"""Unseen rows of a fit of draws or of point estimates: what is known of them, drawn, and inferred.

Rows are local and globals are part of the fit: the latents of new rows are found given each of a few hundred draws of
the globals. What nothing observed hangs on is drawn forwards; discrete latents are summed out.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import determines
from pgmlang.density.row_subset import with_latent_cells
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.summable import elimination_steps
from pgmlang.model import Model
from pgmlang.model.atoms import mixed_draws
from pgmlang.model.dependence import names_behind, nodes_behind
from pgmlang.model.expr import Ref
from pgmlang.model.processes import Process
from pgmlang.query.fitted_values import drawn_from_prior, estimates, global_values, split_latents
from pgmlang.query.joint_rows import Processes, is_tied, of_fit_alone, processes_beyond
from pgmlang.query.linear_gaussian import GaussianUnits, gaussian_units
from pgmlang.query.process_model import further_rows, model_of_further_rows
from pgmlang.query.process_rows import given_fit_rows, is_labelled, with_inputs_of_known
from pgmlang.results.fit import Fit

NUMBERS = 4_000_000
"""Most values of the rows' variables, at all draws of the globals together, unless that were fewer than `DRAWS` draws."""
DRAWS = 400
"""Draws of the globals that are used of rows whatever their number, and most where labels of the rows are inferred given each."""
GUIDED = 1024
"""Draws of a written guide, where it is the proposal."""
CHAINED = 100
"""Most draws of the globals where each needs a chain over the rows' own latents."""
PARTICLES = 64
"""Draws of a row's latents for each draw of the globals, where they are weighed against each other."""
COPIES = 200
"""Draws of what hangs on point estimates."""


@dataclass(frozen=True, eq=False)
class NewRows:
    """A fit and new rows. ``given``: values of the globals at each draw, ``[S, *shape]``, and those of outer elements
    that the fit knows (new ones are drawn from the prior given the globals). ``forward``: what is drawn forwards;
    ``hidden``: latents that something observed in these rows hangs on; of those in ``num_known`` that many elements, the
    first ones, are known. ``processes``: those that go on from the fit's rows to these."""

    fit: Fit
    joint: BoundDensity
    given: dict[str, Tensor]
    params: dict[str, Tensor]
    nets: Any
    num_draws: int
    is_point: bool
    forward: tuple[str, ...]
    hidden: tuple[str, ...]
    num_known: dict[str, int]
    generator: Generator
    processes: Processes = ()

    def unit(self) -> str | None:
        """The plate whose elements are independent given the globals; None where latents tie all rows together, or there
        are none."""
        if not self.joint.binding.plate or is_tied(self.joint.binding, self.hidden):
            return None
        plate = self._innermost_unit()
        if self.joint.model.is_chain(plate) and self._is_tied_in_sequence():
            return None
        ties = any(not determines(self.joint, self.joint.axes(n), plate) for n in self.hidden)
        return None if ties else plate

    def _is_tied_in_sequence(self) -> bool:
        """Whether rows hang on what is hidden in the rows before them, numbers among what is hidden: no row is a unit then.
        (Labels alone are summed out of a whole sequence, whose sum stands at its first row.)"""
        model = self.joint.model
        behind = {
            node.name
            for f in model.factors
            if getattr(f, "target", None) not in self.undrawn()
            for node in nodes_behind(model, f)
            if isinstance(node, Ref) and node.lag
        }
        return bool(behind & self._hidden_or_defined()) and any(
            not model.by_name[n].type.is_discrete for n in self.hidden
        )

    def _hidden_or_defined(self) -> set[str]:
        """What is hidden, and the definitions that name it."""
        model = self.joint.model
        defined = (d for d in model.definitions if names_behind(model, d) & set(self.hidden))
        return {*self.hidden, *(d.target for d in defined)}

    def _innermost_unit(self) -> str:
        model, binding = self.joint.model, self.joint.binding
        plate = str(binding.plate)
        local = [n for n in (*self.hidden, *self.forward) if model.by_name[n].plates]
        outer = [p for p in model.enclosing(plate) if any(model.by_name[n].plates[-1] == p for n in local)]
        structure = model.plate_by_name[plate].structure
        if structure is not None and structure.kind == "chain" and model.enclosing(plate)[:-1]:
            return model.enclosing(plate)[-2]
        return outer[0] if outer else plate

    def is_known(self, name: str) -> bool:
        """Whether a variable's values are all those of the fit, whose own density is no part of what rows say."""
        return name in self.given and name not in self.num_known

    def gaussian(
        self, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]
    ) -> GaussianUnits | None:
        """The closed form of the continuous latents of `inference`; None where there is none."""
        if sums is not None:
            return None
        return gaussian_units(
            inner, names, self.unit(), self.given, self.num_known, self.params, self.nets, self.num_draws
        )

    @cached_property
    def needs_forward_draws(self) -> bool:
        """Whether numbers that are hidden are told by `query/forward_draws.py` alone: counts, those that may be one point
        beside a density, and those with missing cells beside seen ones that are not normal together."""
        model = self.joint.model
        numbers = [n for n in self.hidden if not model.by_name[n].type.is_discrete]
        if not numbers or self.is_guided():
            return False
        if any(model.by_name[n].type.is_countable for n in numbers) or not mixed_draws(model).isdisjoint(numbers):
            return True
        return any(n in self.joint.missing for n in numbers) and self.gaussian(*self.inference()) is None

    def as_one_draw(self) -> NewRows:
        """Point estimates once: the copies of a point would all say the same."""
        return replace(self, given={k: v[:1] for k, v in self.given.items()}, num_draws=1, is_point=False)

    def thinned(self, most: int) -> NewRows:
        """At most so many draws of the globals, evenly."""
        if self.num_draws <= most:
            return self
        chosen = torch.linspace(0, self.num_draws - 1, most).long()
        given = {k: v.index_select(0, chosen) for k, v in self.given.items()}
        return replace(self, given=given, num_draws=most)

    def undrawn(self) -> set[str]:
        """What is drawn forwards and has no cell that was seen: its factors integrate to one."""
        return {n for n in self.forward if n not in self.joint.unseen and n not in self.joint.missing}

    def is_guided(self) -> bool:
        guide = self.joint.model.guide
        if guide is None or any(v.role == "param" and v.plates for v in guide.variables):
            # params of the fitted rows' own say nothing of other rows
            return False
        return {c.target for c in guide.conditionals} >= set(self.hidden)

    def has_hidden_numbers(self) -> bool:
        return not self.is_guided() and any(not self.joint.model.by_name[n].type.is_discrete for n in self.hidden)

    def inference(self) -> tuple[BoundDensity, Marginaliser | None, tuple[str, ...]]:
        """The joint without what is drawn forwards, the sum over discrete latents, and the continuous latents."""
        model = self.joint.model
        reduced = replace(
            model,
            factors=tuple(f for f in model.factors if getattr(f, "target", None) not in self.undrawn()), guide=None,
        )  # fmt: skip
        binding = self.joint.binding
        seen = {k: v for k, v in binding.values.items() if k not in self.undrawn()}
        inner = density_of_binding(
            reduced, binding.with_values(seen), self.joint.held, self.joint.dtype, self.joint.device
        )
        # what hung on their missing cells may be drawn forwards
        inner = with_latent_cells(inner, self.hidden)
        discrete = [n for n in self.hidden if model.by_name[n].type.is_discrete]
        reasons = elimination_steps(reduced, discrete)[1]
        if reasons:
            raise PgmError(reasons)
        continuous = tuple(n for n in self.hidden if n not in discrete)
        return inner, marginaliser_of(inner, discrete) if discrete else None, continuous

    def drawn_from_prior(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Latents drawn from their prior given each draw of the globals; elements that the fit knows stay."""
        seen = {
            k: v.expand(self.num_draws, *v.shape) for k, v in self.joint.observed.items()
            if k not in self.joint.missing and k not in self.joint.unseen
        }  # fmt: skip
        given = {**seen, **{k: v for k, v in self.given.items() if k not in names}}
        model = self.joint.model
        above = set().union(*(unknown_above(model, n, self.hidden) for n in names)) - set(names)
        drawn = drawn_from_prior(
            self.joint, (*names, *sorted(above)), given, self.params, self.nets, self.num_draws, self.generator
        )
        out = {}
        for name in names:
            count = self.num_known.get(name, 0)
            out[name] = drawn[name]
            if count:
                out[name] = torch.cat([self.given[name][:, :count], drawn[name][:, count:]], 1)
        return out


def new_rows_of(fit: Fit, binding: Binding, seed: int = 0, most: int | None = None) -> NewRows:
    """What a fit says of newly bound rows. ``most``: draws of the globals that are used, at most (of what hangs on a
    point as many); by default all of them, where rows and what is inferred of them are few enough. Raises PgmError PGM0602 for
    a fit without numbers to go by."""
    beyond = processes_beyond(fit, binding)
    binding = with_inputs_of_known(fit, binding, beyond)
    further = further_rows(beyond)
    model = model_of_further_rows(binding.model, further) if beyond else binding.model
    joint = density_of_binding(model, replace(binding, model=model), {}, torch.float64, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    values, params, nets, count = estimates(fit, joint, _affordable_draws(joint) if most is None else most)
    is_point = count == 1
    if beyond:
        values |= given_fit_rows(fit, binding, further, values, params, nets, count)
        values = {**_seen_again(fit, joint, beyond, count), **values}
    values = {n: v for n, v in values.items() if n not in of_fit_alone(fit, binding)}
    if is_point:
        # one point estimate, many draws of what hangs on it
        count = COPIES if most is None else most
        values = {k: v.expand(count, *v.shape[1:]) for k, v in values.items()}
    given, num_known = global_values(fit, joint, values, params, nets, count, generator)
    forward, hidden = split_latents(joint, set(given) - set(num_known))
    forward = tuple(n for n in forward if n not in num_known)
    for name in hidden:
        if name in num_known and model.by_name[name].type.is_discrete:
            message = f"`{name}` of an element that the fit has not seen would be inferred beside known ones"
            raise PgmError(Diagnostic("PGM0602", message, help="leave the observed rows of new elements out"))
    rows = NewRows(fit, joint, given, params, nets, count, is_point, forward, hidden, num_known, generator, beyond)
    return rows.thinned(_draws_for_hidden(rows, most))


def _seen_again(fit: Fit, joint: BoundDensity, beyond: Processes, count: int) -> dict[str, Tensor]:
    """What was seen of processes at elements that have names, which is what they are still."""
    return {
        p.name: torch.as_tensor(np.array(fit.process_rows[p.name]), dtype=joint.dtype).expand(count, -1)
        for p in beyond
        if isinstance(p, Process) and p.name in fit.process_rows and is_labelled(fit, joint.binding, p.plate)
    }


def _affordable_draws(joint: BoundDensity) -> int:
    return max(
        DRAWS, NUMBERS // max(1, sum(math.prod(joint.shapes[v.name]) for v in joint.model.of_role("random")))
    )


def _draws_for_hidden(rows: NewRows, most: int | None) -> int:
    """How many draws of the globals what is hidden can be inferred at."""
    if not rows.hidden:
        return rows.num_draws
    by_chains = not rows.needs_forward_draws and any(
        not rows.joint.model.by_name[n].type.is_discrete for n in rows.hidden
    )
    if most is None:
        return CHAINED if by_chains else DRAWS
    return DRAWS if by_chains else most


def unknown_above(model: Model, name: str, unknown: Collection[str]) -> set[str]:
    """The unknown variables that a variable hangs on, through one another."""
    out: set[str] = set()
    pending = [name]
    while pending:
        conditional = model.conditional_of.get(pending.pop())
        parents = set(model.random_parents(conditional)) & set(unknown) if conditional is not None else set()
        pending.extend(parents - out)
        out |= parents
    return out
