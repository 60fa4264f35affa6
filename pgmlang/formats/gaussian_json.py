"""Gaussian networks as JSON: the layout that pgmpy reads and writes (`LinearGaussianBayesianNetwork.load`), in which the
networks of bnlearn's repository are about.

``nodes`` (names in order), ``arcs`` (pairs) and ``cpds``: of each node ``coefficients`` (``(Intercept)`` and each parent, a list of one
number each), ``variance`` (a list of one) and ``parents``. All numbers; there are no labels in it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from pgmlang.diagnostics import SourceFile
from pgmlang.formats.checks import cannot_say, find_cycle
from pgmlang.formats.problems import FormatProblems
from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.tables import DiscreteNetwork

INTERCEPT = "(Intercept)"


def read_gaussian_json(source: SourceFile) -> GaussianNetwork:
    """The network of a text; sds are the roots of its variances. All problems come in one PgmError: PGM0910, of cycles
    PGM0501."""
    return _JsonReader(source).network()


class _JsonReader:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.problems = FormatProblems(source, "PGM0910")

    def network(self) -> GaussianNetwork:
        document = self._document()
        cpds = document["cpds"]
        nodes = document.get("nodes", list(cpds))
        if not isinstance(nodes, list) or not all(isinstance(n, str) for n in nodes):
            self._say("`nodes` is no list of names", "nodes")
            self.problems.stop_if_any()
        self._check_names(nodes, cpds)
        index = {n: i for i, n in enumerate(nodes)}
        read = {n: self._conditional(n, index, cpds[n]) for n in nodes if n in cpds}
        self._check_arcs(document, {n: c[0] for n, c in read.items() if c is not None})
        self.problems.stop_if_any()
        cycle = find_cycle({index[n]: [index[p] for p in c[0]] for n, c in read.items() if c is not None})
        if cycle:
            path = " -> ".join(f"`{nodes[i]}`" for i in cycle)
            cure = "a Bayesian network has no directed cycle: drop a parent"
            self._say(f"the parents go round in a cycle: {path}", nodes[cycle[-1]], code="PGM0501", help=cure)
        self.problems.stop_if_any()
        conditionals = []
        for i, name in enumerate(nodes):
            one = read[name]
            assert one is not None, "what was not understood has been raised"
            parents, intercept, coefficients, variance = one
            conditionals.append(
                NumberConditional(
                    i, tuple(index[p] for p in parents), (), np.array([[intercept]]),
                    np.array(coefficients, dtype=float).reshape(1, 1, -1), np.array([[math.sqrt(variance)]]),
                )
            )  # fmt: skip
        return GaussianNetwork(DiscreteNetwork((), ()), tuple(nodes), tuple(conditionals))

    def _document(self) -> dict[str, Any]:
        """The outermost object. Raises PgmError where the text is no JSON, or none of a network."""
        try:
            document = json.loads(self.source.text, object_pairs_hook=self._object)
        except json.JSONDecodeError as error:
            self.problems.add(f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.pos, error.pos + 1)
            raise self.problems.error() from None
        except RecursionError:
            self.problems.add("this JSON is nested too deeply", 0, 1)
            raise self.problems.error() from None
        if not isinstance(document, dict) or not isinstance(document.get("cpds"), dict):
            cure = "a Gaussian network has `nodes`, `arcs` and `cpds`, as pgmpy writes them"
            self.problems.add("this JSON is no Gaussian network: it has no object `cpds`", 0, 1, help=cure)
        self.problems.stop_if_any()
        out: dict[str, Any] = document
        return out

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) < len(pairs):
            names = [n for n, _ in pairs]
            twice = next(n for n in names if names.count(n) > 1)
            self._say(f"`{twice}` stands twice in one object", twice)
        return out

    def _say(self, message: str, near: str, code: str = "", help: str = "") -> None:
        """A problem at the place where a name is spelt out first, as the key of an object if it is one."""
        spelt = re.escape(json.dumps(near, ensure_ascii=False))
        place = re.search(spelt + r"\s*:", self.source.text) or re.search(spelt, self.source.text)
        start = place.start() if place else 0
        end = start + len(json.dumps(near, ensure_ascii=False)) if place else 1
        self.problems.add(message, start, end, code, help=help)

    def _check_names(self, nodes: list[str], cpds: Mapping[str, Any]) -> None:
        for name in dict.fromkeys(nodes):
            if nodes.count(name) > 1:
                self._say(f"the node `{name}` is named twice", name)
            if name not in cpds:
                self._say(f"the node `{name}` has no entry in `cpds`", name, help=self.problems.near(name, cpds))
        for name in cpds:
            if name not in nodes:
                self._say(f"`{name}` of `cpds` is no node", name, help=self.problems.near(name, nodes))

    def _conditional(
        self, name: str, index: Mapping[str, int], record: Any
    ) -> tuple[list[str], float, list[float], float] | None:
        """The parents, the intercept, their coefficients and the variance; None where a problem was found."""
        before = self.problems.count
        record = record if isinstance(record, dict) else {}
        coefficients = record.get("coefficients")
        if not isinstance(coefficients, dict):
            self._say(f"`{name}` has no object `coefficients`", name)
            return None
        parents = record.get("parents", [p for p in coefficients if p != INTERCEPT])
        if not isinstance(parents, list) or not all(isinstance(p, str) for p in parents):
            self._say(f"the `parents` of `{name}` are no list of names", name)
            return None
        for p in dict.fromkeys(parents):
            if parents.count(p) > 1:
                self._say(f"`{p}` stands twice among the parents of `{name}`", name)
            if p not in index:
                self._say(f"the parent `{p}` of `{name}` is no node", name, help=self.problems.near(p, index))
        for p in (INTERCEPT, *parents):
            if p not in coefficients:
                what = "intercept" if p == INTERCEPT else f"coefficient of its parent `{p}`"
                self._say(f"`{name}` has no {what}", name)
        for p in coefficients:
            if p not in (INTERCEPT, *parents):
                self._say(f"`{name}` has a coefficient of `{p}`, which is none of its parents", name)
        if self.problems.count > before:
            return None
        values = [self._number(name, f"coefficient of `{p}`", coefficients[p]) for p in parents]
        intercept = self._number(name, "intercept", coefficients[INTERCEPT])
        variance = self._number(name, "variance", record.get("variance"))
        if self.problems.count == before and not variance > 0:
            self._say(f"the variance of `{name}` is {variance:g}: it is above zero", name,
                      help="a number that others fix has no distribution: take it out, or give it a small variance")  # fmt: skip
        return None if self.problems.count > before else (parents, intercept, values, variance)

    def _number(self, name: str, what: str, given: Any) -> float:
        """A number, or a list of one."""
        value = given[0] if isinstance(given, list) and len(given) == 1 else given
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            several = isinstance(given, list) and len(given) > 1
            found = f"{len(given)} values" if several else json.dumps(given)[:40]
            cure = "networks with labels are written as `.pgm`" if several else ""
            self._say(f"the {what} of `{name}` is no number: {found}", name, help=cure)
            return math.nan
        return float(value)

    def _check_arcs(self, document: Mapping[str, Any], parents: Mapping[str, list[str]]) -> None:
        arcs = document.get("arcs")
        if arcs is None:
            return
        if not isinstance(arcs, list) or not all(isinstance(a, list) and len(a) == 2 for a in arcs):
            self._say("`arcs` is no list of pairs", "arcs")
            return
        told = {(str(a), str(b)) for a, b in arcs}
        of_parents = {(p, n) for n, listed in parents.items() for p in listed}
        for a, b in sorted(told - of_parents):
            if b in parents:
                self._say(
                    f"the arc from `{a}` to `{b}` stands in `arcs`, and `{a}` is none of the parents of `{b}`", b
                )
        for a, b in sorted(of_parents - told):
            self._say(f"`{a}` is a parent of `{b}`, and `arcs` has no arc from it", b)


def write_gaussian_json(network: GaussianNetwork) -> str:
    """The text of a network without labels; `read_gaussian_json` of it gives bitwise the same numbers. Raises PgmError PGM0907 for one
    with labels."""
    if network.discrete.variables:
        label = network.discrete.variables[0].name
        raise cannot_say(f"`{label}` has labels, and this JSON holds numbers alone", "write a `.pgm`")
    cpds: dict[str, object] = {}
    for c in network.conditionals:
        parents = [network.numbers[p] for p in c.parents]
        values = dict(zip(parents, c.coefficients[0, 0].tolist(), strict=True))
        if INTERCEPT in values:
            raise cannot_say(f"a node named `{INTERCEPT}` cannot be a parent in this JSON")
        cpds[network.numbers[c.child]] = {
            "coefficients": {k: [v] for k, v in {INTERCEPT: float(c.intercept[0, 0]), **values}.items()},
            "variance": [_variance(float(c.sd[0, 0]))],
            "parents": parents,
        }
    arcs = [[network.numbers[p], network.numbers[c.child]] for c in network.conditionals for p in c.parents]
    return (
        json.dumps({"nodes": list(network.numbers), "arcs": arcs, "cpds": cpds}, indent=1, ensure_ascii=False)
        + "\n"
    )


def _variance(sd: float) -> float:
    """The shortest number near the square of an sd whose root is the sd, if there is one."""
    square = sd * sd
    near = [float(f"{square:.{digits}g}") for digits in range(1, 18)]
    near += [math.nextafter(square, 0.0), math.nextafter(square, math.inf)]
    return next((v for v in near if math.sqrt(v) == sd), square)
