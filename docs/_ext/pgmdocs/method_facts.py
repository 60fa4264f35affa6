"""``{method-facts} NAME``: what the registry says of a method, on the page that explains it."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pgmlang.plan.registry import METHODS, method_named
from pgmlang.signatures.options import OPTIONS, OptionRow

OPTION_SAYS = {
    "max_time": "Seconds after which it stops and keeps what it has.",
    "hard": "Complete rows by their most probable values in place of expected counts.",
    "length": "Path length of the Hamiltonian steps, in steps.",
    "kind": "Which score matching: `denoising` or `sliced`.",
    "noise": "Standard deviation of the noise that denoising adds.",
    "step_size": "Size of a Langevin step of the negative phase.",
    "inner": "The kernel that moves at each temperature.",
    "lowest": "Inverse temperature of the hottest chain.",
}  # fmt: skip
"""Options without a flag, in words."""


def facts(name: str) -> str:
    method = method_named(name)
    rows = []
    for field in dataclasses.fields(method.options):
        row = OPTIONS.get(field.name, OptionRow())
        says = OPTION_SAYS.get(field.name) or row.says
        flag = (
            f"`--{field.name.replace('_', '-')}`"
            if row.says or field.name in ("max_time", "hard")
            else f"`-O {field.name}=`"
        )
        rows.append(f"{flag} ({default_of(field.default)})\n: {says}{choices(row)}")
    order = list(METHODS).index(name) + 1
    guide = " A written `guide` has its part in it." if method.reads_guide else ""
    return (
        f"`--method {name}`: {method.says}. It is number {order} of the {len(METHODS)} that `auto` tries, in order.{guide}\n\n"
        "The default is in brackets.\n\n" + "\n\n".join(rows) + "\n"
    )


def default_of(value: Any) -> str:
    if value is None:
        return "left to the method"
    return (
        {True: "on", False: "off"}[value]
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else f"{value}"
    )


def choices(row: OptionRow) -> str:
    names = row.named() if row.named else row.choices
    return f" One of {', '.join(f'`{n}`' for n in names)}." if names else ""


class MethodFacts(SphinxDirective):
    required_arguments: ClassVar[int] = 1
    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # the registry is no file of Sphinx's
        return self.parse_text_to_nodes(facts(self.arguments[0]))


def setup(app: Sphinx) -> None:
    app.add_directive("method-facts", MethodFacts)
