"""What occurs many times in a large expression, named once: the text of a graph is as long as the graph, not as its tree."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from pgmlang.model.expr import Const, Expr, Ref, children, inside_out
from pgmlang.model.model import Definition, Model, Variable
from pgmlang.normal.rewrite import map_definitions, map_expressions, rebuilt

LONGEST = 2_000
"""Most nodes of an expression's tree that is written out whole."""
DEEPEST = 60
"""Most expressions inside one another that are written in one line."""


def with_named_parts(model: Model) -> Model:
    """The model with definitions ``part 1``, ``part 2``, ... for parts of expressions that are too long to write out."""
    naming = _Naming(model)
    return naming.model if naming.is_long else model


class _Naming:
    def __init__(self, model: Model) -> None:
        roots = [e for f in model.factors for e in model.expressions(f)] + [d.value for d in model.definitions]
        sizes: dict[int, int] = {}
        depths: dict[int, int] = {}
        self.uses: Counter[int] = Counter()
        for root in roots:
            for node in inside_out(root):
                if id(node) not in sizes:
                    sizes[id(node)] = 1 + sum(sizes[id(c)] for c in children(node))
                    depths[id(node)] = 1 + max((depths[id(c)] for c in children(node)), default=0)
                    self.uses.update(id(c) for c in children(node))
        self.is_long = any(sizes[id(root)] > LONGEST or depths[id(root)] > DEEPEST for root in roots)
        self.made: dict[int, Expr] = {}
        self.depths: dict[int, int] = {}
        self.definitions: list[Definition] = []
        self.variables: list[Variable] = []
        if self.is_long:
            out = map_expressions(model, self.named)
            definitions = map_definitions(model.definitions, self.named)
            self.model = replace(
                out,
                definitions=(*self.definitions, *definitions),
                variables=(*model.variables, *self.variables),
            )

    def named(self, expr: Expr) -> Expr:
        for node in inside_out(expr):
            if id(node) not in self.made:
                self.made[id(node)] = self._named(node)
        return self.made[id(expr)]

    def _named(self, node: Expr) -> Expr:
        out = rebuilt(node, lambda child: self.made[id(child)])
        depth = 1 + max((self.depths[id(c)] for c in children(node)), default=0)
        is_named = (self.uses[id(node)] > 1 or depth > DEEPEST) and not isinstance(out, Const | Ref)
        self.depths[id(node)] = 1 if is_named else depth
        if not is_named:
            return out
        name = f"part {len(self.definitions) + 1}"
        self.definitions.append(Definition(name, out))
        self.variables.append(Variable(name, "derived", out.type, (), out.axes))
        return Ref(out.type, out.axes, out.span, name)
