"""Families of vectors and matrices: Dirichlet, Multinomial, DirichletMultinomial, ZeroSumNormal, ICAR, UniformSphere, MultivariateNormal, LKJ,
Wishart and its inverse."""

from __future__ import annotations

from pgmlang.families.family import Family, LocationScale, Pair, Spelling, VectorFormulas
from pgmlang.families.family import parameter as _p
from pgmlang.families.normal import OF_MEANS

_MEAN = _p("mean", "real", 1)
_WEIGHTS = _p("weights", "real", 2)

_DIRICHLET = VectorFormulas(
    "where(x >= 0.0, alpha * deviance(alpha, t, log_x + log(total)) - log_x + at_zero"
    " + 0.5 * log(alpha) - 0.9189385332046727 - stirling(alpha) + (t - alpha), -inf)",
    "stirling(total) + 0.9189385332046727 - 0.5 * log(total)",
    {"total": "alpha"},
    {
        "t": "x * total",
        "is_zero": "x == 0.0",
        "log_x": "log(where(is_zero, 1.0, x))",
        "at_zero": "where(is_zero, where(alpha < 1.0, inf, where(alpha > 1.0, -inf, 0.0)), 0.0)",
    },
)
"""By deviances (Loader 2000), which do not cancel for large concentrations; off the simplex what the formula gives."""
_MULTINOMIAL = VectorFormulas(
    "where(is_count, poisson_log_prob(where(is_count, x, 0.0), n * p), -inf)",
    "where(number == n, n * (whole - 1.0) - poisson_log_prob(n, n), -inf)",
    {"number": "x", "whole": "p"},
    {"is_count": "(x >= 0.0) & (x == floor(x))"},
)
"""Poisson counts given their sum."""

_DIRICHLET_MULTINOMIAL = VectorFormulas(
    "where(is_count, where(x > 0.0, log_rising(alpha, up) - lgamma(up + 1.0), 0.0), -inf)",
    "where(number == n, lgamma(n + 1.0) - where(n > 0.0, log_rising(total, where(n > 0.0, n, 1.0)), 0.0), -inf)",
    {"number": "x", "total": "alpha"},
    {"is_count": "(x >= 0.0) & (x == floor(x))", "up": "where(is_count & (x > 0.0), x, 1.0)"},
)
_ZERO_SUM = VectorFormulas(
    "-0.5 * (x / sd) * (x / sd)", "(1.0 - count) * (log(sd) + 0.5 * log(2 * pi))", {"count": "1.0"}
)
"""Normal numbers given that they sum to zero, by the volume of the plane on which they do."""
_SPHERE = VectorFormulas("0.0 * x", "lgamma(0.5 * count) - log(2.0) - 0.5 * count * log(pi)", {"count": "1.0"})

