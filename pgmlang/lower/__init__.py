"""Lowering: a Model as a readable torch and Pyro program."""

from pgmlang.lower.program import Program, lower, refusals

__all__ = ["Program", "lower", "refusals"]
