"""Programs of sweeps over variables, for many chains: each element of a label drawn from its full conditional in turn, each of a real variable
moved by a random walk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pgmlang.lower import pyast as py
from pgmlang.lower.program import FILE_NAME
from pgmlang.lower.writer import Writer
from pgmlang.native.conditionals import (
    Children,
    ConditionalPieces,
    ElementConditional,
    HeldTerm,
    conditional_pieces,
)
from pgmlang.native.formulas import NotScalar
from pgmlang.native.names import ARRAYS, CHOLESKY_BLOCKS, MATRICES, MILLS, SADDLE, SPECIAL, TAILS, Identifiers
from pgmlang.native.placement import LoopBody
from pgmlang.native.printer import Printer
from pgmlang.native.program import MOST_OPERATIONS, axes_of, prepare_function, write_imports
from pgmlang.native.scalars import Array, walk
from pgmlang.native.stages import arrays_of
from pgmlang.native.supports import Support
from pgmlang.native.value_terms import ValueTerms

MOST_DRAWN = 40
"""Variables of a program."""


@dataclass(frozen=True, repr=False)
class ConditionalProgram:
    """A printed program. ``sweep`` takes the arrays ``values`` of all chains, seeds, with real variables (``walks``) the logarithms of their
    ``steps [chain, n]``, the ``rate`` that these learn at, and ``accepted [chain]``, which it fills with the chances that steps were taken, for each variable ``drawn`` the places ``[n, axes]`` of
    the elements to be drawn, then what ``arrays``, ``lists`` (of children) and ``prepare`` give, and the numbers of elements of the axes ``sizes``;
    ``weights_of`` names of functions of log-weights."""

    source: str
    name: str
    drawn: tuple[str, ...]
    walks: tuple[str, ...]
    values: tuple[Array, ...]
    arrays: tuple[Array, ...]
    lists: tuple[tuple[str, Children], ...]
    sizes: tuple[str, ...]

    def __repr__(self) -> str:
        lines = self.source.count("\n")
        return f"native sweep of {', '.join(self.drawn)}: {lines:,} lines of Python, `print(program.source)` shows them"


class ConditionalPrinter(Printer):
    """Prints the log-weights of one variable's elements."""

    def weights(self, conditional: ElementConditional) -> None:
        """Fills ``weights`` at the element whose places are at hand."""
        paths = []
        for held in conditional.terms:
            loops = (*conditional.element, *held.children.held, *held.beside, conditional.states)
            path = self.places.nest(loops)
            self.places.visit(held.term.value, path)
            paths.append(path)
        self._forward(self.places.root, self.places.root.nodes)
        state = self.names[conditional.states]
        size = py.text(self.size(conditional.states.axis))
        self.out.line(f"for {state} in range({size}):")
        self.out.line(f"    weights[{state}] = 0.0")
        for held, path in zip(conditional.terms, paths, strict=True):
            self.out.blank()
            self._comment(held.term.name, held.term.span)
            self._held(conditional, held, path)

    def _held(self, conditional: ElementConditional, held: HeldTerm, path: tuple[LoopBody, ...]) -> None:
        indent, children = self.out.indent, held.children
        first, last = 1 + len(conditional.element), 1 + len(conditional.element) + len(children.held)
        for block in path[1:first]:
            self._forward(block, block.nodes)
        if children.is_listed:
            number = self._number(conditional)
            starts, entry = self.names[f"{children.name}_starts"], self.names["entry"]
            self.out.line(f"for {entry} in range({starts}[{number}], {starts}[{number} + 1]):")
            self.out.indent += 1
        own = self._own(conditional, children)
        for loop, block in zip(children.held, path[first:last], strict=True):
            of = f"{self.names[f'{children.name}_{loop.axis}']}[{self.names['entry']}]" if children.is_listed else own[loop.axis]  # fmt: skip
            self.out.line(f"{self.names[loop]} = {of}")
            self._forward(block, block.nodes)
        for block in path[last:]:
            self._head(block.loop)
            self._forward(block, block.nodes)
        value = py.text(self.value(held.term.value, path[-1]))
        self.out.line(f"weights[{self.names[conditional.states]}] += {value}")
        self.out.indent = indent

    def _own(self, conditional: ElementConditional, children: Children) -> dict[str, str]:
        """The places of the one child that is at the places of its element."""
        if children.is_listed:
            return {}
        return {
            loop.axis: self.names[e]
            for loop, e in zip(children.held, conditional.element, strict=bool(children.held))
        }

    def _number(self, conditional: ElementConditional) -> str:
        """The number of the element in row-major order."""
        out = "0"
        for i, loop in enumerate(conditional.element):
            out = self.names[loop] if i == 0 else f"({out} * {py.text(self.size(loop.axis))} + {self.names[loop]})"
        return out


