"""Tables from data larger than memory: sufficient statistics summed block by block (complete data only)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.infer.base import facts_of
from pgmlang.infer.counts import Statistics, summarize
from pgmlang.infer.ml import conclude
from pgmlang.plan.choose import choose
from pgmlang.results.fit import Fit


def fit_stream(
    bindings: Iterator[Binding], source: str = "", modules: Mapping[str, str] | None = None, seed: int = 0
) -> Fit:
    """The ``ml`` fit of all blocks together; memory is that of one block and the tables.

    ``bindings``: successive blocks of rows of one closed Model. Raises PgmError PGM0602 when a block has latent
    variables or missing cells, since EM needs all rows at once.
    """
    start = time.perf_counter()
    total: Statistics | None = None
    last: Binding | None = None
    rows = 0
    digest = hashlib.sha256()
    for binding in bindings:
        choose(binding.model, facts_of(binding.model, binding, {}), "ml")
        statistics = summarize(binding)
        total = statistics if total is None else total + statistics
        last = binding
        rows += binding.sizes.get(binding.plate, 0)
        digest.update(binding.fingerprint.encode())
    assert total is not None
    assert last is not None
    outcome = conclude(last, total)
    provenance: dict[str, Any] = {
        "seed": seed, "device": "cpu", "data": last.source, "fingerprint": digest.hexdigest(), "rows": rows,
        "observed": list(last.observed), "streamed": True, "seconds": time.perf_counter() - start,
        "versions": {"numpy": np.__version__, "pgmlang": _own_version()},
    }  # fmt: skip
    return Fit(
        model=last.model, source=source, method="ml", parameters=outcome.parameters, modules=dict(modules or {}),
        labels=dict(last.labels), sizes=dict(last.sizes), log_likelihood=outcome.log_likelihood,
        warnings=(*last.warnings, *outcome.warnings), provenance=provenance,
    )  # fmt: skip


def _own_version() -> str:
    try:
        return version("pgmlang")
    except PackageNotFoundError:
        return "unknown"
