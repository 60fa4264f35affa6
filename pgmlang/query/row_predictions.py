"""Predictions of unseen rows: what the rows leave open, completed for each draw of the globals.

Discrete latents are summed out; for continuous ones every draw of the globals gets a chain of its own (Hamiltonian Monte
Carlo).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pgmlang.density.bound import BoundDensity
from pgmlang.density.free_numbers import free_numbers
from pgmlang.density.importance import resampled
from pgmlang.density.reductions import determines
from pgmlang.density.simulation import deterministic_values, simulate_given_seen
from pgmlang.density.summing import Marginaliser
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.model.atoms import mixed_draws
from pgmlang.model.dependence import names_behind
from pgmlang.model.processes import joint_variables
from pgmlang.query.forward_draws import FEWEST, forward_draws, refuse_few
from pgmlang.query.label_chances import chances_by_nodes, chances_given_parents, has_labels, summed_labels
from pgmlang.query.new_rows import GUIDED, NewRows
from pgmlang.query.number_mixtures import NumberMixture, number_mixtures
from pgmlang.query.row_blocks import row_blocks
from pgmlang.query.row_target import RowTarget
from pgmlang.query.rows import Columns, observed_target
from pgmlang.results.convergence import error_of_mean

WARMUP = 200
"""Steps that the chains of the rows' own latents take before their last state is used."""
QUANTILES = (0.05, 0.95)
MAX_COLUMNS = 2_000
ColumnsOfOne = dict[str, list[str] | np.ndarray]


def predict_rows(rows: NewRows, targets: Sequence[str] | None = None) -> Columns:
    """For every row and every target not observed in it: mean, sd and a 90 % interval of a number, the most
    probable label and all their probabilities. Raises PgmError PGM0607 for an unknown target, PGM0602 for latents
    that cannot be inferred."""
    names = targets_of(rows, targets)
    plate = plate_of(rows, names)
    return joined_columns(rows, plate, columns_by_target(rows, names))


def joined_columns(rows: NewRows, plate: str, by_target: Mapping[str, ColumnsOfOne]) -> Columns:
    """The columns of all targets, led by the names of the elements where they are no rows of a file. Raises PgmError
    PGM0611 for too many."""
    columns: ColumnsOfOne = {}
    labels = rows.joint.binding.labels.get(plate)
    if plate != rows.joint.binding.plate and labels is not None:
        columns[plate] = list(labels)
    for some in by_target.values():
        columns.update(some)
    if len(columns) > MAX_COLUMNS:
        message = f"that would be {len(columns):,} columns"
        raise PgmError(Diagnostic("PGM0611", message, help="name fewer variables with `--targets`"))
    return Columns(columns, plate=plate)


def columns_by_target(rows: NewRows, names: Sequence[str]) -> dict[str, ColumnsOfOne]:
    """The columns of each of some variables that the rows leave open."""
    exact = _exact_columns(rows, names)
    drawn_chances: dict[str, Tensor] = {}
    is_drawn = set(names) - set(exact)
    completed = complete(rows, drawn_chances) if is_drawn else {}
    defined = is_drawn & set(rows.joint.model.definition_of)
    completed |= deterministic_values(rows.joint, completed, rows.params, rows.nets, defined) if defined else {}
    columns: dict[str, ColumnsOfOne] = {}
    for name in names:
        if name in exact:
            columns[name] = exact[name]
        elif name in drawn_chances:
            columns[name] = _columns_of_labels(rows, name, drawn_chances[name])
        elif has_labels(rows.joint.model, name):
            shares = one_hot(completed[name].long(), rows.joint.num_states(name)).double()
            columns[name] = _columns_of_labels(rows, name, shares)
        else:
            columns[name] = _columns_of_draws(rows, name, completed[name])
    return columns


