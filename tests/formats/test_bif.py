"""BIF: what is read, what is refused and where, and round trips."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.formats import open_text, read_bif, write_bif
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor
from tests.formats.networks import assert_same, random_network, text, told

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "bn" / "bif"
FILES = sorted(FOLDER.glob("*.bif.gz"))

HEAD = """network test {
}
variable A {
  type discrete [ 2 ] { yes, no };
}
variable B {
  type discrete [ 3 ] { b0, b1, b2 };
}
"""
ROOT = "probability ( A ) {\n  table 0.25, 0.75;\n}\n"
ROWS = "probability ( B | A ) {\n  (yes) 0.1, 0.2, 0.7;\n  (no) 0.5, 0.25, 0.25;\n}\n"
GOOD = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])


def table_of(content: str, child: str = "B") -> np.ndarray:
    network = read_bif(text(content))
    return next(f.values for f in network.factors if f.child == network.index[child])


def problems(content: str) -> list[str]:
    with pytest.raises(PgmError) as caught:
        read_bif(text(content))
    return told(caught.value)


def message(content: str) -> str:
    with pytest.raises(PgmError) as caught:
        read_bif(text(content))
    return str(caught.value)


# ---- reading


def test_small() -> None:
    network = read_bif(text(HEAD + ROOT + ROWS))
    assert network.name == "test"
    assert network.variables == (DiscreteVariable("A", ("yes", "no")), DiscreteVariable("B", ("b0", "b1", "b2")))
    assert [f.scope for f in network.factors] == [(0,), (0, 1)]
    assert network.is_directed
    assert (network.factors[1].values == GOOD).all()


@pytest.mark.parametrize(
    "block",
    [
        "probability ( B | A ) {\n  (no) 0.5, 0.25, 0.25;\n  (yes) 0.1, 0.2, 0.7;\n}\n",
        "probability(B|A){(no)0.5,0.25,0.25;(yes)0.1,0.2,0.7;}",
        "probability ( B A ) { (no) 0.5 0.25 0.25; (yes) .1 2E-1 7.e-1; }",
        'probability ( "B" | "A" ) { ("no") 0.5, 0.25, 0.25; ("yes") 0.1, 0.2, 0.7; }',
        "probability ( B | A ) { default 0.5, 0.25, 0.25; (yes) 0.1, 0.2, 0.7; }",
        "probability ( B | A ) { (yes) 0.1, 0.2, 0.7; default 0.5 0.25 0.25; property x = y; }",
        # `table` counts all variables of the header as digits, the child first, as aGrUM and pgmpy read it.
        "probability ( B | A ) { table 0.1, 0.5, 0.2, 0.25, 0.7, 0.25; }",
        "probability ( B | A ) { // (yes) 9\n (yes) 0.1, /* 3; */ 0.2, 0.7;"
        "/*\n;*/ (no) 0.5, 0.25, 0.25; // end }\n}",
    ],
)
def test_ways_to_write_a_table(block: str) -> None:
    assert (table_of(HEAD + ROOT + block) == GOOD).all()


def test_properties_comments_and_order_of_blocks() -> None:
    content = (
        ROWS
        + ROOT
        + HEAD.replace(
            "network test {", 'network "a \\"net\\"" {\n property author "x; } //";\n property u = http://a/b ;'
        )
        .replace("variable A {", "variable A { // not the last comment {\n  property position = (73, 165) ;")
        .replace("[ 2 ]", "[2]")
    )
    network = read_bif(text(content))
    assert network.name == 'a "net"'
    assert [v.name for v in network.variables] == ["A", "B"]
    assert [f.child for f in network.factors] == [1, 0], "tables stay in the order of the file"


def test_labels_that_are_no_words() -> None:
    content = """network n { }
