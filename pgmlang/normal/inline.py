"""Definitions inlined: every reference to a deterministic name becomes its expression, moved to where it is meant.

A definition is one object wherever it is used, so that an expression is a graph whose size is that of the text, whatever
the size of its tree. What hangs on its own earlier values (``s = if first then x else prev(s) + x``) stays a name, what
solves differential equations too, and so does what cannot be said at the other place (an element of an outer plate, seen from a row that was picked).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace

from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Identity,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    references,
    walk,
)
from pgmlang.model.model import Definition, Factor, Model, Variable
from pgmlang.model.recursions import names_reached
from pgmlang.model.types import COUNT, REAL
from pgmlang.normal.rewrite import guide_expressions, map_expressions, map_guide, rebuilt

KEEPS_AXIS = ("softmax", "cumsum")
"""Reductions whose value still varies along their axis."""


def inlined(model: Model) -> Model:
    """The model without the definitions that can be written where they are used; those left over stand last."""
    inliner = Inliner(model, model.definitions)
    out = map_expressions(model, inliner)
    left = _used(inliner, [e for f in out.factors for e in model.expressions(f)])
    if model.guide is not None:
        out = _with_inlined_guide(out, inliner, left)
    return replace(
        out,
        definitions=tuple(replace(d, value=inliner.body(d.target)) for d in model.definitions if d.target in left),
        variables=tuple(v for v in out.variables if v.role != "derived" or v.name in left),
    )


def _with_inlined_guide(model: Model, inliner: Inliner, left: set[str]) -> Model:
    """The guide's own definitions inlined; adds to ``left`` the model's that it still names."""
    guide = model.guide
    assert guide is not None
    inside = Inliner(
        replace(inliner.model, variables=(*inliner.model.variables, *guide.variables)),
        (*inliner.definitions.values(), *guide.definitions),
    )
    out = map_guide(guide, inside)
    still_used = _used(inside, list(guide_expressions(replace(out, definitions=()))))
    left |= still_used & set(inliner.definitions)
    guide_names = still_used - set(inliner.definitions)
    guide = replace(
        out,
        definitions=tuple(
            replace(d, value=inside.body(d.target)) for d in guide.definitions if d.target in guide_names
        ),
        variables=tuple(v for v in out.variables if v.role != "derived" or v.name in guide_names),
    )
    return replace(model, guide=guide)


def _used(inliner: Inliner, roots: list[Expr]) -> set[str]:
    """The definitions that these expressions name, directly or through one another."""
    out: set[str] = set()
    pending = list(roots)
    while pending:
        for ref in references(pending.pop()):
            if ref.name in inliner.definitions and ref.name not in out:
                out.add(ref.name)
                pending.append(inliner.body(ref.name))
    return out


class Inliner:
    """Inlines expressions of one model. Calling it gives an expression with its deterministic names written out."""

    def __init__(self, model: Model, definitions: tuple[Definition, ...]) -> None:
        self.model = model
        self.definitions = {d.target: d for d in definitions}
        self.left_named = _recursive(model, self.definitions) | _reduced_elsewhere(model, self.definitions)
        self.left_named |= {n for n, d in self.definitions.items() if isinstance(d.value, Solution)}
        self._bodies: dict[str, Expr] = {}
        self._made: dict[int, tuple[Expr, Expr]] = {}

    def body(self, name: str) -> Expr:
        """The value of a definition, inlined."""
        pending = [name]
        while pending:
            # those it names come first, so that a long line of definitions costs no stack
            definition = self.definitions[pending[-1]]
            below = () if pending[-1] in self._bodies else self.model.mentions(definition)
            more = [
                r.name for r in below
                if r.name in self.definitions and r.name not in self._bodies and r.name not in self.left_named
            ]  # fmt: skip
            if more:
                pending.extend(more)
                continue
            if definition.target not in self._bodies:
                self._bodies[definition.target] = self(definition.value)
            pending.pop()
        return self._bodies[name]

    def __call__(self, expr: Expr) -> Expr:
        known = self._made.get(id(expr))
        if known is None:
            # the source is kept too: an id means one object only as long as that object lives
            known = self._made[id(expr)] = (expr, self._inline(expr))
        return known[1]

    def _inline(self, expr: Expr) -> Expr:
        out = rebuilt(expr, self)
        if not isinstance(out, Ref) or out.name not in self.definitions or out.name in self.left_named:
            return out
        variable = self.model.by_name[out.name]
        body: Expr | None = self.body(out.name)
        if body is None or (isinstance(body, Ref) and body.name in self.left_named):
            return out
        if out.lag:
            body = Moved(self.model, variable, out.lag)(body)
        for axis, index in out.index:
            body = Picked(self.model, variable, axis, index)(body) if body is not None else None
        return out if body is None else body


def _recursive(model: Model, definitions: Mapping[str, Definition]) -> set[str]:
    """Names that hang on themselves, through ``prev`` or not (a cycle that the graph refuses)."""
    below = {n: {r.name for r in model.mentions(d) if r.name in definitions} for n, d in definitions.items()}
    return {name for name in definitions if name in names_reached(below, name)}


def _reduced_elsewhere(model: Model, definitions: Mapping[str, Definition]) -> set[str]:
    """Names that reduce over the rows of a plate and are used at a place in other plates than their own, or inside of another
    reduction: which rows are meant hangs on the place."""
    reducing = {n for n, d in definitions.items() if any(_is_over_rows(model, e) for e in walk(d.value))}
    if not reducing:
        return set()
    below = {n: {r.name for r in model.mentions(d) if r.name in definitions} for n, d in definitions.items()}
    # what names one of them is written with it
    reducing |= {n for n in definitions if not reducing.isdisjoint(names_reached(below, n))}
    places: list[tuple[tuple[str, ...], Definition | Factor]] = [(f.plates, f) for f in model.factors]
    places += [(model.by_name[d.target].plates, d) for d in definitions.values() if d.target in model.by_name]
    out: set[str] = set()
    for plates, item in places:
        out |= {
            r.name for r in model.mentions(item) if r.name in reducing and plates != model.by_name[r.name].plates
        }
        inside = (e for expr in model.expressions(item) for e in walk(expr) if _is_over_rows(model, e))
        out |= {r.name for e in inside for r in references(e) if r.name in reducing}
    return out


def _is_over_rows(model: Model, expr: Expr) -> bool:
    return isinstance(expr, Reduce) and expr.is_plate and model.plate_by_name[expr.axis].is_rows


class _Substitution(ABC):
    """A rewriting of one body that may fail (None), each shared node rewritten once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Expr, Expr | None]] = {}

    def __call__(self, expr: Expr) -> Expr | None:
        known = self._made.get(id(expr))
        if known is None:
            known = self._made[id(expr)] = (expr, self.rewrite(expr))
        return known[1]

    @abstractmethod
    def rewrite(self, expr: Expr) -> Expr | None:
        """One node, its children by `inside`; None where it cannot be."""

    def inside(self, expr: Expr, axes: Callable[[Expr], tuple[str, ...]] | None = None) -> Expr | None:
        """The expression with every child rewritten."""
        failed = False

        def child(e: Expr) -> Expr:
            nonlocal failed
            made = self(e)
            failed = failed or made is None
            return e if made is None else made

        out = rebuilt(expr, child)
        return None if failed else out


