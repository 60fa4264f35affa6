"""Fresh rows drawn from a fit: no data but the sizes that the fit has."""

from __future__ import annotations

import numpy as np
import torch

from pgmlang.density.bind import density_of_binding
from pgmlang.density.simulation import simulate
from pgmlang.query.field_draws import sample_fields
from pgmlang.query.field_rows import field_rows_of
from pgmlang.query.fitted_values import estimates, global_values
from pgmlang.query.fresh_binding import fresh_binding
from pgmlang.query.rows import Columns, drawn_columns
from pgmlang.results.fit import Fit


def fresh_rows(fit: Fit, count: int, seed: int) -> Columns:
    """``count`` rows, globals from the fit (each row with a draw of its own, a chain with one for all), fields by
    chains."""
    bound = fresh_binding(fit, 1)
    has_fields = any(True for _ in fit.model.of_role("field"))
    in_sequence = not has_fields and fit.model.is_chain(bound.plate)
    if in_sequence:
        bound = fresh_binding(fit, count)
    joint = density_of_binding(fit.model, bound, {}, torch.float64, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    values, params, nets, num = estimates(fit, joint)
    given, _ = global_values(fit, joint, values, params, nets, num, generator)
    draws = 1 if in_sequence else count
    chosen = torch.as_tensor(np.random.default_rng(seed).integers(num, size=draws))
    picked = {k: v.index_select(0, chosen) for k, v in given.items()}
    if has_fields:
        return sample_fields(field_rows_of(fit, bound, seed), count, picked)
    drawn = simulate(joint, generator, picked, params, nets, (draws,))
    columns: dict[str, list[str] | np.ndarray] = {}
    for variable in fit.model.of_role("random"):
        if bound.plate in joint.axes(variable.name):
            value = drawn[variable.name]
            if in_sequence:
                # the rows take the place of the draws
                value = value[0].movedim(joint.axes(variable.name).index(bound.plate), 0).unsqueeze(1)
            columns.update(drawn_columns(joint, variable.name, value, [bound.plate]))
    return Columns(columns)