variable <x+1> { type discrete [ 5 ] { 0-5_cm, 1_1, <5, 10+, "a, b;" }; }
variable c { type discrete [ 1 ] { 1e5 }; }
probability ( <x+1> ) { table 0.2 0.2 0.2 0.2 0.2; }
probability ( c | <x+1> ) { (0-5_cm) 1; (1_1) 1; (<5) 1; (10+) 1; ("a, b;") 1.0; }
"""
    network = read_bif(text(content))
    assert network.variables[0] == DiscreteVariable("<x+1>", ("0-5_cm", "1_1", "<5", "10+", "a, b;"))


def test_numbers_are_the_nearest_floats() -> None:
    digits = ["0.1000000000000000055511151231257827", "2.2250738585072014e-308", "0.9"]
    block = f"probability ( B | A ) {{ (yes) {', '.join(digits)}; (no) 5e-324, 1, -0.0; }}"
    assert (
        table_of(HEAD + ROOT + block).tobytes()
        == np.array([[float(d) for d in digits], [5e-324, 1, -0.0]]).tobytes()
    )


def test_rounding_is_kept_as_read() -> None:
    block = "probability ( B | A ) { (yes) 0.333, 0.333, 0.333; (no) 0.3333333, 0.3333333, 0.3333333; }"
    assert (table_of(HEAD + ROOT + block) == np.array([[0.333] * 3, [0.3333333] * 3])).all()


# ---- refusals: the whole file, the code and the place


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", ["PGM0905 1:1"]),
        (" \n\n", ["PGM0905 1:1"]),
        ("\x7fELF\x02\x01\x00", ["PGM0905 1:5"]),
        ("just some text", ["PGM0905 1:1"]),
        ('{"json": [1, 2]}', ["PGM0905 1:1"]),
        ("network n {\n}\n", ["PGM0905 1:1"]),
        ("netwrok n {\n}\n" + HEAD[17:] + ROOT + ROWS, ["PGM0905 1:1"]),
        (HEAD + ROOT + ROWS + "}", ["PGM0905 16:1"]),
        (HEAD + ROOT + ROWS[:-2], ["PGM0905 12:1"]),
        (HEAD.replace("};\n}\nvariable B", "};\nvariable B") + ROOT + ROWS, ["PGM0905 3:1"]),
        (HEAD.replace("no };", "no ;") + ROOT + ROWS, ["PGM0905 4:23"]),
        (HEAD.replace("yes", '"yes') + ROOT + ROWS, ["PGM0905 4:25"]),
        (HEAD + ROOT + "/* open\n" + ROWS, ["PGM0905 12:1", "PGM0905 6:10"]),
        (HEAD + ROOT + ROWS.replace("0.25;\n}", "0.25\n}"), ["PGM0905 14:3"]),
    ],
)
def test_not_bif(content: str, wanted: list[str]) -> None:
    assert sorted(problems(content)) == sorted(wanted)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("variable A {", "variable A B {", ["PGM0905 3:1", "PGM0905 9:15", "PGM0905 12:19"]),
        ("variable A {", "variable {", ["PGM0905 3:1", "PGM0905 9:15", "PGM0905 12:19"]),
        ("variable B", "variable A", ["PGM0905 6:10", "PGM0905 12:15"]),
        ("[ 2 ]", "[ 3 ]", ["PGM0905 4:19"]),
        ("[ 2 ]", "[ two ]", ["PGM0905 4:3"]),
        ("[ 2 ]", f"[ {'9' * 5000} ]", ["PGM0905 4:3"]),
        ("[ 2 ] { yes, no }", "[ 0 ] { }", ["PGM0905 4:19"]),
        ("discrete [ 2 ]", "continuous [ 2 ]", ["PGM0905 4:8"]),
        ("type discrete [ 2 ]", "typ discrete [ 2 ]", ["PGM0905 3:10", "PGM0905 4:3"]),
        ("yes, no", "yes, yes", ["PGM0905 4:30"]),
        ("yes, no", "yes, , no", ["PGM0905 4:30"]),
        ("yes, no", "yes, no,", ["PGM0905 4:32"]),
        ("yes, no", 'yes, ""', ["PGM0905 4:30"]),
    ],
)
def test_wrong_variables(old: str, new: str, wanted: list[str]) -> None:
    assert problems((HEAD + ROOT + ROWS).replace(old, new, 1)) == wanted


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        ("", ["PGM0905 6:10"]),
        (ROWS + ROWS, ["PGM0905 16:1"]),
        ("probability ( C | A ) { (yes) 1; (no) 1; }", ["PGM0905 12:15"]),
        ("probability ( B | AA ) { default 1 0 0; }", ["PGM0905 12:19"]),
        ("probability ( B | A, A ) { default 1 0 0; }", ["PGM0905 12:22"]),
        ("probability B { default 1 0 0; }", ["PGM0905 12:1"]),
        ("probability ( B | ) { default 1 0 0; }", ["PGM0905 12:17"]),
        ("probability ( B | B ) { default 1 0 0; }", ["PGM0501 12:1"]),
        ("probability ( B | A ) {\n}", ["PGM0402 12:1"]),
        ("probability ( B | A ) {\n  (no) 1, 0, 0;\n}", ["PGM0402 12:1"]),
        ("probability ( B | A ) {\n  (no) 1, 0, 0;\n  (no) 1, 0, 0;\n}", ["PGM0403 14:3"]),
        ("probability ( B | A ) {\n  default 1, 0, 0;\n  default 1, 0, 0;\n}", ["PGM0403 14:3"]),
        ("probability ( B | A ) {\n  (no) 1 0 0;\n  table 1 1 0 0 0 0;\n}", ["PGM0403 13:3"]),
        ("probability ( B | A ) {\n  (yes) 1, 0;\n  (no) 1, 0, 0, 0;\n}", ["PGM0404 13:3", "PGM0404 14:3"]),
        ("probability ( B | A ) {\n  (yes);\n  (no) 1, 0, 0;\n}", ["PGM0404 13:3"]),
        ("probability ( B | A ) {\n  table 1 0 0;\n}", ["PGM0404 13:3"]),
        ("probability ( B | A ) {\n  table1 1 1 0 0 0 0;\n}", ["PGM0905 13:3"]),
        ("probability ( B | A ) {\n  (yes) 0.5, 0.5, 0.1;\n  (no) 0, 0, 0;\n}", ["PGM0405 13:3", "PGM0405 14:3"]),
        ("probability ( B | A ) {\n  default 0.5, 0.5, 0.1;\n}", ["PGM0405 13:3"]),
        ("probability ( B | A ) {\n  (yes) 1.5, -0.5, 0;\n  (no) 1, 0, 0;\n}", ["PGM0413 13:9"]),
        (
            "probability ( B | A ) {\n  (yes) 1, 0, -1e-9;\n  (no) 1, 0, 1e999;\n}",
            ["PGM0413 13:15", "PGM0413 14:14"],
        ),
        ("probability ( B | A ) {\n  (yes) 1, 0, nan;\n  (no) 1, 0, -inf;\n}", ["PGM0413 13:15", "PGM0413 14:14"]),
        ("probability ( B | A ) {\n  (yes) 1, 0, x;\n  (no) 1, 0, 1_0;\n}", ["PGM0905 13:15", "PGM0905 14:14"]),
        ("probability ( B | A ) {\n  (yes) 1, , 0;\n  (no) 1, 0, ٣;\n}", ["PGM0905 13:12", "PGM0905 14:14"]),
        ("probability ( B | A ) {\n  (maybe) 1, 0, 0;\n  (yes, no) 1, 0, 0;\n}", ["PGM0905 13:4", "PGM0905 14:3"]),
        ("probability ( B | A ) {\n  yes 1, 0, 0;\n  (no 1, 0, 0;\n}", ["PGM0905 13:3", "PGM0905 14:3"]),
        ("probability ( B | A ) {\n  (yes) { 1, 0, 0 };\n}", ["PGM0905 13:9"]),
    ],
)
def test_wrong_tables(block: str, wanted: list[str]) -> None:
    assert problems(HEAD + ROOT + block) == wanted


def test_messages_name_the_row_and_its_sum() -> None:
    block = "probability ( B | A ) {\n  (yes) 0.5, 0.5, 0.1;\n  (no) 1, 0, 0;\n}"
    assert message(HEAD + ROOT + block).startswith(
        "t:13:3: error[PGM0405]: row (yes) of `B` sums to 1.1, not to one"
    )
    assert "lacks the row (yes)" in message(HEAD + ROOT + "probability ( B | A ) { (no) 1 0 0; }")
    assert "did you mean `yes`?" in message(HEAD + ROOT + ROWS.replace("(yes)", "(Yes)"))
    assert "did you mean `A`?" in message(HEAD + ROOT + ROWS.replace("| A", "| a"))
    turned = "probability ( B | A ) { table 0.1, 0.2, 0.7, 0.5, 0.25, 0.25; }"
    assert "write a row for each key" in message(HEAD + ROOT + turned)


def test_cycle_shows_its_path() -> None:
    names = "ABCD"
    content = "network n { }\n" + "".join(f"variable {v} {{ type discrete [2] {{ y, n }}; }}\n" for v in names)
    parents = {"A": "", "B": " | D, A", "C": " | B", "D": " | C"}
    content += "".join(f"probability ( {v}{p} ) {{ default 1 0; }}\n" for v, p in parents.items())
    assert problems(content) == ["PGM0501 7:1"]
    assert "`B` -> `C` -> `D` -> `B`" in message(content) or "`D` -> `B` -> `C` -> `D`" in message(content)


def test_many_problems_come_at_once_and_in_order() -> None:
    rows = "\n".join(f"  (maybe{i}) 1, 0, 0;" for i in range(200))
    found = problems(HEAD + ROOT + "probability ( B | A ) {\n" + rows + "\n}")
    assert found[:2] == ["PGM0905 13:4", "PGM0905 14:4"]
    assert len(found) == 51
    assert found[-1] == "PGM0905", "the last one tells how many are not shown"


def test_sizes_are_checked_before_memory_is_taken() -> None:
    many = [f"v{i}" for i in range(70)]
    content = "network n { }\n" + "".join(f"variable {v} {{ type discrete [2] {{ y, n }}; }}\n" for v in many)
    content += "".join(f"probability ( {v} ) {{ table 1 0; }}\n" for v in many[1:])
    for parents, wanted in ((40, "PGM0406"), (69, "PGM0406")):
        block = f"probability ( v0 | {', '.join(many[1 : parents + 1])} ) {{ default 1 0; }}"
        assert problems(content + block) == [f"{wanted} 141:1"]
        block = block.replace("default 1 0", f"({','.join(['y'] * parents)}) 1 0")
        assert problems(content + block)[0].split()[0] in ("PGM0402", "PGM0406")


# ---- round trips


@pytest.mark.parametrize("seed", range(60))
def test_round_trip_of_random_networks(seed: int) -> None:
    network = random_network(seed)
    again = read_bif(text(write_bif(network)))
    assert_same(network, again)
    assert again.name == network.name
    assert write_bif(again) == write_bif(network)


def test_undirected_is_refused() -> None:
    for network in (random_network(3, directed=False), DiscreteNetwork((), ()), with_rows([[0.5, 0.6]])):
        with pytest.raises(PgmError) as caught:
            write_bif(network)
        assert told(caught.value) == ["PGM0907"]


def test_names_that_no_text_holds_are_refused() -> None:
    for label in ("", "a\nb", "\x00", "\ud800"):
        with pytest.raises(PgmError) as caught:
            write_bif(with_rows([[0.5, 0.5]], label))
        assert told(caught.value) == ["PGM0907"]


def test_log_tables_are_written_as_probabilities() -> None:
    network = with_rows([[0.5, 0.5]])
    log = DiscreteNetwork(network.variables, (TableFactor((0,), np.log([0.5, 0.5]), 0, is_log=True),))
    assert read_bif(text(write_bif(log))).factors[0].values.tolist() == pytest.approx([0.5, 0.5])


def with_rows(rows: list[list[float]], label: str = "a") -> DiscreteNetwork:
    variable = DiscreteVariable("v", (label, "other"))
    return DiscreteNetwork((variable,), (TableFactor((0,), np.array(rows[0]), 0),))


@pytest.mark.skipif(not FILES, reason="no reference data beside this checkout")
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name.split(".")[0])
def test_published_networks(path: Path) -> None:
    source = open_text(path)
    assert source.text == gzip.decompress(path.read_bytes()).decode()
    network = read_bif(source)
    assert network.is_directed
    assert all(len(set(v.labels)) == v.size for v in network.variables)
    again = read_bif(text(write_bif(network)))
    assert_same(network, again)


@pytest.mark.skipif(not FILES, reason="no reference data beside this checkout")
def test_munin_is_read_quickly() -> None:
    source = open_text(FOLDER / "munin.bif.gz")
    start = time.process_time()
    network = read_bif(source)
    assert time.process_time() - start < 1.5
    assert len(network.variables) == 1041
