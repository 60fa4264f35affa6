"""Missing cells of an emitted Pyro model's data."""

from __future__ import annotations

import torch


def cells_may_be_missing(*alone):
    """Handles observed sites whose values lack cells: NaN, or a code below zero. Those of ``alone``,
    variables that nothing hangs on, drop out; of others the discrete ones are enumerated. Raises
    ValueError for cells that would be latent numbers, which no guide of a whole variable draws alone."""
    import pyro
    from pyro.poutine.messenger import Messenger

    def missing_of(value):
        return torch.isnan(value) if value.is_floating_point() else value < 0

    def only_where(distribution, mask):
        """The distribution with log-probabilities where the mask holds alone."""
        if isinstance(distribution, torch.distributions.Independent):
            dims = distribution.reinterpreted_batch_ndims
            return only_where(distribution.base_dist, mask).to_event(dims)
        return distribution.mask(mask)

    class MissingCells(Messenger):
        def _pyro_sample(self, message):
            value, drawn = message["value"], message["fn"]
            if not message["is_observed"] or not torch.is_tensor(value) or not missing_of(value).any():
                return
            missing, name = missing_of(value), message["name"]
            if name.split(" ")[0] in alone:
                other = drawn.sample().to(value.dtype)
            elif message["infer"].get("enumerate") == "parallel":
                infer = message["infer"]
                other = pyro.sample(f"{name} missing", drawn, infer=dict(infer)).to(value.dtype)
                message["infer"] = {k: v for k, v in infer.items() if k != "enumerate"}
            else:
                cure = "leave those rows out, or hide all of it"
                raise ValueError(f"missing cells of {name} would be latent: {cure}")
            message["value"] = torch.where(missing, other, value)
            message["fn"] = only_where(drawn, ~missing)

    return MissingCells()
