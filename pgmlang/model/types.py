"""Types of values."""

from __future__ import annotations

from dataclasses import dataclass

NUMERIC_KINDS = ("real", "positive", "unit", "count", "integer", "bit", "spin")
MATRIX_KINDS = ("cov", "corr", "cholesky_corr")
VECTOR_KINDS = ("ordered", "ordered positive", "simplex", "zerosum", "unitvector", *MATRIX_KINDS)
SORTED_KINDS = ("ordered", "ordered positive")
DISCRETE_KINDS = ("labels", "bit", "spin", "truth")

WIDER: dict[str, tuple[str, ...]] = {
    "real": ("real",),
    "positive": ("positive", "real"),
    "unit": ("unit", "positive", "real"),
    "count": ("count", "integer", "positive", "real"),
    "integer": ("integer", "real"),
    "bit": ("bit", "count", "integer", "unit", "positive", "real"),
    "spin": ("spin", "integer", "real"),
    "truth": ("truth", "bit", "count", "integer", "unit", "positive", "real"),
    "labels": ("labels",),
    "ordered": ("ordered", "real"),
    "ordered positive": ("ordered positive", "ordered", "positive", "real"),
    "zerosum": ("zerosum", "real"),
    "unitvector": ("unitvector", "real"),
    "simplex": ("simplex", "unit", "positive", "real"),
    "cov": ("cov", "real"),
    "corr": ("corr", "cov", "real"),
    "cholesky_corr": ("cholesky_corr", "real"),
    "unknown": (),
}
"""Each kind and the kinds its values also belong to."""


@dataclass(frozen=True)
class Type:
    """The type of one element of a variable or expression.

    ``kind``: one of NUMERIC_KINDS, VECTOR_KINDS, ``labels``, ``truth``, or ``unknown`` (after an error).
    For ``labels``: ``axis`` is the dim or plate whose elements are the values (the root of ``like``), or else
    ``labels`` is the closed set written at the variable, or both are None for an open set ``{...}``;
    ``owner`` names the variable whose own set it is. Of a ``count`` that data bound ``labels`` are its values.
    """

    kind: str
    axis: str | None = None
    labels: tuple[str, ...] | None = None
    owner: str | None = None

    @property
    def is_discrete(self) -> bool:
        """Finitely many values, which are listed."""
        return self.kind in DISCRETE_KINDS or (self.kind == "count" and self.labels is not None)

    @property
    def is_countable(self) -> bool:
        """A value of it may have a probability: labels, and whole numbers."""
        return self.is_discrete or self.kind in ("count", "integer")

    @property
    def least(self) -> int:
        """The first of the values of a count that are listed; 0 of all others."""
        return int(self.labels[0]) if self.kind == "count" and self.labels else 0

    @property
    def is_numeric(self) -> bool:
        return self.kind in NUMERIC_KINDS or self.kind in ("truth", "unknown", *VECTOR_KINDS)

    def fits(self, kind: str) -> bool:
        """Whether every value of this type is one of ``kind``."""
        return self.kind == "unknown" or kind in WIDER[self.kind]

    def __str__(self) -> str:
        if self.kind != "labels":
            return self.kind
        if self.axis:
            return self.axis
        return "{" + ", ".join(self.labels) + "}" if self.labels is not None else "{...}"


REAL = Type("real")
POSITIVE = Type("positive")
UNIT = Type("unit")
COUNT = Type("count")
BIT = Type("bit")
SPIN = Type("spin")
TRUTH = Type("truth")
UNKNOWN = Type("unknown")
