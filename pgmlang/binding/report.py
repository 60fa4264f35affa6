"""The lines every run prints first: what the data decided."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic
from pgmlang.display.text import count_of, printable


def binding_report(binding: Binding) -> list[str]:
    """What is observed, latent, missing, unused and renamed."""
    model = binding.model
    inputs = [n for n in binding.values if model.by_name[n].role == "input"]
    lines = reading_lines(binding)
    lines += [f"observed  {_names(binding.observed)} ({_rows(binding)})"]
    if inputs:
        lines.append(f"inputs    {_names(inputs)}")
    if binding.latent:
        lines.append(f"latent    {_names(binding.latent)}")
    for plate, column in binding.name_columns.items():
        lines.append(f"names     of {plate}: column {_names([column])}")
    if binding.missing:
        cells = (f"{n} {c:,} {'cell' if c == 1 else 'cells'}" for n, c in binding.missing.items())
        lines.append(f"missing   {_names(cells)}")
    if binding.dropped_rows:
        lines.append(f"dropped   {_counted(binding.dropped_rows)} with missing cells")
    if binding.weights is not None:
        option = "counts" if binding.is_counts else "weights"
        lines.append(f"{option:<10}summing to {binding.weights.sum():,.6g}")
    if binding.renamed:
        lines.append(f"renamed   {_names(f'{column} is {name}' for column, name in binding.renamed)}")
    if binding.unused:
        lines.append(f"unused    columns {_names(binding.unused)}")
    return lines


def reading_lines(binding: Binding) -> list[str]:
    """What the options of reading did, a line each."""
    return [f"read      {printable(note)}" for note in binding.notes]


def weight_lines(binding: Binding) -> list[str]:
    """by which column of a fit new rows are weighed, where nobody said it."""
    by = binding.weighed_by
    return (
        [f"{by.option:<10}{printable(by.says())}"] if by is not None and by.is_of_fit and not by.is_absent else []
    )


def weight_warnings(binding: Binding) -> list[Diagnostic]:
    """PGM0724 where a fit's rows count by a column that these data lack."""
    by = binding.weighed_by
    if by is None or not by.is_absent:
        return []
    cure = f'add the column, name another (`--{by.option} COLUMN`), or say that there is none: `--{by.option} ""` ({by.option}=None)'
    return [Diagnostic("PGM0724", by.says(), place=binding.source, help=cure)]


def _rows(binding: Binding) -> str:
    """The rows of the table first, then the elements of the plates around them."""
    plates = [p.name for p in binding.model.plates if p.is_rows and p.name in binding.sizes]
    plates.sort(key=lambda p: p != binding.plate)
    parts = [f"{_counted(binding.sizes[p])} of plate {p}" if i == 0 else f"{binding.sizes[p]:,} of {p}"
             for i, p in enumerate(plates)]  # fmt: skip
    return ", ".join(parts)


def _counted(rows: int) -> str:
    return count_of(rows, "row")


def _names(names: Iterable[str], limit: int = 16) -> str:
    listed = list(names)
    more = f", … ({len(listed):,} in all)" if len(listed) > limit else ""
    # a column's name is a stranger's text: it must not steer the terminal
    return (", ".join(map(printable, listed[:limit])) + more) or "nothing"
