"""``simulate`` and ``propose``: ancestral draws of the model, and of the written guide with their log-density."""

from __future__ import annotations

import ast
from dataclasses import replace

from pgmlang.families import FAMILIES
from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import Axes, to_come
from pgmlang.lower.order import ancestral_order, looped_items
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Choice, Conditional, Definition, Density, Dist, Distribution, Model, TableDist
from pgmlang.model.expr import Solution
from pgmlang.model.types import SORTED_KINDS


def simulate_function(emitter: Emitter, out: Writer) -> None:
    """Emits ``simulate``: values given are kept, the others drawn; fields must be given. Chains are drawn row after
    row, all sequences at once, and of what they hold some cells alone may be given (``missing``: the others). Raises
    PGM0601 for distributions that no program draws from."""
    model, names = emitter.model, emitter.names
    stated: list[Conditional | Definition] = [*model.conditionals, *model.definitions]
    order = ancestral_order(model, stated, is_by_row=True)
    looped = looped_items(model, order)
    out.blank(2)
    some_cells = ", missing=None" if looped else ""
    out.line(f"def simulate(data=None, layout=None, params=None, nets=None, given=None, shape=(){some_cells}):")
    out.indent += 1
    text = (
        "Ancestral draws, ``shape`` of them side by side; values that are given (with that shape first) are kept"
    )
    cells = ", but for cells of a chain where ``missing`` is True" if looped else ""
    out.doc(f"{text}{cells}.")
    out.line("values = dict(given or {})")
    fields = {v.name for v in model.of_role("field")}
    drawn = {c.target for c in model.conditionals}
    only = {v.name for v in model.of_role("input", "param")} | fields
    only |= {v.name for v in model.of_role("random") if v.name not in drawn}
    only |= {f"{c.target}.table{n}" for c in model.conditionals for n in ("", "2")}
    emitter.unpack(stated, out, only=only)
    for item in order:
        if item in looped:
            if item is looped[0]:
                _loop(emitter, looped, out)
        elif isinstance(item, Definition):
            emitter.definition(item, out)
        else:
            _draw_unless_given(emitter, item, out)
    pairs = [(c.target, py.name(names[c.target])) for c in model.conditionals]
    out.statement(py.returns(py.dict_of(pairs)))
    out.indent -= 1


def _draw_unless_given(emitter: Emitter, item: Conditional, out: Writer) -> None:
    local = emitter.names[item.target]
    emitter.distributions.table_number = 0
    frame = emitter.distributions.frame_of(item)
    out.head(f"if {py.text(_absent(item.target))}:")
    out.indent += 1
    node = in_order(emitter.model, item.target, draw(emitter, item.distribution, item, frame))
    out.statement(ast.Assign([_value(item.target)], node), item.span)
    out.indent -= 1
    out.assign(local, py.entry("values", item.target), note=emitter.shape_note(item.target))


def _absent(name: str) -> ast.expr:
    return ast.Compare(ast.Constant(name), [ast.NotIn()], [ast.Name("values", ast.Load())])


def _value(name: str) -> ast.expr:
    return ast.Subscript(ast.Name("values", ast.Load()), ast.Constant(name), ast.Store())


def _loop(emitter: Emitter, items: list[Conditional | Definition], out: Writer) -> None:
    """Rows at position 0 of every sequence, then at 1, ..."""
    model, names, expressions = emitter.model, emitter.names, emitter.expressions
    plate = model.by_name[items[0].target].plates[-1]
    position = expressions.layout.position(plate)
    targets = [i for i in items if isinstance(i, Conditional)]
    for target in targets:
        frame = emitter.distributions.frame_of(target)
        out.head(f"if {py.text(_absent(target.target))}:")
        out.indent += 1
        kind = {"labels": "torch.long"}.get(model.by_name[target.target].type.kind)
        keywords = {"dtype": py.name(kind)} if kind else {}
        shape = py.binary("add", py.name("shape"), emitter.shape_of(frame))
        out.statement(ast.Assign([_value(target.target)], py.call("torch.zeros", shape, **keywords)))
        out.indent -= 1
    back = {r.name for i in items for r in model.mentions(i) if r.lag}
    whole = [i for i in items if isinstance(i, Definition) and isinstance(i.value, Solution)]
    for definition in whole:
        emitter.definition(definition, out)
    for definition in (i for i in items if isinstance(i, Definition) and i.target in back and i not in whole):
        # values of rows to come, which nothing looks at
        kind = {"labels": "torch.long"}.get(model.by_name[definition.target].type.kind)
        shape = emitter.shape_of(expressions.array_axes(definition.target))
        out.assign(
            names[definition.target], py.call("torch.zeros", shape, **({"dtype": py.name(kind)} if kind else {}))
        )
    out.assign("missing", ast.parse("missing or {}", mode="eval").body)
    out.assign("drawn", ast.parse("set(values) - set(given or {}) | set(missing)", mode="eval").body)
    out.head(f"for t in range(int({py.text(position)}.max()) + 1):")
    out.indent += 1
    out.assign("now", py.binary("eq", position, py.name("t")))
    for target in targets:
        out.assign(names[target.target], py.entry("values", target.target))
    emitter.previous(items, out)
    for item in items:
        if item in whole:
            continue
        if isinstance(item, Definition):
            emitter.definition(item, out, is_by_row=True)
            continue
        frame = emitter.distributions.frame_of(item)
        emitter.distributions.table_number = 0
        out.head(f"if {py.text(py.constant(item.target))} in drawn:")
        out.indent += 1
        parts: list[ast.expr] = [ast.Slice() if a == plate else ast.Constant(None) for a in frame]
        test = py.item(py.name("now"), *parts) if len(parts) > 1 else py.name("now")
        fresh = draw(emitter, item.distribution, item, frame)
        is_now = ast.BinOp(
            test, ast.BitAnd(), py.method(py.name("missing"), "get", py.constant(item.target), test)
        )
        node = py.call("torch.where", is_now, fresh, py.name(names[item.target]))
        out.statement(ast.Assign([_value(item.target)], node), item.span)
        out.indent -= 1
        out.assign(names[item.target], py.entry("values", item.target))
    out.indent -= 1


