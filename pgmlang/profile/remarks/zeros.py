"""More zeros than counts have, and exact zeros among positive numbers."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile
from pgmlang.profile.zeros import count_family, zeros_of_amount


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.of_kind("count"):
        family = count_family(column.sorted_numbers)
        if family.is_inflated:
            other = "NegativeBinomial(...)" if family.is_overdispersed else "Poisson(...)"
            zeros = float((column.sorted_numbers == 0).mean())
            yield Remark(
                "zeros", (column.name,),
                f"{zeros:.0%} of the cells are 0, where counts distributed like the others have {family.expected:.0%}",
                cure=f"`ZeroInflated(share, {other})` has a share of zeros of its own: `pgmc init` writes it so",
            )  # fmt: skip
    for column in table.of_kind("number"):
        share = zeros_of_amount(column)
        if share:
            yield Remark(
                "zeros", (column.name,), f"{share:.0%} of the cells are exactly 0, the others positive",
                cure="`ZeroInflated(share, LogNormal(...))` says whether and how much: `pgmc init` writes it so",
            )  # fmt: skip


KIND = RemarkKind("zeros", "more zeros than a distribution has", _look)
