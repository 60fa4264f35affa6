"""Distributions of distributions: Truncated, Censored, ZeroInflated, ZeroOneInflated, Mixture; and what of them means nothing."""

from __future__ import annotations

from collections.abc import Mapping

from pgmlang.families.family import Family
from pgmlang.families.family import parameter as _p

_BOUNDS = (_p("lower", default=float("-inf"), safe=0.0), _p("upper", default=float("inf"), safe=1.0))

FAMILIES = (
    Family(
        "Truncated", (_BOUNDS,), "inner", takes=("base",), runtime=("Truncated",), limits=("lower", "upper"),
        says="a distribution given that its value lies between two bounds",
    ),
    Family(
        "Censored", (_BOUNDS,), "inner", takes=("base",), runtime=("Censored",), reparameterised=False,
        limits=("lower", "upper"), has_atoms=True,
        says="a distribution of which values beyond a bound are seen as the bound",
    ),
    Family(
        "ZeroInflated", ((_p("p", "unit"),),), "inner", takes=("base",), runtime=("ZeroInflated",), discrete=True,
        adds_zero=True, has_atoms=True, reparameterised=False, says="zero with probability p, else the distribution",
    ),
    Family(
        "ZeroOneInflated", ((_p("p", "unit"), _p("q", "unit")),), "inner", takes=("base",), runtime=("ZeroOneInflated",), discrete=True,
        adds_zero=True, adds_one=True, has_atoms=True, reparameterised=False,
        says="zero or one with probability p, and then one with probability q; else the distribution, of shares",
    ),
    Family(
        "Mixture", ((_p("p", "unit", 1),),), "inner", takes=("base",), shares="p", runtime=("Mixture",),
        reparameterised=False,
        says="one of several components, drawn by their weights",
    ),
)  # fmt: skip


def is_mixed(path: tuple[str, ...], families: Mapping[str, Family]) -> bool:
    """Whether a distribution has both a density and points with a chance of their own. ``path``: as of `refusal`."""
    return not families[path[-1]].discrete and any(families[name].has_atoms for name in path)


def refusal(combinator: str, path: tuple[str, ...], families: Mapping[str, Family]) -> tuple[str, str] | None:
    """Why a combinator cannot take a distribution, with a cure; None where it can. ``path``: the families from the one
    taken down to the innermost (``("Mixture", "Normal")``)."""
    inner, innermost = path[0], families[path[-1]]
    if innermost.improper:
        return (
            f"`{innermost.name}` has no total mass",
            f"take a proper distribution in place of `{innermost.name}`",
        )
    if combinator == "Mixture":
        return None
    if not innermost.is_scalar:
        what = (
            "a label has no order or zero" if innermost.support == "labels" else "a draw of it is no single number"
        )
        return (
            f"`{combinator}` is of single numbers: {what} in `{innermost.name}`",
            "take a distribution of one number",
        )
    if "Censored" in path:
        return (
            f"a censored value is not a draw of its distribution, so `{combinator}` of it has no meaning",
            f"censor last: `Censored({combinator}({innermost.name}(...), ...), ...)`",
        )
    if families[combinator].adds_one:
        if innermost.support == "unit" and not any(families[name].adds_zero for name in path):
            return None
        return (
            f"`{combinator}` is of shares between 0 and 1, and a draw of `{inner}` is none that has no mass there yet",
            f"take a distribution of shares: `{combinator}(p, q, Beta(a, b))`",
        )
    if families[combinator].adds_zero:
        return None
    inflated = next((name for name in path if families[name].adds_zero), "")
    if inflated and not innermost.discrete:
        numbers = ", ".join(p.name for p in families[inflated].variants[0])
        cure = f"write `{inflated}({numbers}, {combinator}(...))`"
        if combinator == "Censored":
            cure = f"leave `{inflated}` out: where values are censored, a bound has a mass of its own"
        return f"`{inner}` has both a density and a mass at zero", cure
    if not innermost.has_tails:
        reason = "an angle has no least value" if innermost.is_angle else "its distribution function is not known"
        return f"`{combinator}` needs a distribution function: {reason} in `{innermost.name}`", (
            "take the distribution without bounds, or another family"
        )
    return None
