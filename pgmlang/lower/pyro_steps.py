"""The loop over the steps of a chain: inputs of the step's rows, and the values of the steps before as locals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import prev_name, to_come
from pgmlang.lower.pyro_chains import Chain, Item
from pgmlang.lower.pyro_sites import Sites
from pgmlang.model.expr import Ref

FARTHEST = 100
"""Steps back that a loop over the steps of a chain carries along."""


def open_sequences(sites: Sites, chain: Chain) -> str:
    """``sequences = Sequences(layout, chain)`` and their plate; gives the local's name."""
    layout, out = sites.expressions.layout, sites.out
    sequences = sites.emitter.names[f"sequences {chain.plate}"]
    layout.position(chain.plate)
    layout.previous(chain.plate, 1)
    arguments = [py.name("layout"), py.constant(chain.plate)]
    if chain.outer is not None:
        layout.parent(chain.outer, chain.plate)
        arguments.append(py.constant(chain.outer))
    sites.leave()
    sites.expressions.uses.add("Sequences")
    out.assign(sequences, py.call("Sequences", *arguments))
    axis = chain.outer or f"{chain.plate} sequences"
    if axis not in sites.plates.dims:
        sites.plates.dims[axis] = sites.plates.dims[chain.plate]
        sites.plate(axis, py.name(f"{sequences}.count"))
    return sequences


@contextmanager
def each_step(sites: Sites, chain: Chain, sequences: str, steps: ast.expr, items: list[Item]) -> Iterator[None]:
    """What is emitted inside is the body of the loop over steps."""
    out, expressions = sites.out, sites.expressions
    sites.leave()
    out.head(f"for t, rows, here, layout in {py.text(steps)}:")
    out.indent += 1
    sites.chain, expressions.is_stepwise = chain, True
    _inputs(sites, chain, items)
    yield
    sites.leave()
    out.indent -= 1
    out.assign("layout", py.name(f"{sequences}.layout"))
    sites.chain, expressions.is_stepwise = None, False


def _inputs(sites: Sites, chain: Chain, items: list[Item]) -> None:
    """Inputs of the step's rows, and those of rows before."""
    model, emitter = sites.model, sites.emitter
    wanted = emitter.mentioned(items)
    for variable in model.of_role("input"):
        axes = sites.expressions.array_axes(variable.name)
        if variable.name in wanted and chain.plate in axes:
            dim = py.constant(axes.index(chain.plate) - len(axes))
            sites.expressions.uses.add("rows_of")
            value = py.call("rows_of", py.entry("data", variable.name), dim, py.name("rows"))
            sites.out.assign(emitter.names[variable.name], value)
    emitter.previous(items, sites.out, source="data", roles=("input",))


def before(sites: Sites, name: str, lag: int) -> str:
    """The local of ``prev(name, lag)``."""
    type_ = sites.model.by_name[name].type
    return sites.emitter.names[prev_name(Ref(type_, (), None, name, (), lag))]


def begin(sites: Sites, chain: Chain, name: str, lag: int, sequences: str) -> None:
    """Values before the first step: any, for nothing looks at them. Raises PgmError for steps that are too far back: a
    loop carries a value for each of them."""
    if lag > FARTHEST:
        raise to_come(f"`prev({name}, {lag})`, more than {FARTHEST} steps back in Pyro,", None)
    variable = sites.model.by_name[name]
    axes = sites.expressions.array_axes(name)
    sizes = [py.name(f"{sequences}.count") if a == chain.plate else sites.expressions.size(a) for a in axes]
    keywords = {"dtype": py.name("torch.long")} if variable.type.kind == "labels" else {}
    nothing = py.call("torch.zeros", py.tuple_of(*sizes), **keywords)
    for k in range(1, lag + 1):
        sites.out.assign(before(sites, name, k), nothing)


def shift(sites: Sites, name: str, lag: int) -> None:
    """Values of this step become those before."""
    for k in range(lag, 0, -1):
        value = before(sites, name, k - 1) if k > 1 else sites.emitter.names[name]
        sites.out.assign(before(sites, name, k), py.name(value))
