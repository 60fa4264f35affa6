"""What a column is by itself in a model: its distribution with weakly informative priors, by its kind."""

from __future__ import annotations

import numpy as np

from pgmlang.first_model.page import Page
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.identifiers import label_text
from pgmlang.profile.scales import ordered_labels

LABELLED = ("category", "binary", "ordinal", "code", "bins", "group")
"""Kinds whose values are labels."""


def is_labelled(column: ColumnProfile) -> bool:
    """Whether a column is a set of labels in a model."""
    return column.kind in LABELLED


def labels_of(column: ColumnProfile) -> tuple[str, ...]:
    """The labels in their order: bins and known scales from the lowest up, numbers by value, others by code point."""
    from pgmlang.data import sort_labels

    if column.is_binned:
        return column.labels
    labels = [t for i, t in enumerate(column.labels) if column.counts[i]]
    return ordered_labels(labels) or sort_labels(labels)


def label_set(column: ColumnProfile) -> str:
    """The set of a column's labels, as a model writes it."""
    return "{" + ", ".join(map(label_text, labels_of(column))) + "}"


def spread(values: np.ndarray) -> float:
    """The standard deviation of the bulk: far-out values do not count."""
    low, high = np.quantile(values, (0.01, 0.99))
    bulk = values[(values >= low) & (values <= high)]
    deviation = float(bulk.std())
    return deviation if deviation > 0 else float(values.std()) or 1.0


def centre(values: np.ndarray) -> float:
    """The mean of the bulk."""
    low, high = np.quantile(values, (0.01, 0.99))
    return float(values[(values >= low) & (values <= high)].mean())


def is_poisson(values: np.ndarray) -> bool:
    """Whether counts vary about as much as a Poisson's."""
    return float(values.var()) <= 1.5 * float(values.mean())


def estimated_alone(page: Page, column: ColumnProfile, by: str = "", by_type: str = "") -> None:
    """A column with a distribution of its own, whose parameters are estimated; ``by``: the variable, of the dim ``by_type``,
    whose labels tell it apart."""
    name = page.names[column.name]
    axis, index = (f"[{by_type}]", f"[{by}]") if by else ("", "")
    if is_labelled(column):
        page.rows.append(f"{name} : {label_set(column)} ~ Table({by + ', ' if by else ''}prior = 1)")
        return
    is_real = column.kind != "count"
    words: tuple[str, ...] = ("mean", "sd")
    if not is_real:
        words = ("rate",) if is_poisson(column.sorted_numbers) else ("mean", "shape")
    names = [page.fresh(f"{name}_{word}") for word in words]
    told = {
        "rate": f"  # the mean of {name}",
        "shape": f"  # the smaller, the more {name} varies beyond a Poisson",
    }
    if column.kind == "skewed":
        told["mean"] = f"  # of log {name}: the values have a long tail"
    for word, parameter in zip(words, names, strict=True):
        kind = "real" if word == "mean" and is_real else "positive"
        page.priors.append(f"param {parameter}{axis} : {kind}{told.get(word, '')}")
    given = ", ".join(n + index for n in names)
    if words == ("rate",):
        density = f"Poisson({given})"
    elif not is_real:
        density = f"NegativeBinomial({given})"
    else:
        density = f"LogNormal({given})" if column.kind == "skewed" else f"Normal({given})"
    page.rows.append(f"{name} ~ {density}")
