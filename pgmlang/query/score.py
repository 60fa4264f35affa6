"""Held-out log-likelihoods and whose they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pgmlang.binding.record import Binding


@dataclass(frozen=True, eq=False)
class Score:
    """``values``: log-likelihood of each element of ``plate`` (of all the data together: one, and ``data``);
    ``estimator`` in words; ``ess``: effective number of the particles of the worst element, where they are weighed;
    ``elements``: names of the elements where they are not the rows themselves."""

    values: np.ndarray
    plate: str
    estimator: str
    ess: float | None = None
    elements: tuple[str, ...] = ()

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
        return replace(self, values=self.values[present], elements=names)
