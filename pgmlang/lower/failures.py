"""An error that torch raises inside an emitted program, led back to the line of the model that the program's line is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.lower.program import line_of_model


@contextmanager
def led_to_model() -> Iterator[None]:
    """Raises PgmError PGM0809 with the model's line for an error out of an emitted line; others pass as they are."""
    try:
        yield
    except (PgmError, MemoryError, RecursionError):
        raise
    except Exception as error:
        led = in_model(error)
        if led is None:
            raise
        raise led from error


def in_model(error: Exception) -> PgmError | None:
    """The error as one of the model's line that it came through, None where it came through none."""
    span = span_of(error)
    if span is None:
        return None
    cause = str(error).strip().splitlines() or [""]
    message = f"this line cannot be computed: {type(error).__name__}: {cause[0]}"
    cure = "look at the shapes, supports and data that it takes; `pgmc compile` shows the program's line"
    return PgmError(Diagnostic("PGM0809", message, span, help=cure))


def span_of(error: BaseException) -> Span | None:
    """The place in a model of the innermost emitted line that an error came through."""
    span = None
    trace = error.__traceback__
    while trace is not None:
        span = line_of_model(trace.tb_frame.f_globals, trace.tb_lineno) or span
        trace = trace.tb_next
    return span
