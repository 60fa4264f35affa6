"""Names of rows, and names that come again: what they are good for in a model."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.profile.identifiers import identifier
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.of_kind("id"):
        yield Remark("identifiers", (column.name,), "a different value in every row: a name of the row",
                     cure="leave it out of the model")  # fmt: skip
    for column in table.of_kind("group"):
        often = column.present / column.distinct
        yield Remark(
            "identifiers", (column.name,), f"{column.distinct:,} names, {often:.3g} rows each: groups of rows",
            cure=f"a plate of groups: `plate row in {identifier(column.name, ())}`, as `pgmc init --target` writes it",
        )  # fmt: skip


KIND = RemarkKind("identifiers", "names of rows and of groups of rows", _look)
