"""What ``pgmc help`` says of what is no verb: pages made of the registries, so that they cannot grow stale."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import NamedTuple

from pgmlang.cli.console import listed


class Topic(NamedTuple):
    says: str
    text: Callable[[], str]


def page(word: str) -> str | None:
    """The page of a topic, family, function, network, method, option or code; None where there is none. Raises PgmError
    PGM0612 for a code that there is not."""
    if word in TOPICS:
        return TOPICS[word].text()
    if re.fullmatch(r"(?i)(pgm)?\d{1,4}", word):
        return _code(word)
    if word in QUESTION_WORDS:
        return QUESTIONS
    for pages in (_family, _function, _method, _option):
        text = pages(word)
        if text is not None:
            return text
    return None


def topic_names() -> list[str]:
    """Whatever has a page, codes apart."""
    from pgmlang.families import FAMILIES, LEARNED, SERIES
    from pgmlang.plan.registry import METHODS
    from pgmlang.signatures.functions import BLOCKS, FUNCTIONS
    from pgmlang.signatures.options import OPTIONS

    return [
        *TOPICS,
        *QUESTION_WORDS,
        "Table",
        *FAMILIES,
        *SERIES,
        *LEARNED,
        *FUNCTIONS,
        *BLOCKS,
        *METHODS,
        *OPTIONS,
    ]


def _calls(name: str) -> list[str]:
    """How a family is written, a line each way; ``D``: a distribution that it takes, before its limits and behind weights."""
    from pgmlang.families import FAMILIES

    family = FAMILIES[name]
    taken = ["D"] if family.takes else []
    before, behind = (taken, []) if family.limits else ([], taken)
    variants = (
        [p.name if p.default is None else f"{p.name} = {p.default:g}" for p in v] for v in family.parameter_lists
    )
    return [f"{name}({', '.join([*before, *words, *behind])})" for words in variants]


def families() -> str:
    from pgmlang.families import FAMILIES, LEARNED, SERIES

    named = [(_calls(n)[0], f.says) for n, f in FAMILIES.items()]
    named += [(s.signature, s.says) for s in SERIES.values()]
    learned = [(n, f.says) for n, f in LEARNED.items()]
    table = ("Table(a, b, prior = 1)", "probabilities of labels for each combination of labels of a and b")
    return (
        f"Distributions, to stand after ~ (`pgmc help NAME` for one):\n{listed([table, *named])}\n\n"
        f"Learned densities:\n{listed(learned)}"
    )


def functions() -> str:
    from pgmlang.signatures.equations import SAYS, SIGNATURE
    from pgmlang.signatures.functions import (
        ACTIVATIONS,
        AXIS_FUNCTIONS,
        BLOCKS,
        FUNCTIONS,
        REDUCTIONS,
        WRITTEN_REDUCTIONS,
    )
    from pgmlang.signatures.matrices import MATRIX_FUNCTIONS

    rows = [(f"{n}({', '.join('xyz'[: f.arity])})", f"{f.result}, of {f.accepts}") for n, f in FUNCTIONS.items()]
    blocks = [(n, "options " + ", ".join(options) if options else "") for n, options in BLOCKS.items()]
    return (
        f"Functions of expressions:\n{listed(rows)}\n\n"
        f"Reductions: {', '.join(f'{r}(x, over = plate)' for r in (*REDUCTIONS, *WRITTEN_REDUCTIONS))}\n\n"
        f"Of a plate or dim:\n{listed([(f'{n}(plate)', says) for n, says in AXIS_FUNCTIONS.items()])}\n\n"
        f"Of matrices:\n{listed([(f.call, f.says) for f in MATRIX_FUNCTIONS.values()])}\n\n"
        f"Differential equations:\n{listed([(SIGNATURE, SAYS)])}\n\n"
        f"Networks, to stand after `net name : in -> out =`:\n{listed(blocks)}\n  activations: {', '.join(ACTIVATIONS)}"
    )


def methods() -> str:
    from pgmlang.plan.registry import METHODS, method_named

    rows = [(n, method_named(n).says) for n in METHODS]
    return (
        f"Methods, in the order in which `auto` tries them (`pgmc plan MODEL DATA` says which it takes, and why not "
        f'the others):\n{listed(rows)}\n\nSamplers can be composed: --method "gibbs(z) * hmc"'
    )


def options() -> str:
    from pgmlang.signatures.options import OPTIONS

    rows = [
        (f"--{n.replace('_', '-')}" if row.says else f"-O {n}=", row.says or _owners(n))
        for n, row in OPTIONS.items()
    ]
    return f"Options of methods (each method has its own: `pgmc help METHOD`):\n{listed(rows)}"


def _owners(option: str) -> str:
    owners = [n for n, fields in _fields_by_method().items() if option in fields]
    return f"of {', '.join(owners)}" if owners else ""


def _fields_by_method() -> dict[str, dict[str, object]]:
    from pgmlang.plan.registry import METHODS, method_named

    return {n: {f.name: f.default for f in dataclasses.fields(method_named(n).options)} for n in METHODS}


QUESTIONS = """Questions, for `pgmc query` and `fit.query`:
  P(a)                          the distribution of a
  P(a, b | c = yes, d = 2.5)    of several, given evidence
  P(a = yes | b = no)           one probability
  P(y > 3)                      of a number
  P(a | do(b = yes))            under an intervention: the arrows into b are cut
  P(a | b ~ {no: 0.3, yes: 0.9})  given soft evidence: likelihoods of b's labels
  MAP(a, b | c = yes)           the most probable labels together; MAP(* | ...) of everything
  E(y | x = 120)                the mean, with its sd and 90 % interval