class Moved(_Substitution):
    """A definition's body ``lag`` rows back in its chain."""

    def __init__(self, model: Model, variable: Variable, lag: int) -> None:
        super().__init__()
        self.model = model
        self.lag = lag
        self.chain = next(
            (
                p
                for p in reversed(variable.plates)
                if (s := model.plate_by_name[p].structure) is not None and s.kind == "chain"
            ),
            None,
        )
        self.outer = set(model.enclosing(self.chain)[:-1]) if self.chain else set()

    def rewrite(self, expr: Expr) -> Expr | None:
        if self.chain is None or (isinstance(expr, First) and expr.plate != self.chain):
            return None
        if isinstance(expr, Element) and not expr.axes:
            return expr if expr.axis in self._steady() else self._element_back(expr)
        if isinstance(expr, First):  # among the first of the rows that look back this far
            return replace(expr, count=expr.count + self.lag)
        if isinstance(expr, Ref) and expr.name in self.model.by_name:
            variable = self.model.by_name[expr.name]
            made = self.inside(expr)
            if made is None or not isinstance(made, Ref):
                return None
            if self.chain in variable.plates:
                if any(a in self.model.plate_by_name for a, _ in expr.index):
                    return None
                return replace(made, lag=made.lag + self.lag)
            # elements of the sequence are those of its rows before too; other outer elements may change from row to row
            return made if set(variable.plates) <= self._steady() else None
        return self.inside(expr)

    def _element_back(self, expr: Element) -> Expr | None:
        """The position in the sequence of a row that looks back from far enough along."""
        if expr.axis != self.chain or expr.type.kind == "labels":
            return None
        lag = Const(COUNT, (), expr.span, self.lag)
        return Apply(REAL, (), expr.span, "sub", (expr, lag))

    def _steady(self) -> set[str]:
        assert self.chain is not None
        return self.outer


