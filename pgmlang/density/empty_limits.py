"""Variables between limits that come out with nothing between them: what has no values is refused, never answered by a number."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.families import FAMILIES
from pgmlang.model import Model
from pgmlang.model.branches import families_in

LEAST_FULL = 1e-6
"""What is left of a distribution, at most, that comes to no values at all."""


def limited_families(model: Model) -> Mapping[str, str]:
    """The family between limits (`Family.limits`) that a variable is drawn of, by variable; of several the first."""
    return model.once(_limited_families)


def _limited_families(model: Model) -> dict[str, str]:
    return {
        c.target: limited[0]
        for c in model.conditionals
        if (limited := [d.family for d in families_in(c.distribution) if FAMILIES[d.family].limits is not None])
    }


def refuse_empty_draws(model: Model, drawn: Mapping[str, Tensor], given: Collection[str]) -> None:
    """Raises PgmError PGM0410 for draws that are NaN because there is nothing between their limits. ``given``: variables
    that were not drawn."""
    for name in limited_families(model):
        if name in given or name not in drawn or not bool((is_empty := torch.isnan(drawn[name])).any()):
            continue
        parents = [drawn[p] for p in model.random_parents(model.conditional_of[name]) if p in drawn]
        if not any(p.is_floating_point() and bool(torch.isnan(p).any()) for p in parents):
            raise nothing_between_limits(model, name, is_empty.double(), "draw")


def nothing_between_limits(model: Model, name: str, lost: Tensor, of: str) -> PgmError:
    """The refusal of a variable whose limits have nothing between them in some places. ``lost``: the probability of that in
    each place; ``of``: what each place is."""
    family = limited_families(model)[name]
    lower, upper = FAMILIES[family].limits or ("", "")
    count, total = int((lost > 0).sum()), lost.numel()
    most = float(lost.max())
    chance = "" if most > 1 - LEAST_FULL else f" with probability {'up to' if count > 1 else 'about'} {most:.2g}"
    share = chance + (f" in {count:,} of {total:,} {of}s" if total > 1 else "")
    return PgmError(
        Diagnostic(
            "PGM0410", f"`{name}` has no values{share}: nothing lies between `{lower}` and `{upper}` of its `{family}`",
            model.conditional_of[name].span,
            help=f"keep `{lower}` below `{upper}` whatever the other values are: write the one as the other and a positive "
            "number beside it (`low + width` with `width ~ HalfNormal(1)`), or truncate what the limit is drawn from",
        )
    )  # fmt: skip
