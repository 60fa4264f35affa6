"""The grammar as it can be read, and the words of expressions: functions, types, operators, blocks."""

from __future__ import annotations

import html
import re

from pgmlang.model.types import NUMERIC_KINDS, VECTOR_KINDS, WIDER
from pgmlang.resources import grammar_text, stdlib_modules, stdlib_text
from pgmlang.signatures.equations import SAYS, SAYS_PARAMETERS, SIGNATURE
from pgmlang.signatures.functions import (
    ACTIVATIONS,
    AXIS_FUNCTIONS,
    BLOCKS,
    FUNCTIONS,
    OPERATORS,
    REDUCTIONS,
    WRITTEN_REDUCTIONS,
)
from pgmlang.signatures.matrices import MATRIX_FUNCTIONS
from pgmlang.syntax.layout import STATEMENT_WORDS

FUNCTION_SAYS = {
    "exp": "e to the power x", "log": "natural logarithm; of 0 minus infinity", "log1p": "log(1 + x), right for small x",
    "expm1": "exp(x) - 1, right for small x", "sqrt": "square root", "square": "x times x", "abs": "size without sign",
    "sign": "-1, 0 or 1", "floor": "the next whole number below", "ceil": "the next whole number above",
    "round": "the nearest whole number", "sigmoid": "1 / (1 + exp(-x)), the inverse of logit",
    "logit": "log(x / (1 - x)), the log-odds", "softplus": "log(1 + exp(x)), a smooth max(x, 0)", "relu": "max(x, 0)",
    "tanh": "hyperbolic tangent", "sin": "sine", "cos": "cosine", "tan": "tangent", "atan": "inverse of tan",
    "atan2": "angle of the point (second, first)", "lgamma": "log of the Gamma function", "erf": "error function",
    "Phi": "distribution function of Normal(0, 1)", "softmax": "exp(x) divided by its sum along an axis",
    "cumsum": "running sum along an axis",
}  # fmt: skip
"""What each function is; a test holds it beside the table of functions."""

TYPE_SAYS = {
    "real": "any number", "positive": "a number above 0", "unit": "a number between 0 and 1", "count": "0, 1, 2, ...",
    "integer": "..., -2, -1, 0, 1, 2, ...",
    "bit": "0 or 1 (also `false`, `true`)", "spin": "-1 or 1", "ordered": "numbers that rise along an axis",
    "ordered positive": "numbers above 0 that rise along an axis",
    "zerosum": "numbers that sum to 0 along an axis", "unitvector": "numbers whose squares sum to 1 along an axis",
    "simplex": "numbers between 0 and 1 that sum to 1 along an axis", "cov": "a covariance matrix over two like axes",
    "corr": "a correlation matrix over two like axes",
    "cholesky_corr": "the Cholesky factor of a correlation matrix: lower triangular, rows of length 1",
}  # fmt: skip
"""What each type holds; a test holds it beside the kinds of types."""

