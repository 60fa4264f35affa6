"""Sampling kernels: pure functions over immutable states, many chains in one tensor."""

from pgmlang.infer.kernels.density import LogDensity, value, value_and_grad
from pgmlang.infer.kernels.kernel import ChainState, Info, Kernel, Tuning
from pgmlang.infer.kernels.sample import Result, RunState, advance, run, sample, start
from pgmlang.infer.kernels.warmup import Plan

__all__ = [
    "ChainState",
    "Info",
    "Kernel",
    "LogDensity",
    "Plan",
    "Result",
    "RunState",
    "Tuning",
    "advance",
    "run",
    "sample",
    "start",
    "value",
    "value_and_grad",
]
