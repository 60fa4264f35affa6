"""The course of a run: what its steps have said, as whatever shows it needs it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
MOST = 256
"""Values that are remembered: of more, every second, fourth ... one."""
SHARE = 0.01
"""The share of a run's time that figures may cost."""


@dataclass
class Course:
    """``total``: the number of iterations, None where it is not known; ``figures``: by name, beside the value (R-hat,
    divergences); ``limit``: the seconds after which the run is stopped."""

    limit: float | None = None
    label: str = ""
    value: float = math.nan
    iteration: int = 0
    total: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    _values: list[float] = field(default_factory=list)
    _every: int = 1
    _reports: int = 0
    _first: tuple[float, int] | None = None
    _figures: Callable[[], Mapping[str, float]] | None = None
    _figures_due: float = 0.0

    def report(
        self, iteration: int, value: float, *, label: str = "log-likelihood", total: int | None = None,
        figures: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:  # fmt: skip
        """What a step said. ``figures`` are asked for now and then only: they cost time."""
        now = time.monotonic()
        self.iteration, self.value, self.label, self.total = iteration, value, label, total
        if self._first is None:
            self._first = (now, iteration)
        if self._reports % self._every == 0:
            self._values.append(value)
        self._reports += 1
        if len(self._values) >= MOST:
            self._values, self._every = self._values[::2], 2 * self._every
        self._figures = figures
        if figures is not None and now >= self._figures_due:
            self.figures = figures()
            after = time.monotonic()
            self._figures_due = after + max(1.0, (after - now) / SHARE)

    def end(self) -> None:
        """The figures as of the last step."""
        if self._figures is not None:
            self.figures = self._figures()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began

    @property
    def share(self) -> float | None:
        """Of the iterations that are done; None where their number is not known."""
        return min(1.0, self.iteration / self.total) if self.total else None

    @property
    def seconds_left(self) -> float | None:
        """By the pace so far, never more than the time limit leaves; None while nothing is known."""
        left = [] if self.limit is None else [max(0.0, self.limit - self.seconds)]
        if self._first is not None and self.total:
            since, first = self._first
            done = self.iteration - first
            if done > 0:
                left.append((time.monotonic() - since) / done * max(0, self.total - self.iteration))
        return min(left, default=None)

    def sparkline(self, width: int) -> str:
        """The values so far in ``width`` characters at most, from the lowest to the highest of all but the first fifth, where
        most climbs come from far below."""
        return sparkline(self._values, width)


def sparkline(values: list[float], width: int) -> str:
    """Bars of the means of equal stretches of the values; those that are not finite are left out."""
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2 or width < 2:
        return ""
    count = min(width, len(finite))
    edges = [i * len(finite) // count for i in range(count + 1)]
    unit = max(map(abs, finite)) or 1.0
    means = [sum(v / unit for v in finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    scaled = means[len(means) // 5 :]
    low, high = min(scaled), max(scaled)
    if not high > low:
        return BARS[3] * count
    places = ((m - low) / (high - low) * (len(BARS) - 1) for m in means)
    return "".join(BARS[round(min(max(p, 0), len(BARS) - 1))] for p in places)


def clock(seconds: float) -> str:
    """``0:07``, ``12:30``, ``2:05:00``."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """A length of time for a sentence: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def figure(value: float) -> str:
    """A value that changes, in a width that does not."""
    if not math.isfinite(value):
        return f"{value}"
    return f"{value:,.2f}" if abs(value) < 1e7 else f"{value:.4e}"


COUNTED = {"divergences": "divergence"}
"""Figures that count something, and what one of it is."""


def told_figures(figures: Mapping[str, float]) -> str:
    """``R-hat 1.003, 2 divergences``."""
    parts = []
    for name, value in figures.items():
        # below one, R-hat tells the same as one
        shown = max(value, 1.0) if name == "R-hat" else value
        parts.append(
            f"{int(value):,} {COUNTED[name] if value == 1 else name}" if name in COUNTED else f"{name} {shown:.3f}"
        )
    return ", ".join(parts)


def ended(course: Course) -> str:
    """What remains of a run's display: without R-hat, which is told of all that the fit keeps, and was of what is sampled."""
    course.end()
    figures = told_figures({name: value for name, value in course.figures.items() if name != "R-hat"})
    return (
        f"{course.iteration:,} iterations in {duration(course.seconds)}" + (f", {figures}" if figures else "")
        if course.iteration != 1
        else f"1 iteration in {duration(course.seconds)}"
    )
