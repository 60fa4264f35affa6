"""The families: all that is known of a distribution, one record each (`Family`), in one file a kin.

``sd`` is a standard deviation everywhere; ``rate`` the inverse of a scale.
"""

from pgmlang.families import (
    bounded,
    chi_squared,
    combinators,
    counts,
    first_passage,
    labels,
    location_scale,
    normal,
    positive,
    shares,
    skewed,
    vectors,
    waiting,
)
from pgmlang.families.combinators import is_mixed, refusal
from pgmlang.families.family import (
    SAFE,
    Family,
    Formulas,
    LocationScale,
    Marginal,
    Pair,
    Parameter,
    Respelling,
    Spelling,
)
from pgmlang.families.learned import LEARNED, LearnedFamily
from pgmlang.families.series import SERIES, Series

_KINS = (
    normal, location_scale, skewed, first_passage, positive, waiting, chi_squared, bounded, shares, labels, counts, vectors, combinators,
)  # fmt: skip
FAMILIES: dict[str, Family] = {f.name: f for kin in _KINS for f in kin.FAMILIES}
"""Name to record."""

ARGUMENT_SPELLINGS = {
    "mean": "loc", "mu": "loc", "scale": "sd", "sigma": "sd", "std": "sd", "stddev": "sd", "probs": "p", "prob": "p",
    "theta": "p", "phi": "shape", "dispersion": "shape", "logits": "logit", "concentration": "shape", "alpha": "shape", "beta": "rate", "total_count": "n",
    "nu": "df", "lam": "rate", "lower": "low", "upper": "high",
}  # fmt: skip
"""Other libraries' spellings of arguments, for did-you-mean."""

_OF_PRECISION, _OF_VARIANCE = {"sd": "1 / sqrt({})"}, {"sd": "sqrt({})"}
ARGUMENT_CONVERSIONS = {
    "scale": {"rate": "1 / {}"}, "theta": {"rate": "1 / {}"}, "precision": _OF_PRECISION, "prec": _OF_PRECISION,
    "tau": _OF_PRECISION, "variance": _OF_VARIANCE, "var": _OF_VARIANCE, "sigma2": _OF_VARIANCE,
    "alpha": {"shape": "{}", "a": "{}"}, "beta": {"rate": "{}", "scale": "{}", "b": "{}"},
}  # fmt: skip
"""Other libraries' arguments, and what they are as an argument here: a formula of their value, by argument."""


def register(family: Family) -> None:
    """Adds a family from outside the package. Raises ValueError where the name is taken or a formula is none."""
    if family.name in FAMILIES or family.name in LEARNED or family.name == "Table":
        raise ValueError(f"there is a family {family.name}")
    family.check()
    FAMILIES[family.name] = family


def register_learned(family: LearnedFamily) -> None:
    """Adds a learned density from outside the package. Raises ValueError where the name is taken."""
    if family.name in FAMILIES or family.name in LEARNED or family.name == "Table":
        raise ValueError(f"there is a family {family.name}")
    LEARNED[family.name] = family


__all__ = [
    "ARGUMENT_CONVERSIONS", "ARGUMENT_SPELLINGS", "FAMILIES", "LEARNED", "SAFE", "SERIES", "Family", "Formulas", "LearnedFamily", "LocationScale", "Marginal", "Pair",
    "Parameter", "Respelling", "Series", "Spelling", "is_mixed", "refusal", "register", "register_learned",
]  # fmt: skip
