"""The distributions, one row each: arguments, supports, event axes, the torch class.

``sd`` is a standard deviation everywhere; ``rate`` the inverse of a scale.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """``support``: kind the argument must have. ``event``: event axes it spans (a probability vector one).

    ``torch``: the keyword of the torch class, and how the value is passed (see Family.torch). ``safe``: a value at which
    the density and its derivatives are finite, where that of its support (``SAFE``) is none.
    """

    name: str
    support: str = "real"
    event: int = 0
    torch: str = ""
    default: float | None = None
    safe: float | None = None


SAFE: dict[str, float] = {"positive": 1.0, "unit": 0.5, "bit": 0.0, "count": 0.0}
"""A value well inside each support; of real numbers any will do. (Of a simplex it is the even one, of matrices the
identity.)"""


@dataclass(frozen=True)
class Family:
    """A distribution. ``variants``: alternative argument lists. ``support``: kind of a draw; ``labels`` takes the
    axis of its probability vector. ``event``: event axes of a draw. ``torch``: dotted name of its class, with
    arguments named by ``Parameter.torch``; families without a torch class of the same parameters are written in
    the lowering stage under their own name (``torch`` empty). ``discrete``: countable support. ``improper``: has
    no normaliser. ``ordinal``: of labels whose order matters. ``takes``: parameters that are distributions (combinators).
    """

    name: str
    variants: tuple[tuple[Parameter, ...], ...]
    support: str
    event: int = 0
    torch: str = ""
    discrete: bool = False
    improper: bool = False
    reparameterised: bool = True
    takes: tuple[str, ...] = ()
    ordinal: bool = False
    says: str = ""


def _p(
    name: str, support: str = "real", torch: str = "", event: int = 0, default: float | None = None,
    safe: float | None = None,
) -> Parameter:  # fmt: skip
    return Parameter(name, support, event, torch or name, default, safe)


_T = "torch.distributions."
_LOC, _SD = _p("loc"), _p("sd", "positive", "scale")
_SCALE = _p("scale", "positive")

FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        Family("Normal", ((_LOC, _SD),), "real", torch=_T + "Normal", says="mean and standard deviation"),
        Family("StudentT", ((_p("df", "positive"), _LOC, _SD),), "real", torch=_T + "StudentT"),
        Family("Cauchy", ((_LOC, _SCALE),), "real", torch=_T + "Cauchy"),
        Family("Laplace", ((_LOC, _SCALE),), "real", torch=_T + "Laplace"),
        Family("Logistic", ((_LOC, _SCALE),), "real"),
        Family("Gumbel", ((_LOC, _SCALE),), "real", torch=_T + "Gumbel"),
        Family("LogNormal", ((_LOC, _SD),), "positive", torch=_T + "LogNormal"),
        Family("Exponential", ((_p("rate", "positive"),),), "positive", torch=_T + "Exponential"),
        Family(
            "Gamma",
            ((_p("shape", "positive", "concentration"), _p("rate", "positive")),),
            "positive",
            torch=_T + "Gamma",
        ),
        Family(
            "InverseGamma",
            ((_p("shape", "positive", "concentration"), _p("scale", "positive", "rate")),),
            "positive",
            torch=_T + "InverseGamma",
        ),
        Family(
            "Weibull",
            ((_p("shape", "positive", "concentration"), _p("scale", "positive", "scale")),),
            "positive",
            torch=_T + "Weibull",
        ),
        Family(
            "Beta",
            ((_p("a", "positive", "concentration1"), _p("b", "positive", "concentration0")),),
            "unit",
            torch=_T + "Beta",
        ),
        Family("Uniform", ((_p("low", safe=0.0), _p("high", safe=1.0)),), "real", torch=_T + "Uniform"),
        Family("HalfNormal", ((_p("sd", "positive", "scale"),),), "positive", torch=_T + "HalfNormal"),
        Family("HalfCauchy", ((_SCALE,),), "positive", torch=_T + "HalfCauchy"),
        Family("VonMises", ((_LOC, _p("concentration", "positive")),), "real", torch=_T + "VonMises"),
        Family(
            "Bernoulli",
            ((_p("p", "unit", "probs"),), (_p("logit", "real", "logits"),)),
            "bit",
            torch=_T + "Bernoulli",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "Binomial",
            (
                (_p("n", "count", "total_count"), _p("p", "unit", "probs")),
                (_p("n", "count", "total_count"), _p("logit", "real", "logits")),
            ),
            "count",
            torch=_T + "Binomial",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "BetaBinomial",
            ((_p("n", "count"), _p("a", "positive"), _p("b", "positive")),),
            "count",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "Categorical",
            ((_p("p", "unit", "probs", 1),), (_p("logit", "real", "logits", 1),)),
            "labels",
            torch=_T + "Categorical",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "Poisson",
            ((_p("rate", "positive"),),),
            "count",
            torch=_T + "Poisson",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "NegativeBinomial",
            ((_p("mean", "positive"), _p("shape", "positive")), (_p("n", "positive"), _p("p", "unit"))),
            "count",
            discrete=True,
            reparameterised=False,
            says="mean and shape (variance mean + mean^2 / shape), or successes n and probability p",
        ),
        Family(
            "Geometric",
            ((_p("p", "unit", "probs"),),),
            "count",
            torch=_T + "Geometric",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "Dirichlet", ((_p("alpha", "positive", "concentration", 1),),), "simplex", 1, torch=_T + "Dirichlet"
        ),
        Family(
            "Multinomial",
            ((_p("n", "count", "total_count"), _p("p", "unit", "probs", 1)),),
            "count",
            1,
            torch=_T + "Multinomial",
            discrete=True,
            reparameterised=False,
        ),
        Family(
            "MultivariateNormal",
            (
                (_p("mean", "real", "loc", 1), _p("cov", "real", "covariance_matrix", 2)),
                (_p("mean", "real", "loc", 1), _p("scale_tril", "real", "scale_tril", 2)),
            ),
            "real",
            1,
            torch=_T + "MultivariateNormal",
        ),
        Family("LKJ", ((_p("eta", "positive", "concentration"),),), "corr", 2),
        Family(
            "Wishart",
            ((_p("df", "positive"), _p("scale", "real", "covariance_matrix", 2)),),
            "cov",
            2,
            torch=_T + "Wishart",
        ),
        Family(
            "OrderedLogistic",
            ((_p("predictor", safe=0.0), _p("cutpoints", "real", "cutpoints", 1)),),
            "labels",
            discrete=True,
            ordinal=True,
            reparameterised=False,
        ),
        Family("Flat", ((),), "real", improper=True, reparameterised=False, says="an improper uniform density"),
        Family(
            "Truncated",
            ((_p("lower", default=float("-inf"), safe=0.0), _p("upper", default=float("inf"), safe=1.0)),),
            "inner",
            takes=("base",),
        ),
        Family(
            "Censored",
            ((_p("lower", default=float("-inf"), safe=0.0), _p("upper", default=float("inf"), safe=1.0)),),
            "inner",
            takes=("base",),
        ),
        Family("ZeroInflated", ((_p("p", "unit"),),), "inner", takes=("base",), discrete=True),
        Family("Mixture", ((_p("p", "unit", "probs", 1),),), "inner", takes=("base",)),
    )
}
"""Name to row. ``support`` ``inner`` is that of the distribution taken."""

LEARNED_DENSITIES = {"FVSBN": 0, "NADE": 1, "MADE": 1, "NICE": 1, "RealNVP": 1, "MAF": 1, "IAF": 1, "Spline": 1}
"""Learned densities that stand where ``Table`` stands, and how many sizes each takes."""

ARGUMENT_SPELLINGS = {
    "mean": "loc", "mu": "loc", "scale": "sd", "sigma": "sd", "std": "sd", "stddev": "sd", "probs": "p", "prob": "p",
    "theta": "p", "logits": "logit", "concentration": "shape", "alpha": "shape", "beta": "rate", "total_count": "n",
    "nu": "df", "lam": "rate", "tau": "sd", "precision": "sd", "lower": "low", "upper": "high",
}  # fmt: skip
"""Other libraries' spellings of arguments, for did-you-mean."""
