"""Who works out a density: the option of every method that takes either provider, and the choice where it is left open."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

from pgmlang.infer.base import Facts, Options
from pgmlang.model import Model

UNRECORDED = 3
"""Recorded gradients of torch that one of its gradients as they are written takes as long as."""


@dataclass(frozen=True, kw_only=True)
class BackendOptions(Options):
    """``backend``: what works out the density, ``torch``, ``native`` (compiled loops), or ``auto``: loops where they can say it
    and the run is long enough to pay for compiling them (`native_choice`)."""

    backend: str = "auto"


Chosen = TypeVar("Chosen", bound=BackendOptions)


def with_backend(
    options: Chosen, model: Model, facts: Facts, gradients: int, chains: int, dtype: str | None
) -> Chosen:
    """The options with torch where that is cheaper for so many ``gradients`` of so many ``chains``; what is asked for stays."""
    from pgmlang.infer.native_choice import native_choice

    if options.backend != "auto":
        return options
    choice = native_choice(model, facts, chains, gradients, dtype)
    return (
        options if choice is None or choice.backend != "torch" else dataclasses.replace(options, backend="torch")
    )


def idle_backend(model: Model) -> dict[str, str]:
    """Networks leave no choice."""
    return {"backend": "networks are torch's"} if model.nets else {}
