"""The text of a model while it is put together: names, statements by where they stand, comments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pgmlang.profile.identifiers import identifier


@dataclass
class Page:
    """``names``: the name of each column; ``left_out``: lines on columns that the model does not have. Statements: ``dims``,
    ``priors``, ``plates`` (whole lines) outside of the rows' plate, ``rows`` inside of it; ``around``: plates it is in.
    ``states``: in how many ways the labels of missing cells of one row can be filled in, over which a fit sums; ``bins``: of each column of numbers
    with missing cells; ``random``: columns that have a distribution, so that missing cells are filled in; ``is_of_points``: the model is fitted by its most probable values."""

    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=lambda: {"row"})
    about: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    dims: list[str] = field(default_factory=list)
    priors: list[str] = field(default_factory=list)
    plates: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    around: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    random: set[str] = field(default_factory=set)
    states: int = 1
    bins: int = 4
    is_of_points: bool = False

    def name_columns(self, columns: list[str]) -> None:
        """Gives each column its name in the model, before anything else takes it."""
        for column in columns:
            word = identifier(column, self.taken)
            self.taken.add(word)
            self.names[column] = word
            # a binding finds a column by its own name with underscores, and by nothing else
            if word not in (column, identifier(column, ())) or (word != column and word.rstrip("_") == column):
                self.mapping[word] = column

        # a column whose name another one has too, with underscores, is bound by what is said alone
        by_word: dict[str, list[str]] = {}
        for column in columns:
            by_word.setdefault(identifier(column, ()), []).append(column)
        for same in by_word.values():
            self.mapping |= {self.names[column]: column for column in same if len(same) > 1}

    def fresh(self, name: str) -> str:
        """A name that nothing has yet."""
        word = identifier(name, self.taken)
        self.taken.add(word)
        return word

    def text(self, head: str, name: str) -> str:
        """The whole model."""
        lines = [head, *self.about, f"model {identifier(name, ())}", ""]
        for block in (self.left_out, self.dims, self.priors, self.plates):
            lines += [*block, ""] if block else []
        inside = f" in {', '.join(self.around)}" if self.around else ""
        return "\n".join([*lines, f"plate row{inside} {{", *(f"  {r}" for r in self.rows), "}"]) + "\n"


def number(value: float, digits: int = 2) -> str:
    """A number with so many digits, as a model writes it."""
    if value == 0 or not math.isfinite(value):
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    text = f"{rounded:.12g}" if 1e-4 <= abs(rounded) < 1e15 else f"{rounded:.{digits - 1}e}"
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def apart(value: float) -> str:
    """What stands behind a name to take a number off: `` - 3``, `` + 3``, nothing for zero."""
    shown = number(abs(value), 3)
    return "" if shown == "0" else f" {'-' if value > 0 else '+'} {shown}"
