"""Bound data as an emitted program takes them, for use outside of this package's methods (Pyro's SVI and MCMC)."""

from __future__ import annotations

import torch
from torch import Tensor

from pgmlang.binding.counted_rows import row_counts, rows_written_out
from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.lower.enumerated import enumerability
from pgmlang.lower.pyro_chains import chains_of
from pgmlang.lower.runtime.layout import TensorLayout
from pgmlang.model import Model


def program_tensors(model: Model, binding: Binding) -> tuple[dict[str, Tensor], TensorLayout]:
    """``data`` and ``layout`` of an emitted program: inputs and what is observed, numbers of torch's default type. Rows
    that stand for several are written out, each with latents of its own.

    Missing cells are NaN, or codes below zero. Raises PgmError PGM0710 where they would be latent numbers, parts of a vector
    or states of a chain, and PGM0602 where weights of rows are no counts: a Pyro model says neither."""
    binding = _written_out(binding)
    joint = density_of_binding(model, binding, {}, torch.get_default_dtype(), torch.device("cpu"))
    chains = chains_of(joint.model)
    listed = enumerability(joint.model, chains)
    for name in joint.missing:
        if not listed.holds(name) or set(joint.axes(name)) & set(chains):
            help_ = f"leave those rows out, or hide all of it: hide=['{name}']"
            raise PgmError(
                Diagnostic("PGM0710", f"`{name}` has missing cells that a Pyro model does not say", help=help_)
            )
    observed = dict(joint.observed)
    for name, mask in joint.unseen.items():
        nothing = torch.nan if observed[name].is_floating_point() else -1
        observed[name] = torch.where(mask, nothing, observed[name])
    return {**joint.data, **observed}, joint.layout


def _written_out(binding: Binding) -> Binding:
    """Each row as often as it counts. Raises PgmError PGM0602 for weights that are no whole numbers."""
    if row_counts(binding) is None:
        help_ = "give counts, or rows without weights; `pgmc fit` takes weights"
        raise PgmError(Diagnostic("PGM0602", "weights of rows are not in a Pyro model", help=help_))
    return rows_written_out(binding)
