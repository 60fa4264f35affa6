"""What a method is: a record of functions. One file a method; one loop (run.py) runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Model
from pgmlang.tables.verdict import Verdict

__all__ = ["Facts", "Info", "Kernel", "Method", "Options", "Outcome", "Problem", "Verdict", "facts_of"]


@dataclass(frozen=True)
class Facts:
    """What the data says about a model. ``missing``: variables with missing cells and how many. Without data
    (``binding`` None) the ``latent`` are a guide's names, other random variables are ``unknown``."""

    observed: frozenset[str] = frozenset()
    latent: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    missing: Mapping[str, int] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    binding: Binding | None = None

    @property
    def is_complete(self) -> bool:
        """Every random variable observed, no cell missing."""
        return not (self.latent or self.unknown or self.missing)


def facts_of(model: Model, binding: Binding | None = None, fixed: Iterable[str] = ()) -> Facts:
    """The facts of a model joined to data, or of one without."""
    held = frozenset(fixed)
    names = {v.name for v in model.of_role("random", "field")} - held
    if binding is None:
        guided = {c.target for c in model.guide.conditionals} if model.guide else set()
        return Facts(latent=frozenset(guided & names), unknown=frozenset(names - guided), fixed=held)
    observed = names & set(binding.values)
    missing = {k: n for k, n in binding.missing.items() if n and k in names}
    return Facts(frozenset(observed), frozenset(names - observed), frozenset(), missing, held, binding)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options that every method has. ``max_time``: seconds."""

    max_time: float | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """A model joined to data, with the values that were fixed."""

    model: Model
    binding: Binding
    fixed: dict[str, np.ndarray]
    facts: Facts
    device: str = "cpu"


class Info(NamedTuple):
    """What one step found. ``objective`` is the log-likelihood, plus the log prior where there is one."""

    log_likelihood: float
    objective: float
    gain: float = float("inf")


class Outcome(NamedTuple):
    """What a method leaves behind."""

    parameters: dict[str, np.ndarray]
    log_likelihood: tuple[float, ...]
    is_converged: bool
    warnings: tuple[Diagnostic, ...] = ()
    notes: Mapping[str, Any] = {}


class Kernel(NamedTuple):
    """A method set up for a problem; states are immutable. ``done`` says that no further step is needed."""

    init: Callable[[np.random.Generator], Any]
    step: Callable[[Any], tuple[Any, Info]]
    done: Callable[[Any], bool]
    conclude: Callable[[Any], Outcome]


@dataclass(frozen=True)
class Method:
    """``supports``: whether it can fit this model given the facts, with the reasons why not. ``reasons``: in words,
    why it fits and what it costs. ``build``: the kernel for a problem."""

    name: str
    says: str
    options: type[Options]
    supports: Callable[[Model, Facts], Verdict]
    reasons: Callable[[Model, Facts], tuple[str, ...]]
    build: Callable[[Problem, Any], Kernel]
