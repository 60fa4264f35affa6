"""A Model as a program of loops: the log-density of a free vector with its gradient, or the log-values of elements of factors."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgmlang.graph.summable import Step
from pgmlang.lower import pyast as py
from pgmlang.lower.density_forms import with_short_densities
from pgmlang.lower.program import FILE_NAME
from pgmlang.lower.writer import Writer
from pgmlang.model import Model
from pgmlang.native.costs import Counts, counts_of
from pgmlang.native.elimination import probes_of, without_labels
from pgmlang.native.factor_terms import FactorTerm, FactorTerms
from pgmlang.native.formulas import NotScalar
from pgmlang.native.hoisted import Hoisting
from pgmlang.native.lower_halves import with_lower_halves
from pgmlang.native.names import (
    ARRAYS,
    CHOLESKY_BLOCKS,
    EQUATIONS,
    IMPLICIT,
    MATRICES,
    MILLS,
    SADDLE,
    SEQUENCES,
    SPECIAL,
    TAILS,
    VECTOR_MAPS,
    Identifiers,
)
from pgmlang.native.nested_loops import NestedLoops
from pgmlang.native.placed import UNMARKED, Marks
from pgmlang.native.prepared import Preparation
from pgmlang.native.printed_equations import write_system
from pgmlang.native.printed_solutions import system_axes
from pgmlang.native.printer import Printer
from pgmlang.native.scalars import Array, Scalar, walk
from pgmlang.native.stages import AnyStage, OrderStage, SequenceStage, SliceStage, SolutionStage, arrays_of
from pgmlang.native.supports import AnySupport, VectorSupport
from pgmlang.native.words import REDUCTIONS

MOST_OPERATIONS = 4_000
"""Scalars of a program: compiling more takes many seconds."""


@dataclass(frozen=True, repr=False)
class NativeProgram:
    """A printed program. ``arrays``: what its functions read, in the order of their arguments, then what ``prepare`` gives, then the
    numbers of elements of the axes ``sizes``; ``free``: the variables of the free vector, in order; ``counts``: the operations of a value."""

    source: str
    name: str
    arrays: tuple[Array, ...]
    sizes: tuple[str, ...]
    free: tuple[str, ...]
    counts: Counts

    def __repr__(self) -> str:
        lines = self.source.count("\n")
        return f"native program {self.name}: {lines:,} lines of Python, `print(program.source)` shows them"


@dataclass(frozen=True)
class _Pieces:
    """What a program is printed from. ``prepared``: arrays of data alone; ``stages``: those that every density fills."""

    prepared: tuple[AnyStage, ...]
    stages: tuple[AnyStage, ...]
    terms: tuple[FactorTerm, ...]
    guarded: frozenset[int]

    @property
    def everything(self) -> tuple[AnyStage | FactorTerm, ...]:
        return (*self.prepared, *self.stages, *self.terms)

    @property
    def decorator(self) -> str:
        """Of `compiled`, what functions are compiled by."""
        has_paths = any(isinstance(stage, SequenceStage) for stage in self.stages)
        return "compiled_paths" if has_paths else "compiled_sums"


@dataclass(frozen=True)
class ProgramFunction:
    """A function of the free vector: its ``name``, what it ``takes`` before the program's own arguments, what it ``says`` of itself."""

    name: str
    takes: tuple[str, ...]
    says: str
    with_gradient: bool = False
    gives_total: bool = True


@dataclass(frozen=True)
class ProgramKind:
    """``functions`` of one free vector, and the name in `chains` of those ``over_many``."""

    says: tuple[str, ...]
    functions: tuple[ProgramFunction, ...]
    over_many: str


