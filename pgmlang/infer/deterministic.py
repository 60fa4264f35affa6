"""The deterministic names of a fit: worked out of what any method leaves, draws or estimates, by the emitted program.

A method keeps what it infers and knows nothing of definitions; a value of draws is a draw of the value, and one of
estimates alone is their value.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pgmlang.infer.base import Outcome, Problem
from pgmlang.model import Type
from pgmlang.model.dependence import names_behind, networks_behind
from pgmlang.plan.reasons import lowering_reasons
from pgmlang.tables.row_reductions import row_reductions

if TYPE_CHECKING:
    import numpy as np
    import torch

    from pgmlang.density.bound import BoundDensity

OF_ROWS = 2_000_000
"""Most numbers of the draws of a deterministic name that rows have each for itself; of larger ones the fit says so."""
CHUNK = 20_000_000
"""Numbers in memory while draws are worked out."""
LEFT_OUT = "deterministic_left_out"
"""The note that names what is too large."""


def with_deterministic(problem: Problem, outcome: Outcome) -> Outcome:
    """The outcome with the values of the deterministic names that it knows: beside its draws where a name hangs on
    one, else as ``deterministic``. What rows have each for itself is kept where it hangs on something inferred, or is what the
    rows of a group came to, and is not too large. What rests on latents that were not kept is left out."""
    model = problem.model
    rests = {
        d.target: (names_behind(model, d) - set(model.definition_of)) | networks_behind(model, d)
        for d in model.definitions
    }
    known = _known_names(problem, outcome)
    inferred = set(outcome.draws) | set(outcome.parameters)
    rows = {p.name for p in model.plates if p.is_rows}
    reductions = row_reductions(model).of_inputs
    names = [
        n for n, behind in rests.items()
        if behind <= known and (inferred & behind or n in reductions or not rows & set(model.by_name[n].plates))
    ]  # fmt: skip
    if not names or any(lowering_reasons(model)):
        return outcome
    joint = _joint(problem, outcome)
    of_draws = [n for n in names if rests[n] & set(outcome.draws)]
    count = math.prod(next(iter(outcome.draws.values())).shape[:2]) if of_draws else 0
    large = [n for n in of_draws if _is_too_large(joint, n, count, rows)]
    drawn = _of_draws(joint, outcome, [n for n in of_draws if n not in large])
    values = _of_estimates(joint, outcome, [n for n in names if n not in of_draws])
    return outcome._replace(
        draws={**outcome.draws, **drawn},
        draw_axes={**outcome.draw_axes, **{n: joint.axes(n) for n in drawn}},
        deterministic=values,
        notes={**outcome.notes, **({LEFT_OUT: large} if large else {})},
    )


def codes_of(type_: Type, numbers: torch.Tensor) -> torch.Tensor:
    """Draws as they are kept: of a discrete type the codes of its labels, else the numbers themselves."""
    if not type_.is_discrete or not numbers.is_floating_point():
        return numbers
    return ((numbers + 1) / 2 if type_.kind == "spin" else numbers).round().long()


def _known_names(problem: Problem, outcome: Outcome) -> set[str]:
    """Variables whose values the data, the outcome or ``--fix`` give in full; the ends of edges; trained networks."""
    model, binding = problem.model, problem.binding
    observed = {n for n in binding.values if not binding.missing.get(n)}
    index = {v.name for v in model.of_role("index")}
    nets = {n.name for n in model.nets if any(k.startswith(f"{n.name}.") for k in outcome.parameters)}
    return observed | index | nets | {*outcome.draws, *outcome.parameters, *problem.fixed}


def _joint(problem: Problem, outcome: Outcome) -> BoundDensity:
    """The bound density, with the rows that the draws have: those that stand for several may be written out."""
    from pgmlang.density.bind import bound_density
    from pgmlang.infer.repeated_rows import expanded

    wide = any(n != problem.binding.sizes.get(plate, n) for plate, n in outcome.sizes.items())
    return bound_density(expanded(problem) if wide else problem)


def _is_too_large(joint: BoundDensity, name: str, count: int, rows: Collection[str]) -> bool:
    of_rows = bool(set(rows) & set(joint.model.by_name[name].plates))
    return of_rows and count * math.prod(joint.shape_of(name)) > OF_ROWS


def _of_draws(joint: BoundDensity, outcome: Outcome, names: Collection[str]) -> dict[str, np.ndarray]:
    """Draws ``[chain, draw, *shape]`` of deterministic names, as many draws at a time as memory allows."""
    import numpy as np

    if not names:
        return {}
    chains, count = next(iter(outcome.draws.values())).shape[:2]
    widest = max(math.prod(joint.shape_of(n)) for n in joint.model.definition_of)
    step = max(1, CHUNK // max(1, chains * widest))
    params = _tensors(joint, {k: v for k, v in outcome.parameters.items() if k not in outcome.draws})
    parts = []
    for first in range(0, count, step):
        block = {k: v[:, first : first + step] for k, v in outcome.draws.items() if k in joint.shapes}
        parts.append(_evaluated(joint, names, _tensors(joint, block), params, outcome.parameters))
    return {n: np.concatenate([p[n] for p in parts], 1) for n in names}


def _of_estimates(joint: BoundDensity, outcome: Outcome, names: Collection[str]) -> dict[str, np.ndarray]:
    """Values ``[*shape]`` of deterministic names at the estimates, as numbers."""
    if not names:
        return {}
    values = _evaluated(joint, names, {}, _tensors(joint, outcome.parameters), outcome.parameters)
    return {n: v.astype(float) for n, v in values.items()}


def _evaluated(
    joint: BoundDensity, names: Collection[str], draws: Mapping[str, torch.Tensor], params: Mapping[str, torch.Tensor],
    weights: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:  # fmt: skip
    from pgmlang.density.simulation import deterministic_values

    model = joint.model
    random = {k: v for k, v in params.items() if model.by_name[k].role in ("random", "field")}
    computed = deterministic_values(joint, {**random, **draws}, params, _nets(joint, weights), names)
    return {n: codes_of(model.by_name[n].type, v).cpu().numpy() for n, v in computed.items()}


def _tensors(joint: BoundDensity, arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Arrays of the model's variables as tensors: codes stay whole numbers."""
    import torch

    return {
        k: torch.as_tensor(v, device=joint.device, dtype=None if v.dtype.kind in "iu" else joint.dtype)
        for k, v in arrays.items()
        if k in joint.model.by_name
    }


def _nets(joint: BoundDensity, weights: Mapping[str, np.ndarray]) -> Any:
    """The networks with the weights that were learned, None without any."""
    import torch

    from pgmlang.density.initial import fresh_nets

    nets = fresh_nets(joint, 0)
    if nets is not None:
        known = {k: torch.as_tensor(weights.get(k, v)).to(v) for k, v in nets.state_dict().items()}
        nets.load_state_dict(known)
    return nets
