"""A table in blocks means what the whole table means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmlang.binding import bind, bind_batches
from pgmlang.data import Frame, read_batches, read_frame
from pgmlang.diagnostics import PgmError
from pgmlang.sema import compile_source

OPEN = "plate row { a : {...} ~ Table()\n b : {no, yes} ~ Table(a) }\n"


def blocks(table: dict[str, list[Any]], rows: int) -> list[Frame]:
    return list(read_batches(table, batch_rows=rows))


@given(st.lists(st.tuples(st.sampled_from(["x", "10", "9", ""]), st.sampled_from(["no", "yes", ""])), min_size=1, max_size=20),
       st.integers(1, 7))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_blocks_join_to_the_whole(rows: list[tuple[str, str]], size: int) -> None:
    table = {"a": [a or None for a, _ in rows], "b": [b or None for _, b in rows]}
    if not any(table["a"]):
        return
    whole = bind(compile_source(OPEN), read_frame(table), is_block=True)
    parts = list(bind_batches(compile_source(OPEN), blocks(table, size)))
    for name in ("a", "b"):
        assert np.concatenate([p.values[name] for p in parts]).tolist() == whole.values[name].tolist()
    assert {p.model.by_name["a"].type.labels for p in parts} == {whole.model.by_name["a"].type.labels}


def test_blocks_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "a,b\n" + "".join(f"l{i % 3},{'no' if i % 2 else 'yes'}\n" for i in range(100))
    )
    parts = list(bind_batches(compile_source(OPEN), lambda: read_batches(tmp_path / "t.csv", batch_rows=30)))
    assert [p.sizes["row"] for p in parts] == [30, 30, 30, 10]
    assert all(p.model.by_name["a"].type.labels == ("l0", "l1", "l2") for p in parts)


def test_outer_elements_are_the_same_in_all_blocks() -> None:
    model = compile_source(
        "dim word\nphi[word] ~ Dirichlet(1)\nplate doc { plate t { w : word ~ Categorical(phi) } }\n"
    )
    table = {"doc": ["b", "a", "c"], "w": ["the", "a", "end"]}
    parts = list(bind_batches(model, blocks(table, 1)))
    assert [p.layout.parents["t", "doc"].tolist() for p in parts] == [[1], [0], [2]]
    assert {p.sizes["doc"] for p in parts} == {3}
    assert {p.model.axis_labels("word") for p in parts} == {("a", "end", "the")}


def test_outer_values_are_the_same_in_all_blocks() -> None:
    model = compile_source("plate g { input k : real\n plate row { y ~ Normal(k, 1) } }\n")
    table = {"g": ["a", "b", "a"], "k": [1.0, 2.0, 3.0], "y": [0.0, 0.0, 0.0]}
    with pytest.raises(PgmError) as caught:
        list(bind_batches(model, blocks(table, 1)))
    assert [d.code for d in caught.value.diagnostics] == ["PGM0715"]


def test_an_iterator_is_enough_for_closed_sets_only() -> None:
    closed = compile_source("plate row { a : {no, yes} ~ Table() }\n")
    table = {"a": ["no", "yes"]}

    def once() -> Iterator[Frame]:
        yield from blocks(table, 1)

    assert len(list(bind_batches(closed, once()))) == 2
    with pytest.raises(ValueError, match="read twice"):
        list(bind_batches(compile_source("plate row { a : {...} ~ Table() }\n"), once()))


def test_blocks_without_complete_rows_are_passed_over() -> None:
    model = compile_source("plate row { a : {no, yes} ~ Table()\n b : {no, yes} ~ Table(a) }\n")
    table = {"a": ["no", None, "no"], "b": [None, "no", "yes"]}
    parts = list(bind_batches(model, blocks(table, 2), missing="drop"))
    assert [p.values["a"].tolist() for p in parts] == [[0]]
    with pytest.raises(PgmError) as caught:
        list(bind_batches(model, blocks({"a": ["no", None], "b": [None, "no"]}, 2), missing="drop"))
    assert caught.value.diagnostics[0].code == "PGM0707"


def test_a_chain_is_never_cut() -> None:
    with pytest.raises(PgmError) as caught:
        list(bind_batches(compile_source("plate s { plate t = chain { y ~ Normal(0, 1) } }\n"), []))
    assert caught.value.diagnostics[0].code == "PGM0714"


def test_errors_in_a_block_name_the_row_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "x,no\n" * 5 + "x,maybe\n")
    with pytest.raises(PgmError) as caught:
        list(bind_batches(compile_source(OPEN), lambda: read_batches(tmp_path / "t.csv", batch_rows=2)))
    assert caught.value.diagnostics[0].place.endswith("t.csv:7:b")
