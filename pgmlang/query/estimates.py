"""Questions about a fit of tables: its estimated numbers and what is worked out of them, or a fresh row."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pgmlang.query.answer import Answer
from pgmlang.query.draws import DrawAnswers
from pgmlang.query.parse import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgmlang.query.element_answers import ElementAnswers
    from pgmlang.query.network import NetworkAnswers
    from pgmlang.results.fit import Fit


class EstimateAnswers:
    """What answers questions about a fit of tables. ``rows``: what answers about a fresh row, made when one is asked for."""

    def __init__(self, fit: Fit, rows: Callable[[], NetworkAnswers | ElementAnswers]) -> None:
        self.fit = fit
        self.rows = rows

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Params and deterministic names that the fit has numbers of."""
        names = {*self.fit.parameters, *self.fit.deterministic}
        return frozenset(n for n in names if n in self.fit.model.by_name)

    def answer(self, query: Query) -> Answer:
        """The numbers' values where all targets are such, else the answer about a fresh row. Raises PgmError as
        `DrawAnswers.answer` and `NetworkAnswers.answer` do."""
        names = {t.variable.name.partition("[")[0] for t in query.targets}
        if names and names <= self.numbers:
            return DrawAnswers.of(self.fit).answer(query)
        return self.rows().answer(query)
