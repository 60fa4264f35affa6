"""What an emitted program needs beyond torch; each function used is copied into its foot."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import biject_to, constraints


def real(x):
    """Codes or truth values as numbers of the default dtype."""
    return torch.as_tensor(x).to(torch.get_default_dtype())


def observed(data, name):
    """An observed count or bit as numbers, NaN where a cell is missing; None when it is latent."""
    if name not in data:
        return None
    return torch.where(data[name] < 0, torch.nan, real(data[name]))


def spin(x):
    """Codes 0 and 1 as -1 and +1."""
    return 2 * real(x) - 1


def total(term, axes):
    """The sum over the last ``axes`` axes."""
    return term.sum(tuple(range(-axes, 0))) if axes else term


def unrepeated(x, own=0):
    """A view of x in which axes that only repeat it (those of an ``expand``) have size 1, but for its ``own``
    last ones."""
    steps = x.stride()[: x.dim() - own]
    return x[tuple(slice(0, 1) if step == 0 else slice(None) for step in steps)] if 0 in steps else x


def take(x, *codes, shared=0, own=0, rest=0):
    """x at codes. Axes of x, after any chain axes: ``shared`` ones that the codes have too, one for each
    code, then the ``rest``; codes have the shared and then their ``own`` axes; so the result has shared, own,
    rest. Where codes repeat along an axis it is a view that does."""
    x = torch.as_tensor(x)
    first = x.dim() - rest - len(codes)
    codes = [torch.as_tensor(part) for part in codes]
    code = unrepeated(codes[0]).long() if codes else torch.tensor(0)
    for part, size in zip(codes[1:], x.shape[first + 1 :], strict=False):
        code = code * size + unrepeated(part).long()
    code = code.to(x.device)
    size = math.prod(x.shape[first : x.dim() - rest])
    shape = x.shape[x.dim() - rest :]
    flat = x.reshape(-1, *shape)
    outer = x.shape[:first]
    if math.prod(outer) > 1:
        block = torch.arange(math.prod(outer), device=x.device).reshape(outer)
        code = code + size * block[(..., *[None] * own)]
    elif first - shared > code.dim() - shared - own:
        code = code[(*[None] * (first - code.dim() + own), ...)]
    taken = flat.index_select(0, code.flatten()).reshape((*code.shape, *shape))
    if len(codes) == 1 and code.numel() == codes[0].numel():
        return taken
    return taken.expand((*torch.broadcast_tensors(code, *codes)[0].shape, *shape))


def looked_at(test, sizes, *codes, places):
    """Which elements are picked by ``codes`` anywhere that ``test`` holds: `take` the other way. The last ``places`` axes of
    test and codes are summed up; the result has axes of these ``sizes`` in their stead."""
    code = torch.zeros((), dtype=torch.long, device=test.device)
    for part, size in zip(codes, sizes, strict=True):
        code = code * size + torch.as_tensor(part, device=test.device).long()
    test, code = (x[..., None].flatten(-places - 1) for x in torch.broadcast_tensors(test, code))
    count = torch.zeros(*test.shape[:-1], math.prod(sizes), dtype=torch.long, device=test.device)
    return (count.scatter_add(-1, code, test.long()) > 0).unflatten(-1, sizes)


def previous(values, name, lag, index, dim):
    """A variable ``lag`` rows back; the rows at a sequence's start give any row. ``values["x", 1]`` stands for it where
    a caller sums out rows one by one."""
    own = values.get((name, lag))
    return values[name].index_select(dim, index) if own is None else own


def segments(function, x, members, sizes):
    """The last axis of ``x`` reduced by group. ``members``: for each outer plate the element that each row belongs to;
    ``sizes`` of these plates, which become the last axes."""
    group, count = members[0], sizes[0]
    for member, size in zip(members[1:], sizes[1:], strict=True):
        group, count = group * size + member, count * size
    start = x.new_zeros(*x.shape[:-1], count)
    if function in ("sum", "mean"):
        out = start.index_add(-1, group, x)
        if function == "mean":
            out = out / torch.bincount(group, minlength=count)
    elif function == "logsumexp":
        top = torch.full_like(start, -math.inf).scatter_reduce(-1, group.expand(x.shape), x.detach(), "amax")
        top = torch.where(top.isfinite(), top, 0.0)
        out = start.index_add(-1, group, (x - top.index_select(-1, group)).exp()).log() + top
    else:
        kind, neutral = {"prod": ("prod", 1.0), "min": ("amin", math.inf), "max": ("amax", -math.inf)}[function]
        out = torch.full_like(start, neutral).scatter_reduce(-1, group.expand(x.shape), x, kind)
    return out.reshape(*x.shape[:-1], *sizes)


def grid_edges(*shape):
    """Pairs of neighbouring cells of a lattice, numbered in row-major order, sorted: two index tensors."""
    cells = torch.arange(math.prod(shape)).reshape(shape)
    pairs = [
        torch.stack([cells.narrow(d, 0, n - 1).flatten(), cells.narrow(d, 1, n - 1).flatten()])
        for d, n in enumerate(shape)
        if n > 1
    ]
    both = torch.cat(pairs, 1) if pairs else torch.zeros(2, 0, dtype=torch.long)
    order = torch.argsort(both[0] * math.prod(shape) + both[1])
    return both[0][order], both[1][order]


def over(x, size):
    """A value repeated along a new last axis, as a view."""
    x = x if torch.is_tensor(x) else real(x)
    return x[..., None].expand(*x.shape, size)


def stacked(*entries):
    """Entries, numbers among them, one after the other along a new last axis."""
    return torch.stack(torch.broadcast_tensors(*(e if torch.is_tensor(e) else real(e) for e in entries)), -1)


def improper(name):
    """There is nothing to draw a Flat() from."""
    raise ValueError(f"{name} is Flat(): its prior has no draws")


class Ordered(dist.Transform):
    """Free values to increasing ones: the first, then sums of exponentials (Stan reference manual, 10.6)."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def _call(self, x):
        return torch.cat([x[..., :1], x[..., :1] + x[..., 1:].exp().cumsum(-1)], -1)

    def _inverse(self, y):
        return torch.cat([y[..., :1], (y[..., 1:] - y[..., :-1]).log()], -1)

    def log_abs_det_jacobian(self, x, y):
        return x[..., 1:].sum(-1)


