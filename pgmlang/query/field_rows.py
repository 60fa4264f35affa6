"""New rows of a fit of fields: what is hidden in them, their log-likelihood, and draws of fresh ones."""

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
from pgmlang.density.reductions import sum_per_element
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.simulation import simulate
from pgmlang.density.summing import marginaliser_of
from pgmlang.density.transforms import free_shape
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.annealing import discrete_log_evidence, log_z_of_row
from pgmlang.fields.fields import as_numbers, fields_of
from pgmlang.fields.given import bound_given_directed
from pgmlang.fields.network import FieldNetwork, field_network
from pgmlang.fields.partition import LISTED
from pgmlang.fields.reasons import block_reasons, inputs_in_fields
from pgmlang.graph.summable import elimination_steps
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.objectives.unnormalised import log_unnormalised
from pgmlang.query.fitted_values import estimates
from pgmlang.query.layer_proposals import DREAMS, Layer, layers_of, log_weights, proposals_of
from pgmlang.query.predictive import weighed
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score
from pgmlang.results.fit import Fit

SWEEPS = 500
"""Sweeps of the chains behind predictions and draws."""
BETWEEN, ROUNDS = 10, 20
"""Sweeps between draws of one chain, and draws of a chain where many are wanted."""
PARTICLES, TEMPERATURES = 100, 1000
"""Of annealing what is hidden in rows, or log Z of each."""
FEWER = 500_000
"""Most elements of all particles of an annealing, but that there are at least a few."""
MOST = 20_000_000
"""Most numbers of a table of all configurations."""
DRAWS = 1_000
"""Draws of fitted proposals a row."""


