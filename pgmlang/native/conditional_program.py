"""Programs of sweeps over discrete variables: each element drawn from its full conditional in turn, for many chains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
from pgmlang.native.names import ARRAYS, MATRICES, SPECIAL, TAILS, Identifiers
from pgmlang.native.placement import LoopBody
from pgmlang.native.printer import Printer
from pgmlang.native.program import MOST_OPERATIONS, axes_of, prepare_function, write_imports
from pgmlang.native.scalars import Array, walk
from pgmlang.native.stages import arrays_of
from pgmlang.native.value_terms import ValueTerms

MOST_DRAWN = 40
"""Variables of a program."""


@dataclass(frozen=True, repr=False)
class ConditionalProgram:
    """A printed program. ``sweep`` takes the arrays ``values`` of all chains, seeds, for each variable ``drawn`` the places ``[n, axes]`` of
    the elements to be drawn, then what ``arrays``, ``lists`` (of children) and ``prepare`` give, and the numbers of elements of the axes ``sizes``;
    ``weights_of`` names of functions of log-weights."""

    source: str
    name: str
    drawn: tuple[str, ...]
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


def conditional_program(terms: ValueTerms, names: Sequence[str], file_name: str = FILE_NAME) -> ConditionalProgram:
    """The program of sweeps over variables of a model. Raises NotScalar for what has no such form."""
    if len(names) > MOST_DRAWN:
        raise NotScalar(f"{len(names):,} variables one by one, which would take long to compile")
    pieces = conditional_pieces(terms, names)
    if len(terms.graph.known) > MOST_OPERATIONS:
        raise NotScalar(f"{len(terms.graph.known):,} operations, which would take long to compile")
    items = [*pieces.prepared, *pieces.given, *(h.term for c in pieces.conditionals for h in c.terms)]
    filled = set(arrays_of((*pieces.prepared, *pieces.given)))
    loads = {s.payload for item in items for s in walk(*item.scalars) if s.op == "load"} - filled
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
    printed = _Functions(body, identifiers, pieces, values, still)
    for conditional in pieces.conditionals:
        printed.weights(conditional)
        printed.log_weights(conditional)
    printed.sweep()
    out = Writer(file_name)
    _head(out, terms.model.name, names, file_name, body)
    out.extend(body)
    return ConditionalProgram(out.render()[0], terms.model.name, tuple(names), values, arrays, lists, sorted_sizes)


@dataclass
class _Functions:
    """Writes the functions of a program. ``still``: arguments that are the same in all chains."""

    out: Writer
    names: Identifiers
    pieces: ConditionalPieces
    values: tuple[Array, ...]
    still: list[str]

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
            f"def weights_of_{conditional.name}({', '.join([*places, 'weights', *self.of_chain, *self.still])}):"
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
        self._call(conditional, "places", "out[chain, place]")
        out.indent -= 3

    def sweep(self) -> None:
        """All elements drawn in turn."""
        out = self.out
        out.blank(2)
        out.line("@compiled_sums")
        orders = [self.names[f"{c.name}_order"] for c in self.pieces.conditionals]
        out.head(f"def sweep({', '.join([*self.all_chains, 'seeds', *orders, *self.still])}):")
        out.indent += 1
        out.doc("Draws the elements at the places of each order, `[n, axes]`, in every chain, in place.")
        self._chain("seeds")
        out.line("stream = seeds[chain]")
        for conditional, order in zip(self.pieces.conditionals, orders, strict=True):
            size = self.names["size", conditional.states.axis]
            out.line(f"weights = empty({size})")
            out.line(f"for place in range({order}.shape[0]):")
            out.indent += 1
            places = self._call(conditional, order, "weights")
            out.line("stream += STEP")
            index = ", ".join(places) or "()"
            variable = self.names[next(a for a in self.values if a.of == (conditional.name,))]
            out.line(f"{variable}[{index}] = drawn_state(weights, {size}, uniform(stream))")
            out.indent -= 1
        out.indent -= 2

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

    def _call(self, conditional: ElementConditional, order: str, weights: str) -> list[str]:
        """The log-weights of the element at a place; gives its places."""
        places = [self.names[loop] for loop in conditional.element]
        for i, word in enumerate(places):
            self.out.line(f"{word} = {order}[place, {i}]")
        arguments = [*places, weights, *self.of_chain, *self.still]
        self.out.text(f"weights_of_{conditional.name}({', '.join(arguments)})")
        return places


def _head(out: Writer, model: str, names: Sequence[str], file_name: str, body: Writer) -> None:
    for text in (
        f"Full conditionals of {', '.join(names)} of {model} as loops, printed from {file_name} by pgmlang.",
        "",
        "sweep draws one element after the other given all else: of every factor that holds it the terms for each of its states.",
        "What hangs on data alone is worked out by `prepare`, what hangs on nothing that is drawn once a sweep.",
    ):
        out.comment(text)
    out.blank()
    text = body.render()[0]
    write_imports(out, text)
    out.line("from pgmlang.native.runtime.label_sweeps import drawn_state")
    out.line("from pgmlang.native.runtime.streams import STEP, uniform")
    for module, words in (("arrays", ARRAYS), ("special", SPECIAL), ("tails", TAILS), ("matrices", MATRICES)):
        used = [word for word in sorted(words) if re.search(rf"\b{word}\(", text)]
        if used:
            out.line(f"from pgmlang.native.runtime.{module} import {', '.join(used)}")
