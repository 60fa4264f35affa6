"""Model to Program: the readable Python module that ``pgmc compile`` writes.

Statements are built as syntax trees and unparsed one by one, each with a comment that leads back to its line in the
model. The module stands alone: what it needs besides torch (and Pyro, for ``model`` and ``guide``) is copied into its
foot.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple
from zlib import crc32

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.families import LEARNED
from pgmlang.lower import pyast as py
from pgmlang.lower.density_forms import with_short_densities
from pgmlang.lower.example import example_function
from pgmlang.lower.expressions import ExpressionEmitter
from pgmlang.lower.factors import deterministic_function, distributions_function, factors_function
from pgmlang.lower.foot import foot_pieces
from pgmlang.lower.hoist import hoist
from pgmlang.lower.layout_calls import Question
from pgmlang.lower.names import Names
from pgmlang.lower.pyro_model import guide_function, model_function
from pgmlang.lower.simulate import propose_function, simulate_function, with_guide
from pgmlang.lower.supports import OWN_CONSTRAINTS, has_support, moving_supports, support_of
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Model, Net, TableDist
from pgmlang.model.labels import Labels, Positions
from pgmlang.syntax.collection import no_collection
from pgmlang.tables.learned import tables_of

FILE_NAME = "model.pgm"
"""What comments call a model's file where none is given."""
LISTED = 12
"""Most positions that a program lists one by one as labels."""


@dataclass(frozen=True, repr=False)
class Program:
    """An emitted program. ``source_map``: line of the program to the model's span. ``left_out``: functions that this
    model's constructs do not allow, with the reason. ``questions``: what it asks the layout of its data."""

    source: str
    name: str
    source_map: dict[int, Span] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()

    def __repr__(self) -> str:
        lines = self.source.count("\n")
        left_out = f"; without {', '.join(self.left_out)}" if self.left_out else ""
        return f"program {self.name}: {lines:,} lines of Python, `print(program.source)` shows them{left_out}"

    def load(self) -> ModuleType:
        """The program as a module. Only syntax built by this compiler is run. Its file's name is one for each text, and
        ``__source_map__`` is the program's (see `line_of_model`)."""
        import linecache

        file = f"<pgmlang {self.name} {crc32(self.source.encode()):08x}>"
        module = ModuleType(f"pgmlang_program_{self.name}")
        module.__file__ = file
        vars(module)["__source_map__"] = self.source_map
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(True), file)
        exec(compile(ast.parse(self.source, file), file, "exec"), module.__dict__)
        return module


def line_of_model(program: ModuleType | Mapping[str, Any], line: int) -> Span | None:
    """Where in the model a line of a loaded program (or of its globals) comes from: the statement it is in."""
    names = program if isinstance(program, Mapping) else vars(program)
    source_map: Mapping[int, Span] = names.get("__source_map__", {})
    return source_map.get(line)


def lower(
    model: Model,
    *,
    file_name: str = FILE_NAME,
    only: Collection[str] | None = None,
    definitions: Collection[str] = (),
    partly_seen: Collection[str] = (),
    distributions: Collection[str] = (),
) -> Program:
    """Lowers a Model. ``only``: names of the factors wanted (see ``factors.factor_names``): a program of ``factors`` and
    ``log_joint`` of those alone, such as the ones around a variable; ``definitions``: the deterministic names that such a
    program has a ``deterministic`` of, ``distributions``: the random variables it has the distributions of. ``partly_seen``: variables some of whose missing cells
    drop out; such a program asks its layout which. Raises PgmError PGM0601 for constructs that no
    program says yet."""
    if only is None and not (definitions or partly_seen or distributions) and file_name == FILE_NAME:
        return model.once(_whole)
    with no_collection():
        return _named(_statements(model, file_name, only, definitions, partly_seen, distributions), model.name)


def _whole(model: Model) -> Program:
    """The program of a model, of the statements that its refusals were asked of."""
    with no_collection():
        return _named(model.once(_whole_statements), model.name)


