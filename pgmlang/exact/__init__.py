"""Exact inference on discrete networks, directed and undirected, batched over evidence rows."""

from pgmlang.exact.engine import ExactEngine, Marginals
from pgmlang.exact.enumerate import brute_force
from pgmlang.exact.query import WidthReport

__all__ = ["ExactEngine", "Marginals", "WidthReport", "brute_force"]
