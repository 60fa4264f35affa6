"""Options of samplers that step through blocks."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.infer.sampling import SamplerOptions


@dataclass(frozen=True, kw_only=True)
class CycleOptions(SamplerOptions):
    """As for every sampler; ``length``: leapfrog steps of Hamiltonian blocks, at most."""

    chains: int = 4
    warmup: int = 500
    length: float = 6.0


@dataclass(frozen=True, kw_only=True)
class GibbsOptions(CycleOptions):
    """``backend``: what draws, ``torch``, ``native`` (compiled loops, labels with what is conjugate to them integrated out where the model has
    that form; numbers without a conjugate family by random walks), or ``auto``: loops where they can say it and the run is long enough to pay for compiling them."""

    backend: str = "auto"
