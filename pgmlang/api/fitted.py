"""A fit: its figures, draws and pictures, and how well it does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgmlang.api.asked import Asked
from pgmlang.api.calls import of_the_model, refuse_to_make
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.display import FrozenArrays, does_not_change, mime_bundle, picture_html
from pgmlang.signatures.arguments import checked_arguments

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from pgmlang.criticism.replicates import Replicates
    from pgmlang.plan import Plan
    from pgmlang.results.elpd import Elpd
    from pgmlang.results.fit import Fit
    from pgmlang.results.summary_view import Summary
    from pgmlang.results.trust import Findings


@checked_arguments
def load(folder: str | os.PathLike[str]) -> FittedModel:
    """Loads a fit folder. Raises PgmError PGM0903 or PGM0904 when it is none, or of another version."""
    from pgmlang.results.load import load_fit

    return FittedModel.of(load_fit(Path(folder)))


@does_not_change("a fit", "fit again, or work on a copy (`dict(fit.draws)`, `fit.draws[...].copy()`)")
@dataclass(frozen=True, eq=False, repr=False)
class FittedModel(Asked):
    """A fit and what can be asked of it."""

    def __post_init__(self) -> None:
        from pgmlang.posterior import Posterior

        refuse_to_make(
            "FittedModel",
            self.posterior,
            Posterior,
            "`pgmlang.load(FOLDER)` loads a fit, `model.fit(data)` makes one",
        )

    @classmethod
    def of(cls, fit: Fit) -> FittedModel:
        """A fit's plain record, to be asked."""
        from pgmlang.posterior import posterior_of_fit

        return cls(posterior_of_fit(fit))

    @property
    def record(self) -> Fit:
        """The plain data that is saved."""
        return self.posterior.fit

    @property
    def plan(self) -> Plan:
        """The plan that was carried out, options as they were used. Raises PgmError PGM0904 for a fit without one."""
        from pgmlang.plan import plan_of_json

        if not self.record.plan:
            message = "the fit keeps no plan: an older version made it"
            raise PgmError(Diagnostic("PGM0904", message, help="fit again with this version"))
        return plan_of_json(self.record.plan)

    @property
    def params(self) -> Mapping[str, np.ndarray]:
        """Point estimates by name, to be read; ``NAME.table`` is the table of NAME."""
        return FrozenArrays(self.record.parameters, "fit.params")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.record.warnings

    @property
    def log_likelihood(self) -> float | None:
        """ln p(data) in total at the estimates; None for draws, and where the method does not know it."""
        return self.record.log_likelihood

    @property
    def draws(self) -> Mapping[str, np.ndarray]:
        """Posterior draws by variable, to be read, shape (chain, draw, then plate and event axes); empty for a point estimate."""
        axes = {name: ("chain", "draw", *self.record.draw_axes.get(name, ())) for name in self.record.draws}
        return FrozenArrays(self.record.draws, "fit.draws", axes)

    @of_the_model
    def inference_data(self, data: Any = None, *, seed: int = 0, **binding: Any) -> Any:
        """The fit as ArviZ data (an xarray DataTree), dims named by plates, labels as coordinates: ``posterior``,
        ``sample_stats`` and pointwise log-likelihoods that were kept; with the ``data`` of the fit also ``log_likelihood``,
        ``observed_data``, ``constant_data``, ``posterior_predictive``, and ``prior`` and ``prior_predictive`` where
        everything has a prior, rows that count as several written out. Estimates are one draw. Raises PgmError PGM0909 without
        arviz-base, PGM0904 for other data than the fit's, PGM0602 for weights that are no counts."""
        if data is None:
            from pgmlang.results.inference_data import inference_data

            return inference_data(self.record)
        from pgmlang.criticism.data_of_fit import refuse_other_data
        from pgmlang.criticism.inference_groups import inference_data_with

        refuse_other_data(self.record, bound := self.bind(data, **binding))
        return inference_data_with(self.record, bound, seed)

    @checked_arguments
    def write_netcdf(
        self, path: str | os.PathLike[str], data: Any = None, *, seed: int = 0, **binding: Any
    ) -> None:
        """`inference_data` as a NetCDF file. Raises PgmError PGM0909 without h5netcdf or netCDF4, PGM0901 where it cannot be
        written."""
        from pgmlang.results.inference_data import write_netcdf

        write_netcdf(self.inference_data(data, seed=seed, **binding), Path(path))

    @of_the_model
    def prior_draws(
        self, num_draws: int, data: Any = None, *, seed: int = 0, fixed: Mapping[str, float] | None = None,
        **binding: Any,
    ) -> Replicates:  # fmt: skip
        """As `CompiledModel.prior_draws`, of the fit's model: what was learned does not count."""
        from pgmlang.criticism.replicates import drawn_from_prior
        from pgmlang.query.fresh_binding import fresh_binding

        bound = fresh_binding(self.record, 1) if data is None else self.bind(data, **binding)
        return drawn_from_prior(bound, num_draws, seed, fixed)

    @of_the_model
    def with_pointwise(self, data: Any, **binding: Any) -> FittedModel:
        """The same fit with the log-likelihood of each element of its data at each draw kept. Raises PgmError PGM0610
        without draws, PGM0602 where no element has a likelihood of its own, PGM0904 for other data than the fit's."""

        from pgmlang.criticism.data_of_fit import refuse_other_data
        from pgmlang.criticism.pointwise import pointwise_log_likelihood

        bound = self.bind(data, **binding)
        refuse_other_data(self.record, bound)
        return FittedModel.of(replace(self.record, pointwise=pointwise_log_likelihood(self.record, bound)))

    @of_the_model
    def loo(self, data: Any = None, **binding: Any) -> Elpd:
        """Leave-one-out of the data's elements by Pareto-smoothed importance sampling, with a k-hat for each. ``data``:
        those of the fit, not needed where it kept its pointwise log-likelihoods. Raises PgmError as `with_pointwise`."""
        from pgmlang.criticism.predictive import leave_one_out

        return leave_one_out(self.record, None if data is None else self.bind(data, **binding))

    @of_the_model
    def waic(self, data: Any = None, **binding: Any) -> Elpd:
        """The widely applicable information criterion, on the scale of `loo`; ``data`` as there."""
        from pgmlang.criticism.predictive import widely_applicable

        return widely_applicable(self.record, None if data is None else self.bind(data, **binding))

    @checked_arguments
    def summary(self, *names: str) -> Summary:
        """The figures of the fit, one dict a number (name, mean, sd and what it belongs to), printed as tables that fit a
        screen; of ``names`` alone, and those whole. ``summary().frame`` is a frame. Raises PgmError PGM0607 for a name
        that the fit has no figures of."""
        from pgmlang.results.summary_view import Summary, check_names

        check_names(self.record, names)
        return Summary(self.record, names)

    @checked_arguments
    def diagnose(self) -> Findings:
        """Every check of whether the fit can be trusted, the worst first, each with its cure."""
        from pgmlang.results.trust import diagnose

        return diagnose(self.record)

    @of_the_model
    def plot(
        self, kind: str | None = None, data: Any = None, *, variables: Sequence[str] | str | None = None,
        var_names: Sequence[str] | str | None = None, shape: tuple[int, int] | None = None, seed: int = 0,
        **binding: Any,
    ) -> Figure:  # fmt: skip
        """A picture of the fit, a matplotlib figure: ``forest trace rank density pairs energy autocorr ess`` of draws,
        ``estimates``, ``topics``, ``filters``, ``images``, ``tables``, ``objective``, and with ``data`` ``predictive``. Without
        ``kind`` the one that suits the fit; `plot_kinds` says which it has, and why not the others.

        ``variables`` (or ``var_names``): names, or elements such as ``effect[0]``; ``shape``: rows and columns of an image. Raises
        PgmError PGM0612 for an unknown kind or variable, PGM0610 for a picture that the fit does not have, PGM0909 without
        matplotlib or arviz-plots."""
        from pgmlang.plots import Request, plot

        if variables is not None and var_names is not None:
            message = "`variables` and `var_names` are the same"
            raise PgmError(Diagnostic("PGM0612", message, help="give one of them"))
        chosen = variables if variables is not None else var_names
        names = (chosen,) if isinstance(chosen, str) else tuple(chosen or ())
        bound = None if data is None else self._bind_weighed(data, **binding)
        drawn = Request(
            self.record, names, bound, seed, shape, lambda count: self.sample_columns(count, seed=seed).columns
        )
        return plot(kind, drawn)

    @checked_arguments
    def plot_kinds(self) -> dict[str, str]:
        """Every kind of picture with the reason why this fit has none, empty where it has."""
        from pgmlang.plots import plot_kinds

        return plot_kinds(self.record)

    @of_the_model
    def save(self, folder: str | os.PathLike[str], force: bool = False) -> None:
        """Writes the fit folder. Raises PgmError PGM0902 when it exists, unless ``force``."""
        from pgmlang.results.save import save_fit

        save_fit(self.record, Path(folder), force)

    def _repr_svg_(self) -> str:
        return self.graph().svg()

    def __repr__(self) -> str:
        from pgmlang.results.summary_view import GLANCE, Summary

        data = self.record.provenance.get("data")
        # data without a name are called so: that tells nothing
        of_data = f"\nof {data}" if data and data != "data" else ""
        return f"{Summary(self.record).text(GLANCE)}{of_data}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        from pgmlang.results.summary_view import GLANCE, Summary

        return mime_bundle(repr(self), picture_html(self._repr_svg_()), Summary(self.record).html(GLANCE))
