"""A plan in words and as plain data."""

from __future__ import annotations

import dataclasses
from typing import Any

from pgmlang.plan.plan import Plan, PlanBlock


def show(plan: Plan) -> str:
    """Lines for people: the method of each block, on what, and why."""
    lines = []
    for block in plan.blocks:
        lines.extend(_block(block))
    lines.extend(f"not {name}: {reason}" for name, reason in plan.refused)
    return "\n".join(lines)


def _block(block: PlanBlock) -> list[str]:
    shown = ", ".join(block.variables[:8]) + (
        f", and {len(block.variables) - 8} more" if len(block.variables) > 8 else ""
    )
    head = f"{block.when}: " if block.when else ""
    lines = [f"{head}{block.method}" + (f" for {shown}" if shown else "")]
    lines.extend(f"  because {reason}" for reason in block.reasons)
    options = ", ".join(f"{k} = {v}" for k, v in block.options.items() if v is not None)
    if options:
        lines.append(f"  with {options}")
    return lines


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "model": plan.model,
        "blocks": [
            dataclasses.asdict(b) | {"variables": list(b.variables), "reasons": list(b.reasons)}
            for b in plan.blocks
        ],
        "refused": [{"method": name, "reason": reason} for name, reason in plan.refused],
    }
