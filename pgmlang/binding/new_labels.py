"""Labels that a fit or a closed set does not know, in rows that are asked about: refused, taken as missing, or their rows left
out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from pgmlang.binding.problems import BindingProblems
from pgmlang.binding.record import Binding
from pgmlang.data import Column
from pgmlang.data.labels import UNKNOWN, encode_known
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model, Variable

CHOICES = ("error", "prior", "drop")


@dataclass
class NewLabels:
    """``said``: one of ``CHOICES``, of all labels; None where nobody chose: `predict` (``is_predicted``) then takes labels of
    ``open_sets``, which are those of the data of a fit, by the prior, and all others are errors. ``is_of_fit``: the rows are new
    ones of a fit. ``rows``: by plate, which rows of its table are left out; ``inputs``: those whose labels do it."""

    said: str | None
    open_sets: Collection[str]
    problems: BindingProblems
    is_of_fit: bool = False
    is_predicted: bool = False
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)

    def _choice(self, variable: Variable) -> str:
        usual = "prior" if self.is_predicted and variable.name in self.open_sets else "error"
        choice = self.said or usual
        # a model says nothing of its inputs: their rows are answered with them, or not at all
        return "error" if choice == "prior" and variable.role == "input" else choice

    def codes(
        self, model: Model, variable: Variable, column: Column, plate: str, num_rows: int | None = None
    ) -> np.ndarray | None:
        """The codes of a column in which new labels are missing cells (of inputs, whose rows are left out, the first label);
        None where it is read as any other, and new labels are errors. ``num_rows``: of a flattened array."""
        choice = self._choice(variable)
        labels = model.labels_of(variable.type)
        if choice == "error" or labels is None:
            return None
        codes = encode_known(column, labels)
        new = codes == UNKNOWN
        if new.any():
            if choice == "drop":
                rows = new.reshape(num_rows if num_rows is not None else len(codes), -1).any(axis=1)
                self.rows[plate] = self.rows.get(plate, np.zeros(len(rows), dtype=bool)) | rows
                self.inputs |= {variable.name} if variable.role == "input" else set()
            count, first = int(new.sum()), column.cell(int(np.flatnonzero(new)[0]))
            what = "their rows are left out" if choice == "drop" else "answered by the prior"
            known = (
                "that the fit has not seen" if variable.name in self.open_sets else "that the model does not know"
            )
            self.problems.warn("PGM0723", f"{count:,} label{'s' if count > 1 else ''} of `{variable.name}` {known}: {what}",
                               first, "`--new-labels error` refuses them")  # fmt: skip
        return np.where(new, 0 if variable.role == "input" else -1, codes)

    def with_cures(self, variable: Variable, error: PgmError) -> list[Diagnostic]:
        """What is wrong with the labels of a variable, and of new rows of a fit what to choose."""
        ways = "`--new-labels drop` leaves their rows out"
        if variable.role != "input":
            ways = f"`--new-labels prior` takes new labels as missing, {ways}"
        return [
            replace(d, help=f"{d.help}; {ways}" if d.help else ways)
            if d.code == "PGM0705" and self.is_of_fit
            else d
            for d in error.diagnostics
        ]

    def left_out(self, binding: Binding) -> Binding:
        """The binding without the rows of new labels, where they are left out. Raises PgmError PGM0707 where none is
        left, PGM0612 for labels of outer tables."""
        if not self.rows:
            return binding
        cure = "correct the labels" if self.inputs else "`--new-labels prior`"
        outer = [p for p in self.rows if p != binding.plate]
        if outer:
            message = f"labels of `{outer[0]}` are new, and its rows cannot be left out of the table of `{binding.plate}`"
            raise PgmError(Diagnostic("PGM0612", message, help=cure))
        stays = np.flatnonzero(~self.rows[binding.plate])
        if not len(stays):
            raise PgmError(Diagnostic("PGM0707", "every row holds a label that is not known", help=cure))
        count = len(self.rows[binding.plate])
        table = np.arange(count) if binding.rows is None else binding.rows
        smaller = binding.rows_of(binding.plate, stays)
        return replace(smaller, rows=table[stays], dropped_rows=binding.dropped_rows + count - len(stays))
