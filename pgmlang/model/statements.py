"""The statement of each variable and factor, as its author wrote it."""

from __future__ import annotations

import re

from pgmlang.model.model import Conditional, Distribution, Model
from pgmlang.model.show import show_distribution, show_expr


def statement_lines(model: Model) -> dict[str, str]:
    """By node ``~ Normal(mu, tau)`` of a conditional and ``= u * v`` of a definition; of a factor its expression. Rows of a
    given table are written ``{…}``, and what stands in no text is written from the model."""
    lines: dict[str, str] = {}
    for definition in model.definitions:
        text = definition.value.span.text if definition.value.span else show_expr(definition.value)
        lines[definition.target] = f"= {_one_line(text)}"
    for factor in model.factors:
        if isinstance(factor, Conditional):
            lines[factor.target] = f"~ {_one_line(_distribution(factor.distribution))}"
    for i, potential in enumerate(model.potentials):
        text = potential.value.span.text if potential.value.span else show_expr(potential.value)
        lines[f"factor {potential.name or i + 1}"] = _one_line(text)
    return lines


def _distribution(distribution: Distribution) -> str:
    return distribution.span.text if distribution.span else show_distribution(distribution)


def _one_line(text: str) -> str:
    """Without comments, the rows of tables elided."""
    return " ".join(re.sub(r"\{[^{}]*\}", "{…}", _without_comments(text)).split())


def _without_comments(text: str) -> str:
    """A `#` in quotes begins no comment."""
    return re.sub(r'("(?:\\.|[^"\\\n])*")|#[^\n]*', lambda m: m.group(1) or "", text)