DENSITIES = ProgramKind(
    (
        "log_density(x, ...) is the log-density of a free vector x: values end to end, each mapped from the real numbers to its",
        "support, with the logarithm of that map's derivative. log_density_and_gradient adds the gradient to `gradient`: d_NAME",
        "is what a change of NAME is worth. What hangs on data alone is worked out by `prepare`.",
    ),
    (
        ProgramFunction(
            "log_density_and_gradient", ("x", "gradient"),
            "The log-density of a free vector; its gradient is added to `gradient`.", with_gradient=True,
        ),
        ProgramFunction("log_density", ("x",), "The log-density of a free vector."),
    ),
    "FUNCTIONS",
)  # fmt: skip
LABEL_CHANCES = ProgramKind(DENSITIES.says, (), "")
UNIT_VALUES = ProgramKind(
    (
        "add_unit_values(x, values, ...) adds the log-value of every element of factors to that of the unit which it belongs to, at",
        "values x, end to end. What hangs on data alone is worked out by `prepare`.",
    ),
    (
        ProgramFunction(
            "add_unit_values", ("x", "values"), "Adds the log-values of elements to those of their units.", gives_total=False
        ),
    ),
    "OF_UNITS",
)  # fmt: skip


def native_program(
    model: Model, supports: Mapping[str, AnySupport], marks: Marks = UNMARKED, plain: Collection[str] = (),
    steps: Sequence[Step] = (), in_part: Collection[str] = (), file_name: str = FILE_NAME, *, of_labels: bool = False,
) -> NativeProgram:  # fmt: skip
    """The log-density of a model whose variables in ``supports`` are free, in that order; of those in ``plain`` the density is that of their
    values, without the derivatives of the maps from free ones. ``steps``: sum discrete variables out, those ``in_part`` where their cells are
    open; ``of_labels``: in place of the density their posterior chances. Raises NotScalar for what has no such form."""
    summed = frozenset(name for step in steps for name in step.names)
    if summed and marks.scaled:
        raise NotScalar("minibatches with labels summed out")
    factors = FactorTerms(
        model.once(with_short_densities), supports, marks, frozenset(plain), summed, not of_labels
    )
    probes = probes_of(factors, steps) if of_labels else []
    of_factors = without_labels(factors, [*factors.terms(), *(term for _, term in probes)], steps, in_part)
    terms = list(map(factors.by_weight, of_factors))
    terms = [t for t in terms if t.value.is_active] if of_labels else [*terms, *factors.jacobians()]
    pieces = _pieces(factors, terms)
    return _printed(
        factors, pieces, LABEL_CHANCES if of_labels else DENSITIES, file_name, [s.array for s, _ in probes]
    )


def unit_program(
    model: Model, supports: Mapping[str, AnySupport], wanted: Collection[str], plate: str | None, marks: Marks = UNMARKED,
    file_name: str = FILE_NAME,
) -> NativeProgram:  # fmt: skip
    """The program of the factors ``wanted``, by element of a plate (None: all together), at values of the variables in ``supports``.
    Raises NotScalar for what has no such form."""
    factors = FactorTerms(model.once(with_short_densities), supports, marks, frozenset(supports))
    terms = [factors.by_weight(term) for term in factors.of_units(wanted, plate)]
    return _printed(factors, _pieces(factors, terms), UNIT_VALUES, file_name)


def _pieces(factors: FactorTerms, terms: list[FactorTerm]) -> _Pieces:
    """Terms with what hangs on data alone taken out. Raises NotScalar where they are too many."""
    preparation, nested = Preparation(factors.graph), NestedLoops(factors.graph)
    stages = [preparation.stage(s) for s in nested.stages(factors.stages.values())]
    terms = [preparation.term(nested.term(t)) for t in terms]
    of_data = [s for s in stages if not s.array.varies]
    of_values, terms = Hoisting(factors.graph).all([s for s in stages if s.array.varies], terms)
    if len(factors.graph.known) > MOST_OPERATIONS:
        raise NotScalar(f"{len(factors.graph.known):,} operations, which would take long to compile")
    prepared = (*of_data, *nested.stages(preparation.stages))
    return _Pieces(prepared, with_lower_halves(of_values, terms), tuple(terms), frozenset(factors.graph.guarded))