def _whole_statements(model: Model) -> _Statements:
    return _statements(model, FILE_NAME, None, (), (), ())


def _named(unnamed: _Statements, name: str) -> Program:
    """The program once its long expressions are named."""
    lines = Writer(unnamed.out.file_name)
    whole = Writer(unnamed.out.file_name)
    whole.extend(unnamed.out)
    whole.extend(unnamed.foot())
    lines.items = hoist(whole.items, unnamed.names)
    text, spans = lines.render()
    return Program(text, name, spans, unnamed.left_out, unnamed.questions)


def refusals(model: Model) -> tuple[Diagnostic, ...]:
    """Why no program says a model; worked out once for a Model, without writing the program down."""
    return model.once(_refusals)


def _refusals(model: Model) -> tuple[Diagnostic, ...]:
    try:
        with no_collection():
            model.once(_whole_statements)
    except PgmError as error:
        return error.diagnostics
    return ()


class _Statements(NamedTuple):
    """A program before its long expressions are named. ``foot``: its last part, which refuses nothing."""

    out: Writer
    foot: Callable[[], Writer]
    names: Names
    left_out: dict[str, str]
    questions: tuple[Question, ...]


def _statements(
    model: Model,
    file_name: str,
    only: Collection[str] | None,
    definitions: Collection[str],
    partly_seen: Collection[str],
    distributions: Collection[str],
) -> _Statements:
    model = model.once(with_short_densities)
    names = Names(
        [v.name for v in model.variables] + ([v.name for v in model.guide.variables] if model.guide else [])
    )
    emitter = Emitter(model, names, ExpressionEmitter(model, names), partly_seen, Writer(file_name))
    out, body, edges = Writer(file_name), Writer(file_name), Writer(file_name)
    _tables(model, names, body)
    _edges(model, names, emitter.expressions, edges)
    _nets(model, emitter.expressions, body)
    factors_function(emitter, body, only)
    deterministic_function(emitter, body, None if only is None else definitions)
    if distributions:
        distributions_function(emitter, body, distributions)
    left_out = _drawing(emitter, file_name, body) if only is None else {}
    supports = Writer(file_name)
    _supports(emitter, supports)
    if only is None:
        example_function(model, emitter.expressions, "simulate" not in left_out, body)
    _head(model, file_name, out, emitter.expressions)
    out.extend(emitter.steps)
    out.extend(body)
    uses = frozenset(emitter.expressions.uses)
    foot = partial(_foot, uses, supports, edges, only is None, has_moments=bool(distributions))
    return _Statements(out, foot, names, left_out, tuple(emitter.expressions.layout.asked))


def _drawing(emitter: Emitter, file_name: str, body: Writer) -> dict[str, str]:
    """``simulate``, the Pyro ``model``, and for a written guide ``propose`` and the Pyro ``guide``; gives what was left
    out, with the reason."""
    left_out: dict[str, str] = {}
    functions: list[tuple[str, Callable[[Emitter, Writer], Any], Emitter]] = [
        ("simulate", simulate_function, emitter), ("model", model_function, emitter)
    ]  # fmt: skip
    if emitter.model.guide is not None:
        wide = with_guide(emitter.model)
        shared = ExpressionEmitter(wide, emitter.names, emitter.expressions.uses, emitter.expressions.layout)
        inside = Emitter(wide, emitter.names, shared)
        inside.steps, inside.rates = emitter.steps, emitter.rates
        functions += [("propose", propose_function, inside), ("guide", guide_function, inside)]
    for kind, function, items in functions:
        section = Writer(file_name)
        try:
            function(items, section)
        except PgmError as error:
            left_out[kind] = error.diagnostics[0].message
            body.blank()
            body.comment(f"{kind}: left out; {error.diagnostics[0].message}")
            continue
        body.extend(section)
    return left_out