def columns_of_seen(rows: NewRows, name: str) -> ColumnsOfOne:
    """The columns of a variable that is seen in all its cells."""
    seen = rows.joint.observed[name][None]
    if has_labels(rows.joint.model, name):
        return _columns_of_labels(rows, name, one_hot(seen.long(), rows.joint.num_states(name)).double())
    flat = seen.reshape(rows.joint.shapes[name][0], -1).double().cpu().numpy()
    out: ColumnsOfOne = {}
    for i, label in enumerate(_names_of_elements(rows, name)):
        value = flat[:, i]
        out |= {label: value, f"{label}.sd": 0 * value, f"{label}.q5": value, f"{label}.q95": value}
    return out


def _exact_columns(rows: NewRows, names: Sequence[str]) -> dict[str, ColumnsOfOne]:
    """Columns of the variables that no draw is needed for, block by block of the rows."""
    blocks = [_exact_columns_of_block(block, names) for block in row_blocks(rows, names)]
    exact = [n for n in names if all(n in block for block in blocks)]
    return {n: {c: _joined([block[n][c] for block in blocks]) for c in blocks[0][n]} for n in exact}


def _exact_columns_of_block(rows: NewRows, names: Sequence[str]) -> dict[str, ColumnsOfOne]:
    mixtures = number_mixtures(rows, tuple(names))
    chances = chances_by_nodes(rows, [n for n in names if n not in rows.joint.model.definition_of])
    return {
        **{n: _columns_of_mixture(rows, n, mixture) for n, mixture in mixtures.items()},
        **{n: _columns_of_labels(rows, n, shares) for n, shares in chances.items()},
    }


def _joined(parts: Sequence[list[str] | np.ndarray]) -> list[str] | np.ndarray:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [text for part in parts for text in part]


def targets_of(rows: NewRows, targets: Sequence[str] | None) -> list[str]:
    """What is predicted: what is asked, or what the rows leave open. Raises PgmError PGM0607, PGM0612."""
    model = rows.joint.model
    open_ones = {*rows.joint.latent, *rows.joint.unseen}
    asked = [v.name for v in model.variables if v.name in open_ones]
    without = [n for n in asked if 0 in rows.joint.shape_of(n)]
    local = [
        n for n in (*rows.hidden, *rows.forward) if is_of_rows(model, n) and n not in (*rows.num_known, *without)
    ]
    if targets is None:
        inner = rows.joint.binding.plate
        names = [n for n in asked if n in local and inner in rows.joint.axes(n)]
        names = [n for n in names if rows.joint.axes(n)[0] == inner] or names
        names = names or [n for n in asked if n in local]
        # of outer elements alone there is what the fit knows of them
        names = names or [n for n in asked if inner in rows.joint.axes(n) and without]
        if not names:
            left_out = tuple(w.message for w in rows.joint.binding.warnings if w.code in ("PGM0723", "PGM0725"))
            raise PgmError(Diagnostic("PGM0612", "everything in these rows is observed: there is nothing to predict", notes=left_out,
                                      help="hide what is to be predicted (`--hide NAME`, in Python `hide=['NAME']`), or ask for `score`"))  # fmt: skip
        return names
    absent = next((t for t in targets if t in without), None)
    if absent is not None:
        plate = model.by_name[absent].plates[-1]
        raise PgmError(Diagnostic("PGM0708", f"the data have no rows of `{plate}`, and `{absent}` is of those",
                                  help=f"give a table of them too: `{plate}=FILE`"))  # fmt: skip
    rows_of_data = {p.name for p in model.plates if p.is_rows}
    defined = {d.target for d in model.definitions if names_behind(model, d) & open_ones}
    asked += [v.name for v in model.variables if v.name in defined and rows_of_data & set(v.plates)]
    unknown = [t for t in targets if t not in asked]
    if unknown:
        if unknown[0] in {v.name for v in model.variables if v.role in ("random", "field")}:
            raise observed_target(unknown[0])
        known = ", ".join(f"`{n}`" for n in asked) or "nothing"
        raise PgmError(Diagnostic("PGM0607", f"`{unknown[0]}` is not to be predicted here",
                                  help=f"not observed in these rows: {known}"))  # fmt: skip
    return list(targets)


