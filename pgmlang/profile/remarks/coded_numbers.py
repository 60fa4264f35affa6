"""Numbers that stand for names: codes, whose sums and means say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.data.problems import listed
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.of_kind("code"):
        labels = sorted((t for i, t in enumerate(column.labels) if column.counts[i]), key=lambda t: (len(t), t))
        yield Remark(
            "coded-numbers", (column.name,), f"numbers that seem to stand for names: {listed(labels, 8)}",
            cure="a set of labels in the model, `{" + ", ".join(labels[:3]) + ", ...}`, not a number",
        )  # fmt: skip


KIND = RemarkKind("coded-numbers", "numbers that stand for names", _look)
