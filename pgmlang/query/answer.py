"""Answers: a table of labels and probabilities, as text, JSON and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from pgmlang.results.precision import figure


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    ``variables``: the names asked for. ``table``: one dict a row, labels by variable, and ``p`` (for ``E``: ``mean``
    and ``sd``). ``log_evidence``: natural logarithm of the probability of the evidence of the question, 0 without any,
    beside fields too (``logz`` gives an undirected network's log Z); ``log_evidence_mcse``: its Monte Carlo error, None where
    it is exact.
    """

    query: str
    method: str
    variables: tuple[str, ...]
    table: tuple[dict[str, Any], ...]
    log_evidence: float
    notes: tuple[str, ...] = field(default=())
    log_evidence_mcse: float | None = None

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
        }

    @property
    def probabilities(self) -> dict[Any, float]:
        """Label (or tuple of labels, for several variables) to probability."""
        keys = [tuple(row[v] for v in self.variables) for row in self.table]
        return {k[0] if len(k) == 1 else k: row["p"] for k, row in zip(keys, self.table, strict=True)}

    @property
    def _columns(self) -> list[str]:
        """Of all rows: numbers have moments, labels probabilities."""
        return list(dict.fromkeys(column for row in self.table for column in row))

    def __str__(self) -> str:
        if not self.table:
            return self.query
        columns = self._columns
        cells = [_cells(row, columns) for row in self.table]
        widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
        numeric = [not any(isinstance(row.get(c), str) for row in self.table) for c in columns]

        def line(row: list[str]) -> str:
            return "  ".join(
                v.rjust(w) if n else v.ljust(w) for v, w, n in zip(row, widths, numeric, strict=True)
            ).rstrip()

        return "\n".join([line(columns), *(line(r) for r in cells)])

    def _repr_html_(self) -> str:
        if not self.table:
            return f"<code>{escape(self.query)}</code>"
        columns = self._columns
        head = "".join(f"<th>{escape(c)}</th>" for c in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row, columns)) + "</tr>"
            for row in self.table
        )
        return f"<table><caption><code>{escape(self.query)}</code></caption><tr>{head}</tr>{body}</table>"


def _cells(row: dict[str, Any], columns: Sequence[str]) -> list[str]:
    """The cells of a line, numbers to the digits that its Monte Carlo error allows."""
    error, values = row.get("mcse"), [row.get(c, "") for c in columns]
    return [figure(v, error) if isinstance(v, float) else str(v) for v in values]