STATEMENTS: dict[str, tuple[str, str]] = {
    "pgm": (
        "The version of the language that the text is written for; the first line, or left out.",
        "pgm 1\nmodel weather\nplate day { rain : {no, yes} ~ Table() }",
    ),
    "model": (
        "The name of the model, and its settings with their defaults. A setting is a number, a truth value or a label, "
        "known before there is data: it may size a plate or an axis. `--set topics=50`, in Python `compile(..., topics=50)`, "
        "give it another value.",
        "model clusters(clusters = 3, width = 10)\nplate cluster[clusters] { mean ~ Normal(0, width) }\n"
        "share[cluster] ~ Dirichlet(1)\nplate row {\n  z ~ Categorical(share)\n  x ~ Normal(mean[z], 1)\n}",
    ),
    "import": (
        "Makes the definitions of a module known under its last name: `std.` is the standard library, other names are files "
        "beside the model.",
        "import std.layers\ndim pixel = {left, right}\ndim unit[2]\nplate image {\n  z[unit] ~ Normal(0, 1)\n"
        "  x[pixel] ~ Normal(layers.affine(z, pixel), 1)\n}",
    ),
    "dim": (
        "A named axis: its labels written out, its length in brackets, open (the labels of the data), or `like` another one's "
        "labels.",
        "dim from_state[3]\ndim to like from_state\nmove[from_state, to] ~ Dirichlet(1)",
    ),
    "plate": (
        "Repeats what is in its braces: for each row of the data, for a given number, `in` other plates, or in an order or shape: "
        "`= chain`, `= grid(8, 8)`, `(i, j) = edges(site)`.",
        "tau ~ HalfNormal(5)\nplate school { effect ~ Normal(0, tau) }\nplate pupil in school { grade ~ Normal(effect, 10) }",
    ),
    "param": (
        "A number that is learned as one value, with a type.",
        "param rate : positive\nplate hour { calls ~ Poisson(rate) }",
    ),
    "input": (
        "A value that is given with the data and has no distribution.",
        "b ~ Normal(0, 1)\nplate row {\n  input x : real\n  y ~ Normal(b * x, 1)\n}",
    ),
    "field": (
        "An undirected random variable: factors say which of its values are likelier.",
        "param J : real\nplate site = grid(4, 4) { field s : spin }\nplate bond(i, j) = edges(site) { factor J * s[i] * s[j] }",
    ),
    "factor": (
        "A term of the log of the joint probability of fields, with a name if it has parameters of its own.",
        "param b : real\nplate site { field s : bit ; factor b * s }",
    ),
    "net": (
        "A neural network from axes to axes (or `real`); its weights are learned.",
        "dim code[2]\ndim pixel = {left, right}\nnet decode : code -> pixel = mlp(20, act = tanh)\nplate image {\n"
        "  z[code] ~ Normal(0, 1)\n  x[pixel] ~ Normal(decode(z), 1)\n}",
    ),
    "guide": (
        "A second, approximating distribution of latents, for `elbo`.",
        "dim code[2]\ndim pixel = {left, right}\nnet decode : code -> pixel = mlp(20)\n"
        "net encode : pixel -> code, code = mlp(20)\nplate image {\n  z[code] ~ Normal(0, 1)\n"
        "  x[pixel] ~ Normal(decode(z), 1)\n}\nguide image {\n  m, log_sd = encode(x)\n  z ~ Normal(m, exp(log_sd))\n}",
    ),
    "def": (
        "A definition that is written out where it is called; each call has parameters of its own.",
        "def line(x) { param a, b : real ; return a + b * x }\nplate row {\n  input x : real\n  y ~ Normal(line(x), 1)\n}",
    ),
    "return": (
        "The value of a definition: its last statement.",
        "def twice(x) { return 2 * x }\nplate row {\n  input x : real\n  y ~ Normal(twice(x), 1)\n}",
    ),
}
"""Statement word to what it says and a model with it; a test checks these."""

SECTIONS = {
    "program": "A file", "dims": "Axes and plates", "variables": "Variables", "random": "Random, computed, factors",
    "net": "Networks, guides, definitions", "expr": "Expressions", "table": "Tables",
}  # fmt: skip
"""The rule that each section of the grammar begins with, in the order of the file."""

_RULE = re.compile(r"^\??(\w+):(.*)$")
_TERMINAL = re.compile(r"^([A-Z]+): (.*)$")
_TOKEN = re.compile(r'"[^"]*"|[\w.]+|[|()\[\]*+?]|\S')


def pages() -> dict[str, str]:
    return {
        "statements.md": statements(),
        "grammar.md": grammar(),
        "functions.md": functions(),
        "types.md": types(),
        "stdlib.md": standard_library(),
    }


def statements() -> str:
    """Every statement: those that begin with a word, and the two that begin with a name."""
    parts = [
        "# Statements\n\nA file is a list of statements in any order. Two begin with the name that they define, the others with a "
        "word.\n",
        "## name ~ distribution\n\nA random variable: drawn from [a distribution](distributions/index.md), or from one chosen by `if`.\n\n"
        "```pgm\nmu ~ Normal(0, 10)\nplate row { y ~ Normal(mu, 1) }\n```\n",
        "## name = expression\n\nA computed value, without chance of its own. [Functions](functions.md) and operators.\n\n"
        "```pgm\na ~ Normal(0, 1)\nb = exp(a)\nplate row { y ~ Exponential(b) }\n```\n",
    ]
    for word, (says, example) in STATEMENTS.items():
        parts.append(f"## {word}\n\n{says}\n\n```pgm\n{example}\n```\n")
    return "\n".join(parts)


