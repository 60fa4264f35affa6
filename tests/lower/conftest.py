"""Pyro as it is at the start of a program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def pyro_afresh() -> Iterator[None]:
    """No parameters in Pyro's store, numbers of double precision, one seed."""
    import pyro

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    pyro.clear_param_store()
    yield
    torch.set_default_dtype(torch.float32)
    pyro.clear_param_store()
