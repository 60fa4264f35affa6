"""Questions about a fresh row where outer elements have tables or params of their own: the question names the element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.binding.row_groups import plates_told_apart
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.parse import Evidence
from pgmlang.tables.from_model import iid_plate, row_network

if TYPE_CHECKING:
    from pgmlang.results.fit import Fit


def outer_plates(fit: Fit) -> tuple[str, ...]:
    """Outer plates whose elements have tables, params or inputs of their own, outermost first."""
    alike, plate = iid_plate(fit.model, fit.parameters)
    return plates_told_apart(fit.model, plate) if alike and plate is not None else ()


def elements_told(fit: Fit, items: Iterable[Evidence]) -> tuple[dict[str, int], tuple[Evidence, ...]]:
    """The outer elements that evidence names (``school = A``), and the rest of it. Raises PgmError PGM0607 where an element is
    not named, or not known."""
    plates = outer_plates(fit)
    rest: list[Evidence] = []
    elements: dict[str, int] = {}
    for item in items:
        plate = item.variable.name
        if plate not in plates:
            rest.append(item)
            continue
        labels = fit.labels.get(plate) or tuple(str(i) for i in range(fit.sizes.get(plate, 0)))
        if item.value is None or item.value not in labels:
            near = did_you_mean(item.value or "", labels) or "its elements: " + ", ".join(labels[:12])
            raise PgmError(
                Diagnostic("PGM0607", f"`{item.value}` is no element of `{plate}`", item.span, help=near)
            )
        elements[plate] = labels.index(item.value)
    for plate in plates:
        if plate not in elements:
            labels = fit.labels.get(plate) or ("0",)
            message = f"each `{plate}` has numbers of its own: the question does not say which is meant"
            raise PgmError(Diagnostic("PGM0607", message, help=f"say which: `P(... | {plate} = {labels[0]})`"))
    return elements, tuple(rest)


def of_element(
    fit: Fit, items: Iterable[Evidence], inputs: Mapping[str, np.ndarray] | None = None
) -> tuple[NetworkAnswers, tuple[Evidence, ...]]:
    """The network of a fresh row of the outer elements that the evidence names (``school = A``), and the rest of the
    evidence. ``inputs``: of that row. Raises PgmError PGM0607 where an element is not named, or not known."""
    elements, rest = elements_told(fit, items)
    network = row_network(fit.model, fit.parameters, fit.sizes, fit.labels, inputs, elements)
    fields = frozenset(v.name for v in fit.model.of_role("field"))
    return NetworkAnswers(network, fields), rest
