"""Which kernel takes what, for methods that train all params of fields at once."""

from __future__ import annotations

from typing import Any

from pgmlang.fields.reasons import learned_params
from pgmlang.model import Model
from pgmlang.plan.method import Facts
from pgmlang.plan.record import Assignment


def by_adam(model: Model, facts: Facts, options: Any) -> tuple[Assignment, ...]:
    """Everything that is learned, by stochastic gradients."""
    return (Assignment(learned_params(model, facts), "adam"),)
