"""Methods by name. Those of pgmlang are in a literal table and imported on use; others come by entry point."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, get_type_hints

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model
from pgmlang.plan.method import Facts, Method, Options
from pgmlang.plan.options import typed_value

ENTRY_POINTS = "pgmlang.methods"

METHODS = {
    "exact": "pgmlang.infer.exact",
    "ml": "pgmlang.infer.ml",
    "hmc": "pgmlang.infer.hmc",
    "em": "pgmlang.infer.em",
    "gibbs": "pgmlang.infer.gibbs",
    "elbo": "pgmlang.infer.elbo",
    "meanfield": "pgmlang.infer.meanfield",
    "map": "pgmlang.infer.map",
    "layerwise": "pgmlang.infer.layerwise",
    "pcd": "pgmlang.infer.pcd",
    "score": "pgmlang.infer.score",
    "pseudo": "pgmlang.infer.pseudo",
    "cd": "pgmlang.infer.cd",
    "tempering": "pgmlang.infer.tempering",
    "langevin": "pgmlang.infer.langevin",
    "mh": "pgmlang.infer.mh",
    "ais": "pgmlang.infer.ais",
}
"""Name to the module whose METHOD it is, in the order in which ``auto`` tries them."""

TO_COME = (
    "nuts", "bp", "wakesleep", "adversarial",
)  # fmt: skip
"""Methods the language has names for and that are not written yet."""


def method_named(name: str) -> Method:
    """The method of a name. Raises PgmError: PGM0602 for one still to come, PGM0604 for an unknown one."""
    if name in METHODS:
        method = import_module(METHODS[name]).METHOD
        assert isinstance(method, Method)
        return method
    if any(mark in name for mark in "(*"):
        composition = import_module("pgmlang.infer.compose").composed(name)
        assert isinstance(composition, Method)
        return composition
    found = [e for e in entry_points(group=ENTRY_POINTS) if e.name == name]
    if found:
        method = found[0].load()
        if not isinstance(method, Method):
            raise PgmError(Diagnostic("PGM0604", f"the plug-in `{found[0].value}` is not a pgmlang method"))
        return method
    today = ", ".join(f"`{m}`" for m in METHODS)
    parts = [p for p in TO_COME if p in name.replace("(", " ").replace("*", " ").replace(",", " ").split()]
    if parts:
        raise PgmError(
            Diagnostic("PGM0602", f"the method `{parts[0]}` is still to come", help=f"today there are {today}")
        )
    near = did_you_mean(name, [*METHODS, "auto", *TO_COME])
    raise PgmError(Diagnostic("PGM0604", f"there is no method `{name}`", help=near or f"today there are {today}"))


def options_for(method: Method, given: Mapping[str, Any]) -> Options:
    """The method's options with these values. Raises PgmError PGM0612 for one it does not have or a bad value."""
    fields = {f.name: f for f in dataclasses.fields(method.options)}
    kinds = get_type_hints(method.options)
    problems: list[Diagnostic] = []
    typed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in fields:
            owners = [m for m in METHODS if name in {f.name for f in dataclasses.fields(method_named(m).options)}]
            near = did_you_mean(name, fields)
            cure = near or (
                "it belongs to " + ", ".join(f"`{m}`" for m in owners)
                if owners
                else "it has " + ", ".join(f"`{f}`" for f in fields)
            )
            problems.append(Diagnostic("PGM0612", f"the method `{method.name}` has no option `{name}`", help=cure))
        else:
            typed[name], problem = typed_value(name, kinds.get(name), value)
            problems += [problem] if problem is not None else []
    if problems:
        raise PgmError(problems)
    return method.options(**typed)


def refuse_idle(method: Method, model: Model, facts: Facts, given: Iterable[str], options: Options) -> None:
    """Raises PgmError PGM0612 for options given (``device`` among them) that the method does not use for this model and
    data."""
    idle = method.idle(model, facts, options)
    problems = [
        Diagnostic("PGM0612", f"the option `{name}` does nothing here: {idle[name]}", help="leave it out")
        for name in given
        if name in idle
    ]
    if problems:
        raise PgmError(problems)
