"""Each stage of a compilation as text: ``pgmc compile --stage``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError

if TYPE_CHECKING:
    from pgmlang.model import Model
    from pgmlang.sema import Compilation


def syntax(compilation: Compilation, file_name: str) -> str:
    """The syntax objects of the file."""
    from pprint import pformat

    from pgmlang.syntax import parse

    return pformat(parse(compilation.source), width=110) + "\n"


def model(compilation: Compilation, file_name: str) -> str:
    """The Model as understood, in the order of the text."""
    from pgmlang.model.show import show

    return show(compilation.checked())


def normal(compilation: Compilation, file_name: str) -> str:
    """The normal form that recognisers read; what occurs many times in a large one is named once."""
    from pgmlang.model.show import show
    from pgmlang.normal import normal_form
    from pgmlang.normal.parts import with_named_parts

    return show(with_named_parts(normal_form(compilation.checked())))


def layout(compilation: Compilation, file_name: str) -> str:
    """Axes of every array, sizes where the text says them, and what programs ask of the data's layout."""
    from pgmlang.lower import lower

    checked = compilation.checked()
    lines = []
    for axis in (*(p.name for p in checked.plates), *(d.name for d in checked.dims)):
        size = checked.axis_size(axis)
        lines.append(f"size of {axis}: {size if size is not None else 'of the data'}")
    for variable in checked.variables:
        axes = (*checked.batch_axes(variable.plates), *variable.axes)
        lines.append(f"array {variable.name}[{', '.join(axes)}]")
    lines.extend(f"{question.text}: {question.meaning}" for question in lower(checked).questions)
    return "\n".join(lines) + "\n"


def plan(compilation: Compilation, file_name: str) -> str:
    """Which method without data, and why."""
    from pgmlang.plan import make_plan, show

    return show(make_plan(compilation.checked())) + "\n"


def torch(compilation: Compilation, file_name: str) -> str:
    """The whole program."""
    from pgmlang.lower import lower

    return lower(compilation.checked(), file_name=file_name).source


def pyro(compilation: Compilation, file_name: str) -> str:
    """The functions of the program that Pyro runs: ``model``, and ``guide`` where one is written."""
    from pgmlang.lower import lower

    program = lower(compilation.checked(), file_name=file_name)
    lines = program.source.splitlines()
    functions = [n for n in ast.parse(program.source).body if isinstance(n, ast.FunctionDef)]
    texts = ["\n".join(lines[f.lineno - 1 : f.end_lineno]) for f in functions if f.name in ("model", "guide")]
    texts += [
        f"# {name}: left out; {reason}" for name, reason in program.left_out.items() if name in ("model", "guide")
    ]
    return "\n\n\n".join(texts) + "\n"


def native(compilation: Compilation, file_name: str) -> str:
    """The program of compiled loops, of what is left latent where all that nothing hangs on is seen."""
    checked = compilation.checked()
    above = {name for factor in checked.factors for name in checked.random_parents(factor)}
    return native_text(checked, [v.name for v in checked.of_role("random") if v.name in above], file_name)


def native_text(model: Model, latent: Sequence[str], file_name: str) -> str:
    """The program of compiled loops over some latent variables. Raises PgmError PGM0601 where there is none."""
    from pgmlang.graph.components import summing_steps
    from pgmlang.native.formulas import NotScalar
    from pgmlang.native.program import native_program
    from pgmlang.native.supports import supports_of_text

    try:
        if any(model.of_role("field")):
            raise NotScalar("fields, whose normalising constant is no sum over rows")
        if not latent:
            raise NotScalar("a model without a latent number")
        labels = [name for name in latent if model.by_name[name].type.is_discrete]
        steps, reasons = summing_steps(model, labels)
        if reasons:
            raise NotScalar(f"a sum over labels: {reasons[0].message}")
        supports = supports_of_text(model, [name for name in latent if name not in labels])
        return native_program(model, supports, steps=steps, file_name=file_name).source
    except NotScalar as reason:
        message = f"there is no program of loops for {reason}"
        raise PgmError(Diagnostic("PGM0601", message, help="`--stage torch` prints torch's")) from None


STAGES: Mapping[str, Callable[[Compilation, str], str]] = {
    f.__name__: f for f in (syntax, model, normal, layout, plan, torch, pyro, native)
}
