"""Numbers in questions about variables whose labels are intervals: ``age = 42`` is the bin that holds 42."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from pgmlang.data.intervals import label_of_number
from pgmlang.model import Model
from pgmlang.query.parse import Event, Evidence
from pgmlang.query.row_names import base

Said = TypeVar("Said", Event, Evidence)


def in_bins(model: Model, elements: Mapping[str, tuple[str, ...]], said: Said) -> Said:
    """The event or evidence with the label of the bin in place of a number, where the labels of its variable are bins.
    ``elements``: labels of plates."""
    if said.value is None:
        return said
    name = base(said.variable.name)
    variable = model.by_name.get(name)
    labels = elements.get(name, ()) if variable is None else model.labels_of(variable.type) or ()
    if variable is not None and variable.type.kind != "labels":
        return said
    label = None if said.value in labels else label_of_number(said.value, labels)
    return said if label is None else replace(said, value=label)
