"""A description and a first model in a notebook: tables and text of HTML, options as keywords of Python; frames of figures."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

import pgmlang

TABLE: dict[str, list[Any]] = {
    "when": ["2024-01-02", "2024-01-01", "n/a"] * 6,
    "sex": ["male", "Male", "female"] * 6,
    "<b>": [0.5, 1.5, 2.5] * 6,
    "都市": ["x & y", "z", "z"] * 6,
    "y": list(range(18)),
}


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.cells += [""] if tag in ("td", "th") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def cells_of(html: str) -> list[str]:
    parser = Cells()
    parser.feed(html)
    assert not parser.open
    return parser.cells


def test_a_description_is_tables_of_html() -> None:
    described = pgmlang.describe(TABLE)
    cells = cells_of(described._repr_html_())
    assert set(TABLE) <= set(cells)
    assert {r.message for r in described.remarks} <= set(cells)
    assert "merge={'sex': {'Male': 'male'}}" in cells
    assert not any("--" in cell for cell in cells)


def test_its_figures_are_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pgmlang.describe(TABLE).frame
    assert isinstance(frame, pandas.DataFrame)
    assert frame["column"].tolist() == list(TABLE)
    assert frame["distinct"].tolist() == [3, 3, 3, 2, 18]


def test_a_first_model_is_shown_with_the_call_that_fits_it() -> None:
    first = pgmlang.init(TABLE, "y")
    html = first._repr_html_()
    assert "merge={&#x27;sex&#x27;: {&#x27;Male&#x27;: &#x27;male&#x27;}}" in html
    assert "<script" not in html
    assert "NegativeBinomial" in html or "Poisson" in html