def conditional_program(
    terms: ValueTerms, names: Sequence[str], supports: Mapping[str, Support] = MappingProxyType({}), file_name: str = FILE_NAME
) -> ConditionalProgram:  # fmt: skip
    """The program of sweeps over variables of a model, real ones between the bounds of their ``supports``. Raises NotScalar for what has no
    such form."""
    if len(names) > MOST_DRAWN:
        raise NotScalar(f"{len(names):,} variables one by one, which would take long to compile")
    pieces = conditional_pieces(terms, names)
    if len(terms.graph.known) > MOST_OPERATIONS:
        raise NotScalar(f"{len(terms.graph.known):,} operations, which would take long to compile")
    items = [*pieces.prepared, *pieces.given, *(h.term for c in pieces.conditionals for h in c.terms)]
    filled = set(arrays_of((*pieces.prepared, *pieces.given)))
    loads = {s.payload for item in items for s in walk(*item.scalars) if s.op == "load"} - filled
    loads = {a for a in loads if a.kind != "tried"}
    read = sorted(loads, key=lambda a: a.name)
    own = [Array("values", (n,), terms.model.array_axes(terms.model.by_name[n]), False, True) for n in names]
    values = tuple(dict.fromkeys([*own, *(a for a in read if a.varies)]))
    arrays = tuple(a for a in read if not a.varies)
    sizes = {a for item in items for a in axes_of(item)} | {loop.axis for c in pieces.conditionals for loop in (*c.element, c.states)}  # fmt: skip
    listed = [h.children for c in pieces.conditionals for h in c.terms if h.children.is_listed]
    sorted_sizes = tuple(sorted(sizes))
    identifiers = Identifiers(terms.graph.hints)
    lists = tuple((word, c) for c in listed for word in (f"{c.name}_starts", *(f"{c.name}_{loop.axis}" for loop in c.held)))  # fmt: skip
    body = Writer(file_name)
    given = [identifiers[a] for a in arrays]
    wanted = [identifiers["size", a] for a in sorted_sizes]
    prepare_function(body, identifiers, pieces.prepared, [*given, *wanted])
    still = [
        *given,
        *(identifiers[word] for word, _ in lists),
        *(identifiers[a] for a in arrays_of(pieces.prepared)),
        *wanted,
    ]
    printed = _Functions(body, identifiers, pieces, values, still, supports)
    for conditional in pieces.conditionals:
        printed.weights(conditional)
        if conditional.tried is None:
            printed.log_weights(conditional)
    printed.sweep()
    out = Writer(file_name)
    _head(out, terms.model.name, names, file_name, body)
    out.extend(body)
    walks = tuple(c.name for c in pieces.conditionals if c.tried is not None)
    return ConditionalProgram(
        out.render()[0], terms.model.name, tuple(names), walks, values, arrays, lists, sorted_sizes
    )