def _head(model: Model, file_name: str, out: Writer, expressions: ExpressionEmitter) -> None:
    doc = [
        f"{model.name}, lowered from {file_name} by pgmlang.",
        "",
        "factors(values, data, layout, params, nets) is the log-probability or log-potential of every element of",
        "every factor, log_joint their sum (log Z of fields is not in it). `values` holds every random variable by",
        "name, observed or not, with any leading chain axes; labels are codes in the order of LABELS, bits 0 and 1,",
        "spins 0 for -1 and 1 for +1; `data` holds the inputs. Arrays have their plates' axes first, then their own.",
        "`python THIS_FILE` runs a small example.",
    ]
    if expressions.layout.asked:
        doc += ["", "layout answers:", *sorted(f"  {q.text}: {q.meaning}" for q in expressions.layout.asked)]
    for text in doc:
        out.comment(text)
    out.blank()
    out.line("from __future__ import annotations")
    out.blank()
    for line in ("import math", "import torch", "import torch.distributions as dist",
                 "from torch.distributions import biject_to, constraints"):  # fmt: skip
        out.line(line)
    classes = [LEARNED[n.block].module for n in model.nets if n.block in LEARNED]
    for module in sorted({c.rpartition(".")[0] for c in classes if not c.startswith(RUNTIME)}):
        out.blank()
        out.line(f"import {module}")
    data_plates = {p.name for p in model.plates if p.is_rows}
    labels = [
        (v.name, _labels(known_labels))
        for v in model.variables
        if v.role != "index"
        and v.type.kind == "labels"
        and v.type.axis not in data_plates
        and (known_labels := model.labels_of(v.type)) is not None
    ]
    if labels:
        out.blank()
        out.assign("LABELS", py.dict_of(labels))


def _labels(labels: Labels) -> ast.expr:
    """Labels written out, or the positions that many of them are."""
    if isinstance(labels, Positions) and len(labels) > LISTED:
        return py.call("tuple", py.call("map", py.name("str"), py.call("range", py.constant(len(labels)))))
    return py.tuple_of(*map(py.constant, labels))


def _tables(model: Model, names: Names, out: Writer) -> None:
    """Tables that are written out, one row of probabilities a line."""
    for table in tables_of(model):
        distribution = table.distribution
        if distribution.rows is None:
            continue
        out.blank()
        parents = [p.name for p in distribution.parents]
        given = f" given {', '.join(parents)}" if parents else ""
        out.comment(f"p({table.target}{given}), normalised")
        sizes = [len(model.labels_of(p.type) or ()) for p in distribution.parents]
        rows = distribution.rows
        node = _nested(rows, sizes) if parents else py.list_of(*map(py.constant, rows[0]))
        value = py.call("torch.tensor", node)
        identifier = names[table.name]
        out.assign(identifier, value, distribution.span)
        dim = py.constant(-1)
        total = py.method(py.name(identifier), "sum", dim, keepdim=py.constant(True))
        out.assign(identifier, py.binary("div", py.name(identifier), total))


def _nested(rows: tuple[tuple[float, ...], ...], sizes: list[int]) -> ast.expr:
    items: list[ast.expr] = [py.list_of(*map(py.constant, row)) for row in rows]
    for size in reversed(sizes):
        items = [py.list_of(*items[i : i + size]) for i in range(0, len(items), size)]
    return items[0]


def _edges(model: Model, names: Names, expressions: ExpressionEmitter, out: Writer) -> None:
    for plate in model.plates:
        if plate.structure is None or plate.structure.kind != "edges" or plate.structure.of is None:
            continue
        of = model.plate_by_name[plate.structure.of]
        ends = [v.name for v in model.variables if v.role == "index" and v.plates[-1] == plate.name]
        if of.structure is None or of.structure.kind != "grid" or len(ends) != 2:
            from pgmlang.lower.expressions import to_come

            raise to_come(f"edges of `{of.name}`, which is no grid,", plate.span)
        expressions.uses.add("grid_edges")
        out.blank()
        target = ast.Tuple([ast.Name(names[e], ast.Store()) for e in ends], ast.Store())
        value = py.call("grid_edges", *map(py.constant, of.structure.shape))
        out.statement(ast.Assign([target], value), plate.span, "neighbours")


