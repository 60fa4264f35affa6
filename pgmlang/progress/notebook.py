"""One calm line in a notebook: drawn over while a fit runs, with what was done in the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from pgmlang.progress.course import Course, clock, ended, figure, told_figures
from pgmlang.progress.plain import Show

EVERY = 0.3
"""Seconds between two displays."""


def in_notebook() -> bool:
    """Whether this runs in a kernel that shows HTML; IPython is not imported for it."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def notebook_line(limit: float | None = None) -> Iterator[Show]:
    """A function to be called after each step."""
    from IPython.display import HTML, display

    course = Course(limit)
    handle = display(HTML(""), display_id=True)
    shown = 0.0

    def show(
        iteration: int, value: float, *, label: str = "log-likelihood", total: int | None = None,
        figures: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        nonlocal shown
        course.report(iteration, value, label=label, total=total, figures=figures)
        if time.monotonic() - shown >= EVERY:
            handle.update(HTML(line(course)))
            shown = time.monotonic()

    try:
        yield show
    finally:
        handle.update(HTML(f"<small>{escape(ended(course))}</small>" if course.iteration else ""))


def line(course: Course) -> str:
    """A bar where the end is known, the value with its course, figures and time."""
    bar = "" if course.total is None else f'<progress value="{course.iteration}" max="{course.total}"></progress> '
    count = f"{course.iteration:,}" + (f" of {course.total:,}" if course.total else " iterations")
    left = course.seconds_left
    parts = [
        count,
        f"{course.label} {figure(course.value)} {course.sparkline(24)}",
        told_figures(course.figures),
        clock(course.seconds) + (f", {clock(left)} left" if left is not None else ""),
    ]
    return f"<small>{bar}{escape(' · '.join(p for p in parts if p))}</small>"
