"""What people bring from other languages, answered in this language's words. One row an idiom."""

from __future__ import annotations

import re
from typing import NamedTuple


class Idiom(NamedTuple):
    """``pattern`` is searched in the line with the syntax error; ``say`` and ``cure`` make the message."""

    pattern: re.Pattern[str]
    say: str
    cure: str


def _row(pattern: str, say: str, cure: str) -> Idiom:
    return Idiom(re.compile(pattern), say, cure)


IDIOMS = (
    _row(
        r"^\s*(for|while)\b\s*[({]?",
        "there are no loops here",
        "repeat with a plate: `plate row { x ~ Normal(mu, 1) }`; inside, a name means this row's element",
    ),
    _row(r"<-", "`<-` is BUGS and R", "write `=` for a deterministic node and `~` for a random one"),
    _row(r"~\s*d[a-z]+\s*\(", "`d...` names are BUGS distributions", "write `~ Normal(mean, sd)` and its like"),
    _row(
        r"^\s*(data|parameters|transformed\s+\w+|generated\s+quantities|model|functions)\s*\{",
        "program blocks are Stan",
        "say what a thing is where it stands: `input x : real`, `mu ~ Normal(0, 1)`, `s = exp(t)`; order is free",
    ),
    _row(
        r"^\s*(int|real|vector|matrix|simplex|array)\s*(<[^>]*>)?\s*(\[[^\]]*\])?\s+\w+",
        "declarations by type are Stan",
        "the type follows the name: `input x : real`, `param s : positive`, `b[axis] ~ Normal(0, 1)`",
    ),
    _row(
        r"^\s*(node|network|variable|probability)\b.*\{",
        "this looks like a BIF or Hugin network",
        "convert it: `pgmc convert FILE.bif MODEL.pgm`",
    ),
    _row(r"\btarget\s*\+=", "`target +=` is Stan", "write `factor EXPRESSION` (over fields)"),
    _row(r"\*\*", "`**` is Python", "a power is `x ^ 2`"),
    _row(r"&&|\|\|", "`&&` and `||` are C", "write `and`, `or`, `not`"),
    _row(r":=", "`:=` is another language's", "write `=` for a deterministic node"),
    _row(r"%\*%", "`%*%` is R", "a product that sums over the shared axis is `x @ w`"),
    _row(r"^\s*(//|/\*|--)", "comments start with `#`", "write `# ...`"),
    _row(r"'[^']*'", "labels are quoted with double quotes", 'write `"..."`'),
    _row(r"^\s*(let|var|val|const)\s", "names need no `let` or `var`", "write `name = ...` or `name ~ ...`"),
    _row(r"^\s*\w+\s*->\s*\w+", "arrows are read off the definitions", "write `child ~ Table(parent)`"),
    _row(r"\w\s*\|\s*\w", "`|` belongs to queries", "a conditional is written `child ~ Table(parent)`"),
    _row(r"\blambda\b|\bdef\s+\w+\(.*\)\s*:", "this is Python", "a function is `def f(x) { return x * 2 }`"),
)

