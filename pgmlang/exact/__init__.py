"""Exact inference on discrete networks, directed and undirected, batched over evidence rows.

Numpy in, numpy out; only ``log_z_torch`` needs torch, and imports it when called.
"""

from pgmlang.exact.conflict import conflict, impossible_evidence
from pgmlang.exact.differentiable import log_z_torch
from pgmlang.exact.engine import ExactEngine, Marginals
from pgmlang.exact.enumerate import Enumeration, brute_force
from pgmlang.exact.query import WidthReport

__all__ = [
    "Enumeration",
    "ExactEngine",
    "Marginals",
    "WidthReport",
    "brute_force",
    "conflict",
    "impossible_evidence",
    "log_z_torch",
]
