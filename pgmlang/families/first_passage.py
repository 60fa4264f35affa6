"""The family of decisions that take time: Wiener."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas
from pgmlang.families.family import parameter as _p

SWITCH = "0.35"
"""In squared boundaries: up to here the series for small times, then the one for large times (Navarro and Fuss 2009); three and four terms have
no error that a double shows."""


def _small(k: int) -> str:
    return f"(start + {2 * k}) * exp(-{2 * k} * ({k} + start) / early) + (start - {2 * k}) * exp(-{2 * k} * ({k} - start) / early)"


def _large(k: int) -> str:
    return f"{k} * exp(-{k * k - 1} * fall * late) * sin({k} * pi * start)"


FAMILIES = (
    Family(
        "Wiener", ((_p("boundary", "positive"), _p("delay", "positive"), _p("bias", "unit"), _p("drift")),), "real",
        reparameterised=False,
        says="how long a decision takes: evidence drifts from bias * boundary until it reaches the boundary, or zero, which a minus sign says"
        " (the diffusion model of Ratcliff 1978)",
        formulas=(
            Formulas(
                "where(time > 0, way * (0.0 - start) - 0.5 * drift * drift * past - 2 * log(boundary)"
                " + where(unit < " + SWITCH + ", log(small) - 0.5 * start * start / early - 1.5 * log(early) - 0.5 * log(2 * pi),"
                " log(large) - fall * late + log(pi)), -inf)",
                draw="wiener_draws(boundary, delay, bias, drift)",
                let={
                    "time": "abs(x) - delay",
                    "past": "where(time > 0, time, 1.0)",
                    "unit": "past / (boundary * boundary)",
                    "start": "where(x > 0, 1 - bias, bias)",
                    "way": "boundary * where(x > 0, -drift, drift)",
                    "fall": "0.5 * pi * pi",
                    "early": "where(unit < " + SWITCH + ", unit, " + SWITCH + ")",
                    "late": "where(unit < " + SWITCH + ", " + SWITCH + ", unit)",
                    "small": "start + " + " + ".join(map(_small, (1, 2, 3))),
                    "large": " + ".join(map(_large, (1, 2, 3, 4))),
                },
            ),
        ),
    ),
)  # fmt: skip
