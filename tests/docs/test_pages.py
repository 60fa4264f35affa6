"""Everything that the registries hold has its page, from its record: what is new without one fails here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("sphinx")

import mpmath as mp
import torch
from pgmdocs import (
    commands,
    distributions,
    errors,
    generated,
    language_reference,
    listings,
    method_facts,
    python_api,
)
from pgmdocs.formulas import PARTS, READABLE, READABLE_MOMENTS, WRITTEN, latex, log_density, moments
from pgmdocs.terms import PLAIN, glossary_terms, pattern, term_of
from pygments.token import Error

import pgmlang
from pgmlang.cli.verbs import COMMANDS
from pgmlang.diagnostics import CODES
from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import distribution_class
from pgmlang.model.types import NUMERIC_KINDS, VECTOR_KINDS
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.resources import grammar_text, stdlib_modules
from pgmlang.signatures.functions import FUNCTIONS
from pgmlang.signatures.options import OPTIONS
from pgmlang.syntax.highlight import PgmcConsoleLexer, PgmLexer
from pgmlang.syntax.layout import STATEMENT_WORDS
from tests.docs.documents import ROOT
from tests.families.references import LOG_PROB

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return generated()


def test_every_record_has_its_page(pages: dict[str, str]) -> None:
    wanted = {f"distributions/{name}.md" for name in FAMILIES} | {f"errors/{code}.md" for code in CODES}
    wanted |= {f"commands/{verb}.md" for verb in COMMANDS}
    wanted |= {f"examples/{folder.parent.name}.md" for folder in ROOT.glob("examples/*/README.md")}
    assert wanted <= set(pages)
    assert {p.stem for p in (DOCS / "methods").glob("*.md")} == set(METHODS)
    assert all(f"## std.{module}\n" in pages["stdlib.md"] for module in stdlib_modules())
    api = "".join(text for path, text in pages.items() if path.startswith("api/"))
    assert all(re.search(rf"\.{name}(\(\))?\n", api) for name in python_api.public_names())
    assert sorted(n for _, names in python_api.names_by_page().values() for n in names) == sorted(
        python_api.public_names()
    )


def cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


def test_rows_of_tables_have_the_cells_of_their_heading(pages: dict[str, str]) -> None:
    """A `|` in a cell is written `\\|`, in code too: else the rest of the row is lost."""
    written = [ROOT / "README.md", *DOCS.glob("*.md"), *DOCS.glob("*/*.md")]
    texts = {str(f): f.read_text() for f in written if f.parent.name != "reference"} | pages
    for name, text in texts.items():
        text = re.sub(r"^(```+).*?^\1$", "", text, flags=re.M | re.S)
        for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
            rows = table.splitlines()
            assert {cells(row) for row in rows} == {cells(rows[1])}, (name, rows[0])


def test_the_menu_names_what_is_there(pages: dict[str, str]) -> None:
    menu = re.findall(
        r"^([\w/-]+)$",
        "".join(re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text(), re.S)),
        re.M,
    )
    assert len(menu) > 20
    for name in menu:
        assert (DOCS / f"{name}.md").is_file() or f"{name.removeprefix('reference/')}.md" in pages, name
    top = {path.removesuffix(".md") for path in pages if "/" not in path or path.endswith("/index.md")}
    assert top <= {name.removeprefix("reference/") for name in menu}


def test_indexes_name_every_page(pages: dict[str, str]) -> None:
    for folder, names in (("distributions", FAMILIES), ("errors", CODES), ("commands", COMMANDS)):
        linked = set(re.findall(r"\]\((\w+)\.md\)", pages[f"{folder}/index.md"]))
        assert set(names) <= linked, folder


def test_what_is_said_of_words_is_said_of_all() -> None:
    assert set(language_reference.FUNCTION_SAYS) == set(FUNCTIONS)
    assert set(language_reference.TYPE_SAYS) == {*NUMERIC_KINDS, *VECTOR_KINDS}
    assert {c.exit for c in CODES.values()} <= set(errors.EXITS)
    assert {c[3:5] for c in CODES} == set(errors.RANGES)
    options = {f for m in METHODS for f in method_named(m).options.__dataclass_fields__}
    assert all(f in method_facts.OPTION_SAYS or OPTIONS[f].says for f in options)
    assert all(f.says for f in FAMILIES.values())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_page_has_its_parts(name: str) -> None:
    text = (DOCS / "methods" / f"{name}.md").read_text()
    for part in (
        "The equation",
        "How it runs",
        "When",
        "When not",
        "Whether to believe it",
        "An example",
        "Options",
    ):
        assert f"\n## {part}\n" in text
    assert "$$" in text
    assert f"```{{method-facts}} {name}\n" in text
    assert re.search(r"## Read more\n\n.*\((19|20)\d\d\)", text, re.S), "a source"
    example = rf"```console[^`]*\n\$ pgmc examples \w+ --copy\n\$ pgmc [^`]*(--method {name}\b|\n{name}(:| for ))"
    assert re.search(example, text), "an example that anybody can type, by this method"
    assert "`--" in method_facts.facts(name)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_example_of_a_distribution_is_a_good_model(name: str) -> None:
    model = pgmlang.compile(distributions.EXAMPLES[name] + "\n")
    assert f"{name}(" in distributions.EXAMPLES[name]
    assert {w.code for w in model.warnings} <= {"PGM0409"}  # improper, which is what Flat is


def test_every_statement_has_its_example() -> None:
    assert set(language_reference.STATEMENTS) == set(STATEMENT_WORDS)
    for word, (_, example) in language_reference.STATEMENTS.items():
        assert re.search(rf"\b{word}\b", example)
        assert not [w for w in pgmlang.compile(example + "\n").warnings if w.is_error]


def passage(t: mp.mpf, w: mp.mpf) -> mp.mpf:
    """When Brownian motion from w leaves (0, 1) at 0: its density at t."""
    terms = (k * mp.exp(-((k * mp.pi) ** 2) * t / 2) * mp.sin(k * mp.pi * w) for k in range(1, 80))
    return mp.pi * mp.fsum(terms)


class Textbook(dict):
    """Names of a readable formula as numbers of mpmath."""

    def __init__(self, **values: float) -> None:
        super().__init__(values)
        self |= {
            "log": mp.log, "exp": mp.exp, "cos": mp.cos, "pi": mp.pi, "lgamma": mp.loggamma, "Beta": mp.beta,
            "I0": lambda x: mp.besseli(0, x), "I": mp.besseli,
            "moment": lambda n, m: mp.quad(lambda y: y**n * mp.exp(-((y - m) ** 2) / 2), [0, 2, 5, 15, mp.inf]), "factorial": mp.factorial, "passage": passage, "choose": mp.binomial,
            "Phi": mp.ncdf, "abs": abs, "sqrt": mp.sqrt, "where": lambda test, a, b: a if test else b,
            "Z": lambda n, good, bad, odds: sum(mp.binomial(good, k) * mp.binomial(bad, n - k) * odds**k for k in range(int(n) + 1)),
            "__builtins__": {},
        }  # fmt: skip


ARGUMENTS = {"df": 3.5, "loc": 0.4, "sd": 1.7, "scale": 1.3, "shape": 2.5, "rate": 0.7, "a": 2.2, "b": 3.1, "p": 0.3, "logit": -0.6,
             "n": 9.0, "mean": 2.4, "concentration": 1.9, "power": 1.6, "low": 0.1, "mode": 0.5, "high": 6.0, "good": 7.0, "bad": 11.0, "odds": 2.3,
             "hazard": 0.6, "q": 0.8, "df1": 3.3, "df2": 5.2, "distance": 1.1, "noncentrality": 0.9, "dispersion": 0.4, "rate1": 1.7, "rate2": 0.6, "boundary": 1.4, "delay": 0.1,
             "bias": 0.6, "drift": 0.7}  # fmt: skip


@pytest.mark.parametrize(("name", "variant"), READABLE)
def test_readable_log_densities_are_the_definitions(name: str, variant: int) -> None:
    """In the textbook's spelling as by the references of the families' own tests."""
    family = FAMILIES[name]
    arguments = {p.name: mp.mpf(ARGUMENTS[p.name]) for p in family.variants[variant]}
    key = name if variant == 0 else family.class_name(variant)
    reference = LOG_PROB.get(key)
    if reference is None:
        pytest.fail(f"no reference of {key}")
    for x in (mp.mpf(1), mp.mpf("0.25")):
        if (family.discrete and x != int(x)) or (family.support == "unit" and x == 1):
            continue
        names = Textbook(x=x, **arguments)
        for word, text in family.formulas[variant].let.items():
            if re.search(rf"\b{word}\b", READABLE[name, variant]):
                names[word] = eval(text, dict(names))
        assert mp.almosteq(eval(READABLE[name, variant], names), reference(x, *arguments.values()), 1e-12)


@pytest.mark.parametrize("name", READABLE_MOMENTS)
def test_readable_moments_are_those_of_the_record(name: str) -> None:
    family = FAMILIES[name]
    # at a shape of 2.5 the moments of GeneralizedExtremeValue are infinite
    arguments = [
        0.2 if (name, p.name) == ("GeneralizedExtremeValue", "shape") else ARGUMENTS[p.name]
        for p in family.variants[0]
    ]
    made = distribution_class(name)(*(torch.tensor(a, dtype=torch.float64) for a in arguments))
    names = Textbook(**{p.name: a for p, a in zip(family.variants[0], arguments, strict=True)})
    names |= {part: eval(text, dict(names)) for part, text in PARTS.get(name, {}).items()}
    names["logit"] = mp.log(ARGUMENTS["p"] / (1 - ARGUMENTS["p"]))
    for text, moment in zip(READABLE_MOMENTS[name], (made.mean, made.variance), strict=True):
        assert float(eval(text, names)) == pytest.approx(float(moment), rel=1e-5)


def test_every_density_has_a_spelling() -> None:
    for family in FAMILIES.values():
        for variant in range(len(family.variants)):
            text, _ = log_density(family, variant)
            assert text
            moments(family, variant)
            assert bool(family.formulas) != ((family.name, variant) in WRITTEN)


@pytest.mark.parametrize(
    ("formula", "spelled"),
    [
        ("-0.5 * z * z", r"-\frac{1}{2} \, z^2"),
        ("a - (b + c)", r"a - \left(b + c\right)"),
        ("a * (b + c) * a", r"a^2 \, \left(b + c\right)"),
        ("a / (b - 1)", r"\frac{a}{b - 1}"),
        ("a + where(a > 1, 0.0, inf - inf)", r"\begin{cases} a & a > 1 \\ \text{none} & \text{else} \end{cases}"),
        ("log(rate)", r"\log \mathrm{rate}"),
        ("log1p(x)", r"\log\left(1 + x\right)"),
    ],
)
def test_formulas_as_latex(formula: str, spelled: str) -> None:
    import ast

    assert latex(ast.parse(formula, mode="eval").body) == spelled


def test_the_grammar_page_has_every_rule(pages: dict[str, str]) -> None:
    names = re.findall(r"^\??(\w+):", grammar_text(), re.M)
    rules = [n for n in names if n.islower()]
    assert rules
    for name in rules:
        assert f'id="rule-{name}"' in pages["grammar.md"]
    assert set(re.findall(r'href="#rule-(\w+)"', pages["grammar.md"])) <= set(rules)


def test_commands_have_their_options(pages: dict[str, str]) -> None:
    for verb in COMMANDS:
        for option in commands.command(verb).params:
            if option.opts[0].startswith("--") and not getattr(option, "hidden", False):
                assert option.opts[0] in pages[f"commands/{verb}.md"], (verb, option.opts)


def test_error_pages_show_what_check_says(pages: dict[str, str]) -> None:
    assert "error[PGM0301]: wrong index type" in pages["errors/PGM0301.md"]
    shown = [c for c in CODES if "What `pgmc check` says" in pages[f"errors/{c}.md"]]
    assert len(shown) > 50


TRADE = (
    "posterior", "prior", "likelihood", "log-likelihood", "latent", "evidence", "plate", "param", "guide", "mode", "draw",
    "warm-up", "R-hat", "effective sample size", "Pareto k-hat", "Monte Carlo error", "divergence", "non-centring", "conjugate",
    "mixture", "hierarchical model", "hidden Markov model", "topic model", "conditional random field", "Markov random field",
    "restricted Boltzmann machine", "deep belief net", "energy", "partition function", "junction tree", "variable elimination",
    "variational inference", "log-odds", "density", "support", "label switching", "open set", "graphical model",
    "Bayesian network", "factor", "field", "table", "chain (of draws)", "chain (of rows)", "input", "parent", "axis", "shape", "seed",
    "credible interval", "do", "combinator", "family", "fit", "plan", "score", "acceptance", "Adam", "annealed importance sampling",
    "autoregression", "BDeu", "Boltzmann machine", "complete conditional", "continuous", "contrastive divergence",
    "coordinate ascent", "covariance", "cutpoint", "discrete", "elpd", "epoch", "ELBO", "filtering", "Gibbs sampling", "gradient",
    "Hamiltonian Monte Carlo", "importance sampling", "improper", "Ising model", "joint distribution", "K2", "kernel",
    "Kalman filter", "L-BFGS", "lattice", "leave-one-out", "logistic regression", "metric", "Metropolis step", "minibatch",
    "naive Bayes", "nat", "neural network", "NUTS", "observed", "parallel tempering", "partial pooling", "perplexity", "proposal",
    "pseudo-likelihood", "quadrature", "regression", "replicate", "score matching", "sigmoid", "simplex", "smoothing", "softmax",
    "SQUAREM", "standard error", "state space model", "variational autoencoder", "Viterbi algorithm", "WAIC",
)  # fmt: skip


def test_every_folder_has_its_row_in_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text()
    stages = {s for row in re.findall(r"^\| [^|]+ \| ([^|]+) \|", text, re.M) for s in re.findall(r"`(\w+)`", row)}
    folders = {f.parent.name for f in (ROOT / "pgmlang").glob("*/__init__.py")}
    assert folders <= stages
    assert all((ROOT / "pgmlang" / s).is_dir() or (ROOT / "pgmlang" / f"{s}.py").is_file() for s in stages)


def test_words_of_the_trade_have_a_gloss() -> None:
    assert set(TRADE) <= set(glossary_terms())
    terms = {
        match[1] or match[0].partition("{term}`")[2].rstrip("`")
        for page in [*DOCS.glob("*.md"), *DOCS.glob("*/*.md")]
        if page.parent.name != "reference"
        for match in re.finditer(r"\{term\}`(?:[^`<]*<\s*([^>]+)>|[^`]+)`", page.read_text())
    }
    lower = {w.lower() for w in set(glossary_terms())}
    assert {" ".join(t.split()).lower() for t in terms} <= lower


def test_first_words_lead_to_their_gloss() -> None:
    assert set(glossary_terms()) >= PLAIN
    text = "Posteriors of hidden Markov\nmodels, their densities and R-hat; no fields, no log-odds-ratio."
    assert [term_of(m[0]) for m in pattern().finditer(text)] == [
        "posterior",
        "hidden Markov model",
        "density",
        "R-hat",
    ]


def test_lexers_know_every_character_of_models() -> None:
    for file in [*ROOT.glob("examples/*/*.pgm"), *ROOT.glob("stdlib/*.pgm")]:
        tokens = list(PgmLexer().get_tokens(file.read_text()))
        assert all(kind is not Error for kind, _ in tokens), file
        assert "".join(text for _, text in tokens).strip() == file.read_text().strip()
    text = '$ pgmc query a.fit "P(a | b = yes)" \\\n  --json\nerror[PGM0101]: no\na  0.5\n'
    assert "".join(t for _, t in PgmcConsoleLexer().get_tokens(text)) == text


def test_statement_words_are_marked_only_where_a_statement_starts() -> None:
    def keywords(text: str) -> list[str]:
        return [t for kind, t in PgmLexer().get_tokens(text) if str(kind).startswith("Token.Keyword.Declaration")]

    assert keywords("plate row { field s : spin ; factor s * 2 }") == ["plate", "field", "factor"]
    assert keywords("field ~ Normal(0, 1)\nplate = field + 1") == []


def test_unnamed_listings_are_told_apart() -> None:
    assert listings.MODEL_TEXT.search("# titanic.pgm\nmodel titanic")
    assert listings.MODEL_TEXT.search("x ~ Normal(0, 1)")
    assert not listings.MODEL_TEXT.search("text ──syntax──> syntax objects")


def test_links_lead_somewhere(pages: dict[str, str]) -> None:
    """Relative links of the generated pages and of those in docs/, once the pages are there."""
    from pgmdocs.links import rewrite_links

    there = {(DOCS / "reference" / path).resolve() for path in pages}
    texts = {DOCS / "reference" / path: text for path, text in pages.items()}
    for page in [*DOCS.glob("*.md"), *DOCS.glob("[a-z]*/*.md")]:
        if "reference" not in page.parts:
            texts[page] = rewrite_links(page.read_text(), page, page)
    missing = [
        (page.relative_to(DOCS).as_posix(), target)
        for page, text in texts.items()
        for target in links_of(text)
        if not ((file := (page.parent / target).resolve()) in there or file.exists())
    ]
    assert not missing


def links_of(text: str) -> list[str]:
    bare = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.M | re.S)
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", bare))]
    return [t for t in targets if t and "://" not in t and not t.startswith("mailto:")]


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    from pgmdocs.links import rewrite_links

    with pytest.raises(FileNotFoundError, match=r"nowhere\.md"):
        rewrite_links("[a](../nowhere.md)", DOCS / "x.md", DOCS / "x.md")
    assert links_of("[a](b.md#c) `[d](e)`\n```\n[f](g)\n```\n[h](https://i)") == ["b.md"]
    assert (
        rewrite_links("[a](../examples/titanic)", DOCS / "x.md", DOCS / "x.md")
        == "[a](reference/examples/titanic.md)"
    )
