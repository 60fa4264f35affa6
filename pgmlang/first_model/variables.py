"""What a column is by itself in a model: its distribution with weakly informative priors, by its kind."""

from __future__ import annotations

import numpy as np

from pgmlang.first_model.page import Page
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.identifiers import label_text
from pgmlang.profile.zeros import count_family, zeros_of_amount

LABELLED = ("category", "binary", "ordinal", "code", "bins", "group")
"""Kinds whose values are labels."""


def is_labelled(column: ColumnProfile) -> bool:
    """Whether a column is a set of labels in a model."""
    return column.kind in LABELLED


def has_effects(column: ColumnProfile) -> bool:
    """Whether a predictor has an effect of each label; the steps of a scale of numbers are taken for numbers."""
    return is_labelled(column) and not column.is_numeric_scale


def labels_of(column: ColumnProfile) -> tuple[str, ...]:
    """The labels in their order: bins and scales from the lowest up, numbers by value, others by code point."""
    from pgmlang.data import sort_labels

    return column.scale or sort_labels(t for i, t in enumerate(column.labels) if column.counts[i])


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


def estimated_alone(page: Page, column: ColumnProfile, by: str = "", by_type: str = "") -> None:
    """A column with a distribution of its own, whose parameters are estimated; ``by``: the variable, of the dim ``by_type``,
    whose labels tell it apart."""
    name = page.names[column.name]
    page.random.add(column.name)
    axis, index = (f"[{by_type}]", f"[{by}]") if by else ("", "")
    if is_labelled(column):
        page.rows.append(f"{name} : {label_set(column)} ~ Table({by + ', ' if by else ''}prior = 1)")
        return
    is_real = column.kind != "count"
    words: tuple[str, ...] = ("mean", "sd")
    is_log, has_zeros = column.kind == "skewed", is_real and zeros_of_amount(column) > 0
    if not is_real:
        family = count_family(column.sorted_numbers)
        words, has_zeros = ("mean", "shape") if family.is_overdispersed else ("rate",), family.is_inflated
    if has_zeros:
        words, is_log = (*words, "zeros"), is_real
    names = [page.fresh(f"{name}_{word}") for word in words]
    told = {
        "rate": f"  # the mean of {name}",
        "shape": f"  # the smaller, the more {name} varies beyond a Poisson",
    }
    if is_log:
        told["mean"] = f"  # of log {name}" + (
            ", where it is not 0" if has_zeros else ": the values have a long tail"
        )
    if has_zeros:
        told["zeros"] = f"  # the share of rows where {name} is 0" + ("" if is_real else " whatever its mean")
    for word, parameter in zip(words, names, strict=True):
        kind = "unit" if word == "zeros" else "real" if word == "mean" and is_real else "positive"
        page.priors.append(f"param {parameter}{axis} : {kind}{told.get(word, '')}")
    given = ", ".join(n + index for n in names[: len(names) - has_zeros])
    if is_real:
        density = f"LogNormal({given})" if is_log else f"Normal({given})"
    else:
        density = f"NegativeBinomial({given})" if family.is_overdispersed else f"Poisson({given})"
    page.rows.append(drawn(name, density, names[-1] + index if has_zeros else "", is_real))


def drawn(name: str, density: str, zeros: str, is_real: bool) -> str:
    """The statement of a variable; ``zeros``: the share of zeros that come beside its density, if any."""
    if not zeros:
        return f"{name} ~ {density}"
    return f"{name}{' : real' * is_real} ~ ZeroInflated({zeros}, {density})"
