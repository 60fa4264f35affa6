"""Methods by name. Those of pgmlang are in a literal table and imported on use; others come by entry point."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, get_type_hints

from pgmlang import plugins
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model
from pgmlang.plan.method import Facts, Method, Options
from pgmlang.signatures.kernels import KERNELS, kernel_named, kernel_names
from pgmlang.signatures.options import typed_value

METHODS = {
    "exact": "pgmlang.infer.exact",
    "ml": "pgmlang.infer.ml",
    "hmc": "pgmlang.infer.sampling",
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
    "nuts": "pgmlang.infer.sampling",
    "langevin": "pgmlang.infer.sampling",
    "mh": "pgmlang.infer.sampling",
    "ais": "pgmlang.infer.ais",
}
"""Name to the module whose METHOD it is, in the order in which ``auto`` tries them. A row of ``signatures.kernels`` is a
method by ``sampling.sampler``."""

TO_COME = (
    "bp", "wakesleep", "adversarial",
)  # fmt: skip
"""Methods the language has names for and that are not written yet."""


def method_named(name: str) -> Method:
    """The method of a name. Raises PgmError: PGM0602 for one still to come, PGM0604 for an unknown one."""
    if name in METHODS:
        module = import_module(METHODS[name])
        method = module.sampler(KERNELS[name]) if name in KERNELS else module.METHOD
        assert isinstance(method, Method)
        return method
    if any(mark in name for mark in "(*"):
        composition = import_module("pgmlang.infer.compose").composed(name)
        assert isinstance(composition, Method)
        return composition
    added = _added(name)
    if added is not None:
        return added
    today = ", ".join(f"`{m}`" for m in _names())
    parts = [p for p in TO_COME if p in name.replace("(", " ").replace("*", " ").replace(",", " ").split()]
    if parts:
        raise PgmError(
            Diagnostic("PGM0602", f"the method `{parts[0]}` is still to come", help=f"today there are {today}")
        )
    near = did_you_mean(name, [*_names(), "auto", *TO_COME])
    raise PgmError(Diagnostic("PGM0604", f"there is no method `{name}`", help=near or f"today there are {today}"))


def _names() -> list[str]:
    """Methods that there are, those of packages beside pgmlang too."""
    added = [e.name for e in plugins.entries(plugins.METHODS)]
    return list(dict.fromkeys([*METHODS, *kernel_names(), *added]))


def _added(name: str) -> Method | None:
    """The method, or the method of the kernel, that a package beside pgmlang adds under a name."""
    try:
        method = plugins.plugin(plugins.METHODS, name, Method)
        kernel = kernel_named(name) if method is None else None
    except TypeError as error:
        raise PgmError(Diagnostic("PGM0604", str(error))) from error
    if kernel is not None:
        method = import_module("pgmlang.infer.sampling").sampler(kernel)
    return method


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
