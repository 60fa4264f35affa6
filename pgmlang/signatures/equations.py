"""Differential equations: what ``ode`` takes."""

from __future__ import annotations

ODE = "ode"
"""``x = ode(rate, start, times)``: x solves d x / d time = rate."""

RATE = "rate"
PARAMETERS = (RATE, "start", "times", "start_time", "rtol", "atol", "max_steps", "solver")
"""In order; the first three must be given."""
NEEDED = PARAMETERS[:3]
TOLERANCES: dict[str, float] = {"rtol": 1e-6, "atol": 1e-8}
"""The greatest error of a step where none is given: relative to the value, and absolute."""
SOLVERS = ("explicit", "stiff")
"""Explicit steps of order 5(4) (Dormand and Prince 1980), and implicit ones of order 4(3), whose length is not bound by the fastest rate
(SDIRK4: Hairer and Wanner 1996, IV.6)."""
MOST_STEPS = 1000
"""Steps of a solver from one time to the next where no ``max_steps`` is given; a solution that takes more has density zero."""

SAYS_PARAMETERS = {
    RATE: "how fast it changes; in it the name, and others that equations give, are their present values, and `times` is the present time",
    "start": "its value at `start_time`",
    "times": "an input of the plate, or a value worked out of inputs: when each row is",
    "start_time": "a number known before; where none is given the earliest of the times",
    "rtol": f"the greatest error of a step relative to the value, {TOLERANCES['rtol']:g} where none is given",
    "atol": f"the greatest error of a step, {TOLERANCES['atol']:g} where none is given",
    "max_steps": f"most steps from one time to the next, {MOST_STEPS} where none is given",
    "solver": "`explicit`, or `stiff` where rates differ by many orders of size",
}

SIGNATURE = "ode(rate, start = x0, times = t)"
SAYS = (
    "the solution of `d x / d time = rate` at the times of a plate's rows, from `start` at `start_time` on (the earliest "
    "of the times where none is given); in `rate` x is its present value"
)
