"""Greedy training of stacks of binary layers (Hinton, Osindero and Teh 2006): a layer and the one above it as a
restricted Boltzmann machine, whose hidden draws are the data of the next pair.

The layers are read from the Model: ``x ~ Bernoulli(logit = f(y))`` with f linear in y makes a pair with the potential
``x @ f(y) + bias @ y``; a pair of fields is trained as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES
from pgmlang.infer.base import Algorithm, Facts, Method, Outcome, Problem, StepReport, Verdict
from pgmlang.infer.cd import METHOD as CD
from pgmlang.infer.cd import CdOptions, idle
from pgmlang.infer.train_options import resolve_trained
from pgmlang.model import Conditional, Dist, Model, Potential, Variable
from pgmlang.model.expr import Apply, Contract, Expr, Ref
from pgmlang.model.types import REAL
from pgmlang.normal import normal_form, without_definitions
from pgmlang.normal.affine import form_in
from pgmlang.plan.method import facts_of
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.plan.record import Assignment


@dataclass(frozen=True, kw_only=True)
class LayerwiseOptions(CdOptions):
    """As for cd, for each pair of layers."""


@dataclass(frozen=True)
class LayerPair:
    """``below`` and ``above``: the layers; ``model``: the two as fields; ``bias``: the name of the upper layer's bias
    that the pair adds, empty for a pair of fields."""

    below: str
    above: str
    model: Model
    bias: str = ""


class LayerwiseState(NamedTuple):
    """``stage``: the pair being trained; ``inner``: its training state; ``data``: codes of its lower layer; ``doubts``: what
    speaks against the end of pairs that are trained, and cures."""

    stage: int
    inner: Any
    data: Any
    parameters: dict[str, Any]
    trace: tuple[float, ...] = ()
    is_done: bool = False
    doubts: tuple[tuple[str, str], ...] = ()


def pairs_of(model: Model, facts: Facts) -> tuple[tuple[LayerPair, ...], tuple[Diagnostic, ...]]:
    """The pairs from the data upwards, or why the model is no stack."""
    normal, model = normal_form(model), without_definitions(model)
    observed = [v.name for v in model.of_role("random", "field") if v.name in facts.observed]
    if facts.binding is None:
        children = {r for c in model.conditionals for r in model.random_parents(c)}
        observed = [c.target for c in model.conditionals if c.target not in children]
    if len(observed) != 1:
        return (), (Diagnostic("PGM0602", "a stack has one observed layer"),)
    below = observed[0]
    pairs: list[LayerPair] = []
    while True:
        conditional = model.conditional_of.get(below)
        if conditional is None:
            others = [v.name for v in model.of_role("field") if v.name != below]
            if model.by_name[below].role == "field" and len(others) == 1 and model.potentials:
                wanted = {below, others[0], *(r.name for p in model.potentials for r in model.mentions(p))}
                undirected = tuple(v for v in model.variables if v.name in wanted)
                alone = replace(model, factors=model.potentials, variables=undirected, definitions=(), guide=None)
                return (*pairs, LayerPair(below, others[0], alone)), ()
            return tuple(pairs), () if pairs else (Diagnostic("PGM0602", f"nothing is above `{below}`"),)
        parents = model.random_parents(conditional)
        if not parents:
            return tuple(pairs), () if pairs else (Diagnostic("PGM0602", f"nothing is above `{below}`"),)
        logit = _logit(normal.conditional_of[below])
        form = form_in(normal, logit, parents[0]) if logit is not None and len(parents) == 1 else None
        if logit is None or form is None or not form.is_linear:
            message = f"`{below}` is no Bernoulli layer whose logit is linear in the layer above"
            return (), (Diagnostic("PGM0602", message, conditional.span),)
        for name in (below, parents[0]):
            variable = model.by_name[name]
            if variable.type.kind != "bit" or len(variable.axes) != 1:
                return (), (Diagnostic("PGM0602", f"`{name}` is no layer of bits", variable.span),)
        # as it was written where it was written as a logit: `@` is one product of matrices
        pairs.append(_pair(model, below, parents[0], _logit(conditional) or logit))
        below = parents[0]


def _logit(conditional: Conditional) -> Expr | None:
    distribution = conditional.distribution
    if not isinstance(distribution, Dist) or FAMILIES[distribution.family].support != "bit":
        return None
    logit = dict(distribution.arguments).get("logit")
    return None if isinstance(logit, Dist) else logit


def _pair(model: Model, below: str, above: str, logit: Expr) -> LayerPair:
    """The two layers as fields with the potential ``below @ logit(above) + bias @ above``."""
    low, high = model.by_name[below], model.by_name[above]
    bias = Variable(f"{above} bias", "param", REAL, (), high.axes)
    value = _dot(_ref(low), logit, low.axes[0])
    bias_term = _dot(Ref(REAL, bias.axes, None, bias.name), _ref(high), high.axes[0])
    potential = Potential(Apply(REAL, (), None, "add", (value, bias_term)), low.plates, "pair")
    fields = (replace(low, role="field"), replace(high, role="field"))
    others = tuple(v for v in model.variables if v.role in ("param", "input", "derived"))
    wanted = {r.name for r in model.mentions(model.conditional_of[below])}
    params = tuple(v for v in others if v.name in wanted)
    alone = replace(model, variables=(*fields, *params, bias), factors=(potential,), definitions=(), guide=None)
    return LayerPair(below, above, alone, bias.name)


def _ref(variable: Variable) -> Ref:
    return Ref(variable.type, variable.axes, None, variable.name)


def _dot(left: Expr, right: Expr, axis: str) -> Contract:
    rest = tuple(a for a in dict.fromkeys((*left.axes, *right.axes)) if a != axis)
    return Contract(REAL, rest, None, left, right, axis)


def supports(model: Model, facts: Facts) -> Verdict:
    """A stack of layers of bits above one observed layer, every param to be learned."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    pairs, reasons = pairs_of(model, facts)
    yield from reasons
    layers = {name for pair in pairs for name in (pair.below, pair.above)}
    if pairs and not any(c.target in layers for c in model.conditionals):
        yield Diagnostic("PGM0602", "the model is a single pair of fields", help="`--method pcd` or `cd`")
    for conditional in model.conditionals if pairs else ():
        if conditional.target not in layers:
            name = conditional.target
            yield Diagnostic("PGM0602", f"`{name}` is random and no layer", conditional.span,
                             help=f"make it learned: `param {name}`")  # fmt: skip
    for definition in normal_form(model).definitions:
        yield Diagnostic("PGM0602", f"`{definition.target}` hangs on its own past", definition.span)
    for net in model.nets if not model.guide else ():
        yield Diagnostic("PGM0602", f"the network `{net.name}` is no layer", net.span)
    for name, number in facts.missing.items():
        if number:
            yield Diagnostic("PGM0602", f"`{name}` has {number:,} missing cells", model.by_name[name].span)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    pairs, _ = pairs_of(model, facts)
    return tuple(f"`{p.below}` and `{p.above}`: trained as a restricted Boltzmann machine" for p in pairs)