FAMILIES = (
    Family(
        "Dirichlet", ((_p("alpha", "positive", 1),),), "simplex", 1,
        says="probabilities of the labels of an axis, which sum to one: the larger alpha, the nearer to its shares",
        runtime=("Dirichlet",), vector_formulas=(_DIRICHLET,),
        pyro=("dist.Dirichlet(alpha)",), exponential="Dirichlet", exponential_form="pgmlang.infer.exponential.DIRICHLET",
        pairs=(Pair("Categorical", "p", "itself", collapsed="counts"), Pair("Multinomial", "p", "itself")), statistics=("log(x)",),
    ),
    Family(
        "Multinomial", ((_p("n", "count"), _p("p", "unit", 1)),), "count", 1, discrete=True, reparameterised=False,
        says="how often each label comes in n draws",
        runtime=("Multinomial",), vector_formulas=(_MULTINOMIAL,), bounds=("0.0", "n"),
    ),
    Family(
        "DirichletMultinomial", ((_p("n", "count"), _p("alpha", "positive", 1)),), "count", 1, discrete=True, reparameterised=False,
        says="how often each label comes in n draws whose probabilities themselves vary by Dirichlet(alpha)",
        runtime=("DirichletMultinomial",), vector_formulas=(_DIRICHLET_MULTINOMIAL,), bounds=("0.0", "n"),
    ),
    Family(
        "ZeroSumNormal", ((_p("sd", "positive"),),), "zerosum", 1,
        says="normal numbers of mean 0, given that they sum to zero along an axis: effects beside an intercept",
        runtime=("ZeroSumNormal",), vector_formulas=(_ZERO_SUM,),
    ),
    Family(
        "ICAR", ((_WEIGHTS, _p("sd", "positive")),), "zerosum", 1,
        says="numbers of places beside each other, which sum to zero: each around the mean of its neighbours, those of another place to which it has a"
        " weight (Besag, York and Mollie 1991); all places hang together",
        runtime=("ICAR",), matrix_densities=("intrinsic",),
        spellings=(
            Spelling((_WEIGHTS, _p("precision", "positive")), {"weights": "weights", "sd": "1 / sqrt(precision)"}),
            Spelling((_WEIGHTS,), {"weights": "weights", "sd": "1"}),
        ),
    ),
    Family(
        "UniformSphere", ((),), "unitvector", 1, reparameterised=False,
        says="a direction, every one alike: numbers along an axis whose squares sum to one",
        runtime=("UniformSphere",), vector_formulas=(_SPHERE,),
    ),
    Family(
        "MultivariateNormal", ((_MEAN, _p("cov", "cov", 2)), (_MEAN, _p("scale_tril", "real", 2)), (_MEAN, _p("precision", "cov", 2))), "real", 1,
        says="numbers that vary together: means and covariances, the Cholesky factor of these, or their inverse",
        runtime=("MultivariateNormal", "RootedNormal", "PrecisionNormal"),
        pyro=(
            "dist.MultivariateNormal(mean, cov)", "dist.MultivariateNormal(mean, scale_tril=scale_tril)",
            "dist.MultivariateNormal(mean, precision_matrix=precision)",
        ),
        location_scale=LocationScale("mean", "", "Normal", of_vectors=True), quadratic_in="mean", matrix_densities=("normal by covariance", "normal by root", "normal by precision"),
        m_steps="pgmlang.infer.m_steps.MULTIVARIATE_NORMAL", statistics=("x",), with_products=True, exponential="Normal", pairs=OF_MEANS,
    ),
    Family(
        "MultivariateStudentT",
        (
            (_p("df", "positive"), _MEAN, _p("scale", "cov", 2)), (_p("df", "positive"), _MEAN, _p("scale_tril", "real", 2)),
            (_p("df", "positive"), _MEAN, _p("precision", "cov", 2)),
        ),
        "real", 1, runtime=("MultivariateStudentT", "RootedStudentT", "PrecisionStudentT"),
        matrix_densities=("student by scale", "student by root", "student by precision"),
        says="numbers that vary together with outliers, the heavier the smaller df: a normal vector over one spread for all; scale is the"
        " covariance only as df grows",
    ),
    Family(
        "LKJ", ((_p("eta", "positive"),),), "corr", 2, runtime=("LKJ",), matrix_densities=("correlations",),
        says="a matrix of correlations; eta 1 prefers none, larger ones prefer weak correlations",
    ),
    Family(
        "LKJCholesky", ((_p("eta", "positive"),),), "cholesky_corr", 2, runtime=("LKJCholesky",), matrix_densities=("correlation factors",),
        says="the Cholesky factor of a matrix of correlations that LKJ(eta) draws",
    ),
    Family(
        "InverseWishart", ((_p("df", "positive"), _p("scale", "cov", 2)),), "cov", 2, runtime=("InverseWishart",),
        says="a covariance matrix: the inverse of one that Wishart(df, inverse(scale)) draws", matrix_densities=("inverse covariances",),
        exponential="InverseWishart", exponential_form="pgmlang.infer.exponential_matrices.INVERSE_WISHART",
        pairs=(Pair("MultivariateNormal", "cov", "itself"),),
    ),
    Family(
        "Wishart", ((_p("df", "positive"), _p("scale", "cov", 2)),), "cov", 2,
        says="a covariance matrix: that of df normal vectors added up", runtime=("Wishart",), matrix_densities=("covariances",),
        pyro=("dist.Wishart(df, scale)",), exponential="Wishart", exponential_form="pgmlang.infer.exponential_matrices.WISHART",
        pairs=(Pair("MultivariateNormal", "precision", "itself", variant=2),),
    ),
)  # fmt: skip