def is_of_rows(model: Model, name: str) -> bool:
    """Whether a variable is repeated, or is one draw over rows."""
    return bool(model.by_name[name].plates) or any(v.name == name for v, _ in joint_variables(model))


def plate_of(rows: NewRows, names: Sequence[str]) -> str:
    """The plate whose elements the predictions are of. Raises PgmError PGM0612 for several."""
    plates = {rows.joint.axes(n)[0] if rows.joint.axes(n) else "" for n in names}
    if len(plates) > 1:
        raise PgmError(Diagnostic("PGM0612", "the targets are of several plates: " + ", ".join(sorted(plates)),
                                  help="predict those of one plate at a time: `--targets`"))  # fmt: skip
    return next(iter(plates), "")


def _columns_of_labels(rows: NewRows, name: str, chances: Tensor) -> ColumnsOfOne:
    """Columns of one variable with labels from its ``chances [S or 1, row, ..., label]``, with the Monte Carlo error of the
    probability that has the largest; cells that are seen have their label."""
    joint = rows.joint
    labels = joint.model.labels_of(joint.model.by_name[name].type) or ()
    mask = joint.missing.get(name, joint.unseen.get(name))
    if mask is not None:
        seen = one_hot(joint.observed[name].long().clamp(min=0), len(labels)).to(chances.dtype)
        chances = torch.where(mask[..., None], chances, seen)
    shape = joint.shape_of(name)
    count = shape[0] if shape else 1
    flat = chances.reshape(len(chances), count, -1, len(labels))
    out: ColumnsOfOne = {}
    for i, label in enumerate(_names_of_elements(rows, name)):
        by_draw = flat[:, :, i]
        shares = by_draw.mean(0)
        out[label] = [labels[k] for k in shares.argmax(-1).tolist()]
        out.update({f"P({label} = {t})": shares[:, k].cpu().numpy() for k, t in enumerate(labels)})
        if len(by_draw) > 1:
            out[f"{label}.mcse"] = error_of_mean(by_draw.cpu().numpy(), rows.is_point).max(-1)
    return out


def _columns_of_draws(rows: NewRows, name: str, values: Tensor) -> ColumnsOfOne:
    """Columns of one number from its draws ``[S, row, ...]``, with the Monte Carlo error of the mean."""
    flat = values.reshape(values.shape[0], values.shape[1] if values.dim() > 1 else 1, -1)
    out: ColumnsOfOne = {}
    for i, label in enumerate(_names_of_elements(rows, name)):
        numbers = flat[..., i].double().cpu().numpy()
        low, high = np.quantile(numbers, QUANTILES, axis=0)
        # cells that were seen have one value, which no mean is to round
        is_one = numbers.min(0) == numbers.max(0)
        out[label] = np.where(is_one, numbers[0], numbers.mean(0))
        if rows.num_draws > 1 or len(numbers) > 1:
            out[f"{label}.sd"] = np.where(is_one, 0.0, numbers.std(0, ddof=1))
            out[f"{label}.q5"], out[f"{label}.q95"] = low, high
            out[f"{label}.mcse"] = error_of_mean(numbers, rows.is_point)
    return out


def _names_of_elements(rows: NewRows, name: str) -> list[str]:
    texts = rows.joint.binding.layout.element_names(rows.joint.axes(name)[1:])
    return [f"{name}[{text}]" if text else name for text in texts]


def _columns_of_mixture(rows: NewRows, name: str, mixture: NumberMixture) -> ColumnsOfOne:
    """Columns of one number by its distribution; cells that are seen have their value."""
    joint = rows.joint
    figures = [mixture.mean, mixture.sd, *(mixture.quantile(q) for q in QUANTILES)]
    mask = joint.missing.get(name, joint.unseen.get(name))
    if mask is not None:
        seen = joint.observed[name].to(joint.dtype)
        zero = torch.zeros_like(seen)
        figures = [torch.where(mask, f, zero if i == 1 else seen) for i, f in enumerate(figures)]
    shape = joint.shape_of(name)
    count = shape[0] if shape else 1
    flat = [f.reshape(count, -1).cpu().numpy() for f in figures]
    out: ColumnsOfOne = {}
    for i, label in enumerate(_names_of_elements(rows, name)):
        out.update(
            zip((label, *(f"{label}.{s}" for s in ("sd", "q5", "q95"))), (f[:, i] for f in flat), strict=True)
        )
    return out


