"""The Pyro ``model`` and ``guide``: plates with names and dims, one sample statement a random variable."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import to_come
from pgmlang.lower.factors import factor_names, potential_value
from pgmlang.lower.names import Names
from pgmlang.lower.order import ancestral_order, looped_items
from pgmlang.lower.pyro_distributions import PyroDistributions
from pgmlang.lower.simulate import in_order
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Conditional, Definition, Model, Potential


def refuse_chains(model: Model, what: str) -> None:
    """Rows that look back cannot be sampled all at once by name."""
    for conditional in model.conditionals:
        if any(r.lag for r in model.mentions(conditional)):
            raise to_come(f"{what} of a chain, row after row,", conditional.span)


def model_function(emitter: Emitter, out: Writer) -> None:
    """Emits ``model(data, layout, params, nets)``. Raises PGM0601 where Pyro has no plain way to say the model."""
    model, names = emitter.model, emitter.names
    out.blank(2)
    out.line("def model(data, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("The Pyro model: what `data` holds is observed. Fields are taken from `data`; log Z is not in it.")
    _imports(out)
    stated: list[Conditional | Definition] = [*model.conditionals, *model.definitions]
    given = {v.name for v in model.of_role("input", "param", "field")}
    given |= {f"{c.target}.table{n}" for c in model.conditionals for n in ("", "2")}
    emitter.unpack([*model.factors, *model.definitions], out, source="data", only=given)
    order = ancestral_order(model, stated)
    looped = looped_items(model, order)
    emitter.previous([i for i in (*model.factors, *model.definitions) if i not in looped], out, source="data")
    _open_plates(emitter, stated, out)
    for item in order:
        if item in looped:
            if item is looped[0]:
                _loop(emitter, looped, out)
        elif isinstance(item, Definition):
            emitter.definition(item, out)
        else:
            _sample(emitter, item, out, True)
    for key, potential in factor_names(model).items():
        if isinstance(potential, Potential):
            value, axes = potential_value(model, emitter.expressions, potential)
            emitter.expressions.uses.add("total")
            total = py.call("total", value, py.constant(len(axes)))
            site = key.replace(" ", "_")
            out.statement(ast.Expr(py.call("pyro.factor", py.constant(site), total)), potential.span)
    pairs = [(c.target, py.name(names[c.target])) for c in model.conditionals]
    out.statement(py.returns(py.dict_of(pairs)))
    out.indent -= 1


def _loop(emitter: Emitter, items: list[Conditional | Definition], out: Writer) -> None:
    """Rows of all sequences at position 0, at 1, ...: a site each, in which the other rows are masked."""
    model, names, expressions = emitter.model, emitter.names, emitter.expressions
    plate = model.by_name[items[0].target].plates[-1]
    position = expressions.layout.position(plate)
    targets = [i for i in items if isinstance(i, Conditional)]
    for target in targets:
        kind = {"labels": "torch.long"}.get(model.by_name[target.target].type.kind)
        keywords = {"dtype": py.name(kind)} if kind else {}
        shape = emitter.shape_of(emitter.distributions.frame_of(target))
        out.assign(names[target.target], py.call("torch.zeros", shape, **keywords))
    out.head(f"for t in pyro.markov(range(int({py.text(position)}.max()) + 1)):")
    out.indent += 1
    out.assign("values", py.dict_of([(t.target, py.name(names[t.target])) for t in targets]))
    emitter.previous(items, out)
    for item in items:
        if isinstance(item, Definition):
            emitter.definition(item, out)
        else:
            _sample(emitter, item, out, True, plate)
    out.indent -= 1


def guide_function(emitter: Emitter, out: Writer) -> None:
    """Emits ``guide(data, layout, params, nets)`` from the written guide; ``emitter`` is of the model with the guide's names."""
    model, names = emitter.model, emitter.names
    assert model.guide is not None
    refuse_chains(model, "a Pyro guide")
    out.blank(2)
    out.line("def guide(data, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("The Pyro guide: the approximating distribution of the latents.")
    _imports(out)
    stated: list[Conditional | Definition] = [*model.guide.conditionals, *model.guide.definitions]
    own = {i.target for i in stated}
    emitter.unpack(stated, out, source="data", only={v.name for v in model.variables if v.name not in own})
    _open_plates(emitter, stated, out)
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            emitter.definition(item, out)
        else:
            _sample(emitter, item, out, False)
    out.statement(py.returns(py.dict_of([(c.target, py.name(names[c.target])) for c in model.guide.conditionals])))
    out.indent -= 1


def _imports(out: Writer) -> None:
    out.line("import pyro")
    out.line("import pyro.distributions as dist")


def _plate_name(names: Names, plate: str, dim: int) -> str:
    """The identifier of a plate at a dim; most plates stand at -1 alone."""
    return names[f"plate {plate}"] if dim == -1 else names[f"plate {plate} {dim}"]


def _open_plates(emitter: Emitter, items: list[Conditional | Definition], out: Writer) -> None:
    """Each plate once, with its size and dim (Pyro wants a plate made once and entered often)."""
    made: dict[tuple[str, int], None] = {}
    for item in items:
        if isinstance(item, Conditional):
            plates = emitter.model.batch_axes(item.plates)
            made.update({(plate, depth - len(plates)): None for depth, plate in enumerate(plates)})
    for plate, dim in made:
        site = plate if dim == -1 else f"{plate} at {dim}"
        value = py.call("pyro.plate", py.constant(site), emitter.expressions.size(plate), dim=py.constant(dim))
        out.assign(_plate_name(emitter.names, plate, dim), value)


def _sample(emitter: Emitter, item: Conditional, out: Writer, is_model: bool, chain: str = "") -> None:
    """One sample statement; in the loop over a ``chain`` that of its rows at position t."""
    model, names, expressions = emitter.model, emitter.names, emitter.expressions
    distributions = PyroDistributions(model, expressions)
    distribution = item.distribution
    frame = distributions.frame_of(item)
    plates = model.batch_axes(item.plates)
    built, batch = distributions.site(distribution, item, frame, emitter.shape_of)
    if len(batch) > len(plates):
        built = py.method(built, "to_event", py.constant(len(batch) - len(plates)))
    keywords: dict[str, ast.expr] = {}
    if is_model:
        if model.by_name[item.target].type.kind in ("bit", "count"):
            expressions.uses |= {"observed", "real"}
            keywords["obs"] = py.call("observed", py.name("data"), py.constant(item.target))
        else:
            keywords["obs"] = py.method(py.name("data"), "get", py.constant(item.target))
    for depth, plate in enumerate(plates):
        out.line(f"with {_plate_name(names, plate, depth - len(plates))}:")
        out.indent += 1
    site: ast.expr = py.constant(item.target)
    if not chain:
        drawn = in_order(model, item.target, py.call("pyro.sample", site, built, **keywords))
        out.assign(names[item.target], drawn, item.span)
    else:
        now = py.binary("eq", expressions.layout.position(chain), py.name("t"))
        site = py.binary("add", py.constant(f"{item.target} "), py.call("str", py.name("t")))
        mask, test = (
            py.item(now, *(ast.Slice() if a == chain else ast.Constant(None) for a in axes))
            if len(axes) > 1
            else now
            for axes in (plates, frame)
        )
        out.head(f"with pyro.poutine.mask(mask={py.text(mask)}):")
        out.indent += 1
        local = py.name(names[item.target])
        drawn = py.call("pyro.sample", site, built, **keywords)
        out.assign(names[item.target], py.call("torch.where", test, drawn, local), item.span)
        out.indent -= 1
    out.indent -= len(plates)
