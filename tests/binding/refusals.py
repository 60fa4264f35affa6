"""What a binding that must fail says."""

from __future__ import annotations

from typing import Any

import pytest

from pgmlang.binding import bind
from pgmlang.data import Frame, read_frame
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.sema import compile_source


def frame(name: str = "t.csv", **columns: Any) -> Frame:
    return read_frame(columns, name=name)


def refusals(model: str, data: Frame | dict[str, Frame], **options: Any) -> tuple[Diagnostic, ...]:
    """Every diagnostic of a binding that must fail; each says its cure."""
    with pytest.raises(PgmError) as caught:
        bind(compile_source(model), data, **options)
    for diagnostic in caught.value.diagnostics:
        assert diagnostic.help, f"{diagnostic} says no cure"
    return caught.value.diagnostics


def refusal(model: str, data: Frame | dict[str, Frame], **options: Any) -> Diagnostic:
    """The only diagnostic of a binding that must fail."""
    (diagnostic,) = refusals(model, data, **options)
    return diagnostic
