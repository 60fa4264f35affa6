"""Pages of the Python interface: every public name, by autodoc."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx

import pgmlang
import pgmlang.api

PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "models": ("Models", ("compile", "CompiledModel", "LANGUAGE_VERSION")),
    "fits": ("Fits", ("load", "FittedModel", "compare_fits", "rank_fits")),
    "errors": ("Errors", ("PgmError", "CompileError", "PgmWarning", "Diagnostic")),
    "more": ("More", ()),
}
"""Page to its title and the names of ``pgmlang`` on it; those that stand on none are on the last."""

CONSTANTS = {"LANGUAGE_VERSION": "The version of the language that this pgmlang reads."}
"""Public names that are no functions or classes, in words."""

PARTS_OF_RESULTS = {
    "Finding": "pgmlang.results.trust",
    "Ranked": "pgmlang.results.elpd",
    "Difference": "pgmlang.results.compare",
}
"""What stands in the results of methods, beside what ``results`` finds."""


def results() -> dict[str, str]:
    """Name to module of every record of pgmlang that a public function or method gives back, by its annotations."""
    files = sorted(Path(pgmlang.api.__path__[0]).glob("*.py"))
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    homes = {
        alias.name: node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pgmlang.")
        for alias in node.names
    }
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    given = {
        name.id
        for function in functions
        if function.returns is not None
        for name in ast.walk(function.returns)
        if isinstance(name, ast.Name)
    }
    own = {name for name in given & set(homes) if name not in public_names()}
    return dict(sorted((PARTS_OF_RESULTS | {name: homes[name] for name in own}).items()))


def public_names() -> list[str]:
    return [name for name in pgmlang.__all__ if not name.startswith("__")]


def names_by_page() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The pages with every public name on one of them; without the last where nothing is left for it."""
    listed = {name for _, names in PAGES.values() for name in names}
    others = tuple(name for name in public_names() if name not in listed)
    every = PAGES | {"more": (PAGES["more"][0], others)}
    return {page: (title, names) for page, (title, names) in every.items() if names}


def pages() -> dict[str, str]:
    texts = {}
    for page, (title, names) in names_by_page().items():
        texts[f"api/{page}.md"] = f"# {title}\n\n" + "\n".join(entry(name) for name in names)
    records = "\n".join(object_entry(module, name) for name, module in results().items())
    texts["api/results.md"] = (
        f"# What comes back\n\nThe records that methods of models and fits give.\n\n{records}"
    )
    texts["api/index.md"] = index()
    return texts


def entry(name: str) -> str:
    if name in CONSTANTS:
        return f"```{{eval-rst}}\n.. autodata:: pgmlang.versions.{name}\n```\n"
    home = getattr(pgmlang, name).__module__
    return object_entry(home, name)


def object_entry(module: str, name: str) -> str:
    value = getattr(import_module(module), name)
    if not inspect.isclass(value):
        return f"```{{eval-rst}}\n.. autofunction:: {module}.{name}\n```\n"
    options = ["   :members:", "   :inherited-members: BaseException, Exception, tuple, dict"]
    # the fields of a record, which its docstring explains, make no useful signature twice
    hidden = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    if hidden:
        options.append(f"   :exclude-members: {', '.join(hidden)}")
    return f"```{{eval-rst}}\n.. autoclass:: {module}.{name}()\n" + "\n".join(options) + "\n```\n"


def index() -> str:
    rows = []
    for page, (_, names) in names_by_page().items():
        for name in names:
            text = CONSTANTS.get(name) or (inspect.getdoc(getattr(pgmlang, name)) or "").split("\n\n")[0]
            text = text.replace("\n", " ")
            rows.append(
                f"| [`pgmlang.{name}`]({page}.md) | {text.replace('``', '`').replace('|', chr(92) + '|')} |"
            )
    return (
        "# Python\n\nThe files are those of `pgmc examples titanic --copy`.\n\n"
        '```python\nimport pgmlang\n\nmodel = pgmlang.compile("titanic/titanic.pgm")\n'
        'fit = model.fit("titanic/titanic.csv", counts="count", seed=1)\n'
        'fit.query("P(survived | class = 3rd)")\n```\n\n| name | |\n| --- | --- |\n' + "\n".join(rows) + "\n\n"
        "```{toctree}\n:hidden:\n:titlesonly:\n\n" + "\n".join([*names_by_page(), "results"]) + "\n```\n"
    )


def made_by_functions(app: Sphinx, what: str, *_: object) -> tuple[str, str] | None:
    """Autodoc's ``autodoc-process-signature``: no class here is made by calling it."""
    return ("", "") if what in ("class", "exception") else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", made_by_functions)
