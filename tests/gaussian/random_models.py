"""Random models of a row whose numbers are normal and linear in each other given labels, as texts in many spellings, beside the
network that each text means, which is made here and not by the compiler."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.gaussian import GaussianNetwork, NumberConditional
from tests.gaussian.dense import random_network

INPUT_SHARE = 0.35


@dataclass(frozen=True)
class RandomModel:
    """``text`` of rows whose ``network``, a function of the values of ``inputs`` by name, is what they mean."""

    text: str
    plain: GaussianNetwork
    shifts: dict[int, tuple[str, float]]
    """By number: the input that is added to its mean, and what it is multiplied by."""
    swings: dict[int, str]
    """By number: the input that is added to the coefficient of its first parent."""

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(sorted({n for n, _ in self.shifts.values()} | set(self.swings.values())))

    def network(self, inputs: dict[str, float]) -> GaussianNetwork:
        conditionals = []
        for c in self.plain.conditionals:
            intercept, coefficients = c.intercept.copy(), c.coefficients.copy()
            if c.child in self.shifts:
                name, factor = self.shifts[c.child]
                intercept += factor * inputs[name]
            if c.child in self.swings:
                coefficients[..., 0] += inputs[self.swings[c.child]]
            conditionals.append(NumberConditional(c.child, c.parents, c.labels, intercept, coefficients, c.sd))
        return GaussianNetwork(self.plain.discrete, self.plain.numbers, tuple(conditionals))


class Writer:
    """Writes a network as a text."""

    def __init__(self, rng: np.random.Generator, network: GaussianNetwork) -> None:
        self.rng = rng
        self.network = network
        self.outside: list[str] = []
        self.lines: list[str] = []

    def number(self, value: float) -> str:
        return f"({value!r})" if value < 0 else repr(value)

    def name(self, what: str) -> str:
        return f"{what}{len(self.outside) + len(self.lines)}"

    def product(self, coefficient: float, parent: str) -> str:
        """A coefficient times a parent, one way or another."""
        c = self.number(coefficient)
        ways = [
            f"{c} * {parent}",
            f"{parent} * {c}",
            f"({c} * ({parent} - 1) + {c})",
            f"(2 * {c} * {parent} - {parent} * {c})",
            f"{parent} / ({1 / coefficient!r})" if coefficient else f"{c} * {parent}",
            f"-({self.number(-coefficient)} * {parent})",
        ]
        return str(self.rng.choice(ways))

    def by_labels(self, texts: list[str], labels: tuple[int, ...], may_index: bool) -> str:
        """What labels choose of texts, the last label fastest."""
        if not labels or len(set(texts)) == 1:
            return texts[0]
        variables = self.network.discrete.variables
        if may_index and self.rng.random() < 0.4:
            # an array along the labels, chosen by an index
            name = self.name("w")
            shape = [variables[v].size for v in labels]
            cells = np.array(texts, dtype=object).reshape(shape)
            axes = ", ".join(f"set{v}" for v in labels)

            def nested(part: np.ndarray | str) -> str:
                return part if isinstance(part, str) else "[" + ", ".join(map(nested, part)) + "]"

            if len(shape) <= 2:
                self.outside.append(f"{name}[{axes}] = {nested(cells)}")
                return f"{name}[{', '.join(variables[v].name for v in labels)}]"
        first, rest = labels[0], labels[1:]
        step = len(texts) // variables[first].size
        parts = [self.by_labels(texts[i : i + step], rest, may_index) for i in range(0, len(texts), step)]
        out = parts[-1]
        for label, part in reversed(list(zip(variables[first].labels, parts, strict=True))[:-1]):
            out = f"(if {variables[first].name} == {label} then {part} else {out})"
        return out

    def spread(self, sds: list[float], labels: tuple[int, ...]) -> str:
        way = self.rng.integers(4)
        if way == 0:
            return "var = " + self.by_labels([repr(s * s) for s in sds], labels, True)
        if way == 1:
            return "precision = " + self.by_labels([repr(1 / (s * s)) for s in sds], labels, True)
        if way == 2:
            return f"exp({self.by_labels([self.number(float(np.log(s))) for s in sds], labels, True)})"
        return self.by_labels([repr(s) for s in sds], labels, True)

    def mean(self, c: NumberConditional, k: int, more: str) -> str:
        """Of one configuration."""
        terms = [self.number(float(c.intercept[0, k]))]
        terms += [
            self.product(float(c.coefficients[0, k, i]), self.network.numbers[p]) for i, p in enumerate(c.parents)
        ]
        self.rng.shuffle(terms)
        return " + ".join(terms) + more

    def shared_mean(self, c: NumberConditional, more: str) -> str:
        """With coefficients that labels choose."""
        count = c.intercept.shape[1]
        terms = [self.by_labels([self.number(float(c.intercept[0, k])) for k in range(count)], c.labels, True)]
        for i, p in enumerate(c.parents):
            chosen = self.by_labels(
                [self.number(float(c.coefficients[0, k, i])) for k in range(count)], c.labels, True
            )
            terms.append(f"{chosen} * {self.network.numbers[p]}")
        return " + ".join(terms) + more

    def conditional(self, c: NumberConditional, more: str) -> str:
        count = c.intercept.shape[1]
        sds = [float(s) for s in c.sd[0]]
        if c.labels and self.rng.random() < 0.35:
            every = [f"Normal({self.mean(c, k, more)}, {self.spread([sds[k]], ())})" for k in range(count)]
            return self.by_labels(every, c.labels, False).removeprefix("(").removesuffix(")")
        if self.rng.random() < 0.5:
            loc = self.by_labels([self.mean(c, k, more) for k in range(count)], c.labels, False)
        else:
            loc = self.shared_mean(c, more)
        if self.rng.random() < 0.3:
            name = self.name("d")
            self.lines.append(f"{name} = {loc}")
            loc = name
        return f"Normal({loc}, {self.spread(sds, c.labels)})"

    def table(self, v: int) -> str:
        """A label with its table, and the axis of its labels."""
        variables = self.network.discrete.variables
        factor = next(f for f in self.network.discrete.factors if f.child == v)
        above = factor.scope[:-1]
        rows = []
        for key in itertools.product(*(range(variables[p].size) for p in above)):
            labels = ", ".join(variables[p].labels[i] for p, i in zip(above, key, strict=True))
            cells = ", ".join(repr(float(x)) for x in factor.values[key])
            rows.append(f"{labels} : {cells}" if labels else cells)
        self.outside.append(f"dim set{v} = {{{', '.join(variables[v].labels)}}}")
        parents = ", ".join(variables[p].name for p in above)
        return f"{variables[v].name} : set{v} ~ Table({parents}) {{ " + " ; ".join(rows) + " }"


def random_model(
    seed: int, num_labels: int, num_numbers: int, has_inputs: bool = False, in_plate: bool = True
) -> RandomModel:
    """``has_inputs``: inputs of rows shift means and coefficients."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, num_labels, num_numbers)
    writer = Writer(rng, network)
    shifts: dict[int, tuple[str, float]] = {}
    swings: dict[int, str] = {}
    for c in network.conditionals if has_inputs else ():
        if rng.random() < INPUT_SHARE:
            shifts[c.child] = (str(rng.choice(["u", "v"])), float(rng.normal()))
        if c.parents and rng.random() < INPUT_SHARE:
            swings[c.child] = str(rng.choice(["u", "v"]))
    lines = [writer.table(v) for v in range(num_labels)]
    for c in network.conditionals:
        more = ""
        if c.child in shifts:
            name, times = shifts[c.child]
            more += f" + {writer.number(times)} * {name}"
        if c.child in swings:
            more += f" + {swings[c.child]} * {network.numbers[c.parents[0]]}"
        writer.lines.append(f"{network.numbers[c.child]} ~ {writer.conditional(c, more)}")
    model = RandomModel("", network, shifts, swings)
    inside = [f"input {n} : real" for n in model.inputs] + lines + writer.lines
    rng.shuffle(inside)
    begin, end = ("plate row {", "}") if in_plate else ("", "")
    return replace(model, text="\n".join([*writer.outside, begin, *inside, end]))
