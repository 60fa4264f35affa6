"""Maximum likelihood of fields by gradients: exact where log Z is, else with draws of persistent chains.

log Z is exact for fields that can be summed out (a CRF's chain), for few elements, whose configurations are listed, and
for narrow graphs of elements (a lattice), by variable elimination. Else discrete fields take Gibbs chains (persistent contrastive divergence, Tieleman 2008), real fields Langevin
ones (Du and Mordatch 2019), some of which begin anew at noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    drawing_reasons,
    field_names,
    hidden_fields,
    inputs_in_fields,
    learning_reasons,
    observed_fields,
)
from pgmlang.graph.components import field_components, partition_reasons, summing_steps
from pgmlang.graph.summable import elimination_steps
from pgmlang.infer.base import Algorithm, Outcome, Problem
from pgmlang.infer.training import Objective, TrainOptions, idle_training, units_of
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.latents import latent_variables, size_of, summed_names
from pgmlang.plan.method import Facts
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint
    from pgmlang.density.summing import Sums
    from pgmlang.fields.fields import Fields
    from pgmlang.fields.network import FieldNetwork
    from pgmlang.fields.scopes import FieldScopes

LISTED = 16
"""Most binary elements of a row whose configurations are listed."""
RESTART = 0.05
"""Share of Langevin chains that begin anew at noise at each step."""
DECAY = 1e-3
"""Weight of the squared log-potentials, which keeps a neural energy near zero (Du and Mordatch 2019)."""


@dataclass(frozen=True, kw_only=True)
class LikelihoodOptions(TrainOptions):
    """``chains``: persistent chains where log Z is not exact; ``k``: their steps between two steps of Adam;
    ``step_size``: of Langevin chains, as a share of the data's standard deviation."""

    epochs: int = 400
    learning_rate: float = 0.02
    chains: int = 200
    k: int = 20
    step_size: float = 0.1


def is_gradient_case(model: Model) -> bool:
    """Whether there are fields with something to learn in them, so that counting does not do."""
    return bool(field_names(model)) and bool(next(iter(model.of_role("param")), None) or model.nets)


