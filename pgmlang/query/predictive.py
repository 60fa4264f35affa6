"""Unseen rows: predictions with intervals and held-out log-likelihoods from a fit of draws or of point estimates.

Rows are local and globals are part of the fit: the latents of new rows are found given each of a few hundred draws of
the globals. What nothing observed hangs on is drawn forwards; discrete latents are summed out; for continuous ones
every draw of the globals gets a chain of its own (Hamiltonian Monte Carlo).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.importance import log_weights, resampled
from pgmlang.density.reductions import determines, sum_per_element
from pgmlang.density.simulation import simulate
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.density.transforms import free_shape
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.summable import elimination_steps
from pgmlang.query.annealed import TEMPERATURES, Units, annealed, fits
from pgmlang.query.fitted_values import DRAWS, drawn_from_prior, estimates, global_values, split_latents
from pgmlang.query.row_target import RowTarget
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score
from pgmlang.results.fit import Fit

WARMUP = 200
"""Steps that the chains of the rows' own latents take before their last state is used."""
PARTICLES = 64
"""Draws of a row's latents for each draw of the globals, where they are weighed against each other."""
GUIDED = 1024
"""Draws of a written guide, where it is the proposal."""
ENOUGH = 100
"""Effective draws of the worst element with which importance sampling from the prior will do."""
ANNEALED = 50
"""Most draws of the globals where the rows' latents are annealed."""
CHAINED = 100
"""Most draws of the globals where each needs a chain over the rows' own latents."""
COPIES = 200
"""Draws of what hangs on point estimates."""
QUANTILES = (0.05, 0.95)
MAX_COLUMNS = 2_000


