"""Distributions of labels, vectors and matrices, where torch's own are not accurate everywhere or clamp."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import constraints

from pgmlang.lower.runtime.special import (
    dirichlet_log_prob,
    gamma_kernel,
    log_rising,
    multinomial_log_prob,
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


def cholesky_factor(matrix):
    """The Cholesky factor, no numbers where there is none."""
    root, is_proper = cholesky(unrepeated(real(matrix), own=2))
    return torch.where(is_proper[..., None, None], root, math.nan)


def inverse(matrix):
    """The inverse, no numbers where there is none."""
    found, failed = torch.linalg.inv_ex(unrepeated(real(matrix), own=2))
    return torch.where((failed == 0)[..., None, None], found, math.nan)


def determinant(matrix):
    """The determinant."""
    return torch.linalg.det(unrepeated(real(matrix), own=2))


def log_determinant(matrix):
    """The logarithm of the size of the determinant."""
    return torch.linalg.slogdet(unrepeated(real(matrix), own=2))[1]


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


class PrecisionNormal(dist.Distribution):
    """The same by the inverse of the covariance."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, mean, precision):
        root, is_proper = cholesky(unrepeated(real(precision), own=2))
        self.set_root(real(mean), root, is_proper)

    def set_root(self, mean, root, is_proper):
        batch = torch.broadcast_shapes(mean.shape[:-1], root.shape[:-2])
        self.loc, self.root, self.is_proper = mean, root, is_proper
        super().__init__(batch, mean.shape[-1:], validate_args=False)

    @property
    def mean(self):
        return self.loc

    def expand(self, shape, _instance=None):
        new = self.__new__(type(self))
        mean = self.loc.expand(*shape, *self.event_shape)
        new.set_root(mean, self.root.expand(*shape, *self.root.shape[-2:]), self.is_proper.expand(shape))
        return new

    def log_prob(self, value):
        gap = real(value) - self.loc
        white = (self.root.mT @ gap[..., None])[..., 0]
        half_log_det = self.root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log = half_log_det - 0.5 * (white.square().sum(-1) + gap.shape[-1] * math.log(2 * math.pi))
        return torch.where(self.is_proper, log, -math.inf)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(torch.Size(sample_shape))
        normal = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        gap = torch.linalg.solve_triangular(self.root.mT, normal[..., None], upper=True)[..., 0]
        # no draw of what is no distribution
        return torch.where(self.is_proper[..., None], self.loc + gap, math.nan)


