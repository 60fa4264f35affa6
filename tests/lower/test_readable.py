"""Emitted programs are such as a person would write: they run by themselves, no line is wide, what is long has a name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgmlang.lower import Program, lower
from pgmlang.lower import program as lowering
from pgmlang.lower import pyast as py
from pgmlang.lower.hoist import DEPTH, hoist
from pgmlang.lower.names import Names
from pgmlang.lower.subexpressions import Subexpressions
from pgmlang.lower.wrapping import WIDTH, head_lines, statement_lines
from pgmlang.lower.writer import Writer
from pgmlang.sema import compile_source
from tests.models import MODELS

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.pgm"))
LOWERED = [n for n in MODELS if n != "learned_density"]


def example(path: Path) -> Program:
    return lower(compile_source(path.read_text(encoding="utf-8")), file_name=path.name)


def programs() -> dict[str, Program]:
    ours = {n: lower(compile_source(MODELS[n]), file_name=f"{n}.pgm") for n in LOWERED}
    return ours | {f"{p.parent.name}/{p.name}": example(p) for p in EXAMPLES}


def test_no_line_is_wide() -> None:
    wide = [(n, line) for n, p in programs().items() for line in p.source.splitlines() if len(line) > WIDTH]
    assert not wide


def test_calls_are_not_deep() -> None:
    """In what is lowered from the model; the runtime functions below it are written by hand."""
    for name, program in programs().items():
        for function in ast.parse(program.source).body:
            if isinstance(function, ast.FunctionDef) and function.name in (
                "factors",
                "simulate",
                "model",
                "guide",
            ):
                for node in ast.walk(function):
                    if isinstance(node, ast.Assign | ast.Return | ast.Expr):
                        assert Subexpressions()(node).depth <= DEPTH, (name, py.text(node))


def test_every_example_runs_by_itself(tmp_path: Path) -> None:
    """One after the other in an isolated process that cannot see this package."""
    for path in EXAMPLES:
        (tmp_path / f"{path.parent.name}_{path.stem}.py").write_text(example(path).source, encoding="utf-8")
    code = (
        "import runpy, sys; from pathlib import Path\n"
        "for path in sorted(Path('.').glob('*.py')):\n"
        "    print(path.name); runpy.run_path(str(path), run_name='__main__')\n"
        "assert 'pgmlang' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    assert done.stdout.count("log_joint") == len(EXAMPLES)


def test_a_table_outside_of_plates_runs() -> None:
    source = (
        "model one\na : {no, yes} ~ Table() { 0.3, 0.7 }\n"
        "b : {no, yes} ~ Table(a) {\n  no : 0.9, 0.1\n  yes : 0.2, 0.8\n}\n"
    )
    module = lower(compile_source(source)).load()
    value = module.log_joint({"a": torch.tensor(1), "b": torch.tensor(0)})
    assert float(value.exp()) == pytest.approx(0.7 * 0.2, rel=1e-6)


@pytest.mark.parametrize("name", LOWERED)
def test_names_change_no_number(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = compile_source(MODELS[name])
    named = lower(model).load()
    monkeypatch.setattr(lowering, "hoist", lambda items, names: items)
    plain = lower(model).load()
    torch.manual_seed(3)
    data, *others, values = plain.example()
    one, other = (m.factors(values, data, *others) for m in (named, plain))
    assert all(torch.equal(one[k], other[k]) for k in other)


def test_the_source_map_holds_line_for_line() -> None:
    """A comment behind a line names the line of the model that the map has, and so does every local above it."""
    for name, program in programs().items():
        file = name.rpartition("/")[2]
        file = file if file.endswith(".pgm") else f"{file}.pgm"
        lines = program.source.splitlines()
        for number, line in enumerate(lines, 1):
            said = re.search(rf"# {re.escape(file)}:(\d+)", line)
            if said is None:
                continue
            at = number
            while lines[at - 1].lstrip().startswith("#"):
                at += 1
            assert program.source_map[at].line == int(said.group(1)), (name, line)


# ---- locals


def hoisted(*statements: str) -> str:
    writer = Writer("m.pgm")
    writer.line("def f(x, y, data):")
    for statement in statements:
        text = statement.lstrip()
        writer.indent = 1 + (len(statement) - len(text)) // 4
        if text.endswith(":"):
            writer.head(text)
        else:
            writer.statement(ast.parse(text).body[0])
    writer.items = hoist(writer.items, Names([]))
    return writer.render()[0]


def test_what_is_said_twice_is_said_once() -> None:
    text = hoisted("a = torch.exp(torch.log(x) + y)", "b = 2 * torch.exp(torch.log(x) + y)")
    assert text.count("torch.exp") == 1


def test_a_changed_name_is_another_value() -> None:
    text = hoisted("a = torch.exp(torch.log(x))", "x = x + 1", "b = torch.exp(torch.log(x))")
    assert text.count("torch.exp") == 2


def test_a_loop_changes_what_it_assigns() -> None:
    text = hoisted(
        "a = torch.exp(torch.log(x))", "for t in range(3):", "    b = torch.exp(torch.log(x))", "    x = b + 1"
    )
    assert text.count("torch.exp") == 2


def test_branches_share_nothing() -> None:
    text = hoisted("if y:", "    a = torch.exp(torch.log(x))", "b = torch.exp(torch.log(x))")
    assert text.count("torch.exp") == 2


def test_draws_are_never_shared() -> None:
    text = hoisted("a = torch.exp(torch.rand(x.shape))", "b = torch.exp(torch.rand(x.shape))")
    assert text.count("torch.rand") == 2


NODES = st.recursive(
    st.sampled_from(["x", "a_rather_long_name", "data['sizes']['row']", "'text with spaces'", "1.25", "-3"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=6).map(lambda p: f"f({', '.join(p)})"),
        st.lists(inner, min_size=1, max_size=6).map(lambda p: f"({', '.join(p)},)"),
        st.lists(inner, min_size=1, max_size=6).map(lambda p: f"[{', '.join(p)}]"),
        st.lists(inner, min_size=1, max_size=4).map(lambda p: "{" + ", ".join(f"'k{i}': {v}" for i, v in enumerate(p)) + "}"),
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"(({p[0]}) ** ({p[1]}))"),
        inner.map(lambda p: f"f.g({p}).expand(k={p})[..., None]"),
        inner.map(lambda p: f"(lambda: {p})"),
        st.tuples(inner, st.sampled_from([".sum(-1)", ".sum()", ".sum(-1, True)", ".mT", "[..., None]", "(x)"])).map(
            lambda p: f"({p[0]}){p[1]}"
        ),
        inner.map(lambda p: f"(-({p}))"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} < {p[1]})"),
    ),
    max_leaves=40,
)  # fmt: skip


@given(NODES, st.sampled_from([0, 4, 12]))
def test_wrapped_text_is_the_same_tree(text: str, indent: int) -> None:
    for statement in (f"target = {text}", f"return {text}"):
        node = ast.parse(f"def f():\n    {statement}").body[0].body[0]  # type: ignore[attr-defined]
        lines = statement_lines(node, indent)
        again = ast.parse("def f():\n" + "\n".join("    " + line for line in lines)).body[0].body[0]  # type: ignore[attr-defined]
        assert ast.dump(again) == ast.dump(node)


@pytest.mark.parametrize("trailer", [".sum(-1)", ".sum()", ".sum(-1, True)", ".mT", "[..., None]", "(x)"])
@pytest.mark.parametrize("core", ["a + {}", "f(a) * {}", "-{}", "a if c else {}", "a < {}", "lambda: {}"])
def test_what_follows_an_operator_is_of_the_whole_at_every_width(core: str, trailer: str) -> None:
    """A line that just fits with its trailer, and one that just does not."""
    for width in range(60, 125):
        statement = f"target = y * ({core.format('b' * width)}){trailer}"
        node = ast.parse(statement).body[0]
        assert ast.dump(ast.parse("\n".join(statement_lines(node, 4))).body[0]) == ast.dump(node)


HEADS = (
    "with cells_may_be_missing({}):",
    "for name in rows_of({}):",
    "if holds({}):",
)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("many", [1, 12])
def test_heads_of_blocks_are_wrapped(head: str, many: int) -> None:
    whole = head.format(", ".join(f"'flipper_length_{i}'" for i in range(many)))
    lines = head_lines(whole, 4)
    assert all(4 + len(line) <= WIDTH for line in lines)
    assert ast.dump(ast.parse("\n".join([*lines, "    pass"]))) == ast.dump(ast.parse(f"{whole}\n    pass"))