Names with blanks or dots, and labels with other letters, are written in quotes: P("x.1" | b = "0-5 cm")."""

QUESTION_WORDS = ("P", "E", "MAP", "do")
"""What questions are written with."""

COLORS = """Colours and messages:
  --color always|never|auto   auto: on a terminal, unless NO_COLOR is set or TERM is dumb; FORCE_COLOR colours pipes too
  --quiet                     no messages but errors; results are printed as ever
  --json                      results for programs, on stdout; messages stay on stderr

A long fit is watched on a terminal: what is climbed or sampled, with its course and the time left. Elsewhere (no terminal,
CI, NO_COLOR, TERM=dumb) a line is said now and then. Ctrl-C keeps what was done; `--resume` goes on from there."""

EXITS = """Exit codes:
  0    good
  1    diagnose: a problem was found
  64   the command line is wrong
  65   a model or data are wrong
  66   no input: a file is not there
  69   no method for this, or still to come
  70   a bug in pgmlang
  73, 74  an output cannot be written
  75   stopped (by a time limit or SIGTERM); what was done is kept
  130  Ctrl-C; what was done is kept"""

DATA = """Data: a table (CSV, TSV, Parquet, gzipped or not) with a column for each variable, a row for each element of a plate.
A vector over dim d of k labels is k columns, x.LABEL. A variable without a column is latent. `pgmc describe FILE` says which
options a table needs. Several tables: pgmc fit m.pgm word=words.csv doc=docs.csv"""


def data() -> str:
    """How tables are read, with every option of it."""
    import click

    from pgmlang.cli.options import binding_options

    command = click.command()(binding_options(lambda **given: None))
    with click.Context(command) as context:
        rows = [row for p in command.params if (row := p.get_help_record(context)) is not None]
    return f"{DATA}\n\nOptions:\n{listed(rows)}"


FILES = """Files:
  model.pgm      the text of a model
  model.fit/     a fit: the model's text, parameters or draws (safetensors), fit.json; nothing in it is run when it is loaded
  *.bif, *.uai   networks of tables of other programs, also .gz: to query, score, sample, draw and convert
  *.json         Gaussian networks as pgmpy writes them, the same
  *.svg, *.png, *.dot   pictures of `pgmc graph`"""


def _code(word: str) -> str:
    from pgmlang.cli.language import explanation_text

    return explanation_text(word)


def _errors() -> str:
    from pgmlang.diagnostics.codes import CODES

    return "\n".join(f"{c}  {'warning: ' if row.is_warning else ''}{row.title}" for c, row in CODES.items())


def _family(word: str) -> str | None:
    from pgmlang.families import FAMILIES, LEARNED, SERIES

    if word == "Table":
        return (
            "Table: probabilities of labels for each combination of labels of the parents.\n\n"
            "  a : {no, yes} ~ Table(b, c)             learned from data\n"
            "  a : {no, yes} ~ Table(b, prior = 1)     with a Dirichlet prior\n"
            "  a : {no, yes} ~ Table(b) { no : 0.9, 0.1 ; yes : 0.2, 0.8 }    given"
        )
    if word in LEARNED:
        row = LEARNED[word]
        return f"{word}: {row.says}; a learned density of an axis of {row.support} numbers, in the place of Table"
    if word in SERIES:
        return f"{word}: {SERIES[word].says}\n\n  x ~ {SERIES[word].signature}\n\nstart is the distribution of the first rows, such as Normal(0, 1)"
    if word not in FAMILIES:
        return None
    family = FAMILIES[word]
    ways = "\n".join(f"  x ~ {call}" for call in _calls(word))
    parameters = {p.name: p for variant in family.parameter_lists for p in variant}
    rows = [
        (p.name, p.support + (", a vector" if p.event == 1 else ", a matrix" if p.event else ""))
        for p in parameters.values()
    ]
    log_prob = family.formulas[0].log_prob if family.formulas else ""
    density = f"\n\nlog density: {log_prob}" if log_prob and not family.formulas[0].let else ""
    arguments = f"\n\nArguments:\n{listed(rows)}" if rows else ""
    support = family.support
    if family.takes:
        support = "as of D, a distribution such as Normal(0, 1)" + (
            ", or zero" + " or one" * family.adds_one if family.adds_zero else ""
        )
    return f"{word}: {family.says}\n\n{ways}{arguments}\n\nA draw is: {support}{density}"


def _function(word: str) -> str | None:
    from pgmlang.signatures.equations import ODE, SAYS, SAYS_PARAMETERS, SIGNATURE
    from pgmlang.signatures.functions import (
        ACTIVATIONS,
        AXIS_FUNCTIONS,
        BLOCKS,
        FUNCTIONS,
        REDUCTIONS,
        WRITTEN_REDUCTIONS,
    )
    from pgmlang.signatures.matrices import MATRIX_FUNCTIONS

    if word == ODE:
        return f"{SIGNATURE}: {SAYS}\n\n{listed(list(SAYS_PARAMETERS.items()))}"
    if word in FUNCTIONS:
        row = FUNCTIONS[word]
        return f"{word}({', '.join('xyz'[: row.arity])}): a function of {row.accepts} arguments; its value is {row.result}"
    if word in REDUCTIONS:
        return f"{word}(x, over = plate): a reduction over the elements of a plate or dim"
    if word in WRITTEN_REDUCTIONS:
        return f"{word}(x, over = plate): {WRITTEN_REDUCTIONS[word]}"
    if word in AXIS_FUNCTIONS:
        return f"{word}(plate): {AXIS_FUNCTIONS[word]}"
    if word in MATRIX_FUNCTIONS:
        return f"{MATRIX_FUNCTIONS[word].call}: {MATRIX_FUNCTIONS[word].says}"
    if word in BLOCKS:
        options = f"; options {', '.join(BLOCKS[word])}" if BLOCKS[word] else ""
        acts = f"; activations {', '.join(ACTIVATIONS)}" if "act" in BLOCKS[word] else ""
        return f"{word}(...): a network, after `net name : in -> out =`{options}{acts}"
    return None


def _method(word: str) -> str | None:
    from pgmlang.plan.registry import METHODS, method_named
    from pgmlang.signatures.options import OPTIONS

    if word not in METHODS:
        return None
    rows = []
    for name, default in _fields_by_method()[word].items():
        row = OPTIONS.get(name)
        flag = f"--{name.replace('_', '-')}" if name == "max_time" or (row and row.says) else f"-O {name}=VALUE"
        says = "Stop after this many seconds." if name == "max_time" else row.says if row else ""
        rows.append((flag, " ".join([says, *([] if default is None else [f"[{default}]"])]).strip()))
    return f"{word}: {method_named(word).says}\n\nOptions, with their defaults:\n{listed(rows)}"


def _option(word: str) -> str | None:
    from pgmlang.signatures.options import OPTIONS

    name = word.removeprefix("--").replace("-", "_")
    if name not in OPTIONS:
        return None
    row = OPTIONS[name]
    choices = f"\none of {', '.join(row.choices)}" if row.choices else ""
    return f"{name}: {row.says or 'an option of methods'}\n{_owners(name)}{choices}"


TOPICS = {
    "data": Topic("tables, columns, missing cells", data),
    "families": Topic("the distributions", families),
    "functions": Topic("functions and networks of expressions", functions),
    "methods": Topic("the methods of fit", methods),
    "options": Topic("the options of methods", options),
    "questions": Topic("what query answers", lambda: QUESTIONS),
    "files": Topic("models, fits, networks, pictures", lambda: FILES),
    "errors": Topic("all error codes", _errors),
    "colors": Topic("colours, quiet, JSON, the live view", lambda: COLORS),
    "exits": Topic("exit codes", lambda: EXITS),
}
"""By name."""
