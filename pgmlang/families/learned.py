"""Learned densities: distributions over an axis that own a network, to stand where ``Table`` stands.

The shape is that of zuko's lazy distributions (Rozet and others 2022): a module that, given a context, is a
distribution. A row says what the text may hold and names the module.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LearnedFamily:
    """``sizes``: how many sizes it takes (hidden units, layers). ``support``: kind of an element of a draw. ``module``: the
    dotted name of the class that owns the networks, empty while none is there: a ``torch.nn.Module`` made of the sizes, the
    length of a draw and the lengths of what it is given, which called with what it is given ``[*batch, length]`` gives a
    distribution of vectors with ``log_prob``, ``expand`` and ``sample``."""

    name: str
    sizes: int
    support: str
    says: str
    module: str = ""


LEARNED: dict[str, LearnedFamily] = {
    f.name: f
    for f in (
        LearnedFamily("FVSBN", 0, "bit", "each bit by a logistic regression on those before it"),
        LearnedFamily("NADE", 1, "bit", "each bit by a network shared over those before it"),
        LearnedFamily("MADE", 1, "bit", "each bit by a masked network of those before it"),
        LearnedFamily("NICE", 1, "real", "additive couplings"),
        LearnedFamily("RealNVP", 1, "real", "affine couplings"),
        LearnedFamily("MAF", 1, "real", "affine steps by masked networks"),
        LearnedFamily("IAF", 1, "real", "inverse affine steps by masked networks"),
        LearnedFamily("Spline", 1, "real", "rational quadratic splines"),
    )
}
"""Name to row."""