def complete(rows: NewRows, chances: dict[str, Tensor], *, is_weighed: bool = False) -> dict[str, Tensor]:
    """A draw of everything latent in the rows for each draw of the globals, ``[S, *shape]`` by name; ``chances``
    takes the probabilities ``[S or 1, *shape, labels]`` of what is summed out, and of labels given their parents.
    ``is_weighed``: the draws are then weighed by `row_scores.log_evidence` of the same rows."""
    given = {**rows.given, **_inferred(rows, chances, is_weighed)}
    shape = (rows.num_draws,)
    out = simulate_given_seen(rows.joint, rows.generator, given, rows.params, rows.nets, shape)
    labels = [n for n in rows.forward if has_labels(rows.joint.model, n) and n not in chances]
    chances.update(summed_labels(rows, labels, given))
    for name in labels:
        if name not in chances:
            chances[name] = chances_given_parents(rows, name, out)
    return out


def _inferred(rows: NewRows, chances: dict[str, Tensor], is_weighed: bool) -> dict[str, Tensor]:
    """Draws of the latents that something observed hangs on."""
    if not rows.hidden:
        return {}
    if rows.needs_forward_draws:
        if is_weighed:
            return forward_draws(rows).chosen(is_pooled=False)
        forward = forward_draws(rows, rows.num_draws if rows.is_point else 0)
        model = rows.joint.model
        counts = {n for n in rows.hidden if model.by_name[n].type.kind in ("count", "integer")}
        has_chains = not counts and mixed_draws(model).isdisjoint(rows.hidden)
        if forward.effective >= FEWEST or not has_chains:
            refuse_few(forward)
            return forward.chosen(is_pooled=rows.is_point)
    unit = rows.unit()
    if (
        rows.is_guided()
        and unit is not None
        and not rows.num_known
        and all(determines(rows.joint, rows.joint.axes(n), unit) for n in rows.hidden)
    ):
        few = {k: v[:1] for k, v in rows.given.items()}
        drawn = resampled(rows.joint, rows.params, rows.nets, GUIDED, rows.generator, unit, rows.num_draws, few)
        return {n: drawn[n] for n in rows.hidden}
    inner, sums, continuous = rows.inference()
    inferred: dict[str, Tensor] = {}
    units = rows.gaussian(inner, sums, continuous) if continuous else None
    if units is not None:
        inferred = units.draw(rows.generator)
    elif continuous:
        inferred = _chains(rows, inner, sums, continuous)
    if sums is not None:
        given = {**rows.given, **inferred}
        few = {k: v[:1] for k, v in given.items()} if rows.is_point and not continuous else given
        for name, shares in sums.marginals(few, rows.params, rows.nets).items():
            chances[name] = shares if shares.dim() > len(rows.joint.shapes[name]) + 1 else shares[None]
        side = () if given else (rows.num_draws,)
        inferred.update(sums.draw(rows.generator, given, rows.params, rows.nets, side))
    return inferred


def _chains(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]
) -> dict[str, Tensor]:
    """The last states of chains over the rows' continuous latents, one for each draw of the globals."""
    from pgmlang.kernels import sample

    known = {n: rows.given[n][:, : rows.num_known[n]] for n in names if n in rows.num_known}
    given = {k: v for k, v in rows.given.items() if k not in names}
    target = RowTarget(inner, free_numbers(inner, names), sums, given, None, rows.params, rows.nets, known=known)
    x = torch.empty(rows.num_draws, target.dimension, dtype=inner.dtype, device=inner.device)
    x.uniform_(-1, 1, generator=rows.generator)
    done = sample(target, x, generator=rows.generator, warmup=WARMUP, draws=1)
    values, _ = target.values(done.draws[:, -1])
    return {n: values[n] for n in names}
