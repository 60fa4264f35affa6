"""The Pyro ``model`` and ``guide``: parameters and networks in Pyro's store, plates with dims, sites, factors.

Discrete latents that can be enumerated are marked so. Chains are drawn step by step under ``pyro.markov``, all their
sequences side by side.
"""

from __future__ import annotations

from pgmlang.graph.childless import is_childless_missing
from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import to_come
from pgmlang.lower.enumerated import enumerability
from pgmlang.lower.factors import factor_names
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.pyro_chains import Chain, Item, axes_of, chains_of, variables_in
from pgmlang.lower.pyro_parameters import parameters, register_nets, table_priors
from pgmlang.lower.pyro_partition import groups_of, reason_against_sum, sum_fields, sum_fields_of_chain
from pgmlang.lower.pyro_plates import Plates, batches_of
from pgmlang.lower.pyro_sites import Sites
from pgmlang.lower.pyro_steps import begin, each_step, open_sequences, shift
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Conditional, Definition, Model, Potential
from pgmlang.model.model import Variable


def model_function(emitter: Emitter, out: Writer) -> None:
    """Emits ``model(data, layout, params, nets)``. Raises PGM0601 where Pyro has no plain way to say the model."""
    model = emitter.model
    batches = batches_of(model)
    plates = Plates(batches)
    chains = {n: c.along(plates.dims) for n, c in chains_of(model).items()}
    known = enumerability(model, chains)
    out.blank(2)
    out.line("def model(data, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc(
        "The Pyro model: what `data` holds is observed, the rest is latent; `params` and `nets` are where training "
        "begins, Pyro's store has them from then on."
    )
    _head(emitter, plates, out)
    _take_missing_cells(emitter, out)
    for name, reason in known.reasons.items():
        if reason is not None:
            out.comment(f"{name} is not enumerated: {reason}")
    items: list[Item] = [*model.factors, *model.definitions]
    parameters(emitter, items, out)
    table_priors(emitter, out)
    register_nets(emitter, out)
    looped = {n for c in chains for n in (*variables_in(model, c), *_definitions_in(model, c))}
    inputs = {
        v.name for v in model.of_role("input") if not set(emitter.expressions.array_axes(v.name)) & set(chains)
    }
    emitter.unpack(items, out, source="data", only=inputs)
    outside = [i for i in items if not set(axes_of(model, i)) & set(chains)]
    emitter.previous(outside, out, source="data")
    sites = Sites(emitter, out, plates, known)
    sites.open_plates([tuple(a for a in axes if a not in chains) for axes in batches])
    _sites(sites, outside, looped)
    for chain in chains.values():
        _loop(sites, chain)
    for key, potential in factor_names(model).items():
        if isinstance(potential, Potential) and potential in outside:
            sites.potential(key, potential)
    sites.leave()
    drawn = [v.name for v in model.of_role("random", "field") if v.name not in looped]
    out.statement(py.returns(py.dict_of([(n, py.name(emitter.names[n])) for n in drawn])))
    out.indent -= 2


def _take_missing_cells(emitter: Emitter, out: Writer) -> None:
    """Opens the block in which observed sites may lack cells."""
    alone = [c.target for c in emitter.model.conditionals if is_childless_missing(emitter.model, c.target)]
    emitter.expressions.uses.add("cells_may_be_missing")
    out.head(f"with {py.text(py.call('cells_may_be_missing', *map(py.constant, alone)))}:")
    out.indent += 1


def _definitions_in(model: Model, chain: str) -> list[str]:
    return [d.target for d in model.definitions if chain in axes_of(model, d)]


def _sites(sites: Sites, outside: list[Item], looped: set[str]) -> None:
    """Sites outside of chains: what hangs on no field, log Z of the fields, the fields, and the rest."""
    model = sites.model
    for item in outside:
        if inside := sorted({r.name for r in model.mentions(item)} & looped):
            raise to_come(f"`{inside[0]}` of a chain, looked at from outside of it, in Pyro", item.span)
    fields = [v for v in model.of_role("field") if v.name not in looped]
    stated = ancestral_order(model, [i for i in outside if not isinstance(i, Potential)])
    late = _hanging_on(model, {v.name for v in fields}, stated)
    early = [i for i in stated if i.target not in late]
    for item in early:
        _state(sites, item)
    _log_z(sites, fields)
    for variable in fields:
        sites.field(variable)
    for item in stated:
        if item.target in late:
            _state(sites, item)


