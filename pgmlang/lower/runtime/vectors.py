"""Distributions of labels, vectors and matrices, where torch's own are not accurate everywhere or clamp."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import constraints

from pgmlang.lower.runtime.special import (
    dirichlet_log_prob,
    gamma_kernel,
    log1mexp,
    log_of,
    log_rising,
    multinomial_log_prob,
    softplus,
)
from pgmlang.lower.runtime.support import real, unrepeated


class Flat(dist.Distribution):
    """No distribution: a density of one everywhere."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real

    def __init__(self):
        super().__init__(validate_args=False)

    def log_prob(self, value):
        return 0.0 * real(value)


def on_simplex(p):
    """Probabilities as they are where they sum to one; where they do not, nothing is possible."""
    p = real(p)
    is_good = (p.sum(-1, keepdim=True) - 1).abs() <= max(1e-6, 1e4 * torch.finfo(p.dtype).eps)
    return torch.where(is_good & (p >= 0).all(-1, keepdim=True), p, 0.0)


def picked(x, code):
    """The elements of the last axis of x at codes, which broadcast with the axes before it."""
    code = torch.broadcast_tensors(code.long().unsqueeze(-1), x[..., :1])[0]
    return x.expand(*code.shape[:-1], x.shape[-1]).gather(-1, code).squeeze(-1)


class Categorical(dist.Categorical):
    """A code by its probability, as it is: zero is minus infinity, and nothing is normalised in passing."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, p):
        self.chances = real(p)
        super().__init__(probs=self.chances, validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.chances.expand(*shape, self.chances.shape[-1]))

    def log_prob(self, value):
        return log_of(picked(self.chances, value))


class OrderedLogistic(dist.Categorical):
    """Codes with P(y > k) = sigmoid(predictor - cutpoint k)."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, predictor, cutpoints):
        gap = real(predictor)[..., None] - real(cutpoints)
        above, below = -softplus(-gap), -softplus(gap)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
        step = gap[..., :-1] - gap[..., 1:]
        is_good = step > 0
        between = above[..., :-1] + below[..., 1:] + log1mexp(torch.where(is_good, step, 1.0))
        between = torch.where(is_good, between, -math.inf)
        self.log_chances = torch.cat([below[..., :1], between, above[..., -1:]], -1)
        super().__init__(logits=self.log_chances, validate_args=False)

    def expand(self, shape, _instance=None):
        return dist.Categorical(logits=self.log_chances.expand(*shape, self.log_chances.shape[-1]))

    def log_prob(self, value):
        return picked(self.log_chances, value)


class OrderedProbit(dist.Categorical):
    """Codes with P(y > k) = Phi(predictor - cutpoint k)."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, predictor, cutpoints):
        gap = real(predictor)[..., None] - real(cutpoints)
        above, below = torch.special.log_ndtr(gap), torch.special.log_ndtr(-gap)
        left, right = gap[..., :-1], gap[..., 1:]
        # by the tail that is the smaller
        is_low = left + right <= 0
        large = torch.where(is_low, above[..., :-1], below[..., 1:])
        small = torch.where(is_low, above[..., 1:], below[..., :-1])
        is_good = left > right
        between = large + log1mexp(torch.where(is_good, large - small, 1.0))
        between = torch.where(is_good, between, -math.inf)
        self.log_chances = torch.cat([below[..., :1], between, above[..., -1:]], -1)
        super().__init__(logits=self.log_chances, validate_args=False)

    def expand(self, shape, _instance=None):
        return dist.Categorical(logits=self.log_chances.expand(*shape, self.log_chances.shape[-1]))

    def log_prob(self, value):
        return picked(self.log_chances, value)


class Dirichlet(dist.Dirichlet):
    """Probability vectors, by a density that does not cancel for large concentrations."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, alpha):
        super().__init__(real(alpha), validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.concentration.expand(torch.Size(shape) + self.event_shape))

    def log_prob(self, value):
        return dirichlet_log_prob(real(value), self.concentration)


