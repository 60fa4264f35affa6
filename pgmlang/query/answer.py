"""Answers: a table of labels and probabilities, as text, JSON and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from pgmlang.display import DisplayTable, as_frame
from pgmlang.display.table import table_of_rows
from pgmlang.results.precision import figure


@dataclass(frozen=True, repr=False)
class Answer:
    """The answer to a query.

    ``variables``: the names asked for. ``table``: one dict a row, labels by variable, and ``p`` (for ``E``: ``mean``
    and ``sd``). ``log_evidence``: natural logarithm of the probability of the evidence of the question, 0 without any,
    beside fields too (``logz`` gives an undirected network's log Z); ``log_evidence_mcse``: its Monte Carlo error, None where
    it is exact. ``notes``: how it was worked out; ``caution``: what it leaves out, printed with it.
    """

    query: str
    method: str
    variables: tuple[str, ...]
    table: tuple[dict[str, Any], ...]
    log_evidence: float
    notes: tuple[str, ...] = field(default=())
    log_evidence_mcse: float | None = None
    caution: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON schema."""
        return {
            "query": self.query,
            "method": self.method,
            "variables": list(self.variables),
            "table": [dict(row) for row in self.table],
            "log_evidence": self.log_evidence,
            **({} if self.log_evidence_mcse is None else {"log_evidence_mcse": self.log_evidence_mcse}),
            **({"notes": list(self.notes)} if self.notes else {}),
            **({"caution": self.caution} if self.caution else {}),
        }

    @property
    def probabilities(self) -> dict[Any, float]:
        """Label (or tuple of labels, for several variables) to probability."""
        keys = [tuple(row[v] for v in self.variables) for row in self.table]
        return {k[0] if len(k) == 1 else k: row["p"] for k, row in zip(keys, self.table, strict=True)}

    @property
    def display(self) -> DisplayTable:
        """The table as it is printed: numbers to the digits that the Monte Carlo error of their row allows."""
        return table_of_rows(self.table, _text).with_notes(*filter(None, [self.caution]))

    @property
    def frame(self) -> Any:
        """The table as a frame: pandas where it is installed, else Arrow."""
        return as_frame(self.display.to_dict())

    def __str__(self) -> str:
        return self.display.text() if self.table else self.query

    def __repr__(self) -> str:
        return f"{self.query}  ({self.method})\n{self.display.text()}" if self.table else self.query

    def _repr_html_(self) -> str:
        if not self.table:
            return f"<code>{escape(self.query)}</code>"
        return replace(self.display, title=self.query).with_notes(*self.notes)._repr_html_()


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    return figure(value, row.get("mcse")) if isinstance(value, float) else str(value)
