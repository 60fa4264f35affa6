"""A plan in words."""

from __future__ import annotations

from pgmlang.plan.record import Plan, PlanBlock

SHOWN = 8


def show(plan: Plan) -> str:
    """Lines for people: the method of each case, its blocks, why, and with which options."""
    lines = []
    for blocks in plan.cases():
        lines.extend(_case(blocks))
    lines.extend(f"not {name}: {reason}" for name, reason in plan.refused)
    return "\n".join(lines)


def brief(plan: Plan) -> str:
    """One line: the method, and who takes which variables."""
    parts = []
    for blocks in plan.cases():
        kernels = [f"{b.kernel} for {_listed(b.variables)}" for b in blocks if b.variables]
        is_one = len(kernels) == 1 and blocks[0].kernel == blocks[0].method
        parts.append(kernels[0] if is_one else ": ".join([blocks[0].method, *filter(None, ["; ".join(kernels)])]))
    return "; ".join(parts)


def _case(blocks: tuple[PlanBlock, ...]) -> list[str]:
    first = blocks[0]
    names = tuple(dict.fromkeys(n for b in blocks for n in b.variables))
    head = f"{first.when}: " if first.when else ""
    lines = [f"{head}{first.method}" + (f" for {_listed(names)}" if names else "")]
    is_told = len(blocks) == 1 and first.kernel == first.method
    lines.extend(f"  {b.kernel}: {_listed(b.variables)}" for b in blocks if b.variables and not is_told)
    lines.extend(f"  because {reason}" for reason in dict.fromkeys(r for b in blocks for r in b.reasons))
    options = ", ".join(f"{k} = {v}" for k, v in first.options.items())
    if options:
        lines.append(f"  with {options}")
    return lines


def _listed(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
