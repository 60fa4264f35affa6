"""What an emitted Pyro model needs beyond Pyro."""

from __future__ import annotations

import torch
from torch.distributions import biject_to, constraints

from pgmlang.lower.runtime.layout import TensorLayout


def parameter_start(params, name, shape, support=constraints.real):
    """Where a parameter starts: as given, or near zero on the free scale of its support."""
    if params and name in params:
        return torch.as_tensor(params[name])
    transform = biject_to(support)
    return transform(0.1 * torch.randn(transform.inverse_shape(torch.Size(shape))))


def one_particle_at_a_time():
    """Refuses plates around the model, as of vectorised particles: they give values outside of the model's
    plates an axis that the program does not expect."""
    import pyro

    outside = [p.name for p in pyro.poutine.runtime.get_plates() if p.vectorized]
    if outside:
        raise ValueError(
            f"the model is in the plate {outside[0]}, whose axis it does not expect: run particles or draws "
            "one after the other (`vectorize_particles=False`, `parallel=False`)"
        )


def whole_event(distribution, *sizes):
    """A distribution whose last batch axes, of these sizes, are axes of its event."""
    shape = distribution.batch_shape[: -len(sizes)] if len(distribution.batch_shape) >= len(sizes) else ()
    return distribution.expand(torch.Size((*shape, *sizes))).to_event(len(sizes))


def padded(x, *dims):
    """A value with axes of size one at these dims, for plates that it is not in; None stays None."""
    for dim in sorted(dims, reverse=True):
        x = None if x is None else x.unsqueeze(dim)
    return x


def unpadded(x, *dims):
    """A value without those axes, where it has them."""
    for dim in sorted(dims):
        x = x.squeeze(dim) if x.dim() >= -dim else x
    return x


def repeated_along(x, size):
    """An enumerated value repeated for every element of its plate."""
    return x.expand(*x.shape[:-1], size)


def rows_of(x, dim, rows):
    """Rows of a value along an axis; None stays None."""
    return None if x is None else x.index_select(dim, rows.to(x.device))


class Sequences:
    """The sequences of a chain side by side: for each step t, the row of every sequence there, which of them last that
    long, and the layout of those rows alone. ``outer``: the plate whose elements are the sequences."""

    def __init__(self, layout, chain, outer=None):
        self.layout, self.chain = layout, chain
        self.position = layout.position(chain)
        first = (self.position == 0).nonzero()[:, 0]
        if outer is not None:
            self.rows = first.new_zeros(layout.size(outer)).index_copy(
                0, layout.parent(outer, chain)[first], first
            )
            self.member = layout.parent(outer, chain)
        else:
            self.rows, self.member = first, None
        later = (self.position > 0).nonzero()[:, 0]
        self.following = torch.arange(len(self.position), device=self.position.device)
        if len(later):
            self.following[layout.previous(chain, 1)[later]] = later

    @property
    def count(self):
        return len(self.rows)

    def __iter__(self):
        rows = self.rows
        for t in range(int(self.position.max()) + 1 if len(self.position) else 0):
            here = self.position[rows] == t
            if self.member is not None:  # elements without rows point to those of others
                here = here & (self.member[rows] == torch.arange(self.count, device=rows.device))
            yield t, rows, here, self._layout_of(rows)
            rows = self.following[rows]

    def _layout_of(self, rows):
        chain, whole = self.chain, self.layout
        parents = {(o, i): p[rows] if i == chain else p for (o, i), p in whole.parents.items()}
        before = {(c, lag): b[rows] if c == chain else b for (c, lag), b in whole.before.items()}
        positions = {c: p[rows] if c == chain else p for c, p in whole.positions.items()}
        return TensorLayout({**whole.sizes, chain: len(rows)}, parents, positions, before)


def codes_along(count, dim):
    """The codes of a discrete variable laid out along a dim, counted from the right."""
    return torch.arange(count).reshape(-1, *[1] * (-dim - 1))


def before_a_chain(counts, shape):
    """Log-weights of the states before the first step: the first step looks at none, so one state stands for all."""
    weights = torch.full((*counts, *shape), float("-inf"))
    weights[(0,) * len(counts)] = 0.0
    return weights


def forward_step(log_weights, term, here, fields):
    """The forward algorithm's step: states before are summed out of weights and log-potentials; sequences that have
    ended keep their weights. Axes of ``term``: states before, states now, sequences."""
    batch = log_weights.dim() - fields
    wide = log_weights.reshape(*log_weights.shape[:fields], *[1] * fields, *log_weights.shape[fields:])
    moved = (wide + term).logsumexp(tuple(range(-2 * fields - batch, -fields - batch)))
    return torch.where(here, moved, log_weights)
