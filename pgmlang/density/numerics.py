"""What emitted programs run under: the type of their numbers, the seed of torch's distributions, the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution


def on_device(program: ModuleType, dtype: torch.dtype, device: torch.device) -> ModuleType:
    """The program with its tables and index arrays on the device, its numbers of this type."""
    for name, value in vars(program).items():
        if isinstance(value, Tensor):
            setattr(
                program, name, value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)
            )
    return program


@contextmanager
def numerics(dtype: torch.dtype, device: torch.device | None = None) -> Iterator[None]:
    """The program's numbers in this dtype (and its constants on this device), and no check of every argument: a proposal
    that is out of bounds has density zero, it is no error. What was set before is restored."""
    before, checked = torch.get_default_dtype(), Distribution._validate_args
    torch.set_default_dtype(dtype)
    Distribution.set_default_validate_args(False)
    try:
        # distributions of plain numbers make tensors of them, and some move the value to where those are
        with nullcontext() if device is None or device.type == "cpu" else device:
            yield
    finally:
        torch.set_default_dtype(before)
        Distribution.set_default_validate_args(checked)


@contextmanager
def seeded(generator: Generator) -> Iterator[None]:
    """The global generator of the generator's device (which distributions draw from) seeded by it, restored behind."""
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    # not torch.manual_seed, which walks every kind of device and keeps the call stack of each call
    shared = torch.default_generator
    if generator.device.type == "cuda":
        torch.cuda.init()
        shared = torch.cuda.default_generators[generator.device.index or 0]
    before = shared.get_state()
    shared.manual_seed(seed)
    try:
        yield
    finally:
        shared.set_state(before)
