"""Elements of outer plates that a fit has not seen, in what is told of a fresh row and in rows: answered as new ones, and said;
one that is spelt nearly as a known one is taken for a slip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pgmlang.binding.record import Binding
from pgmlang.data.problems import quoted
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import near_names
from pgmlang.model import Model
from pgmlang.model.show import quoted as as_written
from pgmlang.query.parse import Evidence
from pgmlang.results.fit import Fit

MOST_SHOWN = 5


def check_element(fit: Fit, item: Evidence) -> None:
    """Raises PgmError PGM0607 for an element that is spelt nearly as one of the fit's."""
    plate, known = item.variable.name, fit.labels.get(item.variable.name, ())
    if not _is_new(fit, item):
        return
    near = near_elements(str(item.value), known)
    if near:
        meant = " or ".join(f"`{plate} = {as_written(x)}`" for x in near)
        message = f"the fit has seen no {quoted(str(item.value))} of `{plate}`"
        cure = (
            f"did you mean {meant}? A `{plate}` that the fit has not seen is asked about by leaving `{plate}` out"
        )
        raise PgmError(Diagnostic("PGM0607", message, item.variable.span, help=cure))


def near_elements(name: str, known: Iterable[str]) -> list[str]:
    """The known elements that a name may be a slip of: spelt nearly alike, with the same digits (`s9` is no slip of `s8`)."""
    return near_names(name, (x for x in known if _digits(x) == _digits(name)))


def _digits(name: str) -> str:
    return "".join(c for c in name if c.isdigit())


def _is_new(fit: Fit, item: Evidence) -> bool:
    known = fit.labels.get(item.variable.name, ())
    return item.variable.name in fit.model.plate_by_name and bool(known) and item.value not in {None, *known}


def new_elements_told(fit: Fit, given: Iterable[Evidence]) -> Iterator[Diagnostic]:
    """A warning PGM0723 for each plate of which an element is told that the fit has not seen."""
    for item in given:
        if _is_new(fit, item):
            yield _warning(item.variable.name, [str(item.value)], fit.labels[item.variable.name])


def new_elements_of_rows(model: Model, seen: Mapping[str, tuple[str, ...]], rows: Binding) -> Iterator[Diagnostic]:
    """A warning PGM0723 for each outer plate that rows have elements of which the fit has not ``seen``, with those that may be
    slips."""
    for plate, known in seen.items():
        if plate not in model.plate_by_name or plate == rows.plate or not known:
            continue
        new = [x for x in rows.labels.get(plate, ()) if x not in set(known)]
        if new:
            yield _warning(plate, new, known)


def _warning(plate: str, new: list[str], known: tuple[str, ...]) -> Diagnostic:
    shown = ", ".join(quoted(x) for x in new[:MOST_SHOWN]) + (", ..." if len(new) > MOST_SHOWN else "")
    few = f"{shown} of `{plate}` is" if len(new) == 1 else f"{len(new):,} elements of `{plate}` ({shown}) are"
    slips = {x: near for x in new[:MOST_SHOWN] if (near := near_elements(x, known))}
    cure = "; ".join(f"did you mean {' or '.join(map(quoted, near))} by {quoted(x)}?" for x, near in slips.items())
    seen = ", ".join(map(quoted, known[:MOST_SHOWN])) + (", ..." if len(known) > MOST_SHOWN else "")
    return Diagnostic(
        "PGM0723", f"{few} new: the fit has seen {seen}; answered as for any new one", None, help=cure
    )