FOREIGN_FUNCTIONS = {
    **dict.fromkeys(("logistic", "inv_logit", "invlogit", "ilogit", "expit", "plogis"), "sigmoid(x)"),
    **dict.fromkeys(("phi", "normal_cdf", "std_normal_cdf", "pnorm", "ndtr"), "Phi(x)"),
    **dict.fromkeys(("lgammafn", "loggam", "gammaln", "log_gamma"), "lgamma(x)"),
    **dict.fromkeys(("log_sum_exp", "logSumExp"), "logsumexp(x, over = axis)"),
    **dict.fromkeys(("pow", "power"), "x ^ y"),
    **dict.fromkeys(("if_else", "ifelse", "where"), "if a then b else c"),
    "diag_matrix": "diag(x)",
    **dict.fromkeys(("quad_form_diag",), "diag(tau) @ R @ diag(tau)"),
    **dict.fromkeys(("cholesky_decompose", "chol"), "cholesky(a)"),
    **dict.fromkeys(("log_determinant", "log_det"), "logdet(a)"),
    "determinant": "det(a)",
    **dict.fromkeys(("inverse_spd", "solve", "inv_matrix"), "inverse(a)"),
    "diag_pre_multiply": "diag(tau) @ L",
    "multiply_lower_tri_self_transpose": "L @ transpose(L)",
    **dict.fromkeys(("cov_exp_quad", "gp_exp_quad_cov", "ExpQuad", "RBF", "rbf"), "exp_quad(x, scale, length)"),
    **dict.fromkeys(("gp_matern32_cov", "Matern32"), "matern(x, scale, length, nu = 3/2)"),
    **dict.fromkeys(("gp_matern52_cov", "Matern52"), "matern(x, scale, length, nu = 5/2)"),
    **dict.fromkeys(("gp_exponential_cov", "Matern12"), "matern(x, scale, length, nu = 1/2)"),
    **dict.fromkeys(("gp_periodic_cov", "Periodic"), "periodic(x, scale, length, period)"),
    "ln": "log(x)",
    "fabs": "abs(x)",
    "inv": "1 / x",
    "cloglog": "log(-log(1 - p))",
    "inner_product": "x @ y",
    "dot_product": "x @ y",
    "inprod": "x @ y",
}
"""Names of functions in other languages, and how they are written here."""

