"""What a fit keeps of its rows so that a process over them goes on to others: the coordinates, what was seen, who belongs where."""

from __future__ import annotations

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.model import Model
from pgmlang.model.processes import NoProcess, Process, RootProduct, names_at_rows, parts_of, processes
from pgmlang.tables.row_reductions import as_params, row_reductions


def process_rows(binding: Binding) -> dict[str, np.ndarray]:
    """Values of inputs and of what was seen, by name, that processes over rows hang on, and the elements of outer plates that
    these rows belong to (`parent_key`)."""
    reductions = row_reductions(binding.model).of_inputs
    # what the fit's rows came to is a number for others
    model, out = as_params(binding.model, reductions) if reductions else binding.model, {}
    for process in processes(model):
        if isinstance(process, NoProcess):
            continue
        for name in names_of_process(model, process) & set(binding.values):
            out[name] = np.asarray(binding.values[name])
        for (inner, outer), codes in binding.layout.parents.items():
            if inner == process.plate:
                out[parent_key(inner, outer)] = codes
    return out


def names_of_process(model: Model, process: Process | RootProduct) -> set[str]:
    """Inputs and random variables of the rows that a process hangs on, itself included."""
    return {process.name, *names_at_rows(model, process.plate, *parts_of(process))}


def parent_key(inner: str, outer: str) -> str:
    """How the outer elements of rows are called; no name of a text has a space."""
    return f"{inner} in {outer}"