def _printed(
    factors: FactorTerms, pieces: _Pieces, kind: ProgramKind, file_name: str, asked: Sequence[Array] = ()
) -> NativeProgram:
    """The module. ``asked``: arrays whose adjoints are the chances of labels."""
    model, supports = factors.model, factors.latent
    filled = set(arrays_of((*pieces.prepared, *pieces.stages)))
    read = {a for item in pieces.everything for value in item.scalars for a in _arrays(value)}
    calls = SequenceStage | SliceStage | OrderStage | SolutionStage
    read |= {a for item in pieces.everything if isinstance(item, calls) for a in item.reads}
    arrays = sorted((a for a in read - filled if a.kind != "free"), key=lambda a: a.name)
    axes = {a for item in pieces.everything for a in axes_of(item)}
    axes |= {a for n in supports for a in model.array_axes(model.by_name[n])}
    sizes = sorted(axes)
    names = Identifiers(factors.graph.hints)
    given = [*(names[a] for a in arrays)]
    wanted = [names["size", a] for a in sizes]
    body = Writer(file_name)
    for item in pieces.everything:
        if isinstance(item, SolutionStage):
            write_system(body, names, factors.graph, item, pieces.guarded)
    prepare_function(body, names, pieces.prepared, [*given, *wanted])
    arguments = [*given, *(names[a] for a in arrays_of(pieces.prepared)), *wanted]
    if asked or not kind.functions:
        _label_chances(body, names, model, supports, pieces, arguments, asked)
    for function in kind.functions:
        _function(body, names, factors, pieces, arguments, function)
    _foot(body, arguments, kind.over_many, pieces.decorator)
    out = Writer(file_name)
    _head(out, [f"{model.name} as loops, printed from {file_name} by pgmlang.", "", *kind.says], body)
    out.extend(body)
    counts = counts_of(pieces.everything)
    return NativeProgram(out.render()[0], model.name, tuple(arrays), tuple(sizes), tuple(supports), counts)


def _arrays(value: Scalar) -> set[Array]:
    """The arrays that a scalar reads."""
    return {scalar.payload for scalar in walk(value) if scalar.op == "load"}


def axes_of(item: AnyStage | FactorTerm) -> set[str]:
    """The axes whose sizes an item asks."""
    out = {loop.axis for loop in item.loops} | set(() if isinstance(item, FactorTerm) else item.array.axes)
    if isinstance(item, SolutionStage):
        out |= set(system_axes(item))
    for scalar in walk(*item.scalars):
        if scalar.op in REDUCTIONS:
            out.add(scalar.payload.axis)
        elif scalar.op == "size":
            out.add(scalar.payload)
        elif scalar.op == "load" and scalar.payload.kind == "free":
            out |= set(scalar.payload.axes)
    return out


def _head(out: Writer, says: Iterable[str], body: Writer) -> None:
    for text in says:
        out.comment(text)
    out.blank()
    text = body.render()[0]
    write_imports(out, text)
    rooms = (
        ("arrays", ARRAYS),
        ("special", SPECIAL),
        ("tails", TAILS),
        ("mills", MILLS),
        ("saddle", SADDLE),
        ("vectors", VECTOR_MAPS),
        ("matrices", MATRICES),
        ("cholesky_blocks", CHOLESKY_BLOCKS),
        ("sequences", SEQUENCES),
        ("equations", EQUATIONS),
        ("implicit_steps", IMPLICIT),
    )
    for module, words in rooms:
        used = [word for word in sorted(words) if re.search(rf"\b{word}[(\[]", text)]
        if used:
            out.line(f"from pgmlang.native.runtime.{module} import (")
            for word in used:
                out.line(f"    {word},")
            out.line(")")


def write_imports(out: Writer, text: str) -> None:
    """Writes what every program imports; numpy where its ``text`` has a function of it."""
    out.line("import math")
    out.blank()
    if "np." in text:
        out.line("import numpy as np")
        out.blank()
    decorators = sorted(set(re.findall(r"^@(\w+)", text, re.MULTILINE)))
    out.line(f"from pgmlang.native.compiled import {', '.join(decorators)}")


def prepare_function(out: Writer, names: Identifiers, stages: Sequence[AnyStage], arguments: list[str]) -> None:
    """Writes ``prepare``, which fills the arrays of data alone."""
    out.blank(2)
    if stages:
        out.line("@compiled")
    out.head(f"def prepare({', '.join(arguments)}):")
    out.indent += 1
    out.doc("What hangs on data alone.")
    Printer(out, names, with_gradient=False, starts={}, guarded=frozenset()).body(stages, ())
    out.statement(py.returns(py.tuple_of(*(py.name(names[a]) for a in arrays_of(stages)))), None, "")
    out.indent -= 1


