"""The parser: tables that match the grammar, every error in one run, and nothing that brings it down."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from lark import Lark, logger

from pgmlang.diagnostics import CompileError, PgmError, SourceFile
from pgmlang.resources import grammar_text
from pgmlang.syntax import ast, load_source, parse, parse_collecting, source_from_bytes
from pgmlang.syntax.format import format_source
from pgmlang.syntax.generate import TABLES, tables_source
from pgmlang.syntax.idioms import IDIOMS, recognise
from pgmlang.syntax.layout import HARD_WORDS, STATEMENT_WORDS, NewlinePostlex
from pgmlang.syntax.parser import MAX_SOURCE, parse_tree

ROOT = Path(__file__).resolve().parents[2]


def file_of(text: str) -> SourceFile:
    return SourceFile("<test>", text)


def statements(text: str) -> tuple[ast.Statement, ...]:
    return parse(file_of(text)).statements


def codes(text: str) -> list[tuple[str, int]]:
    """Code and line of every error."""
    return [(d.code, d.span.line if d.span else 0) for d in parse_collecting(file_of(text))[1]]


# ---- the tables


def test_tables_match_the_grammar() -> None:
    assert TABLES.read_text(encoding="utf-8") == tables_source(), "run python -m pgmlang.syntax.generate"


def test_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    """Lark refuses reduce/reduce conflicts by itself and tells its log of the others."""
    with caplog.at_level("DEBUG", logger="lark"):
        level = logger.level
        logger.setLevel("DEBUG")
        logger.addHandler(caplog.handler)
        try:
            Lark(
                grammar_text(), parser="lalr", lexer="basic", start="program", debug=True, postlex=NewlinePostlex()
            )
        finally:
            logger.setLevel(level)
            logger.removeHandler(caplog.handler)
    assert "Shift/Reduce" not in caplog.text


# ---- words


@pytest.mark.parametrize("word", [*STATEMENT_WORDS, "in", "like", "real", "edges"])
def test_statement_words_are_names_and_labels_too(word: str) -> None:
    text = f"""
dim {word} = {{{word}, other}}
dim b like {word}
{word} ~ Normal({word}, 1)
{word}[{word}] = {word} + {word}[{word}]
{word}, other = f({word})
plate {word} in {word} {{ {word} ~ Flat() ; factor {word} * 2 }}
guide {word} {{ {word} ~ Normal({word}, {word} = 1) }}
param {word}, {word}[{word}] : {word}
net {word} : {word} -> {word} = {word}({word})
def {word}({word}) {{ return {word} }}
t ~ Table({word}) {{
  {word} : 0, 1
  {word}, {word} : 1, 0
}}
"""
    assert len(statements(text)) == 11


@pytest.mark.parametrize("word", HARD_WORDS)
def test_hard_words_are_labels(word: str) -> None:
    (dim, drawn) = statements(
        f"dim d = {{{word}, b}}\nx : {{{word}}} ~ Table(y) {{\n  a, {word} : 1\n  {word}, b : 1\n}}"
    )
    assert isinstance(dim, ast.Dims)
    assert dim.items[0].labels is not None
    assert dim.items[0].labels.labels[0] == word
    assert isinstance(drawn, ast.Random)
    assert isinstance(drawn.distribution, ast.Call)
    assert [row.keys for row in drawn.distribution.table or ()] == [("a", word), (word, "b")]


def test_precedence() -> None:
    (statement,) = statements("x = -a ^ -b ^ c * d - e @ f < 1 and not g or h")
    (grouped,) = statements("x = (((((-(a ^ (-(b ^ c)))) * d) - (e @ f)) < 1) and (not g)) or h")
    assert statement == grouped


def test_if_is_greedy_to_the_right() -> None:
    assert statements("x = if a then b else if c then d else e + f") == statements(
        "x = if a then b else (if c then d else (e + f))"
    )
    assert codes("x = a + if b then c else d") == [("PGM0101", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "x ~\n  Normal(0, 1)", "x ~ Normal(\n0,\n1\n)", "x = a +\n\n b", "x = if a\n then b\n else c",
        "dim a = {\nb,\nc\n}", "plate a\n{\n}", "param a,\n b : real", "net f : a ->\n b = mlp(1)",
    ],
)  # fmt: skip
def test_lines_continue(text: str) -> None:
    assert len(statements(text)) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_endings(end: str) -> None:
    assert len(statements(f"a = 1{end}b = 2 # c{end}{end}c = 3{end}")) == 3


def test_spans_are_places_in_the_text() -> None:
    file = file_of("plate a {\n  xy ~ Normal(mu, s[3])\n}")
    (plate,) = parse(file).statements
    assert isinstance(plate, ast.PlateBlock)
    (drawn,) = plate.body
    assert isinstance(drawn, ast.Random)
    assert isinstance(drawn.distribution, ast.Call)
    assert drawn.span.text == "xy ~ Normal(mu, s[3])"
    assert drawn.distribution.arguments[1].span.text == "s[3]"
    assert (drawn.span.line, drawn.span.column) == (2, 3)


# ---- errors


def test_all_errors_in_one_run() -> None:
    text = """model bad