@dataclass
class _Functions:
    """Writes the functions of a program. ``still``: arguments that are the same in all chains."""

    out: Writer
    names: Identifiers
    pieces: ConditionalPieces
    values: tuple[Array, ...]
    still: list[str]
    supports: Mapping[str, Support]

    @property
    def all_chains(self) -> list[str]:
        """The values of all chains."""
        return [self.names[f"{a.name}_of_chains"] for a in self.values]

    @property
    def of_chain(self) -> list[str]:
        """The values of one chain, and what is filled for it."""
        return [self.names[a] for a in (*self.values, *arrays_of(self.pieces.given))]

    def weights(self, conditional: ElementConditional) -> None:
        """The log-weights of one element, to be inlined."""
        out = self.out
        out.blank(2)
        out.line("@inlined")
        places = [self.names[loop] for loop in conditional.element]
        out.head(
            f"def weights_of_{conditional.name}({', '.join([*places, 'weights', *self._tried(conditional), *self.of_chain, *self.still])}):"
        )
        out.indent += 1
        out.doc(f"Log-weights of the states of an element of {conditional.name} given all else.")
        ConditionalPrinter(out, self.names, with_gradient=False, starts={}, guarded=self.pieces.guarded).weights(conditional)  # fmt: skip
        out.indent -= 1

    def log_weights(self, conditional: ElementConditional) -> None:
        """Those of some elements of every chain."""
        out = self.out
        out.blank(2)
        out.line("@compiled_sums")
        out.head(
            f"def log_weights_of_{conditional.name}({', '.join([*self.all_chains, 'places', 'out', *self.still])}):"
        )
        out.indent += 1
        out.doc(f"Log-weights `out [chain, n, K]` of elements of {conditional.name}, at `places [n, axes]`.")
        self._chain("out")
        out.line("for place in range(places.shape[0]):")
        out.indent += 1
        self._places(conditional, "places")
        self._call(conditional, "out[chain, place]")
        out.indent -= 3

    def sweep(self) -> None:
        """All elements drawn in turn."""
        out, conditionals = self.out, self.pieces.conditionals
        out.blank(2)
        out.line("@compiled_sums")
        orders = [self.names[f"{c.name}_order"] for c in conditionals]
        walks = ["steps", "rate", "accepted"] if any(c.tried is not None for c in conditionals) else []
        out.head(f"def sweep({', '.join([*self.all_chains, 'seeds', *walks, *orders, *self.still])}):")
        out.indent += 1
        out.doc("Draws the elements at the places of each order, `[n, axes]`, in every chain, in place.")
        self._chain("seeds")
        out.line("stream = seeds[chain]")
        if walks:
            out.line("accepted[chain] = 0.0")
        before: list[str] = []
        for conditional, order in zip(conditionals, orders, strict=True):
            out.line(f"weights = empty({self.names['size', conditional.states.axis]})")
            if conditional.tried is None:
                self._draw(conditional, order)
            else:
                self._walk(conditional, order, conditional.tried, before)
                before.append(f"{order}.shape[0]")
        out.indent -= 2

    def _draw(self, conditional: ElementConditional, order: str) -> None:
        """Elements of a label."""
        out, size = self.out, self.names["size", conditional.states.axis]
        out.line(f"for place in range({order}.shape[0]):")
        out.indent += 1
        element = self._element(conditional, order)
        self._call(conditional, "weights")
        out.line("stream += STEP")
        first = f"{conditional.least} + " if conditional.least else ""
        out.line(f"{element} = {first}drawn_state(weights, {size}, uniform(stream))")
        out.indent -= 1

    def _walk(self, conditional: ElementConditional, order: str, array: Array, before: Sequence[str]) -> None:
        """Elements of a real variable, whose steps lie behind those of others."""
        out, tried = self.out, self.names[array]
        support = self.supports[conditional.name]
        low = "-math.inf" if support.low is None else repr(float(support.low))
        high = "math.inf" if support.high is None else repr(float(support.high))
        step = f"steps[chain, {' + '.join(['place', *before])}]"
        out.line(f"{tried} = empty(2)")
        out.line(f"for place in range({order}.shape[0]):")
        out.indent += 1
        element = self._element(conditional, order)
        out.line(f"{tried}[0] = {element}")
        out.line(f"{tried}[1] = walked({tried}[0], math.exp({step}), {low}, {high}, stream)")
        self._call(conditional, "weights")
        for state in (0, 1):
            out.line(f"weights[{state}] += log_volume({tried}[{state}], {low}, {high})")
        out.line("chance = acceptance(weights[1], weights[0])")
        out.line("stream += STEP + STEP + STEP")
        out.line("if uniform(stream) < chance:")
        out.line(f"    {element} = {tried}[1]")
        out.line("accepted[chain] += chance")
        out.line(f"{step} += rate * (chance - OPTIMAL)")
        out.indent -= 1

    def _tried(self, conditional: ElementConditional) -> list[str]:
        return [] if conditional.tried is None else [self.names[conditional.tried]]

    def _chain(self, along: str) -> None:
        """The loop over chains, with the values of each and what is filled for it."""
        out = self.out
        out.line(f"for chain in range({along}.shape[0]):")
        out.indent += 1
        for array, whole in zip(self.values, self.all_chains, strict=True):
            # an array without axes, which one element is not
            here = f"{whole}[chain]" if array.axes else f"shaped({whole}[chain : chain + 1], ())"
            out.line(f"{self.names[array]} = {here}")
        printer = Printer(out, self.names, with_gradient=False, starts={}, guarded=self.pieces.guarded)
        printer.body(self.pieces.given, ())

    def _element(self, conditional: ElementConditional, order: str) -> str:
        """Finds the element at a place, and says it."""
        places = self._places(conditional, order)
        variable = self.names[next(a for a in self.values if a.of == (conditional.name,))]
        return f"{variable}[{', '.join(places) or '()'}]"

    def _places(self, conditional: ElementConditional, order: str) -> list[str]:
        places = [self.names[loop] for loop in conditional.element]
        for i, word in enumerate(places):
            self.out.line(f"{word} = {order}[place, {i}]")
        return places

    def _call(self, conditional: ElementConditional, weights: str) -> None:
        """The log-weights of the element whose places are at hand."""
        places = [self.names[loop] for loop in conditional.element]
        arguments = [*places, weights, *self._tried(conditional), *self.of_chain, *self.still]
        self.out.text(f"weights_of_{conditional.name}({', '.join(arguments)})")


