"""The way from one stage to the next: methods run; for the Python front door and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pgmlang.sema import Compilation

if TYPE_CHECKING:
    from pgmlang.binding.record import Binding
    from pgmlang.results.fit import Fit


def fit_bound(
    compilation: Compilation,
    binding: Binding,
    method: str = "auto",
    seed: int | None = None,
    device: str = "cpu",
    fixed: Mapping[str, float] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Callable[..., None] | None = None,
    **keeping: Any,
) -> Fit:
    """Runs a method on a bound model and returns the plain record of the fit. ``keeping``: ``checkpoint resume every
    announce start`` of ``infer.fit_model``."""
    from pgmlang.infer import fit_model

    return fit_model(
        compilation.checked(),
        binding,
        method=method,
        options=dict(options or {}),
        seed=seed,
        fixed=dict(fixed or {}),
        device=device,
        source=compilation.source.text,
        modules=compilation.modules,
        progress=progress,
        **keeping,
    )


def fit_streamed(
    compilation: Compilation,
    path: str,
    seed: int | None = None,
    *,
    method: str = "auto",
    fixed: Mapping[str, float] | None = None,
    method_options: Mapping[str, Any] | None = None,
    device: str = "cpu",
    sep: str | None = None,
    batch_rows: int | None = None,
    **options: Any,
) -> Fit:
    """The ``ml`` fit of a file read in blocks of bounded memory. Raises PgmError PGM0602 for another method."""
    from pgmlang.binding import bind_batches
    from pgmlang.data import READING, BatchedTable, Reading
    from pgmlang.infer.stream import fit_stream

    reading = Reading.of(**{name: options.pop(name) for name in READING if name in options})

    model = compilation.checked()
    table = BatchedTable(path, sep=sep, reading=reading, batch_rows=batch_rows)
    bindings = bind_batches(model, table, **options)
    return fit_stream(
        bindings,
        compilation.source.text,
        compilation.modules,
        seed or 0,
        method=method,
        fixed=fixed,
        options=method_options,
        device=device,
    )
