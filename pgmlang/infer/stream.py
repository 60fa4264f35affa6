"""Tables from data larger than memory: sufficient statistics summed block by block (complete data only)."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pgmlang.binding.bound_fingerprint import BoundDigest
from pgmlang.binding.fixed import fixed_values
from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.counts import Statistics, summarize
from pgmlang.infer.ml import LEAST_SQUARES, conclude
from pgmlang.plan.plan import planned
from pgmlang.plan.record import plan_json
from pgmlang.plan.registry import method_named
from pgmlang.results.fit import Fit
from pgmlang.results.zero_probabilities import zero_probabilities
from pgmlang.versions import LANGUAGE_VERSION, __version__


def fit_stream(
    bindings: Iterator[Binding],
    source: str = "",
    modules: Mapping[str, str] | None = None,
    seed: int = 0,
    *,
    method: str = "auto",
    fixed: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Fit:
    """The ``ml`` fit of all blocks together; memory is that of one block and the tables.

    ``bindings``: successive blocks of rows of one closed Model. Raises PgmError PGM0602 when a block has latent
    variables or missing cells, since EM needs all rows at once, and for a method other than ``ml``; PGM0612 for options
    that counting in blocks does not have.
    """
    _refuse_other_methods(method, options or {})
    held: dict[str, np.ndarray] = {}
    start = time.perf_counter()
    total: Statistics | None = None
    last: Binding | None = None
    rows = 0
    digest, bound_digest = hashlib.sha256(), BoundDigest()
    for binding in bindings:
        held = fixed_values(bound_evaluator(binding), fixed or {})
        made = planned(binding.model, binding, "ml", options, held, device)
        if any(block.kernel == LEAST_SQUARES for block in made.plan.blocks):
            message = (
                "blocks of rows are counted into tables, and numbers are learned by least squares of all rows"
            )
            raise PgmError(Diagnostic("PGM0602", message, help="leave `--stream` out"))
        if binding.model.potentials:
            message = "fields are learned, and weighed by log Z, over all rows, and blocks are only counted"
            raise PgmError(Diagnostic("PGM0602", message, help="leave `--stream` out"))
        statistics = summarize(binding, held)
        total = statistics if total is None else total + statistics
        last = binding
        rows += binding.sizes.get(binding.plate, 0)
        digest.update(binding.fingerprint.encode())
        bound_digest.add(binding)
    assert total is not None
    assert last is not None
    outcome = conclude(last, total, held)
    provenance: dict[str, Any] = {
        "seed": seed, "device": "cpu", "data": last.source, "fingerprint": digest.hexdigest(),
        "bound_fingerprint": bound_digest.hexdigest(), "rows": rows, "unused": list(last.unused),
        "observed": list(last.observed), "streamed": True, "reading": last.reading.to_json(), "fixed": sorted(held), "seconds": time.perf_counter() - start,
        "weighed_by": None if last.weighed_by is None else last.weighed_by.to_json(),
        "mapping": dict(last.mapping),
        "source_kinds": {name: kind.to_json() for name, kind in last.kinds.items()},
        "versions": {"numpy": np.__version__, "pgmlang": __version__, "language": LANGUAGE_VERSION},
    }  # fmt: skip
    fit = Fit(
        model=last.model, source=source, method="ml", parameters=outcome.parameters, modules=dict(modules or {}),
        labels=dict(last.labels), sizes=dict(last.sizes), log_likelihood=outcome.log_likelihood, trace=outcome.trace,
        warnings=(*last.warnings, *outcome.warnings), provenance=provenance, plan=plan_json(made.plan),
    )  # fmt: skip
    return dataclasses.replace(fit, warnings=(*fit.warnings, *zero_probabilities(fit)))


def _refuse_other_methods(method: str, options: Mapping[str, Any]) -> None:
    """What blocks cannot honour."""
    if method not in ("auto", "ml"):
        name = method_named(method).name
        message = f"`{name}` needs all rows at once: a table read in blocks is counted"
        raise PgmError(Diagnostic("PGM0602", message, help="leave `--stream` out, or `--method ml`"))
    if "max_time" in options:
        message = "a table that is read in blocks is counted in one pass, which cannot be stopped half way"
        raise PgmError(Diagnostic("PGM0612", message, help="leave `--max-time` out"))
