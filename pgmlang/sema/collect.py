"""First walk: every name of the file, what it is and where it lives. No expression is looked at, sizes apart."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Dim, Plate, Structure, Type
from pgmlang.model.types import NUMERIC_KINDS, UNKNOWN, VECTOR_KINDS
from pgmlang.sema.arithmetic import fold
from pgmlang.sema.language_version import misplaced_version, version_problems
from pgmlang.sema.limits import MAX_SIZE
from pgmlang.sema.modules import Modules, alias
from pgmlang.sema.names import inside_problems
from pgmlang.sema.scope import Scope, Symbol, Value
from pgmlang.syntax import ast


class Collector:
    """Fills a scope from a program."""

    def __init__(self, scope: Scope, modules: Modules, overrides: dict[str, Value]) -> None:
        self.scope = scope
        self.modules = modules
        self.overrides = overrides
        self.header: ast.ModelHeader | None = None
        self.guides: list[ast.GuideBlock] = []
        self.plate_order: list[tuple[ast.PlateBlock, tuple[str, ...]]] = []

    def _error(self, code: str, message: str, span: Span, help: str = "") -> None:
        self.scope.report(Diagnostic(code, message, span, help=help))

    def collect(self, program: ast.SyntaxTree) -> None:
        """All statements, header and axes first, so that order does not matter."""
        self.scope.broken_names = program.broken_names
        for statement in program.statements:
            if isinstance(statement, ast.ModelHeader):
                self._header(statement)
        for problem in version_problems(program.statements):
            self.scope.report(problem)
        self._unknown_settings()
        self._axes(program.statements, ())
        for statement in program.statements:
            self._statement(statement, ())

    # ---- header

    def _header(self, header: ast.ModelHeader) -> None:
        if self.header is not None:
            self._error("PGM0202", "a file holds one model", header.span, "put the second one into its own file")
            return
        self.header = header
        for setting in header.settings:
            if not self.scope.define(setting.name, setting.span):
                continue
            value = fold(setting.default, self.scope.settings)
            if value is None:
                self._error("PGM0307", f"the default of `{setting.name}` is not a constant", setting.default.span)
                value = 1
            self.scope.settings[setting.name] = self.overrides.get(setting.name, value)

    def _unknown_settings(self) -> None:
        for name in self.overrides:
            if name not in self.scope.settings:
                span = self.header.span if self.header else None
                near = did_you_mean(name, self.scope.settings)
                known = ", ".join(f"`{s}`" for s in self.scope.settings) or "none"
                self.scope.report(
                    Diagnostic(
                        "PGM0210",
                        f"the model has no setting `{name}`",
                        span,
                        help=near or f"its settings: {known}",
                    )
                )

    # ---- axes

    def _axes(self, statements: tuple[ast.Statement, ...], around: tuple[str, ...]) -> None:
        for statement in statements:
            if isinstance(statement, ast.Dims):
                for item in statement.items:
                    self._dim(item)
            elif isinstance(statement, ast.PlateBlock):
                self._plate(statement, around)
                self._axes(statement.body, (statement.name,))
        if not around:
            self._likes()
            self._parents()

    def _dim(self, item: ast.DimItem) -> None:
        span = item.name_span or item.span
        if not self.scope.define_axis(item.name, span):
            return
        labels = None
        if item.labels is not None:
            labels = self._labels(item.labels)
        size = self._size(item.size, item.name) if item.size is not None else None
        self.scope.dims[item.name] = Dim(item.name, size, labels, item.like, span)

    def _likes(self) -> None:
        for dim in list(self.scope.dims.values()):
            if dim.like is None:
                continue
            if not self.scope.is_axis(dim.like) or self.scope.root(dim.name) == dim.name or dim.like == dim.name:
                near = did_you_mean(dim.like, [*self.scope.dims, *self.scope.plates])
                if dim.like not in self.scope.broken_names and dim.span:
                    self._error("PGM0201", f"`{dim.like}` is not a dim or plate", dim.span, near)
                self.scope.dims[dim.name] = replace(dim, like=None)
            else:
                self.scope.used.add(dim.like)

    def _labels(self, labels: ast.LabelSet) -> tuple[str, ...] | None:
        if labels.is_open:
            return None
        seen: set[str] = set()
        for i, label in enumerate(labels.labels):
            if label in seen:
                span = labels.label_spans[i] if labels.label_spans else labels.span
                self._error("PGM0411", f"the label `{label}` is given twice", span, "labels of a set differ")
            seen.add(label)
        return tuple(dict.fromkeys(labels.labels))

    def _size(self, node: ast.Expr, name: str) -> int | None:
        for used in _names(node):
            if used in self.scope.settings:
                self.scope.used.add(used)
            elif used not in self.scope.broken_names:
                near = did_you_mean(used, self.scope.settings)
                self._error("PGM0201", f"`{used}` is not a setting of the model", node.span,
                            near or f"write a number, or add it to the header, `model name({used} = 10)`; rows of a table need no size")  # fmt: skip
                return 1
        value = fold(node, self.scope.settings)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self._error(
                "PGM0311", f"the size of `{name}` is {value!r}", node.span, "a size is a whole number from 1"
            )
            return 1
        if value > MAX_SIZE:
            self._error("PGM0311", f"the size of `{name}` is {value:,}; the limit is {MAX_SIZE:,}", node.span)
            return 1
        return value

    def _plate(self, node: ast.PlateBlock, around: tuple[str, ...]) -> None:
        span = node.name_span or node.span
        if not self.scope.define_axis(node.name, span):
            return
        size = self._size(node.size, node.name) if node.size is not None else None
        structure = None
        if node.structure is not None:
            structure, structural_size = self._structure(node.structure, node)
            size = structural_size if structural_size is not None else size
        parents = (*around, *(w.name for w in node.within if w.name not in around))
        setting = node.size.name if isinstance(node.size, ast.Name) else None
        self.scope.plates[node.name] = Plate(node.name, size, parents, structure, span, setting=setting)
        if node.indices and (structure is None or structure.kind != "edges"):
            self._error("PGM0111", "only a plate of edges names its ends", node.indices[0].span,
                        "write `plate bond(i, j) = edges(site) { ... }`; elsewhere a name means this row's element")  # fmt: skip

    def _structure(self, call: ast.Call, node: ast.PlateBlock) -> tuple[Structure | None, int | None]:
        if call.function == "chain" and not call.arguments:
            return Structure("chain"), None
        if call.function == "grid" and call.arguments:
            shape = tuple(self._size(a, node.name) or 1 for a in call.arguments)
            total = 1
            for side in shape:
                total *= side
            if total > MAX_SIZE:
                self._error("PGM0311", f"the grid has {total:,} elements; the limit is {MAX_SIZE:,}", call.span)
                total = 1
            return Structure("grid", shape), total
        if call.function == "edges" and len(call.arguments) == 1 and isinstance(call.arguments[0], ast.Name):
            return Structure("edges", (), call.arguments[0].name), None
        near = did_you_mean(call.function, ["grid", "edges", "chain"])
        self._error("PGM0204", f"`{call.function}` is no structure of a plate", call.span,
                    near or "a plate is `= grid(a, b)`, `= edges(plate)` or `= chain`")  # fmt: skip
        return None, None

    def _parents(self) -> None:
        """Checks what plates are ``in``, and that no plate is in itself."""
        for name, plate in list(self.scope.plates.items()):
            known = []
            for parent in plate.parents:
                if parent in self.scope.plates and not self._inside(parent, name, set()):
                    known.append(parent)
                    self.scope.used.add(parent)
                elif parent not in self.scope.broken_names and plate.span:
                    near = did_you_mean(parent, self.scope.plates)
                    message = f"`{parent}` is not a plate" if parent not in self.scope.plates else (
                        f"plate `{name}` would be inside itself"
                    )  # fmt: skip
                    self._error("PGM0201" if parent not in self.scope.plates else "PGM0501", message, plate.span,
                                near or f"declare it: `plate {parent} {{ ... }}`")  # fmt: skip
            of = plate.structure.of if plate.structure else None
            if of is not None and of not in self.scope.plates:
                if of not in self.scope.broken_names and plate.span:
                    self._error(
                        "PGM0201", f"`{of}` is not a plate", plate.span, did_you_mean(of, self.scope.plates)
                    )
                plate = replace(plate, structure=None)
            self.scope.plates[name] = replace(plate, parents=tuple(known))

    def _inside(self, plate: str, other: str, seen: set[str]) -> bool:
        if plate == other:
            return True
        if plate in seen or plate not in self.scope.plates:
            return False
        seen.add(plate)
        return any(self._inside(p, other, seen) for p in self.scope.plates[plate].parents)

    # ---- variables

    def _statement(self, statement: ast.Statement, plates: tuple[str, ...]) -> None:
        scope = self.scope
        match statement:
            case ast.PlateBlock():
                if statement.name not in scope.plates:
                    return
                inner = scope.axes_model.enclosing(statement.name)
                structure = scope.plates[statement.name].structure
                for end in statement.indices:
                    if structure and structure.of and scope.define(end.name, end.span):
                        type_ = Type("labels", axis=structure.of)
                        scope.variables[end.name] = Symbol(
                            end.name, "index", inner, end.span, type=type_, axes=(), used=True
                        )
                for child in statement.body:
                    self._statement(child, inner)
            case ast.Random(targets=targets):
                for target in targets:
                    self._variable(target, "random", plates, statement)
            case ast.Assign(targets=targets):
                for i, target in enumerate(targets):
                    self._variable(target, "derived", plates, statement, i)
            case ast.Variables(kind=kind, items=items):
                for item in items:
                    self._variable(item, kind, plates, statement)
            case ast.NetDeclaration():
                if self._top(statement, plates, "a network") and scope.define_function(
                    statement.name, statement.span
                ):
                    scope.nets[statement.name] = statement
            case ast.Def():
                for problem in inside_problems(statement):
                    scope.report(problem)
                if self._top(statement, plates, "a `def`") and scope.define_function(
                    statement.name, statement.name_span or statement.span
                ):
                    scope.definitions[statement.name] = statement
            case ast.Import():
                if not self._top(statement, plates, "an import"):
                    return
                module = self.modules.load(statement)
                name = alias(statement.path)
                if scope.define(name, statement.span) and module:
                    scope.modules[name] = module
                elif module is None:
                    scope.broken_names |= {name}
            case ast.GuideBlock():
                self.guides.append(statement)
            case ast.Return():
                self._error("PGM0111", "`return` belongs into a `def`", statement.span)
            case ast.Version() if plates:
                self.scope.report(misplaced_version(statement))
            case ast.Dims() if plates:
                self._error("PGM0111", "a `dim` stands outside of plates", statement.span, "move it to the top")

    def _top(self, statement: ast.Statement, plates: tuple[str, ...], what: str) -> bool:
        if plates:
            self._error(
                "PGM0111", f"{what} stands outside of plates", statement.span, "move it to the top of the file"
            )
        return not plates

    def _variable(
        self, item: ast.Declared, role: str, plates: tuple[str, ...], statement: ast.Statement, output: int = 0
    ) -> None:
        span = item.name_span or item.span
        if not self.scope.define(item.name, span, role):
            return
        symbol = Symbol(item.name, role, plates, span, item, statement, output=output)
        self.scope.variables[item.name] = symbol
        if role == "param" and plates and any(self.scope.plates[p].is_rows for p in plates):
            rows = next(p for p in plates if self.scope.plates[p].is_rows)
            self._error("PGM0310", f"`{item.name}` would be one parameter for each row of `{rows}`", span,
                        f"move it out of the plate to share it, or give it a distribution: `{item.name} ~ ...`")  # fmt: skip

    def check_rows_of_outer(self, item: ast.Declared, plates: tuple[str, ...]) -> None:
        """Reports a variable of an outer element that would have the rows of all elements as its axis."""
        for axis in item.axes:
            rows = self.scope.plates.get(self.scope.root(axis.name))
            if rows is None or not rows.is_rows:
                continue
            outer = next((p for p in plates if p != rows.name and self._inside(rows.name, p, set())), None)
            if outer is not None:
                message = f"each element of `{outer}` would have an `{item.name}` of all rows of `{rows.name}`, other elements' too"
                cure = (
                    f"write it outside of `plate {outer}`; there a covariance times `(if g == g[{rows.name}'] then 1 else 0)`, with"
                    f" `input g : {{...}}` in `plate {rows.name}`, is a process for each label of g"
                )
                self._error("PGM0318", message, axis.span, cure)
                return

    def declared_axes(self, item: ast.Declared) -> tuple[str, ...] | None:
        """The axes written after a name; None (and an error) if one is unknown or given twice."""
        axes: list[str] = []
        for axis in item.axes:
            if not self.scope.is_axis(axis.name):
                if axis.name not in self.scope.broken_names:
                    near = did_you_mean(axis.name, [*self.scope.dims, *self.scope.plates])
                    cure = f"declare it: `dim {axis.name}`, or `dim {axis.name}[10]`"
                    symbol = self.scope.variables.get(item.name)
                    if symbol is not None and symbol.plates:
                        cure = f"`{item.name}` is that of this row of `{symbol.plates[-1]}`, without an index; or {cure}"
                    self._error("PGM0201", f"`{axis.name}` is not an axis", axis.span, near or cure)
                return None
            if axis.name in axes:
                self._error("PGM0308", f"axis `{axis.name}` occurs twice", axis.span,
                            f"say the axis a second time with a prime: `{axis.name}'`")  # fmt: skip
                return None
            self.scope.used.add(axis.name)
            axes.append(axis.name)
        return tuple(axes)

    def declared_type(self, item: ast.Declared) -> Type | None:
        """The type written after a name; None if none is."""
        written = item.type
        if written is None:
            return None
        if isinstance(written, ast.LabelSet):
            return Type("labels", None, self._labels(written), item.name)
        if self.scope.is_axis(written.name):
            self.scope.used.add(written.name)
            return Type("labels", axis=self.scope.root(written.name))
        if written.name in NUMERIC_KINDS or written.name in VECTOR_KINDS:
            return Type(written.name)
        if written.name not in self.scope.broken_names:
            kinds = [*NUMERIC_KINDS, *VECTOR_KINDS]
            aliases = {"int": "integer", "float": "real", "bool": "bit", "boolean": "bit", "nat": "count",
                       "double": "real", "binary": "bit", "vector": "real", "probability": "unit"}  # fmt: skip
            near = f"did you mean `{aliases[written.name]}`?" if written.name in aliases else did_you_mean(
                written.name, [*kinds, *self.scope.dims, *self.scope.plates]
            )  # fmt: skip
            self._error("PGM0201", f"`{written.name}` is not a type", written.span,
                        near or f"types are {', '.join(kinds)}, a dim, or a set of labels `{{no, yes}}`")  # fmt: skip
        return UNKNOWN


def _names(node: ast.Expr) -> list[str]:
    match node:
        case ast.Name(name=name):
            return [name]
        case ast.UnaryOperation(operand=operand):
            return _names(operand)
        case ast.Binary():
            first, spine = ast.left_spine(node)
            return [n for operand in (first, *(b.right for b in spine)) for n in _names(operand)]
    return []