def _function(
    out: Writer, names: Identifiers, factors: FactorTerms, pieces: _Pieces, arguments: list[str], function: ProgramFunction
) -> None:  # fmt: skip
    out.blank(2)
    out.line("@inlined")
    out.head(f"def {function.name}({', '.join([*function.takes, *arguments])}):")
    out.indent += 1
    out.doc(function.says)
    starts = _starts(out, names, factors.model, factors.latent)
    if function.gives_total:
        out.line("total = 0.0")
    Printer(out, names, with_gradient=function.with_gradient, starts=starts, guarded=pieces.guarded).body(
        pieces.stages, pieces.terms
    )
    if function.gives_total:
        out.blank()
        out.statement(py.returns(py.name("total")), None, "")
    out.indent -= 1


def _label_chances(
    out: Writer, names: Identifiers, model: Model, supports: Mapping[str, AnySupport], pieces: _Pieces, arguments: list[str],
    asked: Sequence[Array],
) -> None:  # fmt: skip
    out.blank(2)
    out.line(f"@{pieces.decorator}")
    out.head(f"def label_chances({', '.join(['x', *arguments])}):")
    out.indent += 1
    out.doc("The posterior chances of labels at a free vector: slopes of the log of the sum over them.")
    starts = _starts(out, names, model, supports)
    out.line("total = 0.0")
    Printer(out, names, with_gradient=True, starts=starts, guarded=pieces.guarded).body(
        pieces.stages, pieces.terms
    )
    out.blank()
    chances = py.tuple_of(*(py.name(names["adjoint", array]) for array in asked))
    out.statement(py.returns(chances), None, "")
    out.indent -= 1


def _starts(
    out: Writer, names: Identifiers, model: Model, supports: Mapping[str, AnySupport]
) -> dict[str, ast.expr]:
    """Where each variable's stretch of the free vector begins, said where it hangs on sizes."""
    starts: dict[str, ast.expr] = {}
    start: ast.expr = py.constant(0)
    known: int | None = 0
    for i, (name, support) in enumerate(supports.items()):
        starts[name] = start
        sizes: list[ast.expr] = [py.name(names["size", a]) for a in model.array_axes(model.by_name[name])]
        if isinstance(support, VectorSupport):
            sizes[-support.rank :] = [support.width(sizes[-1])]
        if not sizes and known is not None:
            known += 1
            start = py.constant(known)
            continue
        number: ast.expr = py.constant(1)
        for j, size in enumerate(sizes):
            number = size if j == 0 else py.binary("mul", number, size)
        if i + 1 < len(supports):
            identifier = names[f"after_{name}"]
            out.assign(identifier, number if known == 0 else py.binary("add", start, number))
            known, start = None, py.name(identifier)
    return starts


def _foot(out: Writer, arguments: list[str], functions: str, decorator: str) -> None:
    """Many chains at once, as every program of a kind has them, over the program's own arguments."""
    from pgmlang.native.runtime import chains

    for function in getattr(chains, functions) if functions else ():
        out.blank(2)
        tree = with_arguments(ast.parse(inspect.getsource(function)), arguments)
        out.text(f"@{decorator}\n{ast.unparse(tree)}")


def with_arguments(tree: ast.Module, names: list[str]) -> ast.Module:
    """Functions with ``arguments`` written out as ``names``."""
    return ast.fix_missing_locations(_WithArguments(names).visit(tree))  # type: ignore[no-any-return]


class _WithArguments(ast.NodeTransformer):
    """``arguments`` written out: what is inlined takes no sequence of them."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        node.args = [*node.args[:-1], *(ast.arg(n) for n in self.names)]
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if any(isinstance(a, ast.Starred) for a in node.args):
            node.args = [*node.args[:-1], *(ast.Name(n, ast.Load()) for n in self.names)]
        return node
