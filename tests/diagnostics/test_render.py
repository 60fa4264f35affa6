"""What people and programs read of a diagnostic."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from pgmlang.diagnostics import Diagnostic, Edit, Label, SourceFile, Span
from pgmlang.diagnostics.excerpt import cells, excerpt
from pgmlang.diagnostics.render import counts, in_order, render, to_json

TEXT = "plate m[3] { a ~ Normal(0, 1) }\n\tx[n] ~ Normal(mu[m], 1)\n日本 = x + y\n"
FILE = SourceFile("model.pgm", TEXT)


def place(text: str, file: SourceFile = FILE) -> Span:
    at = file.text.index(text)
    return Span(file, at, at + len(text))


def test_the_whole_of_one() -> None:
    diagnostic = Diagnostic(
        "PGM0304", "`mu` lives in plate `m`", place("mu[m]"), "outside of `m`", (Label(place("m[3]"), "declared here"),),
        ("a name means this row",), "index it\nor sum it",
    )  # fmt: skip
    assert render([diagnostic]) == (
        "model.pgm:2:16: error[PGM0304]: `mu` lives in plate `m`\n"
        "   2 |     x[n] ~ Normal(mu[m], 1)\n"
        "     |                   ^^^^^ outside of `m`\n"
        "   1 | plate m[3] { a ~ Normal(0, 1) }\n"
        "     |       ---- declared here\n"
        "  cause: a name means this row\n"
        "  help: index it\n"
        "        or sum it\n"
        "\n"
        "1 error\n"
    )


def test_nothing_to_say() -> None:
    assert render([]) == ""
    assert counts([]) == ""


def test_places_in_data() -> None:
    text = render([Diagnostic("PGM0705", "unknown label `a`", place="days.csv:17:rain")])
    assert text.startswith("days.csv:17:rain: error[PGM0705]: unknown label `a`\n")


def test_without_a_place() -> None:
    assert render([Diagnostic("PGM0604", "there is no method `x`")]).startswith("error[PGM0604]: there")


def test_wide_characters_take_two_columns() -> None:
    lines = render([Diagnostic("PGM0201", "w", place("x + y"))]).splitlines()
    assert lines[1] == "   3 | 日本 = x + y"
    assert lines[2] == "     |        ^^^^^"
    assert [cells(c) for c in "a日é\u0301😀"] == [1, 2, 1, 0, 2]


def test_a_span_of_several_lines_shows_its_first() -> None:
    span = Span(FILE, 13, 50)
    lines = render([Diagnostic("PGM0201", "w", span, "here")]).splitlines()
    assert lines[1] == "   1 | plate m[3] { a ~ Normal(0, 1) }"
    assert lines[2] == "     |              " + "^" * 18 + " here"


def test_the_end_of_the_file() -> None:
    file = SourceFile("f", "x = ")
    assert render([Diagnostic("PGM0101", "w", Span(file, 4, 5))]).splitlines()[2].endswith(" ^")
    empty = SourceFile("f", "")
    assert "f:1:1" in render([Diagnostic("PGM0101", "w", Span(empty, 0, 1))])


@pytest.mark.parametrize("before", [0, 5, 80, 500, 10_000])
@pytest.mark.parametrize("after", [0, 500])
def test_long_lines_are_cropped_around_the_mark(before: int, after: int) -> None:
    file = SourceFile("f", "a" * before + "bad" + "c" * after)
    lines = render([Diagnostic("PGM0101", "w", place("bad", file), "label")], width=80).splitlines()
    assert len(lines[1]) <= 80
    mark = lines[2].index("^")
    assert lines[1][mark : mark + 3] == "bad"


def test_the_mark_stands_under_its_text_whatever_the_line() -> None:
    draw = random.Random(1)
    for _ in range(500):
        text = "".join(draw.choices("ab\t日é\u0301\x1b ", k=draw.randint(0, 200))) + "BAD"
        text += "".join(draw.choices("ab\t日", k=draw.randint(0, 200)))
        file = SourceFile("f", text)
        cut = excerpt(place("BAD", file), 60)
        assert sum(map(cells, cut.text)) <= 61
        column = sum(map(cells, cut.text[: cut.text.index("BAD")]))
        assert (column, cut.length) == (cut.mark, 3)


def test_control_characters_do_not_reach_the_terminal() -> None:
    file = SourceFile("\x1b[1m.pgm", "x = \x1b[31m")
    span = Span(file, 4, 5)
    text = render([Diagnostic("PGM0102", "\x1b[0m", span, "\x07", (Label(span, "\x08"),), ("\x1b",), "\x9b")])
    assert all(ch.isprintable() or ch == "\n" for ch in text)


def test_order_and_repetition() -> None:
    other = SourceFile("other.pgm", "y")
    warning = Diagnostic("PGM0212", "unused", Span(FILE, 0, 1))
    late, early = (
        Diagnostic("PGM0201", "late", Span(FILE, 9, 10)),
        Diagnostic("PGM0201", "early", Span(FILE, 2, 3)),
    )
    foreign = Diagnostic("PGM0201", "late", Span(other, 9, 10))
    found = [warning, late, early, late, foreign, warning]
    assert in_order(found) == [early, late, warning, foreign]
    assert render(found).endswith("\n3 errors, 1 warning\n")


def test_a_second_place_in_another_file_says_so() -> None:
    other = SourceFile("other.pgm", "one\ntwo")
    diagnostic = Diagnostic("PGM0202", "twice", Span(FILE, 0, 5), secondary=(Label(Span(other, 4, 7), "first"),))
    assert "\n     in other.pgm\n   2 | two\n     | --- first\n" in render([diagnostic])


def test_two_marks_on_one_line_show_it_once() -> None:
    diagnostic = Diagnostic("PGM0202", "w", place("a ~"), secondary=(Label(place("Normal(0"), "x"),))
    assert render([diagnostic]).count("plate m[3]") == 1


def test_colour_adds_nothing_but_colour() -> None:
    import re

    found = [Diagnostic("PGM0201", "w", place("x + y"), "l", (Label(Span(FILE, 0, 5), "s"),), ("n",), "h")]
    coloured = render(found, color=True)
    assert coloured != render(found)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render(found)


def test_json() -> None:
    span = place("x + y")
    found = [
        Diagnostic("PGM0201", "w", span, "l", (Label(span, "s"),), ("n",), "h", Edit(span, "z")),
        Diagnostic("PGM0705", "w", place="d.csv:1:a"),
    ]
    first, second = json.loads(json.dumps(to_json(found)))
    where = {"file": "model.pgm", "line": 3, "column": 6, "end_line": 3, "end_column": 11}
    assert first == {
        "code": "PGM0201", "severity": "error", "message": "w", **where, "place": None, "label": "l", "notes": ["n"],
        "help": "h", "secondary": [{**where, "text": "s"}], "fix": {**where, "text": "z"},
    }  # fmt: skip
    assert second["place"] == "d.csv:1:a"
    assert second["file"] is None
    assert second["line"] is None


def test_plain_text_needs_no_rich() -> None:
    code = "import sys, pgmlang.diagnostics.render; sys.exit(any(m.split('.')[0] in ('rich', 'torch') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
