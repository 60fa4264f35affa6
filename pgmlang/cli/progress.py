"""How far a fit is: a live view on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pgmlang.cli.console import is_live, say
from pgmlang.progress.plain import Watch, plain_lines


@contextmanager
def progress(quiet: bool, limit: float | None = None) -> Iterator[Watch]:
    """What `infer.fit` calls after each step, and says before the first. ``limit``: the seconds that a fit may take."""
    if quiet:
        yield Watch(None, lambda text: None)
    elif is_live(sys.stderr):
        from pgmlang.progress.terminal import live_view

        with live_view(limit) as watch:
            yield watch
    else:
        yield Watch(plain_lines(say), say)
