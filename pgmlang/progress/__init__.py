"""How far a fit is, shown while it runs: on a terminal, in a notebook, or in plain lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["shown_progress"]


@contextmanager
def shown_progress(progress: Callable[..., None] | bool | None) -> Iterator[Callable[..., None] | None]:
    """What `infer.fit` calls after each step: the function given; for True a live view, or plain lines on stderr where there
    is no terminal; for None a line in a notebook, and nothing elsewhere."""
    from pgmlang.progress.notebook import in_notebook, notebook_line
    from pgmlang.progress.plain import plain_lines
    from pgmlang.progress.terminal import live_view

    if callable(progress):
        yield progress
    elif progress is False or (progress is None and not in_notebook()):
        yield None
    elif in_notebook():
        with notebook_line() as show:
            yield show
    elif sys.stderr.isatty():
        with live_view() as watch:
            yield watch.show
    else:
        yield plain_lines(lambda text: print(text, file=sys.stderr))
