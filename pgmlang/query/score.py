"""Held-out log-likelihoods and whose they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.display.text import count_of
from pgmlang.results.convergence import error_of_mean


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """``values``: log-likelihood of each element of ``plate`` (of all the data together: one, and ``data``);
    ``estimator`` in words; ``ess``: effective number of the particles of the worst element, where they are weighed;
    ``elements``: names of the elements where they are not the rows themselves; ``deviations``: of each draw's likelihood
    from the mean, relative to it, ``[draws, elements]``, where the values come from draws; ``are_particles``: whether these are independent;
    ``log_z_error``: standard error of log Z where that is annealed, of one that all elements share, shape (), or of each."""

    values: np.ndarray
    plate: str
    estimator: str
    ess: float | None = None
    elements: tuple[str, ...] = ()
    deviations: np.ndarray | None = None
    are_particles: bool = True
    log_z_error: np.ndarray | None = None

    def __repr__(self) -> str:
        number = len(self.values)
        each = count_of(number, f"{self.plate} element") if self.plate else count_of(number, "value")
        finite = self.values[np.isfinite(self.values)]
        total = f"{finite.sum():.6g}" if finite.size else "none"
        return f"log-likelihoods of {each}, {total} in all ({self.estimator}); `.values` has them"

    @property
    def mcse(self) -> np.ndarray | None:
        """Monte Carlo error of each value (of the logarithm of a mean: the mean's own error relative to it); None where
        nothing is simulated."""
        errors = None if self.deviations is None else error_of_mean(self.deviations, self.are_particles)
        if self.log_z_error is None:
            return errors
        return np.hypot(np.zeros(len(self.values)) if errors is None else errors, self.log_z_error)

    def total_mcse(self, weights: np.ndarray) -> float | None:
        """Monte Carlo error of the sum of the values by these weights: draws are the same for all elements, and so is an error
        of a log Z that they share."""
        if self.deviations is None and self.log_z_error is None:
            return None
        of_draws = 0.0
        if self.deviations is not None:
            counts = weights > 0
            some = self.deviations if counts.all() else np.where(counts, self.deviations, 0.0)
            of_draws = float(error_of_mean(some @ weights, self.are_particles))
        if self.log_z_error is None:
            return of_draws
        effects = np.broadcast_to(self.log_z_error, weights.shape)[weights > 0] * weights[weights > 0]
        of_log_z = effects.sum() if self.log_z_error.ndim == 0 else np.sqrt(np.square(effects).sum())
        return float(np.hypot(of_draws, of_log_z))

    def of_present(self, binding: Binding) -> Score:
        """The elements of an outer plate that these rows are of, named, in the order of the file."""
        plate = self.plate
        if plate == binding.plate or plate not in binding.model.plate_by_name:
            return self
        if not binding.layout.is_inside(binding.plate, plate):
            return self
        member = binding.layout.parent(plate, binding.plate)
        order = np.arange(len(member)) if binding.rows is None else np.argsort(binding.rows, kind="stable")
        present = np.array(list(dict.fromkeys(member[order].tolist())), dtype=np.int64)
        labels = binding.labels.get(plate, ())
        names = tuple(labels[i] if i < len(labels) else str(i) for i in present)
        deviations = None if self.deviations is None else self.deviations[:, present]
        log_z_error = self.log_z_error
        if log_z_error is not None and log_z_error.ndim:
            log_z_error = log_z_error[present]
        return replace(
            self, values=self.values[present], elements=names, deviations=deviations, log_z_error=log_z_error
        )


def deviations_of(logs: np.ndarray, log_mean: np.ndarray) -> np.ndarray:
    """Likelihoods by the logarithms of each draw, ``[draw, element]``, over their mean, less one."""
    is_possible = np.isfinite(log_mean)
    relative = np.subtract(logs, np.where(is_possible, log_mean, 0.0))
    relative[:, ~is_possible] = 0.0
    return np.expm1(relative, out=relative)
