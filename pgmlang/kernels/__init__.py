"""Sampling kernels: pure functions over immutable states, many chains in one tensor."""

from pgmlang.kernels.kernel import ChainState, Info, Kernel, StepInfo, Tuning
from pgmlang.kernels.log_density import LogDensity, value, value_and_grad
from pgmlang.kernels.sample import Result, RunState, advance, run, sample, start
from pgmlang.kernels.warmup import WarmupPlan

__all__ = [
    "ChainState",
    "Info",
    "Kernel",
    "LogDensity",
    "Result",
    "RunState",
    "StepInfo",
    "Tuning",
    "WarmupPlan",
    "advance",
    "run",
    "sample",
    "start",
    "value",
    "value_and_grad",
]
