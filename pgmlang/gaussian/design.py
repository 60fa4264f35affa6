"""Conditionals whose coefficients and sds are params without values: what each is linear in, and the network at given values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.from_model import number_names, one_of_rows, reasons_against, shared_units
from pgmlang.gaussian.linear_elements import FAR, Predictor, predictors
from pgmlang.gaussian.network import NumberConditional
from pgmlang.gaussian.normal_arguments import OF_A_NUMBER, normal_arguments
from pgmlang.model import Model
from pgmlang.model.branches import branches
from pgmlang.model.dependence import names_behind
from pgmlang.normal import normal_form
from pgmlang.normal.affine import form_in
from pgmlang.tables.elements import NodeBlock
from pgmlang.tables.evaluate import Evaluator, NotEvaluable


@dataclass(frozen=True, eq=False)
class LearnedConditional:
    """``x ~ Normal(d . (1, theta) . (1, parents), factor * sigma)`` of a row: ``design`` ``[U, C, 1 + J, 1 + K]`` of the J coefficients whose elements
    are ``params`` ``[U, J]``; ``sd_params`` ``[U, C]``: the elements of sds, -1 where ``factor`` ``[U, C]`` is the sd itself. Other fields as
    of `NumberConditional`."""

    child: int
    parents: tuple[int, ...]
    labels: tuple[int, ...]
    design: np.ndarray
    params: np.ndarray
    sd_params: np.ndarray
    factor: np.ndarray

    @property
    def is_shared(self) -> bool:
        """Whether all rows have the same design."""
        return len(self.design) == len(self.params) == len(self.sd_params) == len(self.factor) == 1

    def at(self, coefficients: np.ndarray, sds: np.ndarray) -> NumberConditional:
        """The conditional at values of the elements of coefficients and of sds."""
        values = np.concatenate([np.ones((len(self.params), 1)), coefficients[self.params]], 1)
        wide = max(len(self.design), len(values))
        mean = np.einsum(
            "ucjk,uj->uck",
            np.broadcast_to(self.design, (wide, *self.design.shape[1:])), np.broadcast_to(values, (wide, values.shape[1])),
        )  # fmt: skip
        # the last one stands for the sds that are known
        sd = self.factor * np.append(sds, 1.0)[self.sd_params]
        return NumberConditional(self.child, self.parents, self.labels, mean[..., 0], mean[..., 1:], sd)


@dataclass(frozen=True, eq=False)
class ParamElements:
    """The elements of params, laid end to end: ``coefficients`` and ``sds`` by name."""

    coefficients: Mapping[str, NodeBlock]
    sds: Mapping[str, NodeBlock]

    @property
    def num_coefficients(self) -> int:
        return sum(b.count for b in self.coefficients.values())

    @property
    def num_sds(self) -> int:
        return sum(b.count for b in self.sds.values())

    def by_name(self, coefficients: np.ndarray, sds: np.ndarray) -> dict[str, np.ndarray]:
        """Values of all elements as arrays of the params' shapes."""
        out = {}
        for blocks, values in ((self.coefficients, coefficients), (self.sds, sds)):
            out.update({n: values[b.first : b.first + b.count].reshape(b.shape) for n, b in blocks.items()})
        return out