@dataclass(frozen=True, eq=False)
class FieldRows:
    """A fit of fields and new rows. ``hidden``: the fields that the rows do not say, or not in every cell."""

    fit: Fit
    joint: BoundDensity
    params: dict[str, Tensor]
    nets: Any
    hidden: tuple[str, ...]
    observed: tuple[str, ...]
    generator: Generator

    @property
    def plate(self) -> str | None:
        return unit_plate(self.joint.model)

    # ---- predictions

    def predict(self, targets: Sequence[str] | None = None) -> Columns:
        """Labels and probabilities of hidden fields: exact where they can be summed out, else from Gibbs chains.
        Raises PgmError PGM0612 where nothing is hidden, PGM0607 for an unknown target."""
        self._need_all_directed()
        of_rows = [n for n in self.hidden if self.joint.model.by_name[n].plates]
        names = list(targets) if targets is not None else of_rows
        unknown = [n for n in names if n not in of_rows]
        if unknown or not names:
            message = (
                f"`{unknown[0]}` is not hidden in these rows"
                if unknown
                else "every field of these rows is observed"
            )
            raise PgmError(
                Diagnostic("PGM0607" if unknown else "PGM0612", message, help="leave its column out, or `--hide`")
            )
        chances = self._chances()
        columns: dict[str, list[str] | np.ndarray] = {}
        for name in names:
            columns.update(self._columns(name, chances[name].cpu().numpy()))
        return Columns(columns)

    def _chances(self) -> dict[str, Tensor]:
        """Probabilities ``[row, ..., label]`` of each hidden field."""
        model = self.joint.model
        if not elimination_steps(model, self.hidden)[1]:
            return marginaliser_of(self.joint, self.hidden).marginals({}, self.params, self.nets)
        network = self._network()
        if network is not None:
            marginals = network.marginals(self._codes(), self.hidden, self.params, self.nets)
            return marginals if self.plate else {n: p[0] for n, p in marginals.items()}
        self._need_blocks(self.hidden)
        fields = fields_of(self.joint, self.hidden)
        values = {**as_numbers(self.joint, self.observed), **fields.begin(self.generator, (8,))}
        states = {n: self.joint.num_states(n) for n in self.hidden}
        total = {n: torch.zeros((*self.joint.shapes[n], k), dtype=self.joint.dtype) for n, k in states.items()}
        settled = fields.with_frozen_params(self.params, self.nets)
        for sweep in range(SWEEPS):
            values = settled.sweep(self.generator, values, self.params, self.nets)
            if sweep >= SWEEPS // 2:
                for name in self.hidden:
                    one_hot = torch.nn.functional.one_hot(values[name].long(), states[name])
                    total[name] += one_hot.to(self.joint.dtype).mean(0)
        return {n: t / (SWEEPS // 2) for n, t in total.items()}

    def _codes(self) -> dict[str, Tensor]:
        """Codes ``[rows, *shape]`` of what the rows say of fields, -1 at missing cells."""
        fields = {v.name for v in self.joint.model.of_role("field")}
        codes = {n: c for n, c in self.joint.observed.items() if n in fields}
        return codes if self.plate else {n: c[None] for n, c in codes.items()}

    def _need_blocks(self, names: tuple[str, ...]) -> None:
        reasons = [d for n in names for d in block_reasons(self.joint.model, n)]
        if reasons:
            raise PgmError(reasons)

    def _columns(self, name: str, chances: np.ndarray) -> dict[str, list[str] | np.ndarray]:
        labels = self.joint.model.labels_of(self.joint.model.by_name[name].type) or ()
        texts = self.joint.binding.layout.element_names(self.joint.axes(name)[1:])
        flat = chances.reshape(len(chances), len(texts), len(labels))
        out: dict[str, list[str] | np.ndarray] = {}
        for i, text in enumerate(texts):
            label = f"{name}[{text}]" if text else name
            out[label] = [labels[k] for k in flat[:, i].argmax(-1)]
            out.update({f"P({label} = {t})": flat[:, i, k] for k, t in enumerate(labels)})
        return out

    # ---- scores

    def score(self) -> Score:
        """Log-likelihood of each row's observed fields: exact where log Z is, else with log Z by annealed importance
        sampling. Hidden fields are summed out."""
        names = (*self.observed, *self.hidden)
        model = self.joint.model
        plate = self.plate or str(self.joint.binding.plate)
        layers = layers_of(model, frozenset(self.joint.observed), self.plate)
        if layers is not None and not self.joint.missing:
            return self._score_layers(layers, plate)
        self._need_all_directed()
        self._need_rows_apart()
        bare = self._alone()
        if not elimination_steps(bare.joint.model, names)[1] and not elimination_steps(model, self.hidden)[1]:
            everything = marginaliser_of(replace(bare.joint, missing={}), names)
            with torch.no_grad():
                log_z = everything.reduce(everything.tables({}, self.params, self.nets), each=plate)
                if self.hidden:
                    marginaliser = marginaliser_of(self.joint, self.hidden)
                    top = marginaliser.reduce(marginaliser.tables({}, self.params, self.nets), each=plate)
                else:
                    top = sum_per_element(self.joint, self.joint.factors({}, self.params, self.nets), plate)
            return Score((top - log_z).cpu().numpy(), plate, "exact, log Z summed out")
        with torch.no_grad():
            top = self._unnormalised(plate)
        value, words, ess = bare._log_z()
        if top.dim() == 2:
            what = f"annealed importance sampling of what is hidden, {TEMPERATURES} temperatures; {words}"
            return weighed(top - value, plate, what)
        return Score((top - value).cpu().numpy(), plate, words, ess)

    def _score_layers(self, layers: tuple[Layer, ...], plate: str) -> Score:
        """Directed layers of bits below fields: importance sampling, log Z of the fields alone."""
        dreams = {n: v.squeeze(1) for n, v in self._drawn(DREAMS // ROUNDS, ROUNDS).items()}
        proposals = tuple(proposals_of(layers, dreams))
        rest = tuple(n for n in self.hidden if n not in {layer.name for layer in layers})
        with torch.no_grad():
            try:
                weights = log_weights(self.joint, rest, proposals, self.params, self.nets, DRAWS, self.generator)
            except ValueError as error:
                raise PgmError(Diagnostic("PGM0602", str(error), help="observe more of the fields")) from None
            value, words, _ = self._alone()._log_z()
        return weighed(weights - value, plate, f"importance sampling, {DRAWS} draws of fitted proposals; {words}")

    def _unnormalised(self, plate: str) -> Tensor:
        """log of the sum over what is hidden in each row of the exponential of its log-potentials: ``[rows]``, or where
        that is too much log-weights ``[particle, row]``. Raises PgmError PGM0602 where cells are missing."""
        if all(v.type.kind == "real" for v in self.joint.model.of_role("field")):
            if self.hidden:
                raise PgmError(_incomplete(self.hidden[0], "drop rows with empty cells: `--missing drop`"))
            return sum_per_element(self.joint, self.joint.factors({}, self.params, self.nets), plate)
        network = self._network() if self.hidden else None
        if network is not None:
            return network.log_evidence(self._codes(), self.params, self.nets)
        self._need_blocks((*self.observed, *self.hidden))
        if self.joint.missing:
            raise PgmError(
                _incomplete(next(iter(self.joint.missing)), "drop rows with empty cells: `--missing drop`")
            )
        try:
            return log_unnormalised(self.joint, self.hidden, self.params, self.nets)
        except ValueError as error:
            if self.plate is None:
                raise PgmError(Diagnostic("PGM0602", str(error), help="observe more of the fields")) from None
            return self._annealed(self.hidden, self.plate)

    def _need_all_directed(self) -> None:
        """Raises PgmError PGM0602 for a directed variable of the rows that they do not say."""
        for conditional in self.joint.model.conditionals:
            name = conditional.target
            if name not in self.joint.observed or name in self.joint.missing:
                message = f"`{name}` is not observed in every row, and fields hang together with it"
                raise PgmError(Diagnostic("PGM0602", message, conditional.span, help=f"give the column `{name}`"))

    def _need_rows_apart(self) -> None:
        """Raises PgmError PGM0602 for a hidden field that is one for all rows: none has a likelihood of its own."""
        for name in self.hidden if self.plate else ():
            if self.plate not in self.joint.axes(name):
                span = self.joint.model.by_name[name].span
                message = f"all rows of `{self.plate}` hang together by the hidden field `{name}`"
                cure = f"move `{name}` into the plate `{self.plate}`"
                raise PgmError(Diagnostic("PGM0602", message, span, help=cure))

    def _need_no_parents(self) -> None:
        """Raises PgmError PGM0602 for a directed variable that potentials mention: fields are drawn before all others."""
        for potential in self.joint.model.potentials:
            for name in self.joint.model.random_parents(potential):
                if self.joint.model.by_name[name].role == "random":
                    message = f"the fields hang on `{name}`, which fresh rows have no value of"
                    raise PgmError(Diagnostic("PGM0602", message, potential.span,
                                              help=f"`predict` on a table with the column `{name}`"))  # fmt: skip

    def _alone(self) -> FieldRows:
        """The fields without the directed variables below them: log Z is theirs."""
        if not self.joint.model.conditionals:
            return self
        return replace(self, joint=_potentials_of(self.joint))

    def _single_row(self) -> BoundDensity:
        return (
            self.joint
            if self.plate is None
            else restricted_to_rows(self.joint, self.plate, np.zeros(1, dtype=np.int64))
        )

    def _network(self) -> FieldNetwork | None:
        """One row's fields where elimination is narrow enough."""
        if any(not v.type.is_discrete for v in self.joint.model.of_role("field")) or self.nets is not None:
            return None
        names = (*self.observed, *self.hidden)
        return field_network(self.joint, fields_of(self._single_row(), names), self.plate)

    def _log_z(self) -> tuple[float | Tensor, str, float | None]:
        """log Z of a row, for each row ``[rows]`` where its inputs set it; how it was found, and effective particles."""
        one = self._single_row()
        names = (*self.observed, *self.hidden)
        inputs = list(inputs_in_fields(self.joint.model))
        if inputs:
            return self._log_z_of_rows(names, inputs)
        binary = all(v.type.is_discrete for v in self.joint.model.of_role("field"))
        if binary and fields_of(one, names).bits <= LISTED:
            return (
                float(fields_of(one, names).log_partition(self.params, self.nets)),
                "exact, log Z by listing",
                None,
            )
        network = self._network()
        if network is not None:
            words = "exact, log Z by variable elimination"
            with torch.no_grad():
                return float(network.log_partition(self.params, self.nets)), words, None
        log_z = log_z_of_row(self.joint, self.params, self.nets, self.generator, self._particles(500))
        words = f"annealed importance sampling, log Z {log_z.value:.3f} +- {log_z.error:.3f}"
        return log_z.value, words, log_z.ess

    def _annealed(self, names: tuple[str, ...], plate: str) -> Tensor:
        """Log-weights ``[particle, row]`` of what sums these fields out."""
        fields, particles = fields_of(self.joint, names), self._particles(PARTICLES)
        return discrete_log_evidence(
            fields, self.params, self.nets, self.generator, particles, TEMPERATURES, plate
        )

    def _particles(self, usual: int) -> int:
        """Fewer particles for big fields."""
        names = (*self.observed, *self.hidden)
        cells = sum(math.prod(self._single_row().shapes[n]) for n in names)
        return max(32, min(usual, FEWER // max(1, cells)))

    def _log_z_of_rows(self, names: tuple[str, ...], inputs: list[Diagnostic]) -> tuple[Tensor, str, float | None]:
        """log Z of each row, by listing or by annealing. Raises PgmError PGM0602 for real fields."""
        if self.plate is None or any(not v.type.is_discrete for v in self.joint.model.of_role("field")):
            raise PgmError(inputs)
        total = self.joint.layout.size(self.plate)
        cells = sum(math.prod(self.joint.shapes[n]) for n in names)
        with torch.no_grad():
            if fields_of(self._single_row(), names).bits <= LISTED:
                step = max(1, int(MOST * total / (2 ** fields_of(self._single_row(), names).bits * cells)))
                parts = [
                    log_unnormalised(
                        restricted_to_rows(self.joint, self.plate, np.arange(start, min(total, start + step))),
                        names,
                        self.params,
                        self.nets,
                    )
                    for start in range(0, total, step)
                ]
                return torch.cat(parts), "exact, log Z of each row by listing", None
            weights = self._annealed(names, self.plate)
        ess = float((1 / torch.softmax(weights, 0).square().sum(0)).min())
        words = f"annealed importance sampling, log Z of each row, {TEMPERATURES} temperatures"
        return torch.logsumexp(weights, 0) - math.log(len(weights)), words, ess

    # ---- draws

    def sample(self, count: int, shared: Mapping[str, Tensor]) -> Columns:
        """Fresh rows: chains of their own, and the directed variables above drawn from them. ``shared``: values
        ``[count, *shape]`` of what is outside of the rows, from the fit."""
        self._need_no_parents()
        one = self._single_row()
        columns: dict[str, list[str] | np.ndarray] = {}
        for name, value in self._drawn(count, shared=shared).items():
            if name in shared:
                continue
            columns.update(drawn_columns(one, name, value, self.plate))
        return Columns(columns)

    def _drawn(self, count: int, rounds: int = 1, shared: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Values of one fresh row, ``[count * rounds, *shape]``: of ``count`` chains, some sweeps between the rounds."""
        one = self._single_row()
        names = (*self.observed, *self.hidden)
        model = self.joint.model
        if all(v.type.kind == "real" for v in model.of_role("field")):
            values = self._langevin(one, names, count)
        else:
            self._need_blocks_of_all(names)
            bare = _fields_alone(one)
            fields = fields_of(bare, names)
            values = fields.begin(self.generator, (count,))
            settled = fields.with_frozen_params(self.params, self.nets)
            sweeps = []
            for sweep in range(SWEEPS + BETWEEN * (rounds - 1)):
                values = settled.sweep(self.generator, values, self.params, self.nets)
                if sweep + 1 >= SWEEPS and (sweep + 1 - SWEEPS) % BETWEEN == 0:
                    sweeps.append(values)
            values = {n: torch.cat([v[n] for v in sweeps]) for n in values}
        count = len(next(iter(values.values())))
        given = {n: v.to(torch.int64) if model.by_name[n].type.is_discrete else v for n, v in values.items()}
        given |= shared or {}
        return {**given, **simulate(one, self.generator, given, self.params, self.nets, (count,))}

    def _need_blocks_of_all(self, names: tuple[str, ...]) -> None:
        alone = _fields_alone(self.joint).model
        reasons = [d for n in names for d in block_reasons(alone, n)]
        if reasons:
            raise PgmError(reasons)

    def _langevin(self, one: BoundDensity, names: tuple[str, ...], count: int) -> dict[str, Tensor]:
        """Chains of Hamiltonian Monte Carlo over real fields."""
        from pgmlang.density.target import Target
        from pgmlang.kernels import sample

        bare = replace(_fields_alone(one), observed={}, scale={}, weights={})
        target = Target(bare, names, tuple(free_shape(bare, n) for n in names), params=self.params, nets=self.nets)
        x = torch.randn(count, target.dimension, dtype=one.dtype, generator=self.generator)
        done = sample(target, x, generator=self.generator, warmup=300, draws=1)
        return target.values(done.draws[:, -1])[0]


def _incomplete(name: str, cure: str) -> Diagnostic:
    return Diagnostic("PGM0602", f"`{name}` is not observed in every cell, too many to sum out", help=cure)


def _potentials_of(joint: BoundDensity) -> BoundDensity:
    """The joint of the potentials alone, of all rows of its binding: directed variables are inputs of it."""
    binding = bound_given_directed(joint.binding)
    return density_of_binding(binding.model, binding, joint.held, joint.dtype, joint.device)


def _fields_alone(joint: BoundDensity) -> BoundDensity:
    """The joint of the potentials alone: directed variables are drawn from the fields afterwards."""
    bare = _potentials_of(joint)
    plate = unit_plate(joint.model)
    size = joint.layout.sizes.get(plate, 1) if plate else 1
    return bare if plate is None else restricted_to_rows(bare, plate, np.zeros(size, dtype=np.int64))


def drawn_columns(
    joint: BoundDensity, name: str, value: Tensor, plate: str | None
) -> dict[str, list[str] | np.ndarray]:
    variable = joint.model.by_name[name]
    axes = joint.axes(name)
    if plate in axes:
        value = value.select(value.dim() - len(axes) + axes.index(plate), 0)
        axes = tuple(a for a in axes if a != plate)
    flat = value.reshape(len(value), math.prod(value.shape[1:])).cpu().numpy()
    labels = joint.model.labels_of(variable.type) if variable.type.is_discrete else None
    out: dict[str, list[str] | np.ndarray] = {}
    for i, text in enumerate(joint.binding.layout.element_names(axes)):
        column = flat[:, i]
        out[f"{name}.{text}" if text else name] = [labels[int(k)] for k in column] if labels else column
    return out


def field_rows_of(fit: Fit, binding: Binding, seed: int = 0) -> FieldRows:
    """What a fit of fields says of newly bound rows."""
    model: Model = binding.model
    joint = density_of_binding(model, binding, {}, torch.float64, torch.device("cpu"))
    _, params, nets, _ = estimates(fit, joint)
    names = [v.name for v in model.of_role("field")]
    hidden = tuple(n for n in names if n not in joint.observed or n in joint.missing)
    observed = tuple(n for n in names if n not in hidden)
    return FieldRows(fit, joint, params, nets, hidden, observed, torch.Generator().manual_seed(seed))
