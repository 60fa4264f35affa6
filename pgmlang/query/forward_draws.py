"""What is hidden in new rows as forward draws, each weighed by what is seen (likelihood weighting: Fung and Chang 1990): of
numbers with missing cells beside seen ones, of counts, and of numbers that may be one point beside a density, which no sum,
closed form, integral or chain over free numbers takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import element_of, sum_per_unit
from pgmlang.density.simulation import simulate_given_seen
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.query.new_rows import NewRows

PARTICLES = 64
"""Most forward draws for each draw of the globals, at first."""
DRAWS = 32_000
"""Most forward draws in all, at first."""
MORE = 8
"""Times as many where the first are too few."""
FEWEST = 10
"""Effective draws below which nothing is said: of all of them at a point, else for a draw of the globals."""
MOST_NUMBERS = 50_000_000
"""Most numbers of all draws together."""


@dataclass(frozen=True, eq=False)
class ForwardDraws:
    """``values``: draws of what is hidden, ``[P, S, *shape]``, P for each draw of the globals; ``log_weights``: how
    probable each makes what is seen in each unit, ``[P, S, units]``; ``plate``: whose elements are the units."""

    rows: NewRows
    plate: str | None
    values: dict[str, Tensor]
    log_weights: Tensor

    @property
    def log_evidence(self) -> Tensor:
        """The log-mean of the weights given each draw of the globals, ``[S, units]``."""
        return torch.logsumexp(self.log_weights, 0) - math.log(len(self.log_weights))

    @property
    def effective(self) -> float:
        """Effective draws (Kong 1992) of the worst unit: of all of them at a point, where one is as good as the next, else
        the mean for a draw of the globals."""
        logs = self.log_weights.flatten(0, 1)[:, None] if self.rows.is_point else self.log_weights
        largest = logs.amax(0)
        weights = (logs - torch.where(largest.isfinite(), largest, 0.0)).exp()
        sizes = torch.where(largest.isfinite(), weights.sum(0).square() / weights.square().sum(0), 0.0)
        return float(sizes.mean(0).min())

    def chosen(self, *, is_pooled: bool) -> dict[str, Tensor]:
        """One of the draws of each unit for each draw of the globals, by the weights: ``[S, *shape]``. ``is_pooled``: of
        those for every draw of the globals, which a point has none of; else of its own."""
        count, num_draws, units = self.log_weights.shape
        logs = self.log_weights.flatten(0, 1) if is_pooled else self.log_weights
        if is_pooled:
            shares = torch.softmax(logs, 0).T.contiguous()
            points = torch.rand(units, num_draws, generator=self.rows.generator, dtype=shares.dtype)
            index = torch.searchsorted(shares.cumsum(1), points).clamp(max=count * num_draws - 1).T
        else:
            noise = torch.rand(logs.shape, generator=self.rows.generator, dtype=logs.dtype)
            particle = (logs - (-noise.log()).log()).argmax(0)
            index = particle * num_draws + torch.arange(num_draws)[:, None]
        joint, out = self.rows.joint, {}
        for name, values in self.values.items():
            unit = element_of(joint, name, self.plate)
            out[name] = values.flatten(0, 1).gather(0, index[:, unit])
        return out


def forward_draws(rows: NewRows, fewest: float = 0.0) -> ForwardDraws:
    """Draws of the rows of which at least ``fewest`` are effective, where so many can be had. Raises PgmError PGM0602 for
    vectors that are seen in part."""
    count = min(PARTICLES, max(1, DRAWS // rows.num_draws))
    drawn = rows.joint.memo.once(_draws, rows, count)
    numbers = numbers_of_draw(rows) * rows.num_draws * count * MORE
    if max(fewest, FEWEST) <= drawn.effective or numbers > MOST_NUMBERS:
        return drawn
    return rows.joint.memo.once(_draws, rows, count * MORE)


def numbers_of_draw(rows: NewRows) -> int:
    """How many values one draw of what is hidden has."""
    return sum(math.prod(rows.joint.shapes[n]) for n in rows.hidden)


def refuse_few(drawn: ForwardDraws) -> None:
    """Raises PgmError PGM0602 where fewer than `FEWEST` draws are effective."""
    if drawn.effective < FEWEST:
        names = ", ".join(f"`{n}`" for n in drawn.rows.hidden)
        message = f"an answer would rest on {drawn.effective:.1f} effective draws of {names}; at least {FEWEST} are needed"
        raise PgmError(Diagnostic("PGM0602", message, help="leave rows with empty cells out (`--missing drop`), or add these rows to the data of the fit"))  # fmt: skip


def _draws(rows: NewRows, count: int) -> ForwardDraws:
    plate = rows.unit()
    drawn_anew = tuple(n for n in rows.hidden if n in rows.num_known)
    kept: dict[str, list[Tensor]] = {n: [] for n in rows.hidden}
    weights = []
    for _ in range(count):
        known = {**rows.given, **(rows.drawn_from_prior(drawn_anew) if drawn_anew else {})}
        values = simulate_given_seen(rows.joint, rows.generator, known, rows.params, rows.nets, (rows.num_draws,))
        with torch.no_grad():
            total = sum_per_unit(rows.joint, _seen_terms(rows, values), plate)
        weights.append(total.expand(rows.num_draws, -1))
        for name in rows.hidden:
            kept[name].append(values[name])
    return ForwardDraws(rows, plate, {n: torch.stack(v) for n, v in kept.items()}, torch.stack(weights))


def _seen_terms(rows: NewRows, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The log-density of what is seen given what is drawn, cell by cell."""
    joint = rows.joint
    drawn = {*(n for n in rows.hidden if n not in joint.missing), *rows.undrawn()}
    seen = frozenset(n for n in joint.program.FACTORS if n not in drawn and not rows.is_known(n))
    terms = joint.factors(values, rows.params, rows.nets, only=seen)
    for name in (n for n in terms if n in joint.missing):
        terms[name] = torch.where(_missing_terms(joint, name), 0.0, terms[name])
    return terms


def _missing_terms(joint: BoundDensity, name: str) -> Tensor:
    """At which terms of a variable's density nothing is seen. Raises PgmError PGM0602 where a vector is seen in part."""
    mask, axes = joint.missing[name], joint.axes(name)
    for position in reversed(range(len(axes))):
        if axes[position] not in joint.factor_axes[name]:
            whole = mask.all(position)
            if bool((mask.any(position) != whole).any()):
                message = f"`{name}` is a vector that is seen in part, and not normal"
                raise PgmError(Diagnostic("PGM0602", message, joint.model.by_name[name].span,
                                          help="give all its elements, or none of them"))  # fmt: skip
            mask = whole
    return mask