def learning_reasons(model: Model, known: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Why params without a value, those not among the ``known``, are no coefficients of linear predictors and sds of normal
    distributions."""
    open_params = {v.name: v for v in model.of_role("param") if v.name not in known}
    if not open_params:
        yield Diagnostic("PGM0602", "no param is to be estimated")
    held = {**known, **open_params}
    tables = dict.fromkeys(_learned(model))
    yield from reasons_against(model, {**held, **tables})
    numbers = number_names(model, held)
    normal = normal_form(model)
    coefficients, sds, elsewhere = set(), set(), set()
    for conditional in normal.conditionals:
        if conditional.target in held:
            continue
        if conditional.target not in numbers:
            elsewhere |= set(names_behind(normal, conditional)) & set(open_params)
            continue
        for distribution in branches(conditional.distribution):
            arguments = normal_arguments(distribution)
            if arguments is None:
                return
            loc, sd = arguments.loc, arguments.spread
            in_loc, in_sd = (set(names_behind(normal, e)) & set(open_params) for e in (loc, sd))
            if in_loc and not form_in(normal, loc, in_loc).is_linear:
                yield Diagnostic(
                    "PGM0602", f"the mean of `{conditional.target}` is not linear in the params", conditional.span
                )
            if in_sd and arguments.kind != OF_A_NUMBER:
                message = f"the covariance of `{conditional.target}` is to be estimated"
                yield Diagnostic("PGM0602", message, conditional.span)
                return
            form = form_in(normal, sd, in_sd) if in_sd else None
            if form is not None and not (form.is_linear and form.power == 1):
                yield Diagnostic(
                    "PGM0602",
                    f"the sd of `{conditional.target}` is no param, nor a multiple of one",
                    conditional.span,
                )
            coefficients |= in_loc
            sds |= in_sd
    for name in open_params:
        kind, span = open_params[name].type.kind, open_params[name].span
        if name in elsewhere or name in coefficients & sds:
            yield Diagnostic("PGM0602", f"`{name}` stands elsewhere too", span)
        elif name in coefficients and kind != "real":
            yield Diagnostic(
                "PGM0602",
                f"the coefficient `{name}` is {open_params[name].type}: least squares know no bounds",
                span,
            )
        elif name in sds and kind != "positive":
            yield Diagnostic("PGM0602", f"the sd `{name}` is {open_params[name].type}", span)
        elif name not in coefficients | sds:
            yield Diagnostic("PGM0602", f"nothing hangs on `{name}`", span)


def _learned(model: Model) -> list[str]:
    from pgmlang.tables.learned import learned_tables

    return [t.name for t in learned_tables(model)]


def param_elements(model: Model, known: Mapping[str, object], evaluator: Evaluator) -> ParamElements:
    """The elements of the params without a value, by what they are (`learning_reasons`)."""
    normal = normal_form(model)
    sds = set()
    for conditional in normal.conditionals:
        for distribution in branches(conditional.distribution):
            arguments = normal_arguments(distribution)
            if arguments is not None:
                sds |= set(names_behind(normal, arguments.spread))
    blocks: tuple[dict[str, NodeBlock], dict[str, NodeBlock]] = {}, {}
    ends = [0, 0]
    for variable in model.of_role("param"):
        if variable.name in known:
            continue
        kind = int(variable.name in sds)
        axes = model.array_axes(variable)
        block = NodeBlock(ends[kind], evaluator.layout.shape(axes), axes, 0)
        blocks[kind][variable.name] = block
        ends[kind] += block.count
    return ParamElements(*blocks)


def learned_conditionals(
    model: Model, evaluator: Evaluator, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock],
    elements: ParamElements, count: int,
) -> tuple[LearnedConditional, ...]:  # fmt: skip
    """A conditional for each number of one row. ``labels``, ``numbers``: nodes of one row; ``evaluator``: over ``count`` rows. Raises
    PgmError PGM0602 for rows that hang together."""
    wide_labels, wide_numbers = (one_of_rows(blocks, count) for blocks in (labels, numbers))
    every = {**elements.coefficients}
    shift = elements.num_coefficients
    every |= {n: NodeBlock(b.first + shift, b.shape, b.axes, 0) for n, b in elements.sds.items()}
    out: dict[int, LearnedConditional] = {}
    for factor in model.conditionals:
        if factor.target not in numbers:
            continue
        try:
            parts = tuple(predictors(evaluator, factor, wide_labels, wide_numbers, every))
        except NotEvaluable as reason:
            raise PgmError(Diagnostic("PGM0602", f"`{factor.target}`: {reason}", factor.span)) from None
        for part in parts:
            for one in _by_child(part, labels, numbers, count, shift):
                out[one.child] = one
    return tuple(out[i] for i in sorted(out))


def _by_child(
    part: Predictor, labels: Mapping[str, NodeBlock], numbers: Mapping[str, NodeBlock], count: int, shift: int
) -> Iterator[LearnedConditional]:
    from pgmlang.gaussian.from_model import children_of_rows

    at_zero = part.loc[..., :1, :1]
    of_params = (part.loc[..., :1, 1:] - at_zero) / FAR
    of_numbers = (part.loc[..., 1:, :1] - at_zero) / FAR
    both = (part.loc[..., 1:, 1:] - part.loc[..., 1:, :1] - part.loc[..., :1, 1:] + at_zero) / FAR / FAR
    # [E, C, 1 + K, 1 + J] as [E, C, 1 + J, 1 + K]
    design = np.concatenate(
        [np.concatenate([at_zero, of_params], 3), np.concatenate([of_numbers, both], 3)], 2
    ).swapaxes(2, 3)
    sd_zero, sd_slopes = part.sd[..., 0], (part.sd[..., 1:] - part.sd[..., :1]) / FAR
    is_coefficient = part.params[0] < shift if len(part.params) else np.zeros(0, dtype=bool)
    keep = np.flatnonzero(is_coefficient)
    for child, rows, parents, scope in children_of_rows(part, labels, numbers, count):
        nodes = part.params[rows]
        own = design if len(design) == 1 else design[rows]
        slopes = np.where(is_coefficient, 0.0, sd_slopes if len(sd_slopes) == 1 else sd_slopes[rows])
        sd_params, factor = _sds(slopes, nodes - shift, sd_zero if len(sd_zero) == 1 else sd_zero[rows])
        yield LearnedConditional(
            child, parents, scope, shared_units(own[:, :, [0, *(keep + 1)]]), shared_units(nodes[:, keep]),
            shared_units(sd_params), shared_units(factor),
        )  # fmt: skip


def _sds(slopes: np.ndarray, nodes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The element of each sd ``[U, C]`` (-1: none) and what it is multiplied by; of sds that are linear in params with ``slopes`` ``[U, C, J]``, whose
    elements are ``nodes`` ``[U, J]``."""
    if not slopes.shape[-1]:
        return np.full(known.shape, -1), known
    has_sd = (slopes != 0).any(-1)
    which = np.where(has_sd, (slopes != 0).argmax(-1), 0)
    lead = len(nodes) if len(which) > 1 or (nodes != nodes[:1]).any() else 1
    wide = np.broadcast_to(which, (lead, which.shape[1]))
    chosen = np.take_along_axis(nodes[:lead], wide, 1)
    factor = np.where(has_sd, np.take_along_axis(slopes, which[..., None], -1)[..., 0], known)
    return np.where(has_sd, chosen, -1), factor