class Covariance(dist.Transform):
    """Free numbers to positive definite matrices, by the Cholesky factor with the logarithm of its diagonal."""

    domain = constraints.real_vector
    codomain = constraints.positive_definite
    bijective = True

    def _call(self, x):
        size = self.forward_shape(x.shape)[-1]
        rows, columns = torch.tril_indices(size, size)
        root = torch.zeros(*x.shape[:-1], size * size, dtype=x.dtype, device=x.device)
        at = (rows * size + columns).to(x.device).expand(x.shape)
        root = root.scatter(-1, at, x).unflatten(-1, (size, size))
        root = root.tril(-1) + torch.diag_embed(root.diagonal(dim1=-2, dim2=-1).exp())
        return root @ root.mT

    def _inverse(self, y):
        root = torch.linalg.cholesky(y)
        root = root.tril(-1) + torch.diag_embed(root.diagonal(dim1=-2, dim2=-1).log())
        rows, columns = torch.tril_indices(y.shape[-1], y.shape[-1])
        return root[..., rows, columns]

    def log_abs_det_jacobian(self, x, y):
        size = y.shape[-1]
        powers = torch.arange(size + 1, 1, -1, dtype=x.dtype, device=x.device)
        diagonal = torch.arange(size, device=x.device)
        return size * math.log(2) + (powers * x[..., diagonal * (diagonal + 3) // 2]).sum(-1)

    def forward_shape(self, shape):
        size = (math.isqrt(8 * shape[-1] + 1) - 1) // 2
        return torch.Size((*shape[:-1], size, size))

    def inverse_shape(self, shape):
        return torch.Size((*shape[:-2], shape[-1] * (shape[-1] + 1) // 2))


class Correlation(dist.Transform):
    """Free real numbers to correlation matrices, by the rows of the Cholesky factor on the sphere."""

    domain = constraints.real_vector
    codomain = constraints.positive_definite
    bijective = True

    def _call(self, x):
        root = dist.CorrCholeskyTransform()(x)
        return root @ root.mT

    def _inverse(self, y):
        return dist.CorrCholeskyTransform().inv(torch.linalg.cholesky(y))

    def log_abs_det_jacobian(self, x, y):
        outer = dist.CorrCholeskyTransform()
        root = outer(x)
        return outer.log_abs_det_jacobian(x, root) + correlation_log_det(root)

    def forward_shape(self, shape):
        return dist.CorrCholeskyTransform().forward_shape(shape)

    def inverse_shape(self, shape):
        return dist.CorrCholeskyTransform().inverse_shape(shape)


def correlation_log_det(root):
    """log|det| of the map from a correlation matrix's Cholesky factor to its entries below the diagonal."""
    size = root.shape[-1]
    powers = torch.arange(size - 1, -1, -1, dtype=root.dtype, device=root.device)
    return (powers * root.diagonal(dim1=-2, dim2=-1).log()).sum(-1)


def in_pyro(distribution):
    """The same distribution with the methods that Pyro wants of one."""
    from pyro.distributions.torch_distribution import TorchDistributionMixin

    kind = type(distribution)
    distribution.__class__ = type(kind.__name__, (kind, TorchDistributionMixin), {})
    return distribution


def transform_of(support, *others):
    """The map from free real values to a support; one that moves is a function of ``values, data, layout, params, nets``."""
    if isinstance(support, dist.Transform):
        return support
    return biject_to(support(*others) if callable(support) else support)


class Nets(torch.nn.ModuleDict):
    """Networks by the names that the model gives them, be it names that a module has attributes of."""

    def add_module(self, name, module):
        self._modules[name] = module


class Mlp(torch.nn.Module):
    """Fully connected layers; several inputs are laid end to end, several outputs are heads of their own."""

    def __init__(self, inputs, hidden, outputs, act):
        super().__init__()
        sizes = [sum(inputs), *hidden]
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):  # noqa: RUF007
            layers += [torch.nn.Linear(a, b), act()]
        self.body = torch.nn.Sequential(*layers)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(sizes[-1], n) for n in outputs)

    def forward(self, *x):
        h = self.body(torch.cat([real(v) for v in x], -1))
        return [head(h) for head in self.heads]


def constrain(unconstrained, values=None, data=None, layout=None, params=None, nets=None, given=None):
    """Free real values to values in their supports, and the sum of log|det J| of the maps. ``values``: the others, for
    supports that move with them; ``given``: by name where cells are open, and what the others hold, which no map is of."""
    found, log_det = {}, 0.0
    for name, support in SUPPORTS.items():
        if name not in unconstrained:
            continue
        x = unconstrained[name]
        transform = transform_of(
            support, {**(values or {}), **found}, data, layout, {**(params or {}), **found}, nets
        )
        found[name] = transform(x)
        own = transform.log_abs_det_jacobian(x, found[name])
        if given and name in given:
            is_open, seen = given[name]
            found[name], own = torch.where(is_open, found[name], seen), torch.where(is_open, own, 0.0)
        dims = RANKS[name] - transform.codomain.event_dim
        log_det = log_det + (own.sum(tuple(range(-dims, 0))) if dims > 0 else own)
    return {name: found[name] for name in unconstrained}, log_det


SUPPORTS = {"x": constraints.real}
RANKS = {"x": 0}
FACTORS = {"x": ()}
