"""Whether the latents of a model can be swept label by label with what is conjugate to them integrated out. No torch here."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.childless import is_childless_missing
from pgmlang.infer.base import Facts
from pgmlang.model import Model
from pgmlang.native.collapsed import CollapsedForm, collapsed_form
from pgmlang.native.collapsed_sweeps import can_compile
from pgmlang.native.formulas import NotScalar
from pgmlang.plan.latents import open_variables
from pgmlang.plan.method import once_per_problem


@once_per_problem
def latent_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """Everything to be drawn: latent random variables and fields, and the missing cells of others."""
    top = {v.name for v in model.of_role("random") if v.name in facts.unknown and not v.plates}
    partly = {n for n in facts.missing if model.by_name[n].type.is_discrete and not is_childless_missing(model, n)}
    wanted = facts.latent | top | partly | {v.name for v in open_variables(model, facts)}
    return tuple(
        v.name for v in model.of_role("random", "field") if v.name in wanted and v.name not in facts.fixed
    )


def form_of(model: Model, facts: Facts, names: tuple[str, ...]) -> CollapsedForm:
    """The structure of a collapsed sampler of these latent names. Raises NotScalar."""
    if not can_compile():
        raise NotScalar("anything without the package numba")
    for name in facts.missing:
        is_latent = name in names and model.by_name[name].type.is_discrete
        if not is_latent and not is_childless_missing(model, name):
            raise NotScalar(f"missing cells of `{name}`")
    return collapsed_form(model, names)


@once_per_problem
def collapsible(model: Model, facts: Facts) -> CollapsedForm | NotScalar:
    """The structure of the latents that compiled loops sweep with what is conjugate integrated out, or what stands against it."""
    try:
        return form_of(model, facts, latent_names(model, facts))
    except NotScalar as reason:
        return reason


@once_per_problem
def shares_of_groups(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why gradients should rather not take a model of mixed membership: where labels are drawn from shares that each group has of its own, a
    collapsed sweep has five to twenty times their effective draws a second (`benchmarks/sweeps.py`), at ten groups too. Where all elements
    share these it is the other way round."""
    form = collapsible(model, facts) if facts.binding is not None else None
    if form is None or isinstance(form, NotScalar):
        return ()
    shares = [d.integrated for d in form.draws if d.target in form.labels and d.integrated.plates]
    if form.outside or not shares:
        return ()
    message = (
        f"`{shares[0].name}` are shares of each {' and '.join(shares[0].plates)}: drawn label by label, with all else integrated out, a second has "
        "more effective draws (measured: 5 to 20 times)"
    )
    return (Diagnostic("PGM0602", message, model.by_name[shares[0].name].span),)
