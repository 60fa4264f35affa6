"""A live view on a terminal: three lines of a fixed height, drawn over four times a second by rich's own thread, so that a
step costs a few assignments. It leaves one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pgmlang.progress.course import Course, clock, ended, figure, told_figures
from pgmlang.progress.plain import Watch

if TYPE_CHECKING:
    from rich.text import Text

PER_SECOND = 4
SPARKS = 32
"""Most characters of a course."""


class View:
    """What rich draws: as wide as the terminal is at that moment."""

    def __init__(self, course: Course) -> None:
        self.course = course

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Text]:
        # a terminal writes ^C where the cursor is: were the last line full, that would begin another one
        width = max(20, options.max_width - 5)
        yield from lines(self.course, width)


def lines(course: Course, width: int) -> Iterator[Text]:
    """Three lines of at most ``width`` characters: the value and its course, the other figures, how far it is."""
    from rich.text import Text

    def line(*parts: tuple[str, str]) -> Text:
        text = Text.assemble(*parts, no_wrap=True, overflow="ellipsis", end="\n")
        text.truncate(width, overflow="ellipsis")
        return text

    if not course.iteration:
        yield line(("preparing", "dim"))
        yield line(("", ""))
        yield line((clock(course.seconds), "dim"))
        return
    value = f"{course.label} {figure(course.value)}"
    sparks = course.sparkline(min(SPARKS, width - len(value) - 2))
    yield line((value, "bold"), ("  ", ""), (sparks, "cyan"))
    yield line((told_figures(course.figures), _style(course)))
    yield line(*_how_far(course, width))


def _style(course: Course) -> str:
    """Figures that speak against the draws so far are marked."""
    is_doubtful = course.figures.get("R-hat", 1.0) > 1.01 or course.figures.get("divergences", 0) > 0
    return "yellow" if is_doubtful else "green"


def _how_far(course: Course, width: int) -> list[tuple[str, str]]:
    """A bar where the end is known, the iteration, the time gone and the time left."""
    share, left = course.share, course.seconds_left
    count = f"{course.iteration:,}" + (f" of {course.total:,}" if course.total else " iterations")
    gone = clock(course.seconds) + (f", {clock(left)} left" if left is not None else "")
    told = f"{count}  {gone}"
    if share is None:
        return [(told, "dim")]
    room = min(40, width - len(told) - 2)
    if room < 8:
        return [(told, "dim")]
    done = int(share * room)
    return [("━" * done, "green"), ("━" * (room - done), "bright_black"), ("  ", ""), (told, "dim")]


@contextmanager
def live_view(limit: float | None = None) -> Iterator[Watch]:
    """The terminal is as it was at the end, whatever ends the run, but for a line of what was done."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, file=sys.stderr, highlight=False)
    course = Course(limit)

    def show(
        iteration: int, value: float, *, label: str = "log-likelihood", total: int | None = None,
        figures: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        course.report(iteration, value, label=label, total=total, figures=figures)

    with Live(View(course), console=console, refresh_per_second=PER_SECOND, transient=True):
        yield Watch(show, lambda text: console.print(text, markup=False))
    if course.iteration:
        console.print(f"[dim]{ended(course)}[/dim]")
