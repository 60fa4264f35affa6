"""A fit: what a method leaves behind, all plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pgmlang.binding.weight_column import WeightColumn
from pgmlang.data import Reading, SourceKind
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.display import read_only
from pgmlang.layout import Layout, close_layout
from pgmlang.model import Model
from pgmlang.results.normal_posterior import NormalPosterior
from pgmlang.results.pointwise import Pointwise
from pgmlang.signatures.kernels import Moves

GIVEN = "given"
"""The method of a model that is asked as it stands, without a fit."""


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """The result of ``fit``.

    ``model``: the Model closed by the data (labels known). ``source``: the text of the model file; ``modules``: the
    texts of what it imports. ``parameters``: point estimates by name: ``NAME.table`` for a learned table, of shape
    (elements of ``by``, sizes of the parents in order, labels of NAME); ``NAME.counts``: the (expected) counts
    behind it, without the prior; ``param``s by their own name. ``labels``: names of the elements of plates and dims; ``row_names``: of
    the rows of the data, by plate, where a column told them: those of a fit alone, new rows are none of them.
    ``log_likelihood``: ln p(data) in total at the estimates, latent and missing values summed out; None where the method
    does not know it. ``trace``: the method's ``objective`` over its iterations, which ``only_rises`` for some methods.
    ``moves``: how draws were proposed, where an acceptance rate is kept. ``status``: ``converged``, ``not converged`` or
    ``stopped``. ``options``: those of the method as they were used; ``plan``: the plan that was carried out, as plain data
    (`plan.plan_json`). ``provenance``: seed, versions, device, threads, data fingerprint and binding, times.

    ``draws``: posterior draws by variable, shape (chain, draw, then plate and event axes), float64 or float32; int64
    codes for a discrete variable (places in its labels). ``draw_axes``: the names of the axes after the first two.
    ``sample_stats``: what the sampler says of each draw, shape (chain, draw): ``acceptance_rate``, ``diverging``,
    ``energy``, ``lp``, ``swap_rate`` ... All draws and statistics have the same number of chains and draws. Those of
    a loaded fit are read-only views of the file: numbers come into memory as they are asked for. Deterministic names have
    draws too; ``standard_errors``: of point estimates, of their shapes, NaN where one is not known: by the observed
    information, what is latent taken into account. ``deterministic`` holds the values, at the estimates, of those that hang on no draw.
    ``pointwise``: log-likelihoods of the data's elements at each draw, where they were asked for. ``process_rows``: of the fit's own
    rows what processes over them hang on (`binding.process_rows`), from which these go on to other rows. ``normal``: the posterior of some of the draws' variables, where it is a
    normal distribution that the method knows. All arrays are read-only: whoever
    is handed one works on a copy.
    """

    model: Model
    source: str
    method: str
    parameters: dict[str, np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    row_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    log_likelihood: float | None = None
    trace: tuple[float, ...] = ()
    only_rises: bool = False
    moves: Moves | None = None
    status: str = "converged"
    warnings: tuple[Diagnostic, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    draw_axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sample_stats: dict[str, np.ndarray] = field(default_factory=dict)
    deterministic: dict[str, np.ndarray] = field(default_factory=dict)
    standard_errors: dict[str, np.ndarray] = field(default_factory=dict)
    pointwise: Pointwise | None = None
    normal: NormalPosterior | None = None
    process_rows: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("parameters", "draws", "sample_stats", "deterministic", "standard_errors", "process_rows"):
            object.__setattr__(self, name, {k: read_only(v) for k, v in getattr(self, name).items()})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # pickled arrays come back writable

    def __repr__(self) -> str:
        return f"fit of {self.model.name}: {self.method}, {self.status}; {len(self.draws) or len(self.parameters)} arrays"

    @cached_property
    def layout(self) -> Layout:
        """Sizes and labels that the fit knows; which rows belong together it does not."""
        return close_layout(self.model, self.sizes, self.labels)

    @property
    def is_given(self) -> bool:
        """Whether nothing was fitted: latents have their prior."""
        return self.method == GIVEN

    @property
    def objective(self) -> str:
        """What ``trace`` is of: the log-likelihood itself, a bound on it, a score."""
        return str(self.provenance.get("objective", "log-likelihood"))


def weight_column_of(fit: Fit) -> WeightColumn | None:
    """The column by which the fit weighed its rows, and weighs new ones; None where each counted once."""
    return WeightColumn.of_json(fit.provenance.get("weighed_by"))


def mapping_of(fit: Fit) -> dict[str, str]:
    """The columns that were said for variables and plates, which new rows have too."""
    return {str(name): str(column) for name, column in dict(fit.provenance.get("mapping", {})).items()}


def source_kinds_of(fit: Fit) -> dict[str, SourceKind]:
    """What the fit's columns of labels are in their source, by variable and plate; older fits do not know. Raises PgmError
    PGM0904 for a damaged record."""
    try:
        return {str(n): SourceKind.of_json(k) for n, k in dict(fit.provenance.get("source_kinds", {})).items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        message = "what the fit's columns were is not understood"
        raise PgmError(Diagnostic("PGM0904", message, help="fit again with this version")) from None


def reading_of(fit: Fit) -> Reading:
    """How the fit read its data, by which it reads new rows. Raises PgmError PGM0612 for a damaged one."""
    return Reading.of_json(fit.provenance.get("reading", {}))