class Picked(_Substitution):
    """A definition's body at one element of a plate or axis of its name."""

    def __init__(self, model: Model, variable: Variable, axis: str, index: Expr) -> None:
        super().__init__()
        self.model = model
        self.axis = axis
        self.index = index
        self.is_plate = axis in variable.plates
        plate = model.plate_by_name.get(axis)
        self.outer = (
            set(model.enclosing(axis)[:-1]) if self.is_plate and plate is not None and plate.is_rows else set()
        )

    def rewrite(self, expr: Expr) -> Expr | None:
        axis = self.axis
        match expr:
            case Const():
                return expr
            case First(plate=plate):
                return None if self.is_plate and plate == axis else expr
            case Element():
                return self._element(expr)
            case Ref():
                return self._reference(expr)
            case Rename(body=body, old=old, new=new) if new == axis and not self.is_plate:
                return Picked._of(self, body, old)
            case Rename(old=old):
                return None if old in self.index.axes else self._without_axis(expr)
            case Contract(axis=bound) | Reduce(axis=bound):
                if bound in self.index.axes:
                    return None
                if bound == axis:
                    is_kept = isinstance(expr, Reduce) and expr.function in KEEPS_AXIS
                    return None if is_kept or self.is_plate else expr
                return self._without_axis(expr)
            case Stack(entries=entries, axis=along):
                if along == axis and not self.is_plate:
                    return self._entry(entries)
                return None if along in self.index.axes else self._without_axis(expr)
            case Identity(rows=rows, columns=columns):
                # an element of one axis of an identity is no identity
                return None if axis in (rows, columns) or {rows, columns} & set(self.index.axes) else expr
            case MatrixApply(rows=rows, columns=columns):
                return None if {axis, *self.index.axes} & {rows, columns} else self._without_axis(expr)
            case NetCall():
                return None if axis in expr.axes else self.inside(expr)
            case Apply() | Choose():
                return self._without_axis(expr)
        return None

    def _entry(self, entries: tuple[Expr, ...]) -> Expr | None:
        """The entry of a vector written out at a label; None where which one is not known."""
        labels = self.model.axis_labels(self.axis)
        if not isinstance(self.index, Const) or labels is None or str(self.index.value) not in labels:
            return None
        return entries[labels.index(str(self.index.value))]

    @staticmethod
    def _of(whole: Picked, body: Expr, axis: str) -> Expr | None:
        inner = Picked.__new__(Picked)
        _Substitution.__init__(inner)
        inner.model, inner.axis, inner.index = whole.model, axis, whole.index
        inner.is_plate, inner.outer = False, set()
        return inner(body)

    def _without_axis(self, expr: Expr) -> Expr | None:
        made = self.inside(expr)
        if made is None or self.is_plate:
            return made
        extra = tuple(a for a in self.index.axes if a not in expr.axes) if self.axis in expr.axes else ()
        return replace(made, axes=(*(a for a in expr.axes if a != self.axis), *extra))

    def _element(self, expr: Element) -> Expr | None:
        """The element that is picked, where it is of the axis picked along: a label is the index itself."""
        if expr.axis in self.outer:
            return None
        if expr.axis != self.axis or self.is_plate == bool(expr.axes):
            return expr
        return self.index if expr.type.kind == "labels" and self.index.type == expr.type else None

    def _reference(self, expr: Ref) -> Expr | None:
        variable = self.model.by_name.get(expr.name)
        made = self._without_axis(expr)
        if variable is None or not isinstance(made, Ref):
            return None
        taken = {a for a, _ in expr.index}
        if self.is_plate:
            if self.axis in variable.plates:
                if self.axis in taken:
                    return made
                return None if expr.lag else self._indexed(made, variable)
            return None if self.outer & set(variable.plates) - taken else made
        if self.axis in (*variable.axes, *variable.plates) and self.axis not in taken and self.axis in expr.axes:
            return self._indexed(made, variable)
        return made

    def _indexed(self, ref: Ref, variable: Variable) -> Ref:
        index = {**dict(ref.index), self.axis: self.index}
        order = [a for a in (*variable.plates, *variable.axes) if a in index]
        order += [a for a in index if a not in order]
        axes = (*ref.axes, *(a for a in self.index.axes if a not in ref.axes))
        return replace(ref, axes=axes, index=tuple((a, index[a]) for a in order))
