"""The kernel of a row of ``signatures.kernels``."""

from __future__ import annotations

from importlib import import_module

from pgmlang.kernels.kernel import Kernel
from pgmlang.signatures.kernels import SamplerKernel


def kernel_of(row: SamplerKernel) -> Kernel:
    """Made with its own defaults."""
    module, _, function = row.make.partition(":")
    kernel = getattr(import_module(module), function)()
    if not isinstance(kernel, Kernel):
        raise TypeError(f"`{row.make}` makes no kernel")
    return kernel