def _nets(model: Model, expressions: ExpressionEmitter, out: Writer) -> None:
    if not model.nets:
        return
    out.blank(2)
    expressions.uses.add("Nets")
    out.line("def build_nets(layout=None):")
    out.indent += 1
    out.doc("The networks, with fresh weights.")
    pairs: list[tuple[str, ast.expr]] = []
    for net in model.nets:
        if net.block in LEARNED:
            pairs.append((net.name, _density_module(net, expressions)))
            continue
        if net.block not in ("mlp", "linear"):
            from pgmlang.lower.expressions import to_come

            raise to_come(f"the block `{net.block}`", net.span)
        expressions.uses |= {"Mlp", "real"}
        sizes = [
            [py.constant(1) if a == "real" else expressions.size(a) for a in axes]
            for axes in (net.inputs, net.outputs)
        ]
        act = {"tanh": "Tanh", "relu": "ReLU", "silu": "SiLU", "gelu": "GELU", "elu": "ELU", "softplus": "Softplus",
               "sigmoid": "Sigmoid", "leaky_relu": "LeakyReLU"}[str(dict(net.options).get("act", "tanh"))]  # fmt: skip
        hidden = py.list_of(*(py.constant(int(h)) for h in net.arguments))
        pairs.append(
            (
                net.name,
                py.call("Mlp", py.list_of(*sizes[0]), hidden, py.list_of(*sizes[1]), py.name(f"torch.nn.{act}")),
            )
        )
    out.statement(py.returns(py.call("Nets", py.dict_of(pairs))), model.nets[0].span)
    out.indent -= 1


RUNTIME = "pgmlang.lower.runtime."
"""What lies there an emitted program carries along."""


def _density_module(net: Net, expressions: ExpressionEmitter) -> ast.expr:
    """The networks of a learned density: its class, imported by the program, or one that the program carries."""
    module, _, name = LEARNED[net.block].module.rpartition(".")
    is_carried = module.startswith(RUNTIME)
    expressions.uses |= {name} if is_carried else set()
    made = py.name(name if is_carried else f"{module}.{name}")
    given = py.list_of(*(py.constant(1) if a == "real" else expressions.size(a) for a in net.inputs))
    return py.call(made, *map(py.constant, net.arguments), expressions.size(net.outputs[0]), given)


def _supports(emitter: Emitter, out: Writer) -> None:
    """Supports of the continuous random variables, fields and params, and of learned tables, for ``constrain``; those
    that move come last, parents first."""
    model = emitter.model
    supported = [v for v in model.of_role("random", "param", "field") if has_support(v)]
    moving = moving_supports(emitter, out)
    pairs = [(v.name, support_of(model, v)) for v in supported if v.name not in dict(moving)]
    ranks = [(v.name, len(model.batch_axes(v.plates)) + len(v.axes)) for v in supported]
    for table in tables_of(model):
        if table.is_learned:
            pairs.append((table.name, py.name("constraints.simplex")))
            ranks.append((table.name, len(table.distribution.by) + len(table.distribution.parents) + 1))
    out.blank(2)
    out.assign("SUPPORTS", py.dict_of([*pairs, *moving]))
    out.assign("RANKS", py.dict_of([(name, py.constant(rank)) for name, rank in ranks]))


def _foot(uses: Collection[str], supports: Writer, edges: Writer, has_main: bool, *, has_moments: bool) -> Writer:
    """The runtime functions used, in one order, and the call of the example."""
    out = Writer(supports.file_name)
    wanted = {*uses, "constrain"} | ({"TensorLayout"} if has_main else set())
    said = supports.render()[0]
    wanted |= {n for n in OWN_CONSTRAINTS if f"{n}()" in said}
    for piece in foot_pieces(wanted, has_moments=has_moments):
        out.blank(2)
        out.text(piece)
    out.extend(supports)
    out.extend(edges)
    if has_main:
        out.blank(2)
        out.line('if __name__ == "__main__":')
        out.line("    main()")
    return out


__all__: list[Any] = ["Program", "TableDist", "lower"]
