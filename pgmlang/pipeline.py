"""The way from one stage to the next: data bound, methods run, answers made; for the Python front door and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.sema import Compilation

if TYPE_CHECKING:
    from pgmlang.binding.record import Binding
    from pgmlang.model import Model
    from pgmlang.query import NetworkAnswers
    from pgmlang.query.parse import Evidence
    from pgmlang.query.rows import Columns
    from pgmlang.results.fit import Fit
    from pgmlang.tables import DiscreteNetwork


def bind_data(
    model: Model,
    data: Any,
    *,
    sep: str | None = None,
    decimal: str = ".",
    na: Sequence[str] = (),
    **options: Any,
) -> Binding:
    """Reads data and joins it to a model; see ``CompiledModel.bind``."""
    from pgmlang.binding import bind
    from pgmlang.data import Frame, read_frame

    def read(one: Any) -> Any:
        return one if isinstance(one, Frame) else read_frame(one, sep=sep, decimal=decimal, na=tuple(na))

    is_tables = isinstance(data, dict) and data and set(data) <= set(model.plate_by_name)
    if is_tables and not any(isinstance(one, list | tuple) or hasattr(one, "dtype") for one in data.values()):
        return bind(model, {plate: read(one) for plate, one in data.items()}, **options)
    return bind(model, read(data), **options)


def rows_of(binding: Binding) -> int:
    """Rows of the innermost row plate that the data bound."""
    return binding.sizes.get(binding.plate, 1)


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
    """Runs a method on a bound model and returns the plain record of the fit. ``keeping``: ``checkpoint resume every``
    of ``infer.fit_model``."""
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
    decimal: str = ".",
    na: Sequence[str] = (),
    batch_rows: int | None = None,
    **options: Any,
) -> Fit:
    """The ``ml`` fit of a file read in blocks of bounded memory. Raises PgmError PGM0602 for another method."""
    from pgmlang.binding import bind_batches
    from pgmlang.data import read_batches
    from pgmlang.infer.stream import fit_stream

    def batches() -> Any:
        return read_batches(path, sep=sep, decimal=decimal, na=tuple(na), batch_rows=batch_rows)

    bindings = bind_batches(compilation.checked(), batches, **options)
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


def model_answers(
    model: Model, parameters: Mapping[str, Any], sizes: Mapping[str, int], labels: Mapping[str, tuple[str, ...]]
) -> NetworkAnswers:
    """Exact answers from a discrete model and its parameters."""
    from pgmlang.query import NetworkAnswers
    from pgmlang.tables.from_model import discrete_network

    network = discrete_network(model, dict(parameters), dict(sizes), dict(labels))
    fields = {v.name for v in model.of_role("field")}
    unrolled = {v.name for v in network.variables if v.name.split("[")[0] in fields}
    return NetworkAnswers(network, frozenset(fields | unrolled))


def network_answers(network: DiscreteNetwork) -> NetworkAnswers:
    """Exact answers from a network read from a BIF or UAI file."""
    from pgmlang.query import NetworkAnswers

    undirected = {network.variables[v].name for f in network.factors if f.child is None for v in f.scope}
    return NetworkAnswers(network, frozenset(undirected))


def log_z(answers: NetworkAnswers, evidence: str = "") -> float:
    """log Z with evidence clamped. Raises PgmError PGM0609 when it is minus infinity."""
    from pgmlang.query import parse_evidence

    items = parse_evidence(evidence) if evidence.strip() else ()
    hard, soft = answers.evidence(items)
    value = float(answers.engine.log_z(hard, soft)[0])
    if value == float("-inf"):
        raise PgmError(answers.impossible(hard, soft, items))
    return value


def evidence_of(text: str) -> tuple[Evidence, ...]:
    """``"a = yes, b = no"`` parsed; empty without any."""
    from pgmlang.query import parse_evidence

    return parse_evidence(text) if text.strip() else ()


def draw_rows(
    answers: NetworkAnswers, num_draws: int, seed: int | None, items: tuple[Evidence, ...] = ()
) -> Columns:
    """Joint draws given evidence. Raises PgmError PGM0609 where it is impossible."""
    import numpy as np

    from pgmlang.query import sample

    hard, soft = answers.evidence(items)
    if soft:
        raise PgmError(Diagnostic("PGM0606", "samples take hard evidence only", help="write `a = label`"))
    if hard and not np.isfinite(answers.log_evidence(hard, {})):
        raise PgmError(answers.impossible(hard, {}, items))
    return sample(answers, hard, num_draws, seed)
