"""Rows of layers of bits below fields (deep belief nets): log-likelihoods by importance sampling.

The proposal of each latent layer is a logistic regression on the layers below it, fitted to draws of the model itself, as
the sleep phase of wake-sleep fits its recognition weights (Hinton, Dayan, Frey and Neal 1995). The fields that are left
are summed out in closed form, log Z of the fields is theirs alone (Salakhutdinov and Murray 2008, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.kernels import lbfgs
from pgmlang.model import Model
from pgmlang.normal import normal_form
from pgmlang.objectives.unnormalised import log_unnormalised

DREAMS, CLIMBS, RIDGE = 20_000, 100, 1.0
"""Draws of the model that a proposal is fitted to, steps of its fit, and the precision of its weights' prior."""
MOST = 20_000_000
"""Most numbers of a table of all draws that are weighed together."""


@dataclass(frozen=True)
class Layer:
    """Latent bits ``name`` that are proposed, and what is below them."""

    name: str
    below: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """``weights [features + 1, elements]`` of the layer's log-odds; the last row is the bias."""

    layer: Layer
    weights: Tensor

    def logits(self, values: Mapping[str, Tensor], lead: int) -> Tensor:
        """Log-odds ``[..., elements]`` at values with ``lead`` axes of draws and rows."""
        x = _flat(values, self.layer.below, lead)
        return x @ self.weights[:-1] + self.weights[-1]


def layers_of(model: Model, observed: frozenset[str], plate: str | None) -> tuple[Layer, ...] | None:
    """The latent layers from the data upwards that directed variables hang on; None where the model is not of that form:
    bits of the rows of one plate, every directed latent variable above something observed."""
    model = normal_form(model)
    order: list[Layer] = []
    known = {n for n in observed if model.by_name[n].role in ("random", "field")}
    directed = {c.target: model.random_parents(c) for c in model.conditionals}
    while True:
        reached = {p for t, parents in directed.items() if t in known for p in parents} - known
        if not reached:
            break
        for name in sorted(reached):
            variable = model.by_name[name]
            if variable.type.kind != "bit" or plate is None or variable.plates != (plate,):
                return None
            below = tuple(t for t, parents in directed.items() if t in known and name in parents)
            order.append(Layer(name, below))
        known |= reached
    return tuple(order) if order and set(directed) <= known else None


def proposals_of(layers: tuple[Layer, ...], dreams: Mapping[str, Tensor]) -> Iterator[Proposal]:
    """Logistic regressions fitted to draws of the model ``[draw, *shape]``."""
    for layer in layers:
        x = _flat(dreams, layer.below, 1)
        y = dreams[layer.name].flatten(1).to(x.dtype)
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        shape = (x.shape[1], y.shape[1])

        def function(
            w: Tensor, x: Tensor = x, y: Tensor = y, shape: tuple[int, int] = shape
        ) -> tuple[Tensor, Tensor]:
            weights = w.reshape(shape)
            logits = x @ weights
            loss = (torch.nn.functional.softplus(logits) - y * logits).sum() + 0.5 * RIDGE * w.square().sum()
            return loss / len(x), (x.mT @ (logits.sigmoid() - y) + RIDGE * weights).flatten() / len(x)

        begin = lbfgs.start(function, torch.zeros(shape[0] * shape[1], dtype=x.dtype))
        yield Proposal(layer, lbfgs.descend(function, begin, CLIMBS).x.reshape(shape))


def log_weights(
    joint: BoundDensity, hidden: tuple[str, ...], proposals: tuple[Proposal, ...], params: Mapping[str, Tensor], nets: Any,
    num_draws: int, generator: Generator,
) -> Tensor:  # fmt: skip
    """Log-weights ``[draw, row]`` of draws of the proposals: unnormalised density, the fields ``hidden`` summed out, over
    the proposals'."""
    size = sum(v.numel() for v in joint.observed.values()) + sum(
        int(torch.Size(joint.shapes[p.layer.name]).numel()) for p in proposals
    )
    step = max(1, MOST // max(1, size))
    parts = []
    for start in range(0, num_draws, step):
        count = min(step, num_draws - start)
        values = {k: v.to(joint.dtype) for k, v in joint.observed.items()}
        log_q = torch.zeros((), dtype=joint.dtype)
        for proposal in proposals:
            shape = joint.shapes[proposal.layer.name]
            below = {k: values[k].expand(count, *joint.shapes[k]) for k in proposal.layer.below}
            logits = proposal.logits(below, 2)
            uniform = torch.rand((count, *logits.shape[1:]), generator=generator, dtype=joint.dtype)
            drawn = (uniform < logits.sigmoid()).to(joint.dtype)
            log_q = log_q + (drawn * logits - torch.nn.functional.softplus(logits)).sum(-1)
            values[proposal.layer.name] = drawn.reshape(count, *shape)
        given = {p.layer.name: values[p.layer.name] for p in proposals}
        parts.append(log_unnormalised(joint, hidden, params, nets, given) - log_q)
    return torch.cat(parts)


def _flat(values: Mapping[str, Tensor], names: tuple[str, ...], lead: int) -> Tensor:
    """Features ``[..., numbers]``: the layers laid end to end."""
    return torch.cat([values[n].flatten(lead).double() for n in names], -1)
