"""Known elements of outer plates of whose latents a fit holds no values, as it summed them out: told by the rows asked about
alone, as those of new elements are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from pgmlang.binding.bound_fingerprint import bound_fingerprint
from pgmlang.binding.record import Binding, is_missing
from pgmlang.data.problems import quoted
from pgmlang.diagnostics import Diagnostic
from pgmlang.query.parse import Evidence
from pgmlang.results.fit import Fit

MOST_SHOWN = 5


def forgotten_latents(fit: Fit, plate: str) -> tuple[str, ...]:
    """Random variables and fields of elements of an outer plate of rows that were latent in a fit, and that it holds no values
    of; none of other plates, and none of a model that gives everything itself."""
    model = fit.model
    rows = {p.name for p in model.plates if p.is_rows}
    inner = {p for p in rows if plate in model.enclosing(p)[:-1]}
    if fit.is_given or plate not in rows or not inner:
        return ()
    observed = set(fit.provenance.get("observed", ())) - set(fit.provenance.get("missing", ()))
    held = {*fit.draws, *fit.parameters, *fit.deterministic, *observed}
    here = (v for v in model.of_role("random", "field") if plate in v.plates and not inner & set(v.plates))
    return tuple(v.name for v in here if v.name not in held)


def forgotten_elements_told(fit: Fit, given: Iterable[Evidence]) -> Iterator[Diagnostic]:
    """A warning PGM0726 for each known element that is told of a fresh row, where the fit holds nothing of it."""
    for item in given:
        plate = item.variable.name
        if item.value is None or item.value not in fit.labels.get(plate, ()):
            continue
        if names := forgotten_latents(fit, plate):
            yield _warning(plate, [str(item.value)], names, "as of any new one")


def forgotten_elements_of_rows(
    fit: Fit, seen: Mapping[str, tuple[str, ...]], rows: Binding
) -> Iterator[Diagnostic]:
    """A warning PGM0726 for each outer plate with elements that the fit has ``seen``, and holds nothing of what the rows leave
    open of them. None for the fit's own rows, which say all that is known of their elements."""
    for plate, known in seen.items():
        names = forgotten_latents(fit, plate)
        labels, codes = rows.labels.get(plate, ()), _present(rows, plate) if names else ()
        codes = np.array([i for i in codes if labels[i] in set(known)], dtype=np.int64)
        names = tuple(n for n in names if _is_open(rows, n, plate, codes))
        if names and len(codes) and bound_fingerprint(rows) != fit.provenance.get("bound_fingerprint"):
            yield _warning(plate, [labels[i] for i in codes], names, "told by these rows alone, as of new ones")


def _is_open(rows: Binding, name: str, plate: str, elements: np.ndarray) -> bool:
    """Whether a value of these elements is missing."""
    if name not in rows.values:
        return True
    axis = rows.model.array_axes(rows.model.by_name[name]).index(plate)
    return bool(is_missing(np.take(np.asarray(rows.values[name]), elements, axis)).any())


def _present(rows: Binding, plate: str) -> np.ndarray:
    """The elements of a plate that rows are of; none of a plate whose elements have no labels."""
    parents = rows.layout.parents.get((rows.plate, plate))
    codes = np.arange(len(rows.labels.get(plate, ()))) if parents is None else np.unique(parents)
    return codes[codes < len(rows.labels.get(plate, ()))]


def _warning(plate: str, elements: list[str], names: tuple[str, ...], how: str) -> Diagnostic:
    shown = ", ".join(quoted(x) for x in elements[:MOST_SHOWN]) + (", ..." if len(elements) > MOST_SHOWN else "")
    what = " and ".join(f"`{n}`" for n in names)
    message = f"the fit holds no value of {what} for {shown} of `{plate}`: {'it is' if len(names) == 1 else 'they are'} {how}"
    cure = f"to tell {what} by what the fit saw of {shown}, predict a table that has those rows too"
    return Diagnostic("PGM0726", message, None, help=cure)