def _head(out: Writer, model: str, names: Sequence[str], file_name: str, body: Writer) -> None:
    for text in (
        f"Full conditionals of {', '.join(names)} of {model} as loops, printed from {file_name} by pgmlang.",
        "",
        "sweep draws one element after the other given all else: of every factor that holds it the terms for each of its states, of a real "
        "variable for two numbers, between which a Metropolis test decides.",
        "What hangs on data alone is worked out by `prepare`, what hangs on nothing that is drawn once a sweep.",
    ):
        out.comment(text)
    out.blank()
    text = body.render()[0]
    write_imports(out, text)
    if "drawn_state(" in text:
        out.line("from pgmlang.native.runtime.label_sweeps import drawn_state")
    if "walked(" in text:
        out.line("from pgmlang.native.runtime.random_walks import OPTIMAL, acceptance, log_volume, walked")
    out.line("from pgmlang.native.runtime.streams import STEP, uniform")
    for module, words in (
        ("arrays", ARRAYS),
        ("special", SPECIAL),
        ("tails", TAILS),
        ("mills", MILLS),
        ("saddle", SADDLE),
        ("matrices", MATRICES),
        ("cholesky_blocks", CHOLESKY_BLOCKS),
    ):
        used = [word for word in sorted(words) if re.search(rf"\b{word}\(", text)]
        if used:
            out.line(f"from pgmlang.native.runtime.{module} import {', '.join(used)}")
