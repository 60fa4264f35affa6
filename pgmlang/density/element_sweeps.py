"""Variables of a bound density drawn element by element given all else, by compiled loops: labels from their full conditionals, real ones by
random walks."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values, completed
from pgmlang.density.native import held_values, supports_of
from pgmlang.lower.density_forms import with_short_densities
from pgmlang.native.conditional_chains import ConditionalChains
from pgmlang.native.conditional_program import ConditionalProgram, conditional_program
from pgmlang.native.conditionals import child_lists, states_axis
from pgmlang.native.formulas import NotScalar
from pgmlang.native.numpy_values import NumpyValues
from pgmlang.native.placed import Marks
from pgmlang.native.scalars import Array
from pgmlang.native.supports import Support
from pgmlang.native.value_terms import ValueTerms


@dataclass(eq=False)
class ElementSweeps:
    """Draws variables given all else. ``chains``: the compiled sweeps."""

    joint: BoundDensity
    chains: ConditionalChains

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that are drawn."""
        return self.chains.program.drawn

    def sweep(self, generator: Generator, values: Values) -> dict[str, Tensor]:
        """Values with every element drawn once, one after the other."""
        return self.walk(generator, values, self.first_steps(values), 0.0)[0]

    def first_steps(self, values: Values) -> Tensor:
        """Logarithms of the steps ``[chain, n]`` of real variables' elements that have learnt nothing yet."""
        _, lead = self.arrays(values)
        return torch.zeros(math.prod(lead), self.chains.num_steps, dtype=torch.float64)

    def walk(
        self, generator: Generator, values: Values, steps: Tensor, rate: float
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """As `sweep`, with the steps of real variables' elements, which learn at a rate; gives these too, and the mean chance ``[chain]`` that
        they were taken."""
        arrays, lead = self.arrays(values)
        seeds = torch.randint(-(2**63), 2**63 - 1, (len(arrays[0]),), generator=generator).numpy().view(np.uint64)
        learnt = steps.numpy().copy()
        accepted = self.chains.sweep(arrays, seeds, learnt, rate)
        out = dict(values)
        for name, array in zip(self.names, arrays, strict=False):
            out[name] = torch.from_numpy(array).to(values[name].dtype).reshape(*lead, *self.joint.shapes[name])
        return out, torch.from_numpy(learnt), torch.from_numpy(accepted)

    def log_weights(self, name: str, values: Values) -> np.ndarray:
        """Log-weights ``[chain, n, K]`` of the states of a variable's elements that are drawn, each given all else."""
        arrays, _ = self.arrays(values)
        places = self.chains.orders[self.names.index(name)]
        return self.chains.log_weights(name, arrays, places, self.joint.num_states(name))

    def arrays(self, values: Values) -> tuple[list[np.ndarray], tuple[int, ...]]:
        """The values of the program ``[chain, *shape]``, of its own those that are drawn, and the shape of the chains."""
        everything = completed(self.joint.observed, self.joint.missing, values)
        of = [array.of[0] for array in self.chains.program.values]
        shapes = [self.joint.shapes[n] for n in of]
        leads = [everything[n].shape[: everything[n].dim() - len(s)] for n, s in zip(of, shapes, strict=True)]
        lead = np.broadcast_shapes(*leads)
        out = []
        for name, shape in zip(of, shapes, strict=True):
            array = everything[name].detach().expand(*lead, *shape).reshape(-1, *shape).numpy()
            if name in self.names:
                # a copy, which is drawn in
                out.append(array.astype(float if name in self.chains.program.walks else np.int64))
            else:
                out.append(np.ascontiguousarray(array))
        return out, lead


def still_values(joint: BoundDensity, array: Array, params: Values | None = None) -> np.ndarray:
    """What an array of a program holds that nothing moves. Raises NotScalar where some of its cells are missing."""
    if array.kind == "values" and array.of[0] in joint.missing:
        raise NotScalar(f"missing cells of `{array.of[0]}`")
    return held_values(joint, array, params)


def given_log_z(joint: BoundDensity, names: Collection[str]) -> BoundDensity:
    """The density without log Z, which the conditionals of these variables do not hang on. Raises NotScalar where they do."""
    if joint.partition is not None and any(set(names) & m for m in joint.partition.mentions.values()):
        raise NotScalar("the normalising constant of fields")
    return joint.unnormalised


def sweep_program(joint: BoundDensity, names: Sequence[str]) -> tuple[ConditionalProgram, ValueTerms]:
    """The program of sweeps over variables. Raises NotScalar for what has no such form."""
    if joint.device.type != "cpu" or joint.dtype != torch.float64 or find_spec("numba") is None:
        raise NotScalar("numbers other than float64 on the CPU, or without the package numba")
    if joint.scale or joint.weights or joint.intervened:
        raise NotScalar("weights and interventions")
    joint = given_log_z(joint, names)
    model = joint.model.once(with_short_densities)
    moving = frozenset(joint.latent) - frozenset(names)
    terms = ValueTerms(
        model, {}, Marks(partly_seen=frozenset(joint.programs.partly_seen)), drawn=frozenset(names), moving=moving
    )
    reals = [n for n in names if not model.by_name[n].type.is_discrete]
    supports = supports_of(joint, reals)
    plain = {n: s for n, s in supports.items() if type(s) is Support}
    if len(plain) < len(reals):
        raise NotScalar("a random walk of what is no number between given bounds")
    return conditional_program(terms, names, plain), terms


def element_sweeps(joint: BoundDensity, names: Sequence[str]) -> ElementSweeps:
    """Sweeps over variables of a bound density. Raises NotScalar as `sweep_program`."""
    program, terms = sweep_program(joint, names)

    def array(of: Array) -> np.ndarray:
        return still_values(joint, of)

    def size(axis: str) -> int:
        return states[axis] if axis in states else joint.layout.size(joint.model.root_axis(axis))

    reals = program.walks
    states = {states_axis(n): 2 if n in reals else joint.num_states(n) for n in names}
    values = NumpyValues(array, size, terms.stages)
    found: dict[str, np.ndarray] = {}
    for _, children in program.lists:
        if f"{children.name}_starts" not in found:
            name = children.slots[0].payload.of[0]
            starts, *places = child_lists(children, values, joint.shapes[name])
            found[f"{children.name}_starts"] = starts
            found |= {f"{children.name}_{loop.axis}": p for loop, p in zip(children.held, places, strict=True)}
    orders = []
    for name in names:
        free = joint.missing[name].expand(joint.shapes[name]).numpy() if name in joint.missing else np.ones(joint.shapes[name], bool)  # fmt: skip
        orders.append(np.argwhere(free).astype(np.int64) if free.ndim else np.zeros((int(free), 0), np.int64))
    chains = ConditionalChains(
        program, [array(a) for a in program.arrays], [found[word] for word, _ in program.lists], [size(a) for a in program.sizes],
        orders, torch.get_num_threads(),
    )  # fmt: skip
    return ElementSweeps(joint, chains)