class LKJ(dist.Distribution):
    """Correlation matrices of a size, density as det^(eta - 1) (Lewandowski, Kurowicka and Joe 2009)."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.positive_definite

    def __init__(self, eta, size):
        self.eta = real(eta)
        super().__init__(self.eta.shape, torch.Size((size, size)), validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.eta.expand(shape), self.event_shape[-1])

    def sample_root(self, sample_shape):
        """Cholesky factors of draws, by the onion method, section 3.2 there; LKJCholesky.sample of torch 2.13 takes row k too long
        from k = 2."""
        size = self.event_shape[-1]
        eta = self.eta[..., None]
        k = torch.arange(1, size, dtype=eta.dtype, device=eta.device)
        length = dist.Beta((0.5 * k).expand(eta.shape[:-1] + k.shape), eta + 0.5 * (size - 1 - k)).sample(
            sample_shape
        )
        length = torch.cat([torch.zeros_like(length[..., :1]), length], -1)
        normal = torch.randn(*length.shape, size, dtype=eta.dtype, device=eta.device).tril(-1)
        root = length.sqrt()[..., None] * normal / normal.norm(dim=-1, keepdim=True).clamp(min=1e-30)
        return root + torch.diag_embed((1 - length).sqrt())

    def sample(self, sample_shape=()):
        root = self.sample_root(sample_shape)
        return root @ root.mT

    def of_root(self, root, is_proper, powers=0.0):
        """The log-density of the matrix of a Cholesky factor, its diagonal to ``powers`` more."""
        # theorem 5 there, by differences of log-gammas that do not cancel
        k = torch.arange(1, self.event_shape[-1], dtype=self.eta.dtype, device=self.eta.device)
        first = self.eta[..., None] + 0.5 * (self.event_shape[-1] - 1 - k)
        whole = (log_rising(first, 0.5 * k) - 0.5 * math.log(math.pi) * k).sum(-1)
        # the diagonal is one: what of it lies beside tells how near to one the rest is
        beside, length = root.tril(-1).square().sum(-1), root.diagonal(dim1=-2, dim2=-1)
        is_near = beside < 0.5
        log_square = torch.where(is_near, torch.log1p(-torch.where(is_near, beside, 0.0)), 2 * length.log())
        inside = ((self.eta[..., None] - 1 + 0.5 * powers) * log_square).sum(-1) + whole
        return torch.where(is_proper & (self.eta > 0), inside, -math.inf)

    def log_prob(self, value):
        return self.of_root(*cholesky(real(value)))


class LKJCholesky(LKJ):
    """Their Cholesky factors: row k of the map to correlations has the derivative L_kk^(size - 1 - k)."""

    support = constraints.corr_cholesky

    def sample(self, sample_shape=()):
        return self.sample_root(sample_shape)

    def log_prob(self, value):
        root = real(value)
        is_proper = (root.diagonal(dim1=-2, dim2=-1) > 0).all(-1)
        size = self.event_shape[-1]
        powers = torch.arange(size - 1, -1, -1, dtype=root.dtype, device=root.device)
        eye = torch.eye(size, dtype=root.dtype, device=root.device)
        return self.of_root(torch.where(is_proper[..., None, None], root, eye), is_proper, powers)


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

    def of_bartlett(self, outer, bartlett):
        """A root of a draw, by the factor of one of the identity's."""
        return outer @ bartlett

    def rsample(self, sample_shape=()):
        outer, has_root = cholesky(self.scale)
        shapes = self.shapes().expand(*torch.Size(sample_shape), *self.batch_shape, -1)
        is_good = has_root & (shapes > 0).all(-1)
        square = 2 * dist.Gamma(torch.where(shapes > 0, shapes, 1.0), torch.ones_like(shapes)).rsample()
        normal = torch.randn(*square.shape, square.shape[-1], dtype=square.dtype, device=square.device)
        factor = self.of_bartlett(outer, normal.tril(-1) + torch.diag_embed(square.sqrt()))
        # no draw of what is no distribution
        return torch.where(is_good[..., None, None], factor @ factor.mT, math.nan)


class InverseWishart(Wishart):
    """Covariance matrices whose inverses have Wishart's distribution of the inverse scale; with mean ``scale / (df - size - 1)``."""

    def log_prob(self, value):
        size = self.event_shape[-1]
        (root, is_proper), (outer, has_root) = cholesky(real(value)), cholesky(self.scale)
        shapes = self.shapes()
        is_good = is_proper & has_root & (shapes > 0).all(-1)
        shapes = torch.where(shapes > 0, shapes, 1.0)
        factor = torch.linalg.solve_triangular(root, outer, upper=False)
        half = 0.5 * factor.diagonal(dim1=-2, dim2=-1).square()
        places = torch.arange(size, dtype=half.dtype, device=half.device)
        gammas = gamma_kernel(shapes, half, half.log()) + 0.5 * places * half.log()
        beside = 0.5 * factor.tril(-1).square().sum((-2, -1))
        log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log = gammas.sum(-1) - beside - 0.25 * size * (size - 1) * math.log(math.pi) - (size + 1) * log_det
        return torch.where(is_good, log, -math.inf)

    def of_bartlett(self, outer, bartlett):
        # C C' the scale, B B' of Wishart's distribution of the identity: C (B B')^-1 C'
        return torch.linalg.solve_triangular(bartlett, outer.mT, upper=False).mT
