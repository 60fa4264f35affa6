"""Blocks of discrete variables that compiled loops draw, element by element: which these are, and whether compiling them pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.element_sweeps import ElementSweeps, element_sweeps, given_log_z
from pgmlang.density.native import no_loops
from pgmlang.density.reductions import sum_of_factors
from pgmlang.density.tabulated_labels import TabulatedLabels, tabulated_labels
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.fields import LOADING
from pgmlang.graph.summable import is_elementwise, mentioned
from pgmlang.infer.blocks import Block
from pgmlang.native.formulas import NotScalar
from pgmlang.normal import canonical_factors

Values = dict[str, Tensor]
ENOUGH_WORK = 4.0
"""Seconds of torch's time that compiling a program is worth."""
FORGETTING = -0.6
"""The power of the iteration that steps learn by."""
CALL, ELEMENT = 150e-6, 20e-9
"""Seconds of torch's: of trying a value, and for an element of a factor of one chain. (They stand for every machine, as the choice does.)"""


@dataclass(frozen=True, eq=False)
class SweepBlock:
    """Variables drawn one element after the other by compiled loops. Steps of real ones learn through the ``warmup``, each of its own chain
    alone, less and less (Robbins and Monro 1951)."""

    names: tuple[str, ...]
    sweeps: ElementSweeps | TabulatedLabels
    warmup: int = 0

    def start(self, generator: Generator, values: Values) -> Any:
        return self.sweeps.first_steps(values) if self._walks(self.sweeps) else ()

    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]:
        if not self._walks(self.sweeps):
            return self.sweeps.sweep(generator, values), state, None
        rate = (iteration + 1) ** FORGETTING if iteration < self.warmup else 0.0
        return self.sweeps.walk(generator, values, state, rate)

    @staticmethod
    def _walks(sweeps: ElementSweeps | TabulatedLabels) -> TypeGuard[ElementSweeps]:
        return isinstance(sweeps, ElementSweeps) and bool(sweeps.chains.program.walks)


def sweep_block(
    joint: BoundDensity, kinds: Mapping[str, str], backend: str, warmup: int, iterations: int, chains: int
) -> SweepBlock | None:
    """The block of the variables, by the kinds that ``gibbs.kinds_of`` gave them, that loops draw no worse than torch does, where that is
    asked for or pays for so many ``iterations``, the ``warmup`` among them; real variables by random walks where that is their kind. Raises PgmError PGM0602 where it is asked for and cannot be."""
    names = tuple(n for n, kind in kinds.items() if kind in ("elements", "field", "loops", "walk"))
    walks = "walk" in kinds.values()
    if any(kind == "loops" for kind in kinds.values()):
        if backend == "torch":
            some = ", ".join(f"`{n}`" for n, kind in kinds.items() if kind == "loops")
            message = f"the elements of {some} meet, and are drawn by compiled loops alone"
            raise PgmError(Diagnostic("PGM0602", message, help="leave out `--backend torch`"))
        backend = "native"
    backend = "native" if walks else backend
    exact = tuple(n for n, kind in kinds.items() if kind == "exact")
    if exact and _is_drawn_apart(joint, exact):
        names = tuple(n for n in kinds if n in names or n in exact)
    if backend == "torch" or not names:
        return None

    def pays(seconds: float) -> bool:
        return backend == "native" or _takes_longer(
            joint, {n: kinds[n] for n in names}, iterations, chains, seconds
        )

    try:
        if set(joint.latent) <= set(names) and not walks and pays(LOADING):
            try:
                return SweepBlock(names, tabulated_labels(given_log_z(joint, names), names, with_rest=True))
            except NotScalar:
                pass
        if pays(ENOUGH_WORK):
            return SweepBlock(names, element_sweeps(joint, names), warmup)
    except NotScalar as reason:
        if backend == "native":
            raise no_loops(reason) from None
    return None


@dataclass(frozen=True, eq=False)
class LabelRun:
    """Sweeps of labels by tables, where nothing else is latent: many at a time. ``log_z``: what their log-potentials go on by."""

    labels: TabulatedLabels
    log_z: Tensor

    def sweeps(
        self, generator: Generator, values: Values, count: int, kept: int, stored: Sequence[str]
    ) -> tuple[Values, Values, Tensor]:
        """The values after so many sweeps; of the last ``kept`` the ``stored`` variables ``[chain, draw, *shape]`` and the log-density
        ``[chain, draw]``."""
        after, passed = self.labels.sweeps(generator, values, count)
        last = passed[:, count - kept :]
        draws = {n: self.labels.draws_at(last, n, values[n].dtype) for n in stored}
        return after, draws, self.labels.energies_at(last).to(self.log_z.dtype) + self.log_z

    def log_density(self, values: Values) -> Tensor:
        """The log-density of values."""
        return self.labels.energy(values).to(self.log_z.dtype) + self.log_z


def label_run(joint: BoundDensity, blocks: Sequence[Block]) -> LabelRun | None:
    """The sweeps of a block of labels by tables that is all there is."""
    block = blocks[0] if len(blocks) == 1 else None
    if not isinstance(block, SweepBlock) or not isinstance(block.sweeps, TabulatedLabels):
        return None
    log_z = torch.zeros((), dtype=joint.dtype)
    if joint.partition is not None:
        # it hangs on nothing that is drawn
        log_z = sum_of_factors(joint, joint.partition.terms(joint, {}, None, None))
    return LabelRun(block.sweeps, log_z)


def _is_drawn_apart(joint: BoundDensity, names: tuple[str, ...]) -> bool:
    """Whether the elements of all variables are independent given the rest: drawn one by one they are drawn together."""
    model = canonical_factors(joint.model)
    return all(
        len(met) < 2 and all(is_elementwise(model, factor, n) for n in met)
        for factor in model.factors
        for met in [mentioned(model, factor, names)]
    )


def _takes_longer(
    joint: BoundDensity, kinds: Mapping[str, str], iterations: int, chains: int, seconds: float
) -> bool:
    """Whether torch takes longer to draw variables so often."""
    calls = {n: _calls(joint, n, kind) for n, kind in kinds.items()}
    if iterations * CALL * sum(calls.values()) > seconds:
        # told without their factors' program
        return True
    each = (calls[n] * (CALL + chains * ELEMENT * _elements_around(joint, n)) for n in kinds)
    return iterations * sum(each) > seconds


def _calls(joint: BoundDensity, name: str, kind: str) -> int:
    """How many values are tried to draw a variable once."""
    along = math.prod(joint.shapes[name][len(joint.model.batch_axes(joint.model.by_name[name].plates)) :])
    states = joint.num_states(name)
    return along * states if kind == "elements" else states


def _elements_around(joint: BoundDensity, name: str) -> int:
    """Elements of the factors that mention a variable."""
    around = joint.programs.names_around((name,))
    return sum(math.prod(joint.layout.size(a) for a in joint.factor_axes[key]) for key in around)