def reasons_against(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Why maximum likelihood by gradients does not fit."""
    yield from learning_reasons(model, facts)
    if way_of(model, facts) is None and model.conditionals:
        yield from partition_and_sums(model, facts)
        yield from directed_numbers(model, facts)
    elif way_of(model, facts) is None:
        if _is_real(model):
            yield from (
                Diagnostic("PGM0602", f"the real field `{n}` is hidden", model.by_name[n].span)
                for n in hidden_fields(model, facts)
            )
        yield from drawing_reasons(model)
        yield from inputs_in_fields(model)


def way_of(model: Model, facts: Facts) -> str | None:
    """How log Z and its gradient are had: ``summed``, ``listed``, ``eliminated``, ``gibbs``, ``langevin``; None: not at
    all."""
    if model.conditionals:
        against = (*partition_and_sums(model, facts), *directed_numbers(model, facts))
        return None if against else "summed"
    if not elimination_steps(model, field_names(model))[1]:
        return "summed"
    if tuple(inputs_in_fields(model)):
        return None if tuple(partition_and_sums(model, facts)) else "summed"
    if not tuple(drawing_reasons(model)) and _bits_a_row(model, facts) <= LISTED:
        return "listed"
    if _scopes(model, facts) is not None:
        return "eliminated"
    if not tuple(drawing_reasons(model)):
        return "gibbs"
    if _is_real(model) and not (facts.binding is not None and hidden_fields(model, facts)):
        return "langevin"
    return None


def partition_and_sums(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Why the likelihood is not had exactly: log Z of each component of fields, and the sum over what is hidden."""
    for component in field_components(model):
        yield from partition_reasons(model, component, size_of(facts))
    yield from summing_steps(model, _summed(model, facts))[1]


def directed_numbers(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """What maximum likelihood by gradients leaves to other methods of models with directed variables: latent numbers,
    and priors of tables."""
    for variable in latent_variables(model, facts):
        if variable.role == "random":
            yield Diagnostic("PGM0602", f"`{variable.name}` is a latent number", variable.span,
                             help="`--method map` or `hmc` infer it")  # fmt: skip
    for table in learned_tables(model):
        if table.distribution.prior is not None:
            yield Diagnostic("PGM0602", f"the table of `{table.target}` has a prior", table.distribution.span,
                             help="`--method map` takes it")  # fmt: skip


def _summed(model: Model, facts: Facts) -> tuple[str, ...]:
    """Discrete variables and fields that are hidden, or not seen in every cell."""
    hidden = hidden_fields(model, facts) if facts.binding is not None else ()
    return (*hidden, *(n for n in summed_names(model, facts) if n not in hidden))


def _scopes(model: Model, facts: Facts) -> FieldScopes | None:
    """The graph of a row's elements where elimination is narrow enough."""
    from pgmlang.fields.scopes import field_scopes

    return None if facts.binding is None else field_scopes(facts.binding, unit_plate(model))


def _is_real(model: Model) -> bool:
    return all(v.type.kind == "real" for v in model.of_role("field"))


def _bits_a_row(model: Model, facts: Facts) -> float:
    """log2 of the configurations of one row (of all, without rows); infinite while sizes are not known."""
    if facts.binding is None:
        return float("inf")
    layout = facts.binding.layout
    rows = {p.name for p in model.plates if p.is_rows}
    total = 0.0
    for variable in model.of_role("field"):
        states = len(model.labels_of(variable.type) or (0, 1))
        axes = [a for a in model.array_axes(variable) if a not in rows]
        if not all(map(layout.has_size, axes)):
            return float("inf")
        total += math.prod(layout.shape(axes)) * math.log2(states)
    return total


def idle(model: Model, facts: Facts, options: LikelihoodOptions) -> dict[str, str]:
    """Chains and their steps are of no use where log Z is exact."""
    way = way_of(model, facts) or "gibbs"
    chains = () if way == "langevin" else ("step_size",) if way == "gibbs" else ("chains", "k", "step_size")
    return {**dict.fromkeys(chains, words(model, facts)[0]), **idle_training(model, facts, options)}


def words(model: Model, facts: Facts) -> tuple[str, ...]:
    """The way taken."""
    way = way_of(model, facts) or "gibbs"
    scopes = _scopes(model, facts) if way == "eliminated" else None
    if scopes is not None:
        largest = scopes.width.treewidth + 1
        return (f"log Z is exact, by variable elimination: cliques of at most {largest} elements",)
    ways = {
        "summed": "log Z is summed out exactly, and so is its gradient",
        "listed": f"log Z is exact: few enough configurations to list (at most 2^{LISTED})",
        "gibbs": "log Z is out of reach: its gradient from persistent Gibbs chains",
        "langevin": "log Z is out of reach: its gradient from persistent Langevin chains",
    }
    return (ways[way],)


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The exact log-likelihood of a unit of data."""

    model: Model
    hidden: tuple[str, ...]
    observed: tuple[str, ...]
    plate: str | None
    way: str

    def loss(
        self, joint: Joint, free: Mapping[str, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        return -self.value(joint, params, nets) / units_of(joint, self.plate), extra

    def value(self, joint: Joint, params: Mapping[str, Tensor], nets: Any) -> Tensor:
        """The log-likelihood of all rows."""
        if self.way == "summed":
            assert joint.partition is not None
            if self.hidden:
                return self._sums(joint, self.hidden).log_marginal({}, params, nets)
            return joint.log_joint({}, params, nets)
        rows = units_of(joint, self.plate)
        joint = joint.unnormalised
        if self.way == "eliminated":
            network = self._network(joint)
            if self.hidden:
                each = network.log_evidence(self._codes(joint), params, nets)
                top = joint.total(each, (self.plate,)) if self.plate else each.sum()
            else:
                top = joint.log_joint({}, params, nets)
            return top - rows * network.log_partition(params, nets)
        each = log_unnormalised(joint, self.hidden, params, nets)
        total = joint.total(each, (self.plate,)) if self.plate else each
        return total - rows * self._one(joint).log_partition(params, nets)

    def _sums(self, joint: Joint, names: tuple[str, ...]) -> Sums:
        from pgmlang.density.summing import sums_of

        return joint.memo.once(sums_of, joint, names)

    def _network(self, joint: Joint) -> FieldNetwork:
        from pgmlang.fields.network import field_network

        network = joint.whole.memo.once(field_network, joint.whole, self._one(joint), self.plate)
        assert network is not None
        return network

    def _codes(self, joint: Joint) -> dict[str, Tensor]:
        """Observed codes ``[rows, *shape]`` of each field."""
        return {n: joint.observed[n] if self.plate else joint.observed[n][None] for n in self.observed}

    def _one(self, joint: Joint) -> Fields:
        from pgmlang.fields.fields import one_row_fields

        return joint.whole.memo.once(one_row_fields, joint.whole, self.plate, field_names(self.model))

    def conclude(
        self, joint: Joint, free: Mapping[str, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        total = float(self.value(joint, params, nets))
        parameters = {k: v.cpu().numpy() for k, v in params.items()}
        return Outcome(parameters, (), True, log_likelihood=total)


def log_unnormalised(
    joint: Joint, hidden: tuple[str, ...], params: Mapping[str, Tensor], nets: Any,
    given: Mapping[str, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """log of the sum over hidden discrete fields of exp(log-potentials) for each row (a single number without rows).
    ``given``: values of others that are not observed, with leading axes, which the answer then has.

    In closed form where one hidden field is independent given the rest, else by listing its configurations.
    """
    import torch

    from pgmlang.fields.fields import as_numbers, configurations, fields_of

    observed = tuple(n for n in field_names(joint.model) if n not in hidden and n not in (given or {}))
    data = {**as_numbers(joint, observed), **(given or {})}
    plate = unit_plate(joint.model)
    inside = fields_of(joint, hidden)

    def each(values: Mapping[str, Tensor]) -> Tensor:
        terms = inside.joint.factors(values, params, nets)
        return inside.joint.each(terms, plate) if plate else inside.joint.sum(terms)

    if not hidden:
        return each(data)
    if len(hidden) == 1 and inside.is_independent(hidden[0]) and not inside.states:
        name = hidden[0]
        lead = next((v.shape[: v.dim() - len(joint.shapes[n])] for n, v in (given or {}).items()), ())
        zero = torch.zeros((*lead, *joint.shapes[name]), dtype=joint.dtype, device=joint.device)
        logit = inside.logits(name, {**data, name: zero}, params, nets, create_graph=torch.is_grad_enabled())
        soft = torch.nn.functional.softplus(logit)
        hidden_part = (
            joint.along(soft, joint.axes(name), (plate,)) if plate else joint.total(soft, joint.axes(name))
        )
        return each({**data, name: zero}) + hidden_part
    sizes = {n: [k for a, k in zip(joint.axes(n), joint.shapes[n], strict=True) if a != plate] for n in hidden}
    bits = sum(int(np.prod(s)) * np.log2(inside.states.get(n, 2)) for n, s in sizes.items())
    if bits > LISTED:
        raise ValueError(f"2^{bits:.0f} hidden configurations a row are too many to list")
    values: dict[str, Tensor] = dict(data)
    for name, hidden_part in configurations(inside, {n: tuple(s) for n, s in sizes.items()}).items():
        if plate in joint.axes(name):
            dim = joint.axes(name).index(plate) + 1
            values[name] = hidden_part.unsqueeze(dim).expand(-1, *joint.shapes[name])
        else:
            values[name] = hidden_part
    return torch.logsumexp(each(values), 0)


@dataclass(frozen=True, eq=False)
class LangevinLikelihood:
    """Maximum likelihood of real fields with persistent Langevin chains."""

    model: Model
    names: tuple[str, ...]
    plate: str | None
    options: LikelihoodOptions

    def extra(self, joint: Joint, generator: Generator) -> dict[str, Tensor]:
        return self._noise(joint, generator, self.options.chains)

    def _noise(self, joint: Joint, generator: Generator, chains: int) -> dict[str, Tensor]:
        """Normal points of the data's mean and spread, ``[chain, 1, ...]``."""
        import torch

        out = {}
        for name in self.names:
            data = joint.observed[name]
            row_shape = joint.shapes[name][1:] if self.plate else joint.shapes[name]
            shape = (chains, 1, *row_shape) if self.plate else (chains, *row_shape)
            noise = torch.randn(shape, generator=generator, dtype=joint.dtype, device=joint.device)
            mean = data.mean(0) if self.plate else data.mean()
            sd = data.std(0) if self.plate and len(data) > 1 else data.std()
            out[name] = mean + 1.5 * sd * noise
        return out

    def _one(self, joint: Joint) -> Joint:
        from pgmlang.fields.fields import one_row

        return joint.whole.memo.once(one_row, joint.whole, self.plate)

    def loss(
        self, joint: Joint, free: Mapping[str, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:

        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        plain = replace(joint, scale={}, weights={})
        one = self._one(joint)
        held = {k: v.detach() for k, v in params.items()}
        chains = self._langevin(one, joint, extra, held, nets, generator)
        negative = one.log_joint(chains, params, nets)
        positive = self._each(self._blurred(plain, generator) if nets is not None else plain, params, nets)
        raised = joint.total(positive, (self.plate,)) if self.plate else positive
        gap = negative.mean() - raised / units_of(joint, self.plate)
        small = DECAY * (negative.square().mean() + positive.square().mean()) if nets is not None else 0.0
        monitor = gap.detach().abs()
        loss = gap + small
        return loss - loss.detach() + monitor, chains

    def _blurred(self, joint: Joint, generator: Generator) -> Joint:
        """The data with the noise of one Langevin step: a network would raise spikes at the points themselves, which no
        chain of such steps can follow."""
        import torch

        seen = dict(joint.observed)
        for name in self.names:
            x = seen[name]
            noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
            seen[name] = x + self.options.step_size * float(x.std()) * noise
        return replace(joint, observed=seen)

    def _each(self, joint: Joint, params: Mapping[str, Tensor], nets: Any) -> Tensor:
        terms = joint.factors({}, params, nets)
        return joint.each(terms, self.plate) if self.plate else joint.sum(terms)

    def _langevin(
        self, one: Joint, joint: Joint, extra: Mapping[str, Tensor], params: Any, nets: Any, generator: Generator
    ) -> dict[str, Tensor]:
        """``k`` unadjusted Langevin steps of every chain, a few of which begin anew."""
        import torch

        fresh = self._noise(joint, generator, self.options.chains)
        again = torch.rand(self.options.chains, generator=generator, device=joint.device) < RESTART
        points = {
            n: torch.where(again.reshape(-1, *[1] * (extra[n].dim() - 1)), fresh[n], extra[n]).detach()
            for n in self.names
        }
        for _ in range(self.options.k):
            with torch.enable_grad():
                leaves = {n: p.requires_grad_() for n, p in points.items()}
                total = one.log_joint(leaves, params, nets).sum()
                slopes = torch.autograd.grad(total, list(leaves.values()))
            for name, slope in zip(self.names, slopes, strict=True):
                step = self.options.step_size * float(joint.observed[name].std())
                noise = torch.randn(slope.shape, generator=generator, dtype=slope.dtype, device=slope.device)
                move = (0.5 * step**2 * slope).clamp(-2 * step, 2 * step)
                points[name] = (points[name].detach() + move + step * noise).detach()
        return points

    def conclude(
        self, joint: Joint, free: Mapping[str, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        return Outcome({k: v.cpu().numpy() for k, v in params.items()}, (), True)


def build(problem: Problem, options: LikelihoodOptions) -> Algorithm:
    """The kernel of the way that fits."""
    model, facts = problem.model, problem.facts
    plate = unit_plate(model)
    way = way_of(model, facts)
    observed, hidden = observed_fields(model, facts), hidden_fields(model, facts)
    if way == "langevin":
        langevin = LangevinLikelihood(model, observed, plate, options)
        objective = Objective(
            lambda j, g: j.initial(g), langevin.loss, langevin.conclude, "gap of the phases", langevin.extra
        )
        return build_training(problem, options, objective)
    if way == "gibbs":
        from pgmlang.infer.cd import Divergence

        chains = Divergence(model, observed, hidden, options.k, options.chains, True, plate)
        objective = Objective(
            chains.start, chains.loss, chains.conclude, "log pseudo-likelihood a row", chains.extra
        )
        return build_training(problem, options, objective)
    hidden = _summed(model, facts) if way == "summed" else hidden
    exact = Likelihood(model, hidden, observed, plate, way or "listed")
    return build_training(
        problem,
        options,
        Objective(lambda j, g: j.initial(g, spread=0.05), exact.loss, exact.conclude, "log-likelihood a row"),
    )