def _hanging_on(model: Model, names: set[str], stated: list[Conditional | Definition]) -> set[str]:
    """Targets that mention these names, to the end; parents first in ``stated``."""
    seen = set(names)
    for item in stated:
        if any(r.name in seen for r in model.mentions(item)):
            seen.add(item.target)
    return seen - names


def _state(sites: Sites, item: Conditional | Definition) -> None:
    if isinstance(item, Definition):
        sites.emitter.definition(item, sites.out)
    else:
        sites.sample(item)


def _log_z(sites: Sites, fields: list[Variable]) -> None:
    """The log partition functions of fields outside of chains, or the reasons why they are left out."""
    for group in groups_of(sites.model, fields):
        reason = reason_against_sum(sites.model, group, None)
        if reason is None:
            sum_fields(sites, group)
        else:
            sites.leave()
            sites.out.comment(f"log Z of {', '.join(v.name for v in group)} is left out: {reason}")


def _loop(sites: Sites, chain: Chain) -> None:
    """The sites and factors of one chain, a step of all sequences at a time."""
    model, out = sites.model, sites.out
    items: list[Item] = [i for i in (*model.factors, *model.definitions) if chain.plate in axes_of(model, i)]
    for variable in model.of_role("param"):
        if chain.plate in model.batch_axes(variable.plates):
            raise to_come("a param of each row of a chain in Pyro", variable.span)
    sequences = open_sequences(sites, chain)
    fields = [v for v in model.of_role("field") if chain.plate in model.batch_axes(v.plates)]
    if fields:
        reason = reason_against_sum(model, fields, chain)
        if reason is None:
            sum_fields_of_chain(sites, fields, chain, sequences)
        else:
            out.comment(f"log Z of {', '.join(v.name for v in fields)} is left out: {reason}")
    for name, lag in chain.lags.items():
        begin(sites, chain, name, lag, sequences)
    history = py.constant(max(chain.lags.values()))
    steps = py.call("pyro.markov", py.name(sequences), history=history)
    with each_step(sites, chain, sequences, steps, items):
        for variable in fields:
            sites.field(variable)
        for item in ancestral_order(model, [i for i in items if not isinstance(i, Potential)], is_by_row=True):
            _state(sites, item)
        for key, potential in factor_names(model).items():
            if isinstance(potential, Potential) and potential in items:
                sites.potential(key, potential)
        sites.leave()
        for name, lag in chain.lags.items():
            shift(sites, name, lag)


def guide_function(emitter: Emitter, out: Writer) -> None:
    """Emits ``guide(data, layout, params, nets)`` from the written guide; ``emitter`` is of the model with the guide's
    names. Raises PGM0601 where Pyro has no plain way to say it."""
    model = emitter.model
    assert model.guide is not None
    _refuse_chains(model)
    chains = chains_of(model)
    known = enumerability(model, chains)
    plates = Plates(batches_of(model))
    out.blank(2)
    out.line("def guide(data, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("The Pyro guide: the approximating distribution of the latents.")
    _head(emitter, plates, out)
    stated: list[Conditional | Definition] = [*model.guide.conditionals, *model.guide.definitions]
    drawn = {i.target for i in stated}
    parameters(emitter, stated, out)
    register_nets(emitter, out)
    outside = {v.name for v in model.variables if v.name not in drawn and v.role != "param"}
    emitter.unpack(stated, out, source="data", only=outside)
    sites = Sites(emitter, out, plates, known, is_model=False)
    sites.open_plates([model.batch_axes(model.by_name[c.target].plates) for c in model.guide.conditionals])
    for item in ancestral_order(model, stated):
        _state(sites, item)
    sites.leave()
    pairs = [(c.target, py.name(emitter.names[c.target])) for c in model.guide.conditionals]
    out.statement(py.returns(py.dict_of(pairs)))
    out.indent -= 1


def _refuse_chains(model: Model) -> None:
    """A guide's draws of rows that look back would need the sites of each step."""
    for conditional in model.conditionals:
        if any(r.lag for r in model.mentions(conditional)):
            raise to_come("a Pyro guide of a chain, row after row,", conditional.span)


def _head(emitter: Emitter, plates: Plates, out: Writer) -> None:
    """Imports, and the refusal of plates around a model that has plates of its own."""
    out.line("import pyro")
    out.line("import pyro.distributions as dist")
    if plates.depth:
        emitter.expressions.uses.add("one_particle_at_a_time")
        out.line("one_particle_at_a_time()")
