"""Conditional Gaussian networks: numbers that are normal and linear in each other given labels. Numpy only."""

from pgmlang.gaussian.network import GaussianNetwork, NumberConditional

__all__ = ["GaussianNetwork", "NumberConditional"]
