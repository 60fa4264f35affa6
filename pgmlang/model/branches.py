"""The distributions that a distribution is made of."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.model.model import Choice, Dist, Distribution


def branches(distribution: Distribution) -> Iterator[Distribution]:
    """The distributions a Choice chooses from, in the order written; the distribution itself otherwise."""
    if isinstance(distribution, Choice):
        yield from branches(distribution.then)
        yield from branches(distribution.otherwise)
    else:
        yield distribution


def families_in(distribution: Distribution) -> Iterator[Dist]:
    """Each drawing from a family in a distribution: those of the branches of choices, and those inside of combinators."""
    for branch in branches(distribution):
        if isinstance(branch, Dist):
            yield branch
            for _, argument in branch.arguments:
                if isinstance(argument, Dist):
                    yield from families_in(argument)
