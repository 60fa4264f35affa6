"""Who works out a density: the option of every method that takes either provider."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.infer.base import Options
from pgmlang.model import Model


@dataclass(frozen=True, kw_only=True)
class BackendOptions(Options):
    """``backend``: what works out the density, ``torch``, ``native`` (compiled loops), or ``auto``: loops where they can say it
    and the run is long enough to pay for compiling them."""

    backend: str = "auto"


def idle_backend(model: Model) -> dict[str, str]:
    """Networks leave no choice."""
    return {"backend": "networks are torch's"} if model.nets else {}