class Multinomial(dist.Distribution):
    """Counts of the kinds among n; every row may have its own n."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.nonnegative_integer
    is_discrete = True

    def __init__(self, n, p):
        self.n, self.p = real(n), real(p)
        batch = torch.broadcast_tensors(self.n, self.p[..., 0])[0].shape
        super().__init__(batch, self.p.shape[-1:], validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.n.expand(shape), self.p.expand(*shape, self.p.shape[-1]))

    def log_prob(self, value):
        x = real(value)
        inside = ((x >= 0) & (x == torch.floor(x))).all(-1) & (x.sum(-1) == self.n)
        safe = torch.where(inside[..., None], x, 0.0)
        number = torch.where(inside, self.n, 0.0)
        return torch.where(inside, multinomial_log_prob(safe, number, self.p), -math.inf)

    def sample(self, sample_shape=()):
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            p, left = self.p.expand(shape), self.n.expand(shape[:-1])
            rest = p.flip(-1).cumsum(-1).flip(-1)
            counts = []
            for i in range(shape[-1] - 1):
                chance = torch.where(rest[..., i] > 0, p[..., i] / rest[..., i], 0.0).clamp(max=1)
                counts.append(torch.binomial(left, chance))
                left = left - counts[-1]
            return torch.stack([*counts, left], -1)


class DirichletMultinomial(dist.Distribution):
    """Counts of the kinds among n drawn by probabilities of Dirichlet(alpha)."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.nonnegative_integer
    is_discrete = True

    def __init__(self, n, alpha):
        self.n, self.alpha = real(n), real(alpha)
        batch = torch.broadcast_tensors(self.n, self.alpha[..., 0])[0].shape
        super().__init__(batch, self.alpha.shape[-1:], validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.n.expand(shape), self.alpha.expand(*shape, self.alpha.shape[-1]))

    def log_prob(self, value):
        x = real(value)
        inside = ((x >= 0) & (x == torch.floor(x))).all(-1) & (x.sum(-1) == self.n)
        is_some = inside[..., None] & (x > 0)
        up, n = torch.where(is_some, x, 1.0), torch.where(inside & (self.n > 0), self.n, 1.0)
        each = torch.where(is_some, log_rising(self.alpha, up) - torch.lgamma(up + 1), 0.0).sum(-1)
        whole = torch.where(self.n > 0, torch.lgamma(n + 1) - log_rising(self.alpha.sum(-1), n), 0.0)
        return torch.where(inside, each + whole, -math.inf)

    def sample(self, sample_shape=()):
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            p = Dirichlet(self.alpha.expand(shape)).sample()
            return Multinomial(self.n.expand(shape[:-1]), p).sample()


class ZeroSumNormal(dist.Distribution):
    """Normal numbers of mean 0 given that they sum to zero, by the volume of the plane on which they do."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, sd, size):
        self.sd, self.size = real(sd), int(size)
        super().__init__(self.sd.shape, torch.Size([self.size]), validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.sd.expand(shape), self.size)

    def log_prob(self, value):
        x = real(value)
        z = x / self.sd[..., None]
        is_inside = x.sum(-1).abs() <= max(1e-6, 1e4 * torch.finfo(x.dtype).eps) * (1 + x.abs().sum(-1))
        log = -0.5 * (z * z).sum(-1) - (self.size - 1) * (torch.log(self.sd) + 0.9189385332046727)
        return torch.where(is_inside, log, -math.inf)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.sd.dtype, device=self.sd.device)
        return self.sd[..., None] * (noise - noise.mean(-1, keepdim=True))


class UniformSphere(dist.Distribution):
    """A direction, every one alike, by the area of the sphere."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector

    def __init__(self, size):
        self.size = int(size)
        super().__init__(torch.Size(), torch.Size([self.size]), validate_args=False)

    def expand(self, shape, _instance=None):
        new = type(self)(self.size)
        dist.Distribution.__init__(new, torch.Size(shape), new.event_shape, validate_args=False)
        return new

    def log_prob(self, value):
        x = real(value)
        half = 0.5 * self.size
        area = math.log(2) + half * math.log(math.pi) - math.lgamma(half)
        return torch.where(((x * x).sum(-1) - 1).abs() <= 1e-4, 0.0 * x.sum(-1) - area, -math.inf)

    def sample(self, sample_shape=()):
        return torch.nn.functional.normalize(torch.randn(self._extended_shape(torch.Size(sample_shape))), dim=-1)


def cholesky(matrix):
    """The Cholesky factor and whether there is one; where there is none (a proposal that is not positive definite, up to
    rounding) the identity stands for it, so that gradients stay finite."""
    _, failed = torch.linalg.cholesky_ex(matrix.detach())
    is_proper = (failed == 0) & matrix.detach().isfinite().all(-1).all(-1)
    eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.cholesky_ex(torch.where(is_proper[..., None, None], matrix, eye))[0], is_proper


class MultivariateNormal(dist.MultivariateNormal):
    """As torch's, with density zero where the covariance is not positive definite."""

    def __init__(self, mean, cov):
        root, is_proper = cholesky(unrepeated(real(cov), own=2))
        self.set_root(mean, root, is_proper)

    def set_root(self, mean, root, is_proper):
        super().__init__(real(mean), scale_tril=root, validate_args=False)
        self.is_proper = is_proper

    def expand(self, shape, _instance=None):
        new = super().expand(shape, self.__new__(type(self)))
        new.is_proper = self.is_proper.expand(shape)
        return new

    def log_prob(self, value):
        return torch.where(self.is_proper, super().log_prob(value), -math.inf)

    def rsample(self, sample_shape=()):
        # no draw of what is no distribution
        return torch.where(self.is_proper[..., None], super().rsample(torch.Size(sample_shape)), math.nan)


