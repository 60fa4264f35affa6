"""A plan as data: blocks of variables, each with a kernel, the options that it will use, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from pgmlang.display import DisplayTable, column


class Assignment(NamedTuple):
    """What moves, estimates or sums out some variables: ``kernel``, in a method's words, and why this one."""

    variables: tuple[str, ...]
    kernel: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanBlock:
    """``variables``: what the ``kernel`` of the ``method`` moves, estimates or sums out. ``options``: those of the method
    that will be used, with the values that they will have. ``when``: the case it is for, where the data decides."""

    variables: tuple[str, ...]
    method: str
    kernel: str
    options: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    when: str = ""


@dataclass(frozen=True, repr=False)
class Plan:
    """``blocks``: with data those of one method; without, of one for each case. ``refused``: methods tried before, with
    the reasons why not."""

    model: str
    blocks: tuple[PlanBlock, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"plan of {self.model}\n{show(self)}"

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in tables(self))

    @property
    def method(self) -> str:
        """The method of the (first) case."""
        return self.blocks[0].method

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of the (first) case."""
        return self.blocks[0].options

    def cases(self) -> Iterator[tuple[PlanBlock, ...]]:
        """The blocks of each case."""
        for _, blocks in groupby(self.blocks, lambda b: (b.when, b.method)):
            yield tuple(blocks)


SHOWN = 8


def show(plan: Plan) -> str:
    """Lines for people: the method of each case, its blocks, why, and with which options."""
    lines = []
    for blocks in plan.cases():
        lines.extend(_case(blocks))
    lines.extend(f"not {name}: {reason}" for name, reason in plan.refused)
    return "\n".join(lines)


def tables(plan: Plan) -> list[DisplayTable]:
    """A table a case: which kernel takes which variables, and why; below it the options, and the methods tried before."""
    out = []
    for blocks in plan.cases():
        first = blocks[0]
        columns = (
            column("kernel", [b.kernel for b in blocks], is_head=True),
            column("variables", [_listed(b.variables) for b in blocks]),
            column("because", ["; ".join(b.reasons) for b in blocks]),
        )
        head = f"{first.when}: " if first.when else ""
        out.append(DisplayTable(columns, f"plan of {plan.model}: {head}{first.method}", _with_options(first)))
    refused = [f"not {name}: {reason}" for name, reason in plan.refused]
    return [*out[:-1], out[-1].with_notes(*refused)] if out else []


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
    lines.extend(f"  {line}" for line in _with_options(first))
    return lines


def _with_options(block: PlanBlock) -> tuple[str, ...]:
    options = ", ".join(f"{k} = {v}" for k, v in block.options.items())
    return (f"with {options}",) if options else ()


def _listed(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "model": plan.model,
        "blocks": [
            {
                "variables": list(b.variables),
                "method": b.method,
                "kernel": b.kernel,
                "options": dict(b.options),
                "reasons": list(b.reasons),
                "when": b.when,
            }
            for b in plan.blocks
        ],
        "refused": [{"method": name, "reason": reason} for name, reason in plan.refused],
    }


def plan_of_json(data: Mapping[str, Any]) -> Plan:
    """The plan behind `plan_json`. Raises KeyError, TypeError or ValueError for data that are no plan."""
    blocks = tuple(
        PlanBlock(
            tuple(map(str, b["variables"])),
            str(b["method"]),
            str(b["kernel"]),
            dict(b["options"]),
            tuple(map(str, b["reasons"])),
            str(b["when"]),
        )
        for b in data["blocks"]
    )
    if not blocks:
        raise ValueError("a plan has a block")
    refused = tuple((str(r["method"]), str(r["reason"])) for r in data["refused"])
    return Plan(str(data["model"]), blocks, refused)
