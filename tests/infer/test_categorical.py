"""Codes drawn by inversion: their frequencies, and values of no weight at either end."""

from __future__ import annotations

import math

import scipy.stats
import torch

from pgmlang.density.summing import NEVER, categorical


def test_frequencies_are_the_probabilities() -> None:
    p = torch.tensor([0.0, 0.1, 1e-3, 0.0, 0.6, 0.299, 0.0], dtype=torch.float64)
    codes = categorical(p.log().expand(200_000, -1) + 800.0, torch.Generator().manual_seed(3))
    counts = torch.bincount(codes, minlength=7).double()
    seen = p > 0
    assert counts[~seen].sum() == 0
    assert scipy.stats.chisquare(counts[seen].numpy(), (200_000 * p[seen]).numpy()).pvalue > 1e-4


def test_values_that_cannot_be_are_never_drawn() -> None:
    generator = torch.Generator().manual_seed(1)
    for never in (-math.inf, NEVER):
        one = torch.full((50_000, 4), never, dtype=torch.float64)
        one[:, 2] = -700.0
        assert (categorical(one, generator) == 2).all()


def test_without_a_generator_the_most_probable() -> None:
    assert categorical(torch.tensor([[0.1, 0.3, 0.2]]), None).tolist() == [1]
