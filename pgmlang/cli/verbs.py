"""The verbs of ``pgmc``: one row each. A verb's module is imported when it runs."""

from __future__ import annotations

from typing import NamedTuple

GROUPS = {
    "begin": "Begin",
    "model": "Write a model",
    "fit": "Fit it",
    "ask": "Ask",
    "judge": "Judge",
    "convert": "Convert",
}
"""In the order of ``pgmc --help``."""


class Verb(NamedTuple):
    """``examples``: two command lines that the verb's help ends with; they run in a folder where those of ``first`` were
    typed before. ``is_slow``: they take more than some seconds."""

    module: str
    says: str
    group: str
    examples: tuple[str, str]
    first: tuple[str, ...] = ()
    is_slow: bool = False


_ASIA, _IRIS, _KIDIQ, _SCHOOLS, _TITANIC = (
    f"pgmc examples {name} --copy" for name in ("asia", "iris", "kidiq", "schools", "titanic")
)
_SURVIVAL = (_TITANIC, "pgmc fit titanic/titanic.pgm titanic/titanic.csv --counts count")
_EFFECTS = (_SCHOOLS, "pgmc fit schools/schools.pgm schools/schools.csv --chains 4 --draws 250 --seed 1")
_SEEDS = (
    "pgmc examples roleconflict --copy",
    "pgmc fit roleconflict/roleconflict.pgm roleconflict/roleconflict.csv --counts count --seed 1 -o one.fit",
    "pgmc fit roleconflict/roleconflict.pgm roleconflict/roleconflict.csv --counts count --seed 2 -o two.fit",
)

