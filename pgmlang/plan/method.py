"""What is known of a method before it runs: its options, and for which models and data it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Model
from pgmlang.model.row_plates import row_reductions
from pgmlang.plan.record import Assignment
from pgmlang.results.fit import Moves
from pgmlang.tables.learned import learned_tables
from pgmlang.tables.verdict import Verdict

Result = TypeVar("Result")


@dataclass(frozen=True)
class Facts:
    """What the data says about a model. ``missing``: variables with missing cells and how many. Without data
    (``binding`` None) the ``latent`` are a guide's names, other random variables are ``unknown``. ``device``: where numbers
    are worked out."""

    observed: frozenset[str] = frozenset()
    latent: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    missing: Mapping[str, int] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    binding: Binding | None = None
    device: str = "cpu"
    _results: dict[tuple[Any, int], tuple[Model, Any]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    def once(self, function: Callable[[Model, Facts], Result], model: Model) -> Result:
        """The result of a function of a model and these very facts, worked out at the first call."""
        key = (function, id(model))
        if key not in self._results:
            self._results[key] = (model, function(model, self))
        result: Result = self._results[key][1]
        return result

    @property
    def is_complete(self) -> bool:
        """Every random variable observed, no cell missing."""
        return not (self.latent or self.unknown or self.missing)


def once_per_problem(function: Callable[[Model, Facts], Result]) -> Callable[[Model, Facts], Result]:
    """A question that several methods ask, answered once for a model and its facts. The answer is immutable."""

    @wraps(function)
    def answer(model: Model, facts: Facts) -> Result:
        return facts.once(function, model)

    return answer


def facts_of(
    model: Model, binding: Binding | None = None, fixed: Iterable[str] = (), device: str = "cpu"
) -> Facts:
    """The facts of a model joined to data, or of one without."""
    held = frozenset(fixed)
    names = {v.name for v in model.of_role("random", "field")} - held
    if binding is None:
        guided = {c.target for c in model.guide.conditionals} if model.guide else set()
        return Facts(
            latent=frozenset(guided & names), unknown=frozenset(names - guided), fixed=held, device=device
        )
    observed = names & set(binding.values)
    missing = {k: n for k, n in binding.missing.items() if n and k in names}
    return Facts(frozenset(observed), frozenset(names - observed), frozenset(), missing, held, binding, device)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options that every method has. ``max_time``: seconds."""

    max_time: float | None = None


@dataclass(frozen=True)
class Method:
    """``supports``: whether it can fit this model given the facts, with the reasons why not. ``reasons``: in
    words, why it fits and what it costs. ``resolve``: the options as they will be used, none left to the method; ``assign``: by
    these, which kernel takes which variables (None: all by one, of the method's name). ``build``: the algorithm for a problem
    with its blocks and resolved options (``infer.base``), which decides nothing any more. ``reasons_against_auto``: why ``auto`` should rather take another one, where there is one;
    ``only_by_name``: why it is never taken unasked, which a fit that asks for it is warned of. ``writes_rows_out``: whether
    rows that stand for several (``--counts``) are written out for it, since each has latents of its own. ``idle``: the options
    (and ``device``) that it has no use for here, each with the reason: they are refused where they are given. ``moves``:
    how it proposes draws; ``only_rises``: whether its objective may not fall; ``when``: of a model without data, the case
    that the method is for, None where it is for none; ``reads_guide``: whether a written guide has a part in it; ``takes_start``:
    whether it begins where it is told to."""

    name: str
    says: str
    options: type[Options]
    supports: Callable[[Model, Facts], Verdict]
    reasons: Callable[[Model, Facts], tuple[str, ...]]
    build: Callable[[Any, Any], Any]
    reasons_against_auto: Callable[[Model, Facts], tuple[Diagnostic, ...]] = lambda model, facts: ()
    resolve: Callable[[Model, Facts, Any], Any] = lambda model, facts, options: options
    assign: Callable[[Model, Facts, Any], tuple[Assignment, ...]] | None = None
    only_by_name: Callable[[Model, Facts], tuple[Diagnostic, ...]] = lambda model, facts: ()
    writes_rows_out: Callable[[Model, Facts], bool] = lambda model, facts: False
    idle: Callable[[Model, Facts, Any], Mapping[str, str]] = lambda model, facts, options: {}
    moves: Moves | None = None
    only_rises: bool = False
    when: Callable[[Model], str | None] = lambda model: None
    reads_guide: bool = False
    takes_start: bool = False

    def unread_guide(self, model: Model) -> tuple[Diagnostic, ...]:
        """PGM0812 where the model has a guide that the method leaves out."""
        if self.reads_guide or model.guide is None:
            return ()
        message = f"the guide has no part in `{self.name}`: it is of variational inference"
        cure = "`--method elbo` fits it; take it out of the model otherwise"
        span = next((c.span for c in model.guide.conditionals), None)
        return (Diagnostic("PGM0812", message, span, help=cure),)

    def assignments(self, model: Model, facts: Facts, options: Any) -> tuple[Assignment, ...]:
        """Which kernel takes which variables, by resolved options."""
        if self.assign is not None:
            return self.assign(model, facts, options)
        hidden = facts.latent | facts.unknown | frozenset(facts.missing)
        tables = [t.name for t in learned_tables(model)]
        names = (*tables, *(v.name for v in model.of_role("random", "field") if v.name in hidden))
        return (Assignment(names, self.name),)

    def has_rows_written_out(self, model: Model, facts: Facts) -> bool:
        """Whether rows that stand for several are written out: for it, or since a value is taken over all rows, in which each counts once."""
        return counts_in_reductions(model, facts) or self.writes_rows_out(model, facts)

    def all_reasons(self, model: Model, facts: Facts) -> tuple[str, ...]:
        """Its reasons, and what is done to the data for it."""
        if not self.has_rows_written_out(model, facts):
            return self.reasons(model, facts)
        why = (
            "a value is taken over all of them"
            if counts_in_reductions(model, facts)
            else "each has latents of its own"
        )
        return (*self.reasons(model, facts), f"rows that stand for several are written out: {why}")


def counts_in_reductions(model: Model, facts: Facts) -> bool:
    """Whether rows stand for several, and the model takes a value over rows."""
    binding = facts.binding
    return binding is not None and binding.is_counts and any(True for _ in row_reductions(model))