def in_order(model: Model, target: str, drawn: ast.expr) -> ast.expr:
    """Independent draws of an ordered vector, put in order."""
    if model.by_name[target].type.kind not in SORTED_KINDS:
        return drawn
    return ast.Attribute(py.method(drawn, "sort", py.constant(-1)), "values", ast.Load())


def draw(emitter: Emitter, distribution: Distribution, item: Conditional, frame: Axes) -> ast.expr:
    """A draw along ``shape`` and the whole frame."""
    expressions, distributions = emitter.expressions, emitter.distributions

    def wide(axes: Axes) -> ast.expr:
        if not axes:
            return py.name("shape")
        whole = py.binary("add", py.name("shape"), emitter.shape_of(axes))
        return py.hinted(whole, f"{emitter.names[item.target]}_shape")

    match distribution:
        case Choice(condition=condition, then=then, otherwise=otherwise):
            test = expressions.align(expressions.truth(condition, frame), frame)
            a, b = (draw(emitter, d, item, frame) for d in (then, otherwise))
            return py.call("torch.where", test, a, b)
        case TableDist():
            table = distributions.table(distribution, item, frame)
            return py.method(py.method(table, "expand", wide(frame)), "sample")
        case Dist() if FAMILIES[distribution.family].improper:
            expressions.uses.add("improper")
            return py.call("improper", py.constant(item.target))
        case Dist():
            built = distributions.dist(distribution, frame)
            batch = frame[: len(frame) - len(distribution.event)]
            return py.method(py.method(built, "expand", wide(batch)), "sample")
        case Density():
            built, batch = distributions.learned(distribution, item, frame)
            return py.method(py.method(built, "expand", wide(batch)), "sample")


def propose_function(emitter: Emitter, out: Writer) -> dict[str, Axes]:
    """Emits ``propose``, the written guide in plain torch; gives the axes of its terms. ``emitter``: of the model
    with the guide's own variables. Raises PGM0601 for what it cannot draw."""
    model, names = emitter.model, emitter.names
    assert model.guide is not None
    stated: list[Conditional | Definition] = [*model.guide.conditionals, *model.guide.definitions]
    guided = {i.target for i in stated}
    out.blank(2)
    out.line("def propose(values, data=None, layout=None, params=None, nets=None, shape=()):")
    out.indent += 1
    out.doc(
        "Draws of the guide, ``shape`` of them side by side and reparameterised where they can be, and the "
        "log-density of each element. ``values``: what is observed."
    )
    outside = {v.name for v in model.variables if v.name not in guided}
    emitter.unpack(stated, out, only=outside)
    out.line("log_q = {}")
    axes: dict[str, Axes] = {}
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            emitter.definition(item, out)
            continue
        frame = emitter.distributions.frame_of(item)
        emitter.distributions.table_number = 0
        if not isinstance(item.distribution, Dist):
            raise to_come("this distribution in a guide", item.span)
        built = emitter.distributions.dist(item.distribution, frame)
        batch = frame[: len(frame) - len(item.distribution.event)]
        wide = py.binary("add", py.name("shape"), emitter.shape_of(batch)) if batch else py.name("shape")
        out.assign("q", py.method(built, "expand", wide), item.span, f"q({item.target})")
        local = py.name(names[item.target])
        sample = ast.parse("q.rsample() if q.has_rsample else q.sample()", mode="eval").body
        out.assign(names[item.target], sample)
        target = ast.Subscript(ast.Name("log_q", ast.Load()), ast.Constant(item.target), ast.Store())
        out.statement(ast.Assign([target], py.method(py.name("q"), "log_prob", local)))
        axes[item.target] = batch
    proposal = py.dict_of([(c.target, py.name(names[c.target])) for c in model.guide.conditionals])
    out.statement(py.returns(py.tuple_of(proposal, py.name("log_q"))))
    out.indent -= 1
    out.blank(2)
    out.assign("GUIDE_FACTORS", py.dict_of([(k, py.tuple_of(*map(py.constant, a))) for k, a in axes.items()]))
    return axes


def with_guide(model: Model) -> Model:
    """The model with the guide's own variables and definitions, for look-ups. A guide's latent keeps its plates."""
    assert model.guide is not None
    return replace(
        model,
        variables=(*model.variables, *model.guide.variables),
        definitions=(*model.definitions, *model.guide.definitions),
    )