def assign(model: Model, facts: Facts, options: LayerwiseOptions) -> tuple[Assignment, ...]:
    """A block for each pair, from the data upwards."""
    return tuple(Assignment((p.below, p.above), "cd") for p in pairs_of(model, facts)[0])


@dataclass(frozen=True, eq=False)
class Layerwise:
    """The pairs of one problem, trained one after another from the data upwards."""

    problem: Problem
    options: LayerwiseOptions
    pairs: tuple[LayerPair, ...]
    stages: dict[int, tuple[Problem, Algorithm]] = field(default_factory=dict)

    def stage(self, number: int, data: np.ndarray) -> tuple[Problem, Algorithm]:
        """The problem of a pair, whose lower layer is ``data``, and what trains it."""
        if number not in self.stages:
            pair, whole = self.pairs[number], self.problem
            inputs = {k: v for k, v in whole.binding.values.items() if k in pair.model.by_name and k != pair.above}
            layout = replace(whole.binding.layout, missing={})
            values = {**inputs, pair.below: data}
            binding = replace(whole.binding, model=pair.model, values=values, layout=layout)
            facts = facts_of(pair.model, binding, whole.fixed)
            problem = replace(whole, model=pair.model, binding=binding, facts=facts)
            self.stages[number] = problem, CD.build(problem, self.options)
        return self.stages[number]

    def init(self, rng: np.random.Generator) -> LayerwiseState:
        data = self.problem.binding.values[self.pairs[0].below]
        return LayerwiseState(0, self.stage(0, data)[1].init(rng), data, {})

    def step(self, state: LayerwiseState) -> tuple[LayerwiseState, StepReport]:
        problem, algorithm = self.stage(state.stage, state.data)
        inner, info = algorithm.step(state.inner)
        trace = (*state.trace, info.objective)
        if not algorithm.done(inner):
            return state._replace(inner=inner, trace=trace), info
        outcome = algorithm.conclude(inner)
        learned, doubts = outcome.parameters, (*state.doubts, *self._doubts(state.stage, outcome))
        parameters = {**state.parameters, **learned}
        if state.stage + 1 == len(self.pairs):
            return LayerwiseState(state.stage, inner, state.data, parameters, trace, True, doubts), info
        data = upper_layer(problem, self.pairs[state.stage], learned, state.stage)
        first = self.stage(state.stage + 1, data)[1].init(np.random.default_rng(state.stage + 1))
        return LayerwiseState(state.stage + 1, first, data, parameters, trace, False, doubts), info

    def _doubts(self, number: int, outcome: Outcome) -> tuple[tuple[str, str], ...]:
        """What the training of a pair says against its end, and against that."""
        pair = self.pairs[number]
        return tuple((f"`{pair.below}` and `{pair.above}`: {w.message}", w.help) for w in outcome.warnings)

    def conclude(self, state: LayerwiseState) -> Outcome:
        parameters = dict(state.parameters)
        if not state.is_done:
            parameters |= self.stage(state.stage, state.data)[1].conclude(state.inner).parameters
        known = {v.name for v in self.problem.model.variables}
        for pair in self.pairs:
            _give_bias(self.problem.model, pair, parameters)
        known_parameters = {k: v for k, v in parameters.items() if k in known}
        notes = {"objective": "objective of the last pair", "pairs": [[p.below, p.above] for p in self.pairs]}
        warnings = tuple(Diagnostic("PGM0801", message, help=cure) for message, cure in state.doubts)
        return Outcome(known_parameters, state.trace, state.is_done and not warnings, warnings, notes)


