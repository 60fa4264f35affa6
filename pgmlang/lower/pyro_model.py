"""The Pyro ``model`` and ``guide``: plates with names and dims, one sample statement a random variable."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import Distributions
from pgmlang.lower.expressions import Axes, Expressions, to_come
from pgmlang.lower.names import Names
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.simulate import refuse_chains, shape_of
from pgmlang.lower.writer import Writer
from pgmlang.model import Conditional, Definition, Dist, Model, TableDist
from pgmlang.signatures.distributions import FAMILIES

_NOT_PYRO = (
    "Flat",
    "Truncated",
    "Censored",
    "ZeroInflated",
    "BetaBinomial",
    "Logistic",
    "NegativeBinomial",
    "OrderedLogistic",
)


def model_function(
    model: Model, names: Names, expressions: Expressions, distributions: Distributions, out: Writer
) -> None:
    """Emits ``model(data, params, nets)``. Raises PGM0601 where Pyro has no plain way to say the model."""
    from pgmlang.lower.program import definition, potential_value, unpack

    refuse_chains(model, "a Pyro model")
    out.blank(2)
    out.line("def model(data, params=None, nets=None):")
    out.indent += 1
    out.line(
        '"""The Pyro model: what `data` holds is observed. Fields are taken from `data`; log Z is not in it."""'
    )
    _imports(out)
    given = {v.name for v in model.of_role("input", "param")}
    given |= {f"{c.target}.table{n}" for c in model.conditionals for n in ("", "2")}
    unpack(model, names, "data", out, given)
    for variable in model.of_role("field"):
        out.assign(names[variable.name], py.entry("data", variable.name))
    stated: list[Conditional | Definition] = [*model.conditionals, *model.definitions]
    _open_plates(model, names, expressions, stated, out)
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            definition(model, names, expressions, item, out)
        else:
            _sample(model, names, expressions, distributions, item, out, True)
    for i, potential in enumerate(model.potentials):
        value = potential_value(model, expressions, potential)
        site = py.constant(potential.name or f"factor_{i + 1}")
        out.statement(ast.Expr(py.call("pyro.factor", site, value)), potential.span)
    pairs = [(c.target, py.name(names[c.target])) for c in model.conditionals]
    out.statement(py.returns(py.dict_of(pairs)))
    out.indent -= 1


def guide_function(
    model: Model, names: Names, expressions: Expressions, distributions: Distributions, out: Writer
) -> None:
    """Emits ``guide(data, params, nets)`` from the written guide."""
    assert model.guide is not None
    refuse_chains(model, "a Pyro guide")
    wide = _with_guide(model)
    own_expressions = Expressions(wide, names, expressions.uses, expressions.indices)
    own = Distributions(wide, own_expressions)
    out.blank(2)
    out.line("def guide(data, params=None, nets=None):")
    out.indent += 1
    out.line('"""The Pyro guide: the approximating distribution of the latents."""')
    _imports(out)
    latent = {c.target for c in model.guide.conditionals}
    written: list[Conditional | Definition] = [*model.guide.conditionals, *model.guide.definitions]
    mentioned = {r.name for item in written for r in wide.mentions(item)}
    for variable in wide.variables:
        if (
            variable.name in mentioned
            and variable.name not in latent
            and variable.role in ("input", "random", "param", "field")
        ):
            holder = "params" if variable.role == "param" else "data"
            out.assign(names[variable.name], py.entry(holder, variable.name))
    stated: list[Conditional | Definition] = [*model.guide.conditionals, *model.guide.definitions]
    _open_plates(wide, names, own_expressions, stated, out)
    for item in ancestral_order(wide, stated):
        if isinstance(item, Definition):
            from pgmlang.lower.program import definition

            definition(wide, names, own_expressions, item, out)
        else:
            _sample(wide, names, own_expressions, own, item, out, False)
    out.statement(py.returns(py.dict_of([(c.target, py.name(names[c.target])) for c in model.guide.conditionals])))
    out.indent -= 1


def _with_guide(model: Model) -> Model:
    """The model with the guide's own variables and definitions, for look-ups."""
    from dataclasses import replace

    assert model.guide is not None
    return replace(
        model,
        variables=(*model.variables, *model.guide.variables),
        definitions=(*model.definitions, *model.guide.definitions),
    )


def _imports(out: Writer) -> None:
    out.line("import pyro")
    out.line("import pyro.distributions as dist")


def _plate_name(names: Names, plate: str, dim: int) -> str:
    """The identifier of a plate at a dim; most plates stand at -1 alone."""
    return names[f"plate {plate}"] if dim == -1 else names[f"plate {plate} {dim}"]


def _open_plates(
    model: Model, names: Names, expressions: Expressions, items: list[Conditional | Definition], out: Writer
) -> None:
    """Each plate once, with its size and dim (Pyro wants a plate made once and entered often)."""
    made: dict[tuple[str, int], None] = {}
    for item in items:
        if isinstance(item, Conditional):
            plates = model.batch_axes(item.plates)
            made.update({(plate, depth - len(plates)): None for depth, plate in enumerate(plates)})
    for plate, dim in made:
        site = plate if dim == -1 else f"{plate} at {dim}"
        value = py.call("pyro.plate", py.constant(site), expressions.size(plate), dim=py.constant(dim))
        out.assign(_plate_name(names, plate, dim), value)


def _sample(
    model: Model, names: Names, expressions: Expressions, distributions: Distributions, item: Conditional, out: Writer,
    is_model: bool,
) -> None:  # fmt: skip
    distribution = item.distribution
    if isinstance(distribution, Dist) and distribution.family in _NOT_PYRO:
        raise to_come(f"`{distribution.family}` as a Pyro distribution", distribution.span)
    if not isinstance(distribution, Dist | TableDist):
        raise to_come("this distribution in Pyro", item.span)
    frame = distributions.frame_of(item)
    plates = model.batch_axes(item.plates)
    distributions.table_number = 0
    if isinstance(distribution, TableDist):
        built = distributions.table(distribution, item, frame)
        event: Axes = ()
    else:
        built, event = distributions.dist(distribution, frame), distribution.event
    batch: Axes = frame[: len(frame) - len(event)]
    if batch:
        built = py.method(built, "expand", shape_of(expressions, batch))
    if len(batch) > len(plates):
        built = py.method(built, "to_event", py.constant(len(batch) - len(plates)))
    keywords: dict[str, ast.expr] = {}
    if is_model:
        family = FAMILIES[distribution.family] if isinstance(distribution, Dist) else None
        if family is not None and family.discrete and family.support != "labels":
            expressions.uses |= {"observed", "real"}
            keywords["obs"] = py.call("observed", py.name("data"), py.constant(item.target))
        else:
            keywords["obs"] = py.method(py.name("data"), "get", py.constant(item.target))
    for depth, plate in enumerate(plates):
        out.line(f"with {_plate_name(names, plate, depth - len(plates))}:")
        out.indent += 1
    out.assign(names[item.target], py.call("pyro.sample", py.constant(item.target), built, **keywords), item.span)
    out.indent -= len(plates)
