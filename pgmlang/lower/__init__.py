"""Lowering: a Model as a readable torch and Pyro program."""

from pgmlang.lower.program import Program, lower

__all__ = ["Program", "lower"]