def upper_layer(problem: Problem, pair: LayerPair, learned: Mapping[str, np.ndarray], seed: int) -> np.ndarray:
    """A draw of a pair's upper layer given the lower one."""
    import torch

    from pgmlang.density.bind import bound_density
    from pgmlang.fields.fields import as_numbers, bernoulli, fields_of

    generator = torch.Generator(problem.device).manual_seed(seed)
    joint = bound_density(problem)
    params = {k: torch.as_tensor(v, dtype=joint.dtype, device=joint.device) for k, v in learned.items()}
    fields = fields_of(joint, (pair.above,))
    values = {**as_numbers(joint, (pair.below,)), **fields.begin(generator, ())}
    drawn = bernoulli(generator, fields.logits(pair.above, values, params))
    return np.asarray(drawn.cpu().numpy(), dtype=np.int64)


def build(problem: Problem, options: LayerwiseOptions) -> Algorithm:
    pairs, _ = pairs_of(problem.model, problem.facts)
    layerwise = Layerwise(problem, options, tuple(pairs))
    return Algorithm(layerwise.init, layerwise.step, lambda state: bool(state.is_done), layerwise.conclude)


def _give_bias(model: Model, pair: LayerPair, parameters: dict[str, Any]) -> None:
    """A root layer ``y ~ Bernoulli(logit = c)`` takes the bias that its pair learned."""
    root = normal_form(model).conditional_of.get(pair.above)
    logit = _logit(root) if root is not None else None
    if isinstance(logit, Ref) and model.by_name[logit.name].role == "param" and pair.bias in parameters:
        parameters[logit.name] = parameters[pair.bias]


METHOD = Method(
    "layerwise",
    "greedy training of stacks of binary layers",
    LayerwiseOptions,
    supports,
    reasons,
    build,
    resolve=resolve_trained,
    assign=assign,
    idle=idle,
    reads_guide=True,
)
