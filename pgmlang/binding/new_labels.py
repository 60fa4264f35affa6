"""Labels that a fit has not seen, in rows that it is asked about: refused, left to the prior, or their rows left out."""

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
    """``choice``: one of ``CHOICES``; ``rows``: by plate, which rows of its table hold a label that is new;
    ``open_sets``: variables whose labels are those of the data of a fit."""

    choice: str
    open_sets: Collection[str]
    problems: BindingProblems
    rows: dict[str, np.ndarray] = field(default_factory=dict)

    def codes(self, model: Model, variable: Variable, column: Column, plate: str) -> np.ndarray | None:
        """The codes of a column in which new labels are missing cells; None where it is read as any other: of inputs, of
        sets that the text of the model closes, and where new labels are errors."""
        if self.choice == "error" or variable.role == "input" or variable.name not in self.open_sets:
            return None
        labels = model.labels_of(variable.type)
        if labels is None:
            return None
        codes = encode_known(column, labels)
        new = codes == UNKNOWN
        if new.any():
            self.rows[plate] = self.rows.get(plate, np.zeros(len(codes), dtype=bool)) | new
            count, first = int(new.sum()), column.cell(int(np.flatnonzero(new)[0]))
            what = "their rows are left out" if self.choice == "drop" else "answered by the prior"
            self.problems.warn("PGM0723", f"{count:,} label{'s' if count > 1 else ''} of `{variable.name}` that the fit has not seen: {what}",
                               first, "`--new-labels error` refuses them")  # fmt: skip
        return np.where(new, -1, codes)

    def left_out(self, binding: Binding) -> Binding:
        """The binding without the rows of new labels, where they are left out. Raises PgmError PGM0707 where none is
        left, PGM0612 for labels of outer tables."""
        if self.choice != "drop" or not self.rows:
            return binding
        outer = [p for p in self.rows if p != binding.plate]
        if outer:
            message = f"labels of `{outer[0]}` are new, and its rows cannot be left out of the table of `{binding.plate}`"
            raise PgmError(Diagnostic("PGM0612", message, help="`--new-labels prior`"))
        stays = np.flatnonzero(~self.rows[binding.plate])
        if not len(stays):
            raise PgmError(Diagnostic("PGM0707", "every row holds a label that the fit has not seen",
                                      help="`--new-labels prior`"))  # fmt: skip
        count = len(self.rows[binding.plate])
        table = np.arange(count) if binding.rows is None else binding.rows
        smaller = binding.rows_of(binding.plate, stays)
        return replace(smaller, rows=table[stays], dropped_rows=binding.dropped_rows + count - len(stays))
