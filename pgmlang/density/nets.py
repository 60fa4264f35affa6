"""Networks whose weights are given, beside free values in one dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.func import functional_call

from pgmlang.density.keys import FreeKey, NetworkWeight


class FunctionalNets:
    """Networks with weights from elsewhere, called as the emitted program does: ``nets["decode"](z)``."""

    def __init__(self, module: Any, weights: Mapping[str, Tensor]) -> None:
        self.module = module
        self.weights = weights

    def __getitem__(self, name: str) -> Callable[..., Any]:
        net_weights = {k.removeprefix(f"{name}."): v for k, v in self.weights.items() if k.startswith(f"{name}.")}
        return lambda *x: functional_call(self.module[name], net_weights, x)


def split_nets(moving: Mapping[FreeKey, Tensor], nets: Any) -> tuple[dict[FreeKey, Tensor], Any]:
    """Free tensors by key, and the networks with their weights (None without networks)."""
    free = {k: v for k, v in moving.items() if not isinstance(k, NetworkWeight)}
    if nets is None:
        return free, None
    return free, FunctionalNets(nets, network_weights(moving))


def network_weights(moving: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
    """The tensors of the networks by their names in the networks' state."""
    return {k.name: v for k, v in moving.items() if isinstance(k, NetworkWeight)}
