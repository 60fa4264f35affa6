"""Two things of one name, whatever they are: an error with a code, or each is what it would be under names of their own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import pytest
import torch

from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES, LEARNED
from pgmlang.lower import lower
from pgmlang.model import Model
from pgmlang.model.types import NUMERIC_KINDS, VECTOR_KINDS
from pgmlang.sema import compile_source
from pgmlang.sema.modules import text_loader
from pgmlang.signatures.functions import AXIS_FUNCTIONS, BLOCKS, FUNCTIONS, REDUCTIONS, WRITTEN_REDUCTIONS


class Kind(NamedTuple):
    """A thing with a name ``#``: what declares it at the top, in the header and in the rows, and a number that needs it.
    Its helpers have names of their own, ``%``."""

    use: str
    top: str = ""
    header: str = ""
    row: str = ""
    guide: str = ""


KINDS = {
    "setting": Kind("#", header="# = 2"),
    "dim": Kind("sum(u%, over = #)", "dim #[2]\nu%[#] ~ Normal(0, 1)"),
    "plate": Kind("sum(u%, over = #)", "plate #[2] { u% ~ Normal(0, 1) }"),
    "param": Kind("#", "param # : real"),
    "random": Kind("#", "# ~ Normal(0, 1)"),
    "value": Kind("#", "u% ~ Normal(0, 1)\n# = u% + 1"),
    "input": Kind("#", row="input # : real"),
    "random of a row": Kind("#", row="# ~ Normal(0, 1)"),
    "label": Kind("(if l% == # then 1 else 3)", row="l% : {#, other} ~ Table()"),
    "label of a dim": Kind("v%[#]", "dim k% = {#, other}\nv%[k%] ~ Normal(0, 1)"),
    "network": Kind("#(0.5)", "net # : real -> real = mlp(2)"),
    "function": Kind("#(0.5)", "def #(u) { return 3 * u + 1 }"),
    "argument": Kind("f%(0.5)", "def f%(#) { return 3 * # + 1 }"),
    "axis of an argument": Kind("f%(v%)", "dim k%[2]\nv%[k%] ~ Normal(0, 1)\ndef f%(x[#]) { return sum(x, over = #) }"),
    "value of a function": Kind("f%(0.5)", "def f%(u) { # = u + 1 ; return 3 * # }"),
    "parameter of a function": Kind("w%", "def f%(u) { param # : real ; return u * # }\nw% = f%(0.5)"),
    "module": Kind("#.thrice(0.5)", "import lib.#"),
    "factor": Kind("0", row="field s% : bit\nfactor # = 0.5 * s%"),
    "end of an edge": Kind("0", "plate site% = grid(2, 2) { field s% : bit ; factor 0.3 * s% }\n"
                                "plate bond%(#, j%) = edges(site%) { factor 0.5 * s%[#] * s%[j%] }"),
    "name of a guide": Kind("u%", row="u% ~ Normal(0, 1)", guide="# = 0.5\nu% ~ Normal(#, 1)"),
}  # fmt: skip
WORDS = sorted({
    *FAMILIES, *LEARNED, "Table", *FUNCTIONS, *REDUCTIONS, *WRITTEN_REDUCTIONS, *AXIS_FUNCTIONS, *BLOCKS, *NUMERIC_KINDS, *VECTOR_KINDS, "first", "prev", "over", "inf", "ode",
    "pi", "min", "max", "plate", "dim", "param", "input", "field", "factor", "net", "guide", "def", "model", "like", "in", "by",
    "prior", "import", "return", "bdeu", "grid", "edges", "chain", "logit", "y", "row",
})  # fmt: skip


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Everything in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def text_of(*named: tuple[str, str]) -> str:
    """A model with things of these kinds and names."""
    parts = []
    for i, (kind, name) in enumerate(named):
        parts.append(Kind(*(t.replace("#", name).replace("%", f"_{i}") for t in KINDS[kind])))
    header = ", ".join(p.header for p in parts if p.header)
    rows = [p.row for p in parts if p.row]
    uses = [f"answer_{i} ~ Normal({p.use}, 1)" for i, p in enumerate(parts)]
    lines = [f"model m({header})"] if header else []
    lines += [*(p.top for p in parts if p.top), "plate rows_ {", *rows, *uses, "}"]
    guides = [p.guide for p in parts if p.guide]
    return "\n".join([*lines, *(["guide rows_ {", *guides, "}"] if guides else [])])


def compiled_or_refused(*named: tuple[str, str]) -> Model | list[str]:
    """The model, or the codes with which it is refused."""
    try:
        return compiled(*named)
    except PgmError as error:
        return [d.code for d in error.diagnostics]


def compiled(*named: tuple[str, str]) -> Model:
    modules = {f"lib.{n}": "def thrice(u) { return 3 * u + 1 }" for _, n in named}
    return compile_source(text_of(*named), loader=text_loader(modules))


def number(model: Model) -> float:
    torch.manual_seed(3)
    program = lower(model).load()
    data, layout, params, nets, values = program.example()
    return float(program.log_joint(values, data, layout, params, nets).detach())


PAIRS = [*combinations(KINDS, 2), *((k, k) for k in KINDS)]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_things_of_one_name(one: str, other: str) -> None:
    apart = number(compiled((one, "first_name"), (other, "second_name")))
    together = compiled_or_refused((one, "name"), (other, "name"))
    if isinstance(together, list):
        assert all(code.startswith(("PGM02", "PGM03")) for code in together)
    else:
        assert number(together) == pytest.approx(apart, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_things_named_like_words(kind: str) -> None:
    apart = number(compiled((kind, "name")))
    taken = 0
    for word in WORDS:
        model = compiled_or_refused((kind, word))
        if isinstance(model, list):
            assert all(code.startswith(("PGM01", "PGM02", "PGM03")) for code in model), word
        else:
            taken += 1
            assert number(model) == pytest.approx(apart, rel=1e-12), word
    assert taken > 60


def test_a_network_comes_before_a_function() -> None:
    text = "dim h[2]\nnet # : h -> real = mlp(4)\nplate row { input x[h] ; y ~ Normal(softplus(#(x)), 1) }"
    assert number(compile_source(text.replace("#", "sum"))) == number(compile_source(text.replace("#", "other")))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("def f(u) { return u + outside }", "PGM0201"),  # a module sees no name of the model
        ("def f(u) { return g(u) }", "PGM0204"),
        ("def f(u) { return sum(u, over = k) }", "PGM0201"),
        ("def f(u) { return u + size }", "PGM0201"),
        ("def f(u) { return u }\ndef f(u) { return 2 * u }", "PGM0202"),
        ("def f(u, u) { return u }", "PGM0202"),
        ("def Normal(u) { return u }\ndef f(u) { return u }", "PGM0208"),
        ("def f(first) { return first }", "PGM0208"),
    ],
)
def test_names_of_modules_are_their_own(module: str, code: str) -> None:
    text = (
        "model m(size = 2)\nimport lib\ndim k[2]\nv[k] ~ Normal(0, 1)\noutside ~ Normal(0, 1)\n"
        "net g : real -> real = mlp(2)\nplate row { y ~ Normal(lib.f(outside) + size * g(1) * sum(v), 1) }"
    )
    compile_source(text, loader=text_loader({"lib": "def f(u) { return u }"}))
    with pytest.raises(PgmError) as caught:
        compile_source(text, loader=text_loader({"lib": module}))
    assert code in {d.code for d in caught.value.diagnostics}


@pytest.mark.parametrize("name", ["sqrt", "outside"])
def test_functions_of_modules_keep_their_meaning(name: str) -> None:
    """The model's network ``sqrt`` is not that of the module, nor its variable the module's argument."""
    lines = "import lib\nnet {} : real -> real = mlp(2)\nplate row {{ input x : positive ; y ~ Normal(lib.f(x) + {}(x), 1) }}"
    library = text_loader({"lib": "def f(outside) { return sqrt(outside) }"})
    one, other = (compile_source(lines.format(n, n), loader=library) for n in (name, "another"))
    assert number(one) == number(other)
    assert "sqrt" in lower(other).source


@pytest.mark.parametrize(
    ("body", "actual", "code"),
    [
        ("u[z]", "2 * v", "PGM0301"),  # not the model's `u`
        ("u[z]", "w[z]", "PGM0301"),  # an element has none of its own
        ("if first then 0 else prev(u)", "2 * x", "PGM0312"),
    ],
)
def test_arguments_are_not_the_variables_of_their_names(body: str, actual: str, code: str) -> None:
    argument = "u[k]" if actual.startswith("2 * v") else "u"
    text = (
        f"dim k[2]\nu[k] ~ Normal(0, 1)\nv[k] ~ Normal(0, 1)\nw[k] ~ Normal(0, 1)\ndef f({argument}, z) {{ return {body} }}\n"
        f"plate row = chain {{ z : k ~ Categorical(1/2) ; x ~ Normal(sum(u), 1) ; y ~ Normal(f({actual}, z), 1) }}"
    )
    with pytest.raises(PgmError) as caught:
        compile_source(text)
    assert code in {d.code for d in caught.value.diagnostics}