def rules(text: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The rules of the grammar (name to its alternatives' lines) and the terminals (name to pattern)."""
    found: dict[str, list[str]] = {}
    terminals: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith(("//", "%")):
            continue
        if terminal := _TERMINAL.match(line):
            terminals[terminal[1]] = terminal[2]
        elif rule := _RULE.match(line):
            name = rule[1]
            found[name] = [rule[2].strip()]
        else:
            found[name].append(line.strip())
    return found, terminals


def grammar() -> str:
    found, terminals = rules(grammar_text())
    literals = {name: word for word, name in STATEMENT_WORDS.items()} | {"IN": "in", "LIKE": "like"}
    literals |= {name: pattern[1:-1] for name, pattern in terminals.items() if re.fullmatch(r'"[^"]*"', pattern)}
    parts = [
        "# Grammar\n\nOne rule a line. `( )?` may be left out, `( )*` stands any number of times, `|` parts what may stand "
        "there. Words in quotes are written as they are; statements are parted by new lines or `;`. A new line within "
        "brackets, after an operator or before `then` and `else` parts nothing. The words `"
        + "`, `".join(STATEMENT_WORDS)
        + "` are words of the language only where a statement begins with them.\n"
    ]
    rows: list[str] = []
    for name, lines in found.items():
        if name in SECTIONS:
            parts += [_listing(rows)] if rows else []
            rows = []
            parts.append(f"## {SECTIONS[name]}\n")
        rows.append(_rule_row(name, lines, found, literals, terminals))
    parts.append(_listing(rows))
    patterns = "\n".join(
        f"| `{name}` | `{pattern.replace('|', chr(92) + '|')}` |"
        for name, pattern in terminals.items()
        if name not in literals and name not in ("NEWLINE", "SEMICOLON", "BLANK")
    )
    parts.append(
        "## Words\n\nRegular expressions; a name may hold letters of any script, comments and blanks are left out.\n\n| | |\n| --- "
        f"| --- |\n{patterns}\n"
    )
    return "\n".join(parts)


def _listing(rows: list[str]) -> str:
    return '```{raw} html\n<div class="highlight grammar"><pre>' + "\n".join(rows) + "</pre></div>\n```\n"


def _rule_row(
    name: str, lines: list[str], found: dict[str, list[str]], literals: dict[str, str], terminals: dict[str, str]
) -> str:
    printed = []
    for line in lines:
        line = re.sub(r"\s*->\s*\w+\s*$", "", line)
        text = " ".join(_word(token, found, literals, terminals) for token in _TOKEN.findall(line))
        text = re.sub(r" (\)?[*?]) ?", r"\1 ", text).replace("( ", "(").replace(" )", ")").strip()
        printed.append(text)
    head = f'<span id="rule-{name}" class="rule">{name.rstrip("_")}</span>'
    return f"{head}:\n    " + "\n    ".join(printed)


def _word(token: str, found: dict[str, list[str]], literals: dict[str, str], terminals: dict[str, str]) -> str:
    if token == "SEP":
        return '<span class="k">end of statement</span>'
    if token in found:
        return f'<a href="#rule-{token}">{token.rstrip("_")}</a>'
    if token in literals:
        return f'<span class="s">"{html.escape(literals[token])}"</span>'
    if token.startswith('"'):
        return f'<span class="s">{html.escape(token, quote=False)}</span>'
    if token in terminals:
        return f'<span class="k">{token}</span>'
    return {"[": "(", "]": ")?"}.get(token, html.escape(token))


def functions() -> str:
    rows = "\n".join(
        f"| `{name}({'x' if f.arity == 1 else 'y, x'})` | {FUNCTION_SAYS[name]} | {f.accepts} | {f.result} |"
        for name, f in FUNCTIONS.items()
    )
    operators = ", ".join(f"`{word}`" for word in OPERATORS)
    reductions = ", ".join(f"`{name}`" for name in REDUCTIONS)
    written = "\n".join(f"| `{name}(x, over = axis)` | {says} |" for name, says in WRITTEN_REDUCTIONS.items())
    of_axes = "\n".join(f"| `{name}(axis)` | {says} |" for name, says in AXIS_FUNCTIONS.items())
    of_matrices = "\n".join(f"| `{f.call}` | {f.says} |" for f in MATRIX_FUNCTIONS.values())
    of_equations = "\n".join(f"| `{name}` | {says} |" for name, says in SAYS_PARAMETERS.items())
    blocks = "\n".join(
        f"| `{name}` | {', '.join(f'`{option}`' for option in options) or 'none'} |"
        for name, options in BLOCKS.items()
    )
    activations = ", ".join(f"`{name}`" for name in ACTIVATIONS)
    return f"""# Functions

What may stand in an expression. Functions work element by element; a value outside of what one accepts is an error where it is
sure, and *minus infinity* or refused where it comes from the data.

| function | is | accepts | gives |
| --- | --- | --- | --- |
{rows}

`softmax` and `cumsum` go along one axis: the only one of their argument, or `over = axis`.

## Over an axis or a plate

{reductions}: `sum(x, over = axis)`. Over a plate inside of the present one too (`mean(score, over = pupil)` in `plate school`), and over
the present one as it is just outside of it (`score - mean(score, over = pupil)` in `plate pupil`).

| function | is |
| --- | --- |
{written}

`min(a, b)` and `max(a, b)` of two arguments go element by element.

## Of an axis or a plate

| function | is |
| --- | --- |
{of_axes}

The axis' name alone is the label of the present element: `if food == fish then 0 else b`.

## Of matrices

A matrix is a value along two axes of the same elements, as `S[coef, coef']`; `over = axis` says the axis of a vector that has several.

| function | is |
| --- | --- |
{of_matrices}

`noise` adds its square to the diagonal of a kernel, `jitter` that many parts of `scale^2`, so that rounding leaves a Cholesky factor.

## Differential equations

`{SIGNATURE}` is the whole value of a name: {SAYS}.

| argument | is |
| --- | --- |
{of_equations}

See [the language](../language.md#differential-equations).

## Operators

{operators}, `-x`, `not`, `x @ w` (sums the product over the one axis that both have;
[matrices with a primed axis](../language.md#matrices) row by column), `x[z]` (the element at a label), and
`if c then a else b`. `/` divides as real numbers do. What binds closer is lower down in [the grammar](grammar.md).

## In chains

`prev(x)` is the row before, `prev(x, k)` k rows before; `first` is true on the first row, `first(k)` on the first k.

## Networks

| block | options |
| --- | --- |
{blocks}

`mlp(100, 50, act = tanh)` has two hidden layers. `act` is one of {activations}.
"""


def types() -> str:
    rows = "\n".join(
        f"| `{kind}` | {TYPE_SAYS[kind]} | {', '.join(f'`{w}`' for w in WIDER[kind] if w != kind) or ''} |"
        for kind in (*NUMERIC_KINDS, *VECTOR_KINDS)
    )
    return f"""# Types

Written after a name (`input age : positive`, `mood : {{good, bad}} ~ Table()`), and mostly inferred: a Gamma draw is positive.

| type | holds | is also |
| --- | --- | --- |
{rows}
| `{{no, yes}}` | one of these labels, in this order | |
| `{{...}}` | one of the labels that the data have (three dots) | |
| `word` | an element of the dim or plate `word` | |

Numbers of a narrower type may stand where a wider one is asked for. Labels are text and no numbers.
"""


def standard_library() -> str:
    """Every module of the standard library, whole: it is written in the language."""
    parts = [
        "# Standard library\n\nModules in the language itself: `import std.layers` makes `layers.affine` known. Each call has "
        "parameters of its own, named after its statement (`v.W`).\n"
    ]
    for module in stdlib_modules():
        parts.append(f"## std.{module}\n\n```pgm\n{(stdlib_text(module) or '').rstrip()}\n```\n")
    return "\n".join(parts)