@dataclass(frozen=True, eq=False)
class Predictive:
    """A fit and new rows. ``given``: values of the globals at each draw, ``[S, *shape]``, and those of outer elements
    that the fit knows (new ones are drawn from the prior given the globals). ``forward``: what is drawn forwards;
    ``hidden``: latents that something observed in these rows hangs on; of those in ``num_known`` that many elements, the
    first ones, are known."""

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

    # ---- predictions

    def predict(self, targets: Sequence[str] | None = None) -> Columns:
        """For every row and every target not observed in it: mean, sd and a 90 % interval of a number, the most
        probable label and all their probabilities. Raises PgmError PGM0607 for an unknown target, PGM0602 for latents
        that cannot be inferred."""
        names = self._targets(targets)
        plate = self._plate(names)
        chances: dict[str, Tensor] = {}
        completed = self.complete(chances)
        columns: dict[str, list[str] | np.ndarray] = {}
        labels = self.joint.binding.labels.get(plate)
        if plate != self.joint.binding.plate and labels is not None:
            columns[plate] = list(labels)
        for name in names:
            columns.update(self._columns(name, completed[name], chances.get(name)))
        if len(columns) > MAX_COLUMNS:
            message = f"that would be {len(columns):,} columns"
            raise PgmError(Diagnostic("PGM0611", message, help="name fewer variables with `--targets`"))
        return Columns(columns)

    def _targets(self, targets: Sequence[str] | None) -> list[str]:
        model = self.joint.model
        asked = [v.name for v in model.variables if v.name in {*self.joint.latent, *self.joint.unseen}]
        local = [n for n in (*self.hidden, *self.forward) if model.by_name[n].plates and n not in self.num_known]
        if targets is None:
            inner = self.joint.binding.plate
            rows = [n for n in asked if n in local and inner in self.joint.axes(n)]
            rows = rows or [n for n in asked if n in local]
            if not rows:
                raise PgmError(Diagnostic("PGM0612", "everything in these rows is observed: there is nothing to predict",
                                          help="leave the column out that is to be predicted, or ask for `score`"))  # fmt: skip
            return rows
        unknown = [t for t in targets if t not in asked]
        if unknown:
            known = ", ".join(f"`{n}`" for n in asked) or "nothing"
            raise PgmError(Diagnostic("PGM0607", f"`{unknown[0]}` is not to be predicted here",
                                      help=f"not observed in these rows: {known}"))  # fmt: skip
        return list(targets)

    def _plate(self, names: Sequence[str]) -> str:
        plates = {self.joint.axes(n)[0] if self.joint.axes(n) else "" for n in names}
        if len(plates) > 1:
            raise PgmError(Diagnostic("PGM0612", "the targets are of several plates: " + ", ".join(sorted(plates)),
                                      help="predict those of one plate at a time: `--targets`"))  # fmt: skip
        return next(iter(plates), "")

    def _columns(self, name: str, values: Tensor, chances: Tensor | None) -> dict[str, list[str] | np.ndarray]:
        """Columns of one variable from its draws ``[S, row, ...]``, or the ``chances [S or 1, row, ..., label]``."""
        joint = self.joint
        variable = joint.model.by_name[name]
        axes = joint.axes(name)[1:]
        flat = values.reshape(values.shape[0], values.shape[1] if values.dim() > 1 else 1, -1)
        out: dict[str, list[str] | np.ndarray] = {}
        texts = joint.binding.layout.element_names(axes)
        text_labels = joint.model.labels_of(variable.type) if variable.type.is_discrete else None
        for i, element in enumerate(texts):
            label = f"{name}[{element}]" if element else name
            one = flat[..., i]
            if text_labels is not None:
                shares = torch.stack([(one == k).double().mean(0) for k in range(len(text_labels))], -1)
                if chances is not None:
                    shares = chances.mean(0).reshape(one.shape[1], -1, len(text_labels))[:, i]
                out[label] = [text_labels[k] for k in shares.argmax(-1).tolist()]
                out.update({f"P({label} = {t})": shares[:, k].cpu().numpy() for k, t in enumerate(text_labels)})
            else:
                numbers = one.double().cpu().numpy()
                low, high = np.quantile(numbers, QUANTILES, axis=0)
                out[label] = numbers.mean(0)
                if self.num_draws > 1 or len(numbers) > 1:
                    out[f"{label}.sd"] = numbers.std(0, ddof=1)
                    out[f"{label}.q5"], out[f"{label}.q95"] = low, high
        return out

    # ---- completing rows

    def complete(self, chances: dict[str, Tensor]) -> dict[str, Tensor]:
        """A draw of everything latent in the rows for each draw of the globals, ``[S, *shape]`` by name; ``chances``
        takes the probabilities ``[S or 1, *shape, labels]`` of what is summed out, and of labels given their parents."""
        given = {**self.given, **self._infer(chances)}
        shape = (self.num_draws,)
        seen = {
            k: v.expand((*shape, *v.shape))
            for k, v in self.joint.observed.items()
            if k not in self.joint.missing and k not in self.joint.unseen
        }
        drawn = simulate(self.joint, self.generator, {**seen, **given}, self.params, self.nets, shape)
        out = {**drawn, **given}
        for name, mask in {**self.joint.missing, **self.joint.unseen}.items():
            if name in out:
                out[name] = torch.where(mask, out[name], self.joint.observed[name])
        for name in self.forward:
            if self.joint.model.labels_of(self.joint.model.by_name[name].type) is not None and name not in chances:
                chances[name] = self._given_parents(name, out)
        return out

    def _given_parents(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """Probabilities ``[S, *shape, labels]`` of labels that are drawn forwards, given what they hang on: their mean over
        the draws errs less than the share of the labels drawn (Rao and Blackwell)."""
        model, binding = self.joint.model, self.joint.binding
        alone = replace(
            model, factors=tuple(f for f in model.factors if getattr(f, "target", None) == name), guide=None
        )
        inner = density_of_binding(alone, binding, self.joint.held, self.joint.dtype, self.joint.device)
        given = {k: v for k, v in values.items() if k != name}
        shares = marginaliser_of(inner, [name]).marginals(given, self.params, self.nets)[name]
        return shares if shares.dim() > len(self.joint.shapes[name]) + 1 else shares[None]

    def _infer(self, chances: dict[str, Tensor]) -> dict[str, Tensor]:
        """Draws of the latents that something observed hangs on."""
        if not self.hidden:
            return {}
        unit = self._unit()
        if (
            self._guided()
            and not self.num_known
            and all(determines(self.joint, self.joint.axes(n), unit) for n in self.hidden)
        ):
            few = {k: v[:1] for k, v in self.given.items()}
            drawn = resampled(
                self.joint, self.params, self.nets, GUIDED, self.generator, unit, self.num_draws, few
            )
            return {n: drawn[n] for n in self.hidden}
        inner, sums, continuous = self._inference()
        inferred: dict[str, Tensor] = {}
        if continuous:
            inferred = self._chains(inner, sums, continuous)
        if sums is not None:
            given = {**self.given, **inferred}
            few = {k: v[:1] for k, v in given.items()} if self.is_point and not continuous else given
            for name, shares in sums.marginals(few, self.params, self.nets).items():
                chances[name] = shares if shares.dim() > len(self.joint.shapes[name]) + 1 else shares[None]
            side = () if given else (self.num_draws,)
            inferred.update(sums.draw(self.generator, given, self.params, self.nets, side))
        return inferred

    def _inference(self) -> tuple[BoundDensity, Marginaliser | None, tuple[str, ...]]:
        """The joint without what is drawn forwards, the sum over discrete latents, and the continuous latents."""
        model = self.joint.model
        reduced = replace(
            model,
            factors=tuple(f for f in model.factors if getattr(f, "target", None) not in self._undrawn()), guide=None,
        )  # fmt: skip
        binding = self.joint.binding
        seen = {k: v for k, v in binding.values.items() if k not in self._undrawn()}
        inner = density_of_binding(
            reduced, replace(binding, values=seen), self.joint.held, self.joint.dtype, self.joint.device
        )
        discrete = [n for n in self.hidden if model.by_name[n].type.is_discrete]
        reasons = elimination_steps(reduced, discrete)[1]
        if reasons:
            raise PgmError(reasons)
        continuous = tuple(n for n in self.hidden if n not in discrete)
        for name in continuous:
            if name in inner.missing:
                message = f"`{name}` has missing cells that others hang on"
                raise PgmError(Diagnostic("PGM0602", message, help="leave such rows out: `--missing drop`"))
        return inner, marginaliser_of(inner, discrete) if discrete else None, continuous

    def _undrawn(self) -> set[str]:
        """What is drawn forwards and has no cell that was seen: its factors integrate to one."""
        return {n for n in self.forward if n not in self.joint.unseen}

    def _chains(self, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]) -> dict[str, Tensor]:
        """The last states of chains over the rows' continuous latents, one for each draw of the globals."""
        from pgmlang.kernels import sample

        shapes = tuple(free_shape(inner, n) for n in names)
        known = {n: self.given[n][:, : self.num_known[n]] for n in names if n in self.num_known}
        given = {k: v for k, v in self.given.items() if k not in names}
        target = RowTarget(inner, names, shapes, sums, given, None, self.params, self.nets, known=known)
        x = torch.empty(self.num_draws, target.dimension, dtype=inner.dtype, device=inner.device)
        x.uniform_(-1, 1, generator=self.generator)
        done = sample(target, x, generator=self.generator, warmup=WARMUP, draws=1)
        values, _ = target.values(done.draws[:, -1])
        return {n: values[n] for n in names}

    # ---- scores

    def score(self) -> Score:
        """Log-likelihood of each row (or of each outer element whose rows share latents) under the fit, averaged over
        the draws of the globals."""
        plate = self._unit()
        if self.is_point and not self._has_hidden_numbers():
            # nothing is estimated by draws: the copies of a point would all say the same
            return replace(
                self, given={k: v[:1] for k, v in self.given.items()}, num_draws=1, is_point=False
            ).score()
        if not self.hidden:
            terms = self._inner_terms(self.joint, self.given)
            return Score(_mean(terms, plate, self.joint), plate, self._words("exact"))
        if self._guided():
            return self._by_guide(plate)
        inner, sums, continuous = self._inference()
        if not continuous:
            assert sums is not None
            tables = sums.tables(self.given, self.params, self.nets)
            with torch.no_grad():
                values = sums.reduce(tables, each=plate)
            if not values.dim():
                names = ", ".join(f"`{n}`" for n in self.hidden)
                message = (
                    f"{names} is shared by the rows and this fit does not tell it: no row has a score of its own"
                )
                raise PgmError(Diagnostic("PGM0602", message, help="`--method gibbs` or `hmc` keep draws of it"))
            return Score(_averaged(values), plate, self._words("exact, discrete latents summed out"))
        by_prior = self._by_prior(inner, sums, continuous, plate)
        if (by_prior.ess or 0) >= ENOUGH or not fits(inner, continuous, plate):
            return by_prior
        return self._by_annealing(inner, sums, continuous, plate)

    def log_evidence(self) -> Tensor:
        """Log-probability ``[S]`` of all that is observed in the rows, given each draw of the globals."""
        plate = self._unit()
        if not self.hidden:
            values = sum_per_element(self.joint, self._inner_terms(self.joint, self.given), plate)
        elif self._guided():
            few = {k: v[:1] for k, v in self.given.items()}
            weights = log_weights(self.joint, self.params, self.nets, GUIDED, self.generator, plate, few)
            values = torch.logsumexp(weights, 0) - math.log(len(weights))
        else:
            inner, sums, continuous = self._inference()
            if continuous:
                weights = self._prior_weights(inner, sums, continuous, plate)
                values = torch.logsumexp(weights, 0) - math.log(len(weights))
            else:
                assert sums is not None
                with torch.no_grad():
                    values = sums.reduce(sums.tables(self.given, self.params, self.nets), each=plate)
        return values.sum(-1).expand(self.num_draws)

    def _has_hidden_numbers(self) -> bool:
        return not self._guided() and any(not self.joint.model.by_name[n].type.is_discrete for n in self.hidden)

    def _words(self, how: str) -> str:
        if self.is_point:
            return f"{how}; {self.num_draws} particles"
        return f"{how}; averaged over {self.num_draws} draws" if self.num_draws > 1 else how

    def _unit(self) -> str:
        """The plate whose elements are independent given the globals."""
        model, binding = self.joint.model, self.joint.binding
        plate = str(binding.plate)
        local = [n for n in (*self.hidden, *self.forward) if model.by_name[n].plates]
        outer = [p for p in model.enclosing(plate) if any(model.by_name[n].plates[-1] == p for n in local)]
        structure = model.plate_by_name[plate].structure
        if structure is not None and structure.kind == "chain" and model.enclosing(plate)[:-1]:
            return model.enclosing(plate)[-2]
        return outer[0] if outer else plate

    def _inner_terms(self, joint: BoundDensity, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        model = joint.model
        inner_model = replace(
            model, factors=tuple(f for f in model.factors if getattr(f, "target", None) not in self._undrawn())
        )
        inner = density_of_binding(inner_model, joint.binding, joint.held, joint.dtype, joint.device)
        with torch.no_grad():
            return inner.factors(values, self.params, self.nets)

    def _guided(self) -> bool:
        guide = self.joint.model.guide
        if guide is None or any(v.role == "param" and v.plates for v in guide.variables):
            # params of the fitted rows' own say nothing of other rows
            return False
        return {c.target for c in guide.conditionals} >= set(self.hidden)

    def _by_guide(self, plate: str) -> Score:
        """Importance sampling with the guide as the proposal."""
        given = {k: v[:1] for k, v in self.given.items()}
        weights = log_weights(self.joint, self.params, self.nets, GUIDED, self.generator, plate, given)
        return weighed(weights, plate, f"importance sampling, {len(weights)} draws of the guide")

    def _by_prior(
        self, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str
    ) -> Score:
        """Importance sampling with the prior as the proposal, for each draw of the globals."""
        stacked = self._prior_weights(inner, sums, names, plate).flatten(0, 1)
        return weighed(stacked, plate, self._words(f"importance sampling, {PARTICLES} draws of the prior"))

    def _prior_weights(
        self, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str
    ) -> Tensor:
        """Log-likelihoods ``[particle, S, element]`` at draws of the prior of the rows' latents."""
        weights = []
        inner, sums = _around(inner, sums, names)
        with torch.no_grad():
            for _ in range(PARTICLES):
                values = {**self.given, **self._drawn_from_prior(names)}
                if sums is None:
                    terms = {
                        k: v for k, v in inner.factors(values, self.params, self.nets).items() if k not in names
                    }
                    weights.append(sum_per_element(inner, terms, plate))
                else:
                    tables = sums.tables(values, self.params, self.nets)
                    weights.append(sums.reduce({k: v for k, v in tables.items() if k not in names}, each=plate))
        return torch.stack(weights)

    def _drawn_from_prior(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Latents drawn from their prior given each draw of the globals; elements that the fit knows stay."""
        given = {k: v for k, v in self.given.items() if k not in names}
        drawn = drawn_from_prior(self.joint, names, given, self.params, self.nets, self.num_draws, self.generator)
        out = {}
        for name in names:
            count = self.num_known.get(name, 0)
            known = self.given[name][:, :count] if count else drawn[name][:, :0]
            out[name] = torch.cat([known, drawn[name][:, count:]], 1) if count else drawn[name]
        return out

    def _by_annealing(
        self, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str
    ) -> Score:
        """Annealed importance sampling, a particle for each unit and draw of the globals."""
        few = replace(self, given={k: v[:ANNEALED] for k, v in self.given.items()},
                      num_draws=min(ANNEALED, self.num_draws))  # fmt: skip
        known = {n: few.given[n][:, : self.num_known[n]] for n in names if n in self.num_known}
        given = {k: v for k, v in few.given.items() if k not in names}
        inner, sums = _around(inner, sums, names)
        units = Units(inner, sums, names, plate, given, known, self.params, self.nets, few.num_draws)
        weights = annealed(units, few._drawn_from_prior(names), self.generator)
        words = f"annealed importance sampling, {TEMPERATURES} temperatures"
        return weighed(weights, plate, few._words(words))


def _around(
    joint: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]
) -> tuple[BoundDensity, Marginaliser | None]:
    """The joint and the sum of the factors that hang on these latents or on what is summed out."""
    restricted = replace(
        joint, program=joint.programs.of_blanket({*names, *(sums.names if sums is not None else ())})
    )
    return restricted, None if sums is None else replace(sums, joint=restricted)


def weighed(weights: Tensor, plate: str, words: str) -> Score:
    """The log-mean of weights ``[particle, element]`` and the smallest effective number of particles."""
    share = torch.softmax(weights, 0)
    ess = float((1 / share.square().sum(0)).min())
    return Score(_averaged(weights), plate, words, ess)


def _averaged(values: Tensor) -> np.ndarray:
    if values.dim() == 1:
        return values.cpu().numpy()
    return (torch.logsumexp(values, 0) - math.log(len(values))).cpu().numpy()


def _mean(terms: Mapping[str, Tensor], plate: str, joint: BoundDensity) -> np.ndarray:
    return _averaged(sum_per_element(joint, terms, plate))


def predictive_of(fit: Fit, binding: Binding, seed: int = 0, most: int = DRAWS) -> Predictive:
    """What a fit says of newly bound rows. ``most``: draws of the globals that are used, at most (of what hangs on a
    point as many). Raises PgmError PGM0602 for a fit without numbers to go by."""
    model = binding.model
    joint = density_of_binding(model, binding, {}, torch.float64, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    values, params, nets, count = estimates(fit, joint, most)
    is_point = count == 1
    if is_point:
        # one point estimate, many draws of what hangs on it
        count = COPIES if most == DRAWS else most
        values = {k: v.expand(count, *v.shape[1:]) for k, v in values.items()}
    given, num_known = global_values(fit, joint, values, params, nets, count, generator)
    forward, hidden = split_latents(joint, set(given) - set(num_known))
    forward = tuple(n for n in forward if n not in num_known)
    chained = CHAINED if most == DRAWS else DRAWS
    if count > chained and any(not model.by_name[n].type.is_discrete for n in hidden):
        chosen = torch.linspace(0, count - 1, chained).long()
        given, count = {k: v.index_select(0, chosen) for k, v in given.items()}, chained
    for name in hidden:
        if name in num_known and model.by_name[name].type.is_discrete:
            message = f"`{name}` of an element that the fit has not seen would be inferred beside known ones"
            raise PgmError(Diagnostic("PGM0602", message, help="leave the observed rows of new elements out"))
    return Predictive(fit, joint, given, params, nets, count, is_point, forward, hidden, num_known, generator)
