"""Probabilities of labels of new rows: summed out with what is latent besides, averaged over the nodes by which real latents
are integrated, or given what they hang on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.row_subset import with_latent_cells
from pgmlang.density.summing import marginaliser_of
from pgmlang.graph.summable import elimination_steps
from pgmlang.model import Model
from pgmlang.query.new_rows import NewRows, unknown_above
from pgmlang.query.node_posterior import latents_behind, node_posterior

MOST_APART = 1e-3
"""Most difference of probabilities by quadrature and by that of twice the step, far less exact ones."""


def has_labels(model: Model, name: str) -> bool:
    """Whether a variable's values are labels that are known by name."""
    return model.labels_of(model.by_name[name].type) is not None


def chances_by_nodes(rows: NewRows, names: Sequence[str]) -> dict[str, Tensor]:
    """Probabilities ``[1, *shape, labels]`` under a point estimate of those labels that hang together with one or two real
    latents a unit, integrated by quadrature."""
    if not rows.is_point:
        return {}
    one, model = rows.as_one_draw(), rows.joint.model
    behind: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        latents = latents_behind(one, (name,))
        if has_labels(model, name) and any(not model.by_name[n].type.is_discrete for n in latents):
            behind.setdefault(latents, []).append(name)
    out: dict[str, Tensor] = {}
    for group in behind.values():
        nodes = node_posterior(one, group)
        covered = [n for n in group if nodes is not None and nodes.covers(n) and not nodes.looks_back(n)]
        if nodes is None or not covered:
            continue
        for name, shares in summed_labels(nodes.rows, covered, nodes.rows.given).items():
            weights = nodes.along(nodes.weights, name)[..., None]
            coarse = nodes.along(nodes.coarse_weights, name)[..., None]
            mean, other = (weights * shares).sum(0, keepdim=True), (coarse * shares).sum(0, keepdim=True)
            if bool(((mean - other).abs() <= MOST_APART).all()):
                out[name] = mean
    return out


def summed_labels(rows: NewRows, names: Sequence[str], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Probabilities ``[S or 1, *shape, labels]`` of those labels drawn forwards that hang on no number drawn forwards,
    what is latent besides summed out with them: no draw of a label adds its noise. None of them where that is too wide."""
    model, numbers = rows.joint.model, {n for n in rows.forward if not has_labels(rows.joint.model, n)}
    unknown = {*rows.forward, *rows.hidden}
    chosen = [n for n in names if not numbers & unknown_above(model, n, unknown)]
    if not chosen:
        return {}
    chosen = list(dict.fromkeys(a for n in chosen for a in (*sorted(unknown_above(model, n, unknown)), n)))
    summed = [n for n in dict.fromkeys((*rows.hidden, *chosen)) if has_labels(model, n)]
    left_out = rows.undrawn() - set(chosen)
    reduced = replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) not in left_out), guide=None
    )
    if elimination_steps(reduced, summed)[1]:
        return {}
    binding = replace(
        rows.joint.binding,
        values={k: v for k, v in rows.joint.binding.values.items() if k not in rows.undrawn()},
    )
    inner = density_of_binding(reduced, binding, rows.joint.held, rows.joint.dtype, rows.joint.device)
    known = {k: v for k, v in given.items() if k not in summed}
    has_numbers = any(n in given and n not in rows.given for n in rows.hidden if n not in summed)
    few = {k: v[:1] for k, v in known.items()} if rows.is_point and not has_numbers else known
    shares = marginaliser_of(with_latent_cells(inner, summed), summed).marginals(few, rows.params, rows.nets)
    wide = {n: s if s.dim() > len(rows.joint.shapes[n]) + 1 else s[None] for n, s in shares.items()}
    return {n: wide[n] for n in names if n in wide}


def chances_given_parents(rows: NewRows, name: str, values: Mapping[str, Tensor]) -> Tensor:
    """Probabilities ``[S, *shape, labels]`` of labels that are drawn forwards, given what they hang on: their mean over
    the draws errs less than the share of the labels drawn (Rao and Blackwell)."""
    model, binding = rows.joint.model, rows.joint.binding
    alone = replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) == name), guide=None
    )
    inner = with_latent_cells(
        density_of_binding(alone, binding, rows.joint.held, rows.joint.dtype, rows.joint.device)
    )
    given = {k: v for k, v in values.items() if k != name}
    shares = marginaliser_of(inner, [name]).marginals(given, rows.params, rows.nets)[name]
    return shares if shares.dim() > len(rows.joint.shapes[name]) + 1 else shares[None]
