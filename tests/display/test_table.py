"""Tables fit their width, keep every cell, and say the same as text, HTML and frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmlang.display import DisplayColumn, DisplayTable, as_frame, column, fitted, frame_kind, printable
from pgmlang.display.text import display_width, shortened, wrapped

words = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.lists(st.tuples(words, st.floats(allow_nan=False)), min_size=1, max_size=6), st.integers(40, 120))
def test_lines_fit_and_no_word_steers_the_screen(rows: list[tuple[str, float]], width: int) -> None:
    table = DisplayTable((
        column("name", [name for name, _ in rows], is_head=True),
        *(column(f"x{i}", [value for _, value in rows], lambda v: f"{v:.4g}") for i in range(9)),
    ))  # fmt: skip
    lines = table.text(width).split("\n")
    assert all(display_width(line) <= width and line.isprintable() for line in lines)
    # every column stands once, whatever blocks there are
    heads = " ".join(line for line in lines if "name" in line)
    assert sum(heads.split().count(f"x{i}") for i in range(9)) == 9


def test_a_table_as_text_html_and_frame() -> None:
    pandas = pytest.importorskip("pandas")
    table = DisplayTable((
        column("sex", ["male", "<b>"], is_head=True),
        column("count", [1234.0, None], lambda v: f"{v:,.0f}"),
    ), title="P(a | b)", notes=("... and 3 more",))  # fmt: skip
    assert str(table) == "P(a | b)\nsex   count\nmale  1,234\n<b>\n... and 3 more"
    assert "&lt;b&gt;" in table._repr_html_()
    assert "<b>" not in table._repr_html_()
    assert isinstance(table.frame, pandas.DataFrame)
    assert table.frame["count"][0] == 1234.0
    assert np.isnan(table.frame["count"][1])


def test_lists_are_cut_or_wrapped() -> None:
    items = tuple(f"word{i}" for i in range(30))
    one = DisplayColumn("top", (), (items,), lists=(items,))
    cut = DisplayTable((column("topic", ["0"], is_head=True), one)).text(40)
    assert cut.endswith("…")
    assert all(len(line) <= 40 for line in cut.split("\n"))
    whole = DisplayTable(
        (column("topic", ["0"], is_head=True), DisplayColumn("top", (), (items,), lists=(items,), is_wrapped=True))
    )
    assert [w.strip(" ,") for w in " ".join(whole.text(40).split("\n")[1:]).split()[1:]] == list(items)


@given(st.lists(words.filter(bool), min_size=1), st.integers(1, 60))
def test_fitted_and_wrapped(items: list[str], width: int) -> None:
    assert "".join(c for c in "".join(wrapped(items, width)) if c not in " ,") == "".join(
        c for c in ", ".join(items) if c not in " ,"
    )
    text = fitted(items, width)
    assert text == ", ".join(items) or text.endswith("…")
    assert display_width(shortened(items[0], width)) <= width


def test_printable_and_wide() -> None:
    assert printable("a\x1b[2J\nb") == "a\\x1b[2J\\nb"
    assert display_width("日本") == 4
    assert display_width("é") == 1


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_frames_of_a_kind(kind: str) -> None:
    pytest.importorskip(kind)
    name = {"pyarrow": "arrow"}.get(kind, kind)
    frame = as_frame({"a": ["x", "y"], "b": np.array([1.0, np.nan])}, name)  # type: ignore[arg-type]
    assert type(frame).__module__.startswith(kind)
    assert frame_kind(frame) == name == frame_kind({"plate": frame})
    assert frame_kind("rows.csv") is None
    assert frame_kind({"a": [1, 2]}) is None
