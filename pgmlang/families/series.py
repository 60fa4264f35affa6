"""Distributions of the rows of a chain, which stand for a choice of a family's on the first rows and on the others: random walks,
autoregressions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """``parameters`` in their order, with the text of a default: empty where it is needed, None where it may be left out. A row is of the
    family ``row``, by the argument ``sd``, around the rows before: around the last one plus ``drift``, or, where there are ``coefficients``, around ``loc`` and so much of each row's
    distance from it. ``start`` is a distribution, of the rows that have not enough rows before them; empty where it follows from the rest.
    ``says``: for messages and the manual."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]
    coefficients: str = ""
    row: str = "Normal"
    says: str = ""

    @property
    def signature(self) -> str:
        """How it is called, with what is taken where an argument is left out."""
        words = [n if d == "" else f"{n} = {'...' if d is None else d}" for n, d in self.parameters]
        return f"{self.name}({', '.join(words)})"


SERIES: dict[str, Series] = {
    s.name: s
    for s in (
        Series(
            "GaussianRandomWalk", (("sd", ""), ("start", ""), ("drift", "0")),
            says="a row of a chain is the row before and a normal step",
        ),
        Series(
            "AR", (("coefficients", ""), ("sd", ""), ("loc", "0"), ("start", None)), "coefficients",
            says="a row of a chain is drawn around shares of the rows before",
        ),
    )
}  # fmt: skip
"""Name to record."""