class RootedNormal(MultivariateNormal):
    """The same by the Cholesky factor, whose diagonal is positive."""

    def __init__(self, mean, scale_tril):
        root = unrepeated(real(scale_tril), own=2)
        is_proper = (root.diagonal(dim1=-2, dim2=-1) > 0).all(-1)
        eye = torch.eye(root.shape[-1], dtype=root.dtype, device=root.device)
        self.set_root(mean, torch.where(is_proper[..., None, None], root.tril(), eye), is_proper)


class LKJ(dist.Distribution):
    """Correlation matrices of a size, density as det^(eta - 1) (Lewandowski, Kurowicka and Joe 2009)."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.positive_definite

    def __init__(self, eta, size):
        self.eta = real(eta)
        super().__init__(self.eta.shape, torch.Size((size, size)), validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.eta.expand(shape), self.event_shape[-1])

    def sample(self, sample_shape=()):
        # the onion method, section 3.2 there; LKJCholesky.sample of torch 2.13 takes row k too long from k = 2
        size = self.event_shape[-1]
        eta = self.eta[..., None]
        k = torch.arange(1, size, dtype=eta.dtype, device=eta.device)
        length = dist.Beta((0.5 * k).expand(eta.shape[:-1] + k.shape), eta + 0.5 * (size - 1 - k)).sample(
            sample_shape
        )
        length = torch.cat([torch.zeros_like(length[..., :1]), length], -1)
        normal = torch.randn(*length.shape, size, dtype=eta.dtype, device=eta.device).tril(-1)
        root = length.sqrt()[..., None] * normal / normal.norm(dim=-1, keepdim=True).clamp(min=1e-30)
        root = root + torch.diag_embed((1 - length).sqrt())
        return root @ root.mT

    def log_prob(self, value):
        root, is_proper = cholesky(real(value))
        # theorem 5 there, by differences of log-gammas that do not cancel
        k = torch.arange(1, self.event_shape[-1], dtype=self.eta.dtype, device=self.eta.device)
        first = self.eta[..., None] + 0.5 * (self.event_shape[-1] - 1 - k)
        whole = (log_rising(first, 0.5 * k) - 0.5 * math.log(math.pi) * k).sum(-1)
        # the diagonal is one: what of it lies beside tells how near to one the rest is
        beside, length = root.tril(-1).square().sum(-1), root.diagonal(dim1=-2, dim2=-1)
        is_near = beside < 0.5
        log_square = torch.where(is_near, torch.log1p(-torch.where(is_near, beside, 0.0)), 2 * length.log())
        inside = (self.eta - 1) * log_square.sum(-1) + whole
        return torch.where(is_proper & (self.eta > 0), inside, -math.inf)


class Wishart(dist.Distribution):
    """Covariance matrices with mean ``df * scale``, by Bartlett's factors: gamma variables and normal ones. Nothing is
    possible where df is not above the size less one, or a matrix is not positive definite."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.positive_definite
    has_rsample = True

    def __init__(self, df, scale):
        self.df, self.scale = real(df), real(scale)
        batch = torch.broadcast_tensors(self.df, self.scale[..., 0, 0])[0].shape
        super().__init__(batch, self.scale.shape[-2:], validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.df.expand(shape), self.scale.expand(*shape, *self.event_shape))

    def shapes(self):
        """Of the gamma variables, ``[*batch, size]``."""
        size = self.event_shape[-1]
        return 0.5 * (self.df[..., None] - torch.arange(size, dtype=self.df.dtype, device=self.df.device))

    def log_prob(self, value):
        size = self.event_shape[-1]
        (root, is_proper), (outer, has_root) = cholesky(real(value)), cholesky(self.scale)
        shapes = self.shapes()
        is_good = is_proper & has_root & (shapes > 0).all(-1)
        shapes = torch.where(shapes > 0, shapes, 1.0)
        factor = torch.linalg.solve_triangular(outer, root, upper=False)
        half = 0.5 * factor.diagonal(dim1=-2, dim2=-1).square()
        places = torch.arange(size, dtype=half.dtype, device=half.device)
        gammas = gamma_kernel(shapes, half, half.log()) - 0.5 * (size + 1 - places) * half.log()
        beside = 0.5 * factor.tril(-1).square().sum((-2, -1))
        whole = 0.25 * size * ((size + 1) * math.log(4) + (size - 1) * math.log(math.pi))
        log_det = 2 * outer.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log = gammas.sum(-1) - beside - whole - 0.5 * (size + 1) * log_det
        return torch.where(is_good, log, -math.inf)

    def rsample(self, sample_shape=()):
        outer, has_root = cholesky(self.scale)
        shapes = self.shapes().expand(*torch.Size(sample_shape), *self.batch_shape, -1)
        is_good = has_root & (shapes > 0).all(-1)
        square = 2 * dist.Gamma(torch.where(shapes > 0, shapes, 1.0), torch.ones_like(shapes)).rsample()
        normal = torch.randn(*square.shape, square.shape[-1], dtype=square.dtype, device=square.device)
        factor = outer @ (normal.tril(-1) + torch.diag_embed(square.sqrt()))
        # no draw of what is no distribution
        return torch.where(is_good[..., None, None], factor @ factor.mT, math.nan)