x ~ ~ Normal(0, 1)
y = 1 +* 2
plate a {
  z ~ Normal(0 1)
  good ~ Normal(0, 1)
  dim = = 3
}
u = "never closed
v = 3 ? 4
w ~ Table(x) {
  a : 0.5, 0.5
  b : : 1
}
"""
    program, errors = parse_collecting(file_of(text))
    assert [(d.code, d.span.line) for d in errors if d.span] == [
        ("PGM0101", 2), ("PGM0101", 3), ("PGM0101", 5), ("PGM0101", 7), ("PGM0105", 9),
        ("PGM0102", 10), ("PGM0101", 13),
    ]  # fmt: skip
    assert all(d.help for d in errors)
    plate = next(s for s in program.statements if isinstance(s, ast.PlateBlock))
    assert [t.name for s in plate.body if isinstance(s, ast.Random) for t in s.targets] == ["good"]
    assert {"x", "z", "w"} <= program.broken_names


def test_unbalanced_brackets() -> None:
    assert codes("x = (1 + 2\ny = 3") == [("PGM0103", 1)]
    assert codes("x = 1)\ny = 3") == [("PGM0104", 1)]
    assert ("PGM0103", 1) in codes("plate a {\n x ~ Flat()\n")


@pytest.mark.parametrize(
    "text", ["x : {1st, 2nd} ~ Table()", "x = 2.", "x = 2.e", "x = 3abc + 1", "x = 1e999", "x = 1e"]
)
def test_what_is_no_number(text: str) -> None:
    assert codes(text) == [("PGM0112", 1)]


def test_no_more_than_a_screenful_of_errors() -> None:
    assert len(codes("x ~ ~ y\n" * 500)) == 20
    assert len(codes(")\n" * 500)) == 20
    assert len(codes("?\n" * 500)) == 20


IDIOM_SAMPLES = (
    "for (i in 1:N) { }", "logit(p[i]) <- a + b", "x <- 3", "y ~ dnorm(0, 1) ;;= 2", "x ~ Normal(0, 1) T(0,)", "parameters { }", "real<lower=0> sigma;",
    "node rain { }", "target += normal_lpdf(y, 0, 1);", "x = a ** 2", "x = a && b", "x := 3", "x = a %*% b",
    "// a comment", "with pm.Model() as m:", "x = a > 1 ? 2 : 3", "if x > 0 { y ~ Normal(0, 1) }", "observe x = 3", "b[3] ~ Normal(0, 1)",
    "x = sum(b[0:2])",
    "dim d = {'a', 'b'}", "let x = 3", "a -> b", "x = p(a | b)", "f = lambda x: x",
)  # fmt: skip


@pytest.mark.parametrize(("idiom", "sample"), list(zip(IDIOMS, IDIOM_SAMPLES, strict=True)), ids=IDIOM_SAMPLES)
def test_idioms(idiom: object, sample: str) -> None:
    assert recognise(sample) is idiom
    assert ("PGM0106", 1) in codes(sample), sample


def test_idioms_do_not_fire_in_comments_or_good_text() -> None:
    assert codes("# x <- 3 ** 2\nx = 3 # a && b") == []
    assert recognise("# x <- 3") is None


# ---- what no text may do


DEEP = {
    "brackets": "x = " + "(" * 10_000 + "1" + ")" * 10_000,
    "open brackets": "x = " + "([" * 5_000,
    "closers": "x = " + ")" * 10_000,
    "minuses": "x = " + "-" * 5_000 + "1",
    "nots": "x = " + "not " * 5_000 + "a",
    "powers": "x = " + "1 ^ " * 5_000 + "1",
    "ifs": "x = " + "if a then b else " * 5_000 + "c",
    "sum": "x = " + " + ".join(["a"] * 100_000),
    "plates": "plate a {" * 5_000 + "}" * 5_000,
    "indices": "x = a" + "[b]" * 5_000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_depth_is_refused_not_survived(text: str) -> None:
    found = {d.code for d in parse_collecting(file_of(text))[1]}
    assert found <= {"PGM0103", "PGM0104", "PGM0107"}
    assert found


def test_large_texts(tmp_path: Path) -> None:
    assert codes("#" * (MAX_SOURCE + 1)) == [("PGM0109", 1)]
    path = tmp_path / "large.pgm"
    path.write_bytes(b"#" * (MAX_SOURCE * 4 + 1))
    with pytest.raises(PgmError, match="PGM0109"):
        load_source(path)


def test_a_slip_in_a_long_table_costs_no_more_than_the_table() -> None:
    rows = "\n".join(f"  l{i} : 0.5, 0.5" for i in range(3000))
    begin = time.process_time()
    assert codes(f"x : {{a, b}} ~ Table(y) {{\n{rows}\n : : \n}}") == [("PGM0101", 3002)]
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("data", [b"\xff\xfe\x00x", b"x = \x80", b"x = 1\x00", bytes(range(256))])
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(PgmError) as caught:
        source_from_bytes("f.pgm", data)
    assert caught.value.diagnostics[0].code == "PGM0108"


def test_a_byte_order_mark_is_dropped() -> None:
    assert source_from_bytes("f.pgm", b"\xef\xbb\xbfx = 1").text == "x = 1"


def test_missing_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pgm", tmp_path):
        with pytest.raises(PgmError, match="PGM0701"):
            load_source(path)


def test_the_bare_tree() -> None:
    assert parse_tree(file_of("x = 1")).data == "program"
    with pytest.raises(CompileError):
        parse_tree(file_of("x = ="))


# ---- random slips

SAMPLES = [p.read_text(encoding="utf-8") for p in sorted(ROOT.glob("examples/**/*.pgm"))]
SAMPLES.append((ROOT / "stdlib" / "layers.pgm").read_text(encoding="utf-8"))
SAMPLES.append(
    "guide a { z ~ Normal(if first then 1 else -2 ^ x[i, j], s = v.W) }\nt : {...} ~ Table(a) { u : 1/3, 2/3 }\n"
)
FRAGMENTS = [w for text in SAMPLES for w in re.findall(r"\w+|\s+|[^\w\s]", text)]
FRAGMENTS += [*'"\\{}()[]#\r\f\t\x00é😀²٣\u2028\u202e', "...", "->", "if", "then", "else", "1e", "/*"]


def mutated(seed: int) -> str:
    draw = random.Random(seed)
    text = draw.choice(SAMPLES)
    for _ in range(draw.randint(1, 8)):
        begin = draw.randrange(len(text) + 1)
        end = min(len(text), begin + int(draw.expovariate(0.2)))
        new = "".join(draw.choices(FRAGMENTS, k=draw.randint(1, 4)))
        middle = draw.choice(("", new, new + text[begin:end], text[begin:end] * 3))
        text = text[:begin] + middle + text[end:]
    return text


@pytest.mark.parametrize(
    "seeds",
    [range(1000), *(pytest.param(range(i, i + 1000), marks=pytest.mark.slow) for i in range(1000, 10_000, 1000))],
    ids=lambda seeds: f"from {seeds.start}",
)
def test_random_slips_bring_nothing_down(seeds: range) -> None:
    for seed in seeds:
        text = mutated(seed)
        program, errors = parse_collecting(file_of(text))
        if not errors:
            again = format_source(file_of(text))
            assert repr(parse(file_of(again))) == repr(program), seed  # repr: a cell that is no number is NaN
            assert format_source(file_of(again)) == again, seed


@pytest.mark.parametrize(
    "text", ["x : {a, b} ~ Table() { : 0.9, 0.1 }\n", "x : {a, b} ~ Table(y, prior = (1 + 1)) { a 0.9 }\n"]
)
def test_an_error_in_a_table_says_how_tables_are_written(text: str) -> None:
    with pytest.raises(PgmError) as caught:
        parse(SourceFile("m.pgm", text))
    (told,) = caught.value.diagnostics
    assert told.code == "PGM0101"
    assert "a table is `Table() { 0.9, 0.1 }`" in str(told.help)
