"""A word for missing in several columns is said once where no other column has it."""

from __future__ import annotations

import pgmlang

COLUMNS = {"a": ["1", "NA", "3", "4.5"] * 4, "b": ["NA", "2", "5", "7.5"] * 4}


def advised(table):
    return pgmlang.describe(table).to_dict()["options"]


def test_a_word_in_several_columns_is_said_once():
    assert advised(COLUMNS) == "--na NA"


def test_not_where_one_column_has_it_or_another_has_it_as_a_label():
    assert advised({"a": COLUMNS["a"]}) == "--na a=NA"
    words = {name: [c.replace("NA", "none") for c in cells] for name, cells in COLUMNS.items()}
    assert advised(words) == "--na none"
    assert advised({**words, "c": ["none", "mild", "mild", "bad"] * 4}) == "--na a=none --na b=none"
