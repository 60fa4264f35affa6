"""The elements of a variable that a question about a fresh row names."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.query.network import MAX_ANSWER
from pgmlang.query.parse import Event

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity


def elements_of(joint: BoundDensity, target: Event) -> list[tuple[str, tuple[int, ...]]]:
    """The elements asked for with their indices; the axis of the row itself is not named. Raises PgmError PGM0607 for one
    that there is not, PGM0611 for too many."""
    name, bracket, inner = target.variable.name.partition("[")
    rows = {p.name for p in joint.model.plates if p.is_rows}
    axes = joint.axes(name)
    asked = [t.strip() for t in inner.removesuffix("]").split(",")] if bracket else []
    single = [a for a in axes if a in rows and joint.layout.size(a) == 1]
    if (
        asked
        and asked[0] == "0"
        and len(asked) == len(axes) - len(single) + 1
        and any(map(joint.model.is_chain, single))
    ):
        # the first row of a sequence of one
        asked = asked[1:]
    choices: list[list[tuple[str, int]]] = []
    for axis in axes:
        size = joint.layout.size(axis)
        texts = joint.binding.layout.element_names((axis,))
        if axis in rows and size == 1:
            choices.append([("", 0)])
            continue
        every = list(zip(texts, range(size), strict=True))
        if asked:
            label = asked.pop(0)
            every = [e for e in every if e[0] == label]
            if not every:
                near = did_you_mean(label, texts) or "its elements: " + ", ".join(texts[:12])
                raise PgmError(Diagnostic("PGM0607", f"`{label}` is no element of `{name}`", target.variable.span,
                                          help=near))  # fmt: skip
        choices.append(every)
    if asked:
        raise PgmError(Diagnostic("PGM0607", f"`{name}` has not so many axes", target.variable.span,
                                  help=f"ask for `{name}`"))  # fmt: skip
    if math.prod(map(len, choices)) > MAX_ANSWER:
        raise PgmError(Diagnostic("PGM0611", f"`{name}` has {math.prod(map(len, choices)):,} elements",
                                  target.variable.span, help=f"ask for some: `{name}[...]`"))  # fmt: skip
    out = []
    for picked in product(*choices):
        element = ", ".join(text for text, _ in picked if text)
        out.append((f"{name}[{element}]" if element else name, tuple(i for _, i in picked)))
    return out


def element_of_draws(values: Tensor, index: tuple[int, ...]) -> np.ndarray:
    """One element ``[S]`` of draws ``[S, *shape]``, or what is behind it: ``[S, ...]``."""
    for i in index:
        values = values[:, i]
    return np.asarray(values.cpu().numpy())


def single_element(joint: BoundDensity, target: Event) -> tuple[int, ...]:
    """The index of the one element that is compared or weighed. Raises PgmError PGM0606 for several, and as `elements_of`."""
    elements = elements_of(joint, target)
    if len(elements) > 1:
        name = target.variable.name
        raise PgmError(Diagnostic("PGM0606", f"`{name}` has several elements", target.variable.span,
                                  help=f"say which: `{elements[0][0]}`"))  # fmt: skip
    return elements[0][1]
