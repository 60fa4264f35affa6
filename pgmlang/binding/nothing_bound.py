"""Tables of which nothing is a variable of the model that is looked at."""

from __future__ import annotations

from collections.abc import Mapping

from pgmlang.binding.columns import BINDABLE, Matches
from pgmlang.binding.outside import at_rows
from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.data import Frame
from pgmlang.model import Model


def nothing_bound(
    model: Model, matches: Matches, frames: Mapping[str, Frame], hidden: tuple[str, ...], source: str,
    problems: BindingProblems,
) -> None:  # fmt: skip
    """PGM0708, where nothing worse is wrong: cells that are all empty, columns that are all hidden, or of other names."""
    if problems.errors:
        return
    if matches.columns or matches.arrays:
        names = listed([*matches.columns, *matches.arrays])
        problems.error("PGM0708", f"no cell of {names} holds a value", source,
                       "is it the right table? what means missing is said with `--na`")  # fmt: skip
        return
    columns = [c for f in frames.values() for c in dict.fromkeys([*f.columns, *f.arrays])]
    variables = [v.name for v in model.of_role(*BINDABLE) if at_rows(model, v).plates]
    out = sorted(n for n in hidden if n in columns)
    problems.error(
        "PGM0708", "no column of the data is a variable of the model" + (" that is not hidden" if out else ""), source,
        f"leave `--hide {out[0]}` out" if out else "rename columns, or say `--map VAR=COLUMN`",
        (f"variables: {listed(variables)}", f"columns: {listed(columns)}"),
    )  # fmt: skip
