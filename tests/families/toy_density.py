"""A learned density of another package: numbers whose mean is linear in those before them and in what they are given, with
spreads of their own. In closed form a regression of each on those before."""

from __future__ import annotations

import torch
from torch import Tensor


class LinearChain(torch.nn.Module):
    """Called with what it is given, ``[*batch, length]`` each, a distribution of vectors."""

    def __init__(self, scale: int, length: int, given: list[int]) -> None:
        super().__init__()
        self.before = torch.nn.Parameter(torch.zeros(length, length))
        self.offset = torch.nn.Parameter(torch.zeros(length))
        self.log_sd = torch.nn.Parameter(torch.full((length,), float(scale)).log())
        self.given = torch.nn.Linear(sum(given), length, bias=False) if given else None

    def forward(self, *given: Tensor) -> torch.distributions.MultivariateNormal:
        shift = self.offset
        if self.given is not None:
            shift = shift + self.given(torch.cat([g.to(shift.dtype) for g in given], -1))
        eye = torch.eye(len(self.offset), dtype=shift.dtype)
        inverse = torch.linalg.inv(eye - self.before.tril(-1))
        return torch.distributions.MultivariateNormal(
            (inverse @ shift.unsqueeze(-1)).squeeze(-1), scale_tril=inverse @ torch.diag(self.log_sd.exp())
        )
