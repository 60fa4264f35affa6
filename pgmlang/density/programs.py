"""The emitted programs of one model: the whole one, and those of some of its factors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

import torch

from pgmlang.density.numerics import numerics, on_device
from pgmlang.lower import lower
from pgmlang.lower.factors import factors_around
from pgmlang.model import Model
from pgmlang.native.program import NativeProgram


class ProgramOnDemand(ModuleType):
    """A program that is emitted when something of it is first asked for."""

    def __init__(self, emit: Callable[[], ModuleType]) -> None:
        super().__init__("pgmlang_program")
        self._emit: Callable[[], ModuleType] | None = emit

    def __getattr__(self, name: str) -> Any:
        emit = vars(self).get("_emit")
        if emit is None or name.startswith("__"):
            raise AttributeError(f"the program has no `{name}`")
        vars(self).update(vars(emit()))
        self._emit = None
        return getattr(self, name)

    @property
    def is_emitted(self) -> bool:
        """Whether it was."""
        return self._emit is None


class Programs:
    """Programs with their tables on a device and numbers of a type, each emitted when first asked for; shared by all
    bindings of the model. ``partly_seen``: variables some of whose missing cells drop out; ``supports``: in place of the model's own."""

    def __init__(
        self, model: Model, dtype: torch.dtype, device: torch.device, partly_seen: frozenset[str] = frozenset(),
        supports: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.dtype = dtype
        self.device = device
        self.partly_seen = partly_seen
        self.supports = supports or {}
        self.whole = ProgramOnDemand(self._with_supports)
        self._of_factors: dict[frozenset[str], ModuleType] = {}
        self._of_definitions: dict[frozenset[str], ModuleType] = {}
        self._of_distributions: dict[frozenset[str], ModuleType] = {}
        self.of_loops: dict[Any, NativeProgram] = {}
        self._around: dict[frozenset[str], frozenset[str]] = {}

    @property
    def loaded(self) -> tuple[ModuleType, ...]:
        """All programs emitted so far."""
        return (
            *((self.whole,) if self.whole.is_emitted else ()),
            *self._of_factors.values(),
            *self._of_definitions.values(),
            *self._of_distributions.values(),
        )

    def of_factors(self, names: Collection[str]) -> ModuleType:
        """The program of the factors of these names."""
        wanted = frozenset(names)
        if wanted not in self._of_factors:
            self._of_factors[wanted] = self._emitted(wanted)
        return self._of_factors[wanted]

    def of_definitions(self, names: Collection[str]) -> ModuleType:
        """The program of the deterministic names alone, and of those that they hang on."""
        wanted = frozenset(names)
        if wanted not in self._of_definitions:
            self._of_definitions[wanted] = self._emitted(frozenset(), wanted)
        return self._of_definitions[wanted]

    def of_distributions(self, names: Collection[str]) -> ModuleType:
        """The program of what these random variables are distributed as. Raises PgmError PGM0601 where one is drawn from a
        table or a learned density."""
        wanted = frozenset(names)
        if wanted not in self._of_distributions:
            self._of_distributions[wanted] = self._emitted(frozenset(), distributions=wanted)
        return self._of_distributions[wanted]

    def of_blanket(self, variables: Collection[str]) -> ModuleType:
        """The program of the factors that mention any of these variables, themselves included: a Markov blanket."""
        return self.of_factors(self.names_around(variables))

    def names_around(self, variables: Collection[str]) -> frozenset[str]:
        """Names of the factors that mention any of these variables."""
        key = frozenset(variables)
        if key not in self._around:
            self._around[key] = frozenset(factors_around(self.model, key))
        return self._around[key]

    def _with_supports(self) -> ModuleType:
        """The whole program, with narrower supports where there are any."""
        program = self._emitted(None)
        program.SUPPORTS.update(self.supports)
        return program

    def _emitted(
        self,
        only: frozenset[str] | None,
        definitions: frozenset[str] = frozenset(),
        distributions: frozenset[str] = frozenset(),
    ) -> ModuleType:
        with numerics(self.dtype, self.device):
            program = lower(
                self.model,
                only=only,
                definitions=definitions,
                partly_seen=self.partly_seen,
                distributions=distributions,
            )
            return on_device(program.load(), self.dtype, self.device)
