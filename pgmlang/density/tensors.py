"""Bound data as an emitted program takes them, for use outside of this package's methods (Pyro's SVI and MCMC)."""

from __future__ import annotations

import torch
from torch import Tensor

from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.lower.runtime.layout import TensorLayout
from pgmlang.model import Model


def program_tensors(model: Model, binding: Binding) -> tuple[dict[str, Tensor], TensorLayout]:
    """``data`` and ``layout`` of an emitted program: inputs and what is observed, numbers of torch's default type.

    Raises PgmError PGM0710 where cells are missing and PGM0602 where rows are weighted: a Pyro model says neither."""
    joint = density_of_binding(model, binding, {}, torch.get_default_dtype(), torch.device("cpu"))
    for name in (*joint.missing, *joint.unseen):
        help_ = f"leave those rows out, or hide all of it: hide=['{name}']"
        raise PgmError(
            Diagnostic("PGM0710", f"`{name}` has missing cells, which a Pyro model does not say", help=help_)
        )
    if joint.weights:
        help_ = "repeat each row as often as it counts"
        raise PgmError(Diagnostic("PGM0602", "weights of rows are not in a Pyro model", help=help_))
    return {**joint.data, **joint.observed}, joint.layout
