"""Networks whose weights are given, beside free values in one dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.func import functional_call

NET = "net "
"""Before the names of networks' weights in ``moving``."""


class FunctionalNets:
    """Networks with weights from elsewhere, called as the emitted program does: ``nets["decode"](z)``."""

    def __init__(self, module: Any, weights: Mapping[str, Tensor]) -> None:
        self.module = module
        self.weights = weights

    def __getitem__(self, name: str) -> Callable[..., Any]:
        net_weights = {k.removeprefix(f"{name}."): v for k, v in self.weights.items() if k.startswith(f"{name}.")}
        return lambda *x: functional_call(self.module[name], net_weights, x)


def split_nets(moving: Mapping[str, Tensor], nets: Any) -> tuple[dict[str, Tensor], Any]:
    """Free tensors by name, and the networks with their weights (None without networks)."""
    free = {k: v for k, v in moving.items() if not k.startswith(NET)}
    if nets is None:
        return free, None
    return free, FunctionalNets(nets, {k[len(NET) :]: v for k, v in moving.items() if k.startswith(NET)})
