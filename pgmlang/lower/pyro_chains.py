"""Chains as Pyro draws them: a site each step, which all sequences share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pgmlang.lower.partial import said_by
from pgmlang.model import Conditional, Definition, Model, Potential

Item = Conditional | Definition | Potential


@dataclass(frozen=True)
class Chain:
    """A chain whose random variables or fields look back. ``outer``: the plate whose elements are the sequences, None
    where there is no such plate of one axis. ``lags``: how far back each name is looked at."""

    plate: str
    outer: str | None
    lags: dict[str, int]

    def along(self, dims: dict[str, int]) -> Chain:
        """With its outer plate only where that can stand at the chain's dim."""
        if self.outer is None or dims.get(self.outer, dims[self.plate]) == dims[self.plate]:
            return self
        return replace(self, outer=None)


def chains_of(model: Model) -> dict[str, Chain]:
    """The chains that must be drawn step by step."""
    lags: dict[str, dict[str, int]] = {}
    for item in (*model.factors, *model.definitions):
        for ref in (r for m in model.mentions(item) for r in (said_by(m, model) if m.lag else (m,))):
            if ref.lag and model.by_name[ref.name].role in ("random", "field", "derived"):
                axes = model.batch_axes(model.by_name[ref.name].plates)
                chain = next(a for a in reversed(axes) if model.is_chain(a))
                known = lags.setdefault(chain, {})
                known[ref.name] = max(ref.lag, known.get(ref.name, 0))
    return {
        plate: Chain(plate, _outer(model, plate), known)
        for plate, known in lags.items()
        if any(_is_drawn(model, v) for v in variables_in(model, plate))
    }


def variables_in(model: Model, chain: str) -> list[str]:
    """Names of the random variables and fields along a chain."""
    return [v.name for v in model.of_role("random", "field") if chain in model.batch_axes(v.plates)]


def axes_of(model: Model, item: Item) -> tuple[str, ...]:
    """Batch axes of an item."""
    plates = item.plates if isinstance(item, Potential) else model.by_name[item.target].plates
    return model.batch_axes(plates)


def _is_drawn(model: Model, name: str) -> bool:
    return model.by_name[name].role in ("random", "field")


def _outer(model: Model, plate: str) -> str | None:
    parents = model.plate_by_name[plate].parents
    is_single = len(parents) == 1 and model.plate_by_name[plate].is_rows
    return parents[0] if is_single and len(model.batch_axes(model.enclosing(parents[0]))) == 1 else None