FOREIGN_DISTRIBUTIONS = {
    "dnorm": "Normal(mean, precision = tau): BUGS' second argument is a precision, here it is the standard deviation",
    "dbern": "Bernoulli(p)",
    "dbin": "Binomial(n, p)",
    "dgamma": "Gamma(shape, rate)",
    "dbeta": "Beta(a, b)",
    "dunif": "Uniform(low, high)",
    "dexp": "Exponential(rate)",
    "dpois": "Poisson(rate)",
    "dcat": "Categorical(p)",
    "ddirch": "Dirichlet(alpha)",
    "dt": "StudentT(df, loc, precision = tau)",
    "ddexp": "Laplace(loc, rate = tau)",
    "dlogis": "Logistic(loc, rate = tau)",
    "dpar": "Pareto(shape, scale)",
    "dchisqr": "ChiSquared(df)",
    "dchisq": "ChiSquared(df)",
    "df": "FisherSnedecor(df1, df2)",
    "dgen.gamma": "GeneralizedGamma(shape, rate, power)",
    "dnegbin": "NegativeBinomial(n = r, p = p)",
    "dbetabin": "BetaBinomial(n, a, b)",
    "dhyper": "Hypergeometric(n = m1, good = n1, bad = n2, odds = psi)",
    "dmnorm": "MultivariateNormal(mean, precision = p)",
    "dwish": "Wishart(df, scale), its scale the inverse of that of BUGS",
    "dlnorm": "LogNormal(loc, precision = tau)",
    "dweib": "Weibull(shape, hazard = lambda)",
    "dmulti": "Multinomial(n, p)",
    "normal": "Normal(mean, sd)",
    "bernoulli": "Bernoulli(p)",
    "bernoulli_logit": "Bernoulli(logit = x)",
    "binomial": "Binomial(n, p)",
    "poisson": "Poisson(rate)",
    "poisson_log": "Poisson(exp(x))",
    "gamma": "Gamma(shape, rate)",
    "beta": "Beta(a, b)",
    "inv_gamma": "InverseGamma(shape, scale)",
    "exponential": "Exponential(rate)",
    "student_t": "StudentT(df, loc, sd)",
    "cauchy": "Cauchy(loc, scale)",
    "categorical": "Categorical(p)",
    "dirichlet": "Dirichlet(alpha)",
    "multi_normal": "MultivariateNormal(mean, cov)",
    "multi_normal_prec": "MultivariateNormal(mean, precision = p)",
    "multi_normal_cholesky": "MultivariateNormal(mean, scale_tril = l)",
    "lkj_corr_cholesky": "LKJCholesky(eta)",
    "inv_wishart": "InverseWishart(df, scale)",
    "LKJCholeskyCov": "LKJCholesky(eta)",
    "lognormal": "LogNormal(loc, sd)",
    "uniform": "Uniform(low, high)",
    "lkj_corr": "LKJ(eta)",
    "double_exponential": "Laplace(loc, scale)",
    "logistic": "Logistic(loc, scale)",
    "gumbel": "Gumbel(loc, scale)",
    "weibull": "Weibull(shape, scale)",
    "frechet": "Frechet(shape, scale)",
    "rayleigh": "Rayleigh(scale)",
    "loglogistic": "LogLogistic(shape, scale), in this order",
    "pareto": "Pareto(shape, scale), in this order",
    "pareto_type_2": "Lomax(shape, scale), less its location",
    "skew_normal": "SkewNormal(loc, scale, shape)",
    "exp_mod_normal": "ExponentiallyModifiedGaussian(loc, sd, rate)",
    "skew_double_exponential": "AsymmetricLaplace(loc, scale, p)",
    "chi_square": "ChiSquared(df)",
    "inv_chi_square": "InverseChiSquared(df)",
    "scaled_inv_chi_square": "ScaledInverseChiSquared(df, scale)",
    "beta_proportion": "Beta(mean = mu, concentration = kappa)",
    "von_mises": "VonMises(loc, concentration)",
    "neg_binomial": "NegativeBinomial(shape = alpha, rate = beta)",
    "neg_binomial_2": "NegativeBinomial(mean, shape)",
    "beta_binomial": "BetaBinomial(n, a, b)",
    "beta_neg_binomial": "BetaNegativeBinomial(n, a, b)",
    "binomial_logit": "Binomial(n, logit = x)",
    "hypergeometric": "Hypergeometric(n, good, bad)",
    "discrete_range": "DiscreteUniform(low, high)",
    "multinomial": "Multinomial(n, p)",
    "categorical_logit": "Categorical(logit = x)",
    "ordered_logistic": "OrderedLogistic(predictor, cutpoints)",
    "ordered_probit": "OrderedProbit(predictor, cutpoints)",
    "dirichlet_multinomial": "DirichletMultinomial(n, alpha)",
    "wiener": "Wiener(boundary, delay, bias, drift): a minus sign says which boundary",
    "CAR": "MultivariateNormal(m, precision = t * (diag(sum(W, over = area')) - a * W))",
    "MatrixNormal": "y[k] ~ MultivariateNormal(m, S) in each row",
    "Wald": "InverseGaussian(mean, shape)",
    "ExGaussian": "ExponentiallyModifiedGaussian(loc, sd, scale = nu)",
    "HyperGeometric": "Hypergeometric(n, good, bad)",
    "TruncatedNormal": "Truncated(Normal(loc, sd), lower = a, upper = b)",
    "ZeroInflatedPoisson": "ZeroInflated(1 - psi, Poisson(rate)): its share is that of the zeros",
    "ZeroInflatedBinomial": "ZeroInflated(1 - psi, Binomial(n, p)): its share is that of the zeros",
    "ZeroInflatedNegativeBinomial": "ZeroInflated(1 - psi, NegativeBinomial(mean, shape)): its share is that of the zeros",
    "HurdlePoisson": "ZeroInflated(1 - psi, Truncated(Poisson(rate), lower = 1))",
    "HurdleNegativeBinomial": "ZeroInflated(1 - psi, Truncated(NegativeBinomial(mean, shape), lower = 1))",
    "HurdleGamma": "ZeroInflated(1 - psi, Gamma(shape, rate))",
    "HurdleLogNormal": "ZeroInflated(1 - psi, LogNormal(loc, sd))",
    "TabularCPD": "Table(parents)",
    "CPT": "Table(parents)",
    "Gaussian": "Normal(mean, sd)",
    "Discrete": "Categorical(p)",
    "MvNormal": "MultivariateNormal(mean, cov)",
    "OneHotCategorical": "Categorical(p)",
}
"""Other languages' spellings of distributions, and what to write here."""


def recognise(line: str) -> Idiom | None:
    """The first idiom that a line holds."""
    code = line.split("#")[0]
    return next((idiom for idiom in IDIOMS if idiom.pattern.search(code)), None)