COMMANDS = {
    "examples": Verb(
        "pgmlang.cli.beginning", "List the examples; show one, or copy it.", "begin",
        ("pgmc examples titanic", "pgmc examples titanic --copy"),
    ),
    "describe": Verb(
        "pgmlang.cli.describing", "What a table holds, and the option that mends what is odd in it.", "begin",
        ("pgmc describe titanic/titanic.csv", "pgmc describe iris/iris.csv --bins petal_length=3"),
        (_TITANIC, _IRIS),
    ),
    "init": Verb(
        "pgmlang.cli.describing", "Write a first model from a table's columns.", "begin",
        ("pgmc init titanic/titanic.csv", "pgmc init iris/iris.csv --target species -o flowers.pgm"),
        (_TITANIC, _IRIS),
    ),
    "explain": Verb(
        "pgmlang.cli.language", "Explain an error code, with examples.", "begin",
        ("pgmc explain PGM0304", "pgmc explain"),
    ),
    "help": Verb(
        "pgmlang.cli.beginning", "Help on a verb, a family, a method, a code or a topic.", "begin",
        ("pgmc help fit", "pgmc help Normal"),
    ),
    "completion": Verb(
        "pgmlang.cli.beginning", "Completion of commands for bash, zsh or fish.", "begin",
        ("pgmc completion bash", "pgmc completion zsh"),
    ),
    "check": Verb(
        "pgmlang.cli.language", "Check a model: all errors, with places and cures.", "model",
        ("pgmc check titanic/titanic.pgm", "pgmc check titanic/titanic.pgm --json"), (_TITANIC,),
    ),
    "fmt": Verb(
        "pgmlang.cli.language", "Format a model's text.", "model",
        ("pgmc fmt titanic/titanic.pgm", "pgmc fmt --check titanic/titanic.pgm"), (_TITANIC,),
    ),
    "graph": Verb(
        "pgmlang.cli.language", "Draw a model (svg, png, dot).", "model",
        ("pgmc graph titanic/titanic.pgm -o titanic.png", 'pgmc graph titanic/titanic.fit --evidence "survived = yes"'),
        _SURVIVAL,
    ),
    "plan": Verb(
        "pgmlang.cli.language", "Say which method would be taken, and why.", "model",
        ("pgmc plan schools/schools.pgm schools/schools.csv", "pgmc plan schools/schools.pgm --method map"),
        (_SCHOOLS,),
    ),
    "compile": Verb(
        "pgmlang.cli.language", "Write the Pyro/PyTorch program.", "model",
        ("pgmc compile schools/schools.pgm -o schools.py", "pgmc compile schools/schools.pgm --stage normal"),
        (_SCHOOLS,),
    ),
    "cache": Verb(
        "pgmlang.cli.caching", "Compiled programs on disk: list them, or throw them away.", "model",
        ("pgmc cache", "pgmc cache clear"),
    ),
    "fit": Verb(
        "pgmlang.cli.fitting", "Fit a model to data; writes MODEL.fit/.", "fit",
        ("pgmc fit titanic/titanic.pgm titanic/titanic.csv --counts count",
         "pgmc fit kidiq/kidiq.pgm kidiq/kidiq.csv --method map --seed 1"),
        (_TITANIC, _KIDIQ),
    ),
    "query": Verb(
        "pgmlang.cli.asking", "Ask: P(a | b = yes), MAP(...), E(...).", "ask",
        ('pgmc query titanic/titanic.fit "P(survived | class = 3rd, sex = female)"',
         'pgmc query titanic/titanic.fit "MAP(* | survived = no)" "P(survived | do(class = 1st))"'),
        _SURVIVAL,
    ),
    "predict": Verb(
        "pgmlang.cli.asking", "Posteriors for every row of a table.", "ask",
        ("pgmc predict titanic/titanic.fit titanic/titanic.csv --hide survived",
         "pgmc predict titanic/titanic.fit titanic/titanic.csv --hide survived --hide age --targets age -o ages.csv"),
        _SURVIVAL,
    ),
    "score": Verb(
        "pgmlang.cli.asking", "Log-likelihood of new data.", "ask",
        ("pgmc score titanic/titanic.fit titanic/titanic.csv --counts count",
         "pgmc score titanic/titanic.fit titanic/titanic.csv -o rows.csv"),
        _SURVIVAL,
    ),
    "sample": Verb(
        "pgmlang.cli.asking", "Draw rows from a model or fit.", "ask",
        ("pgmc sample titanic/titanic.fit -n 5 --seed 1",
         'pgmc sample titanic/titanic.fit -n 100 --evidence "survived = yes" --seed 1 -o survivors.csv'),
        _SURVIVAL,
    ),
    "logz": Verb(
        "pgmlang.cli.asking", "log Z, or the log probability of evidence.", "ask",
        ('pgmc logz asia/asia.pgm --evidence "xray = yes, dysp = yes"', "pgmc logz asia/asia.pgm --json"),
        (_ASIA,),
    ),
    "summary": Verb(
        "pgmlang.cli.asking", "What a fit learned.", "judge",
        ("pgmc summary titanic/titanic.fit", "pgmc summary titanic/titanic.fit --all"), _SURVIVAL,
    ),
    "diagnose": Verb(
        "pgmlang.cli.judging", "Judge whether a fit can be trusted, with cures.", "judge",
        ("pgmc diagnose titanic/titanic.fit", "pgmc diagnose titanic/titanic.fit --all"), _SURVIVAL,
    ),
    "compare": Verb(
        "pgmlang.cli.judging", "Two fits of one model side by side, or fits of any models ranked.", "judge",
        ("pgmc compare one.fit two.fit", "pgmc compare one.fit two.fit --all"), _SEEDS,
    ),
    "loo": Verb(
        "pgmlang.cli.criticising", "How well a fit predicts data left out: PSIS-LOO and WAIC.", "judge",
        ("pgmc loo schools/schools.fit schools/schools.csv",
         "pgmc loo schools/schools.fit schools/schools.csv -o elements.csv"),
        _EFFECTS, is_slow=True,
    ),
    "plot": Verb(
        "pgmlang.cli.plotting", "A picture of a fit: intervals, chains, topics, tables, checks.", "judge",
        ("pgmc plot titanic/titanic.fit -o tables.png", "pgmc plot titanic/titanic.fit --kinds"), _SURVIVAL,
    ),
    "convert": Verb(
        "pgmlang.cli.converting", "Convert between .pgm, BIF and UAI.", "convert",
        ("pgmc convert asia/asia.pgm asia.bif", "pgmc convert asia/asia.pgm asia.uai"), (_ASIA,),
    ),
}  # fmt: skip
"""By name."""

TO_COME = {
    "report": "an HTML page about a fit",
    "learn": "learns a structure from data",
    "lsp": "the language server",
    "serve": "a page with a query box",
    "resume": "continues a stopped fit",
}
"""Verbs of the language's plan that do not work yet: refused with PGM0605."""

OTHER_WORDS = {
    "train": "fit", "infer": "query", "ask": "query", "validate": "check", "lint": "check", "format": "fmt",
    "draw": "graph", "picture": "plot", "simulate": "sample", "generate": "sample", "evaluate": "score", "export": "convert",
    "show": "summary", "new": "init", "man": "help", "demo": "examples", "example": "examples", "trust": "diagnose",
}  # fmt: skip
"""What others call a verb."""


def epilog(verb: str) -> str:
    """What a verb's help ends with: what to type once, and two examples."""
    row = COMMANDS[verb]
    once = ["\b", "Once, for the examples:", *(f"  {line}" for line in row.first), ""] if row.first else []
    return "\n".join([*once, "\b", "Examples:", *(f"  {line}" for line in row.examples)])
