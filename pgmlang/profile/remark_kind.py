"""A kind of remark: its name, what it is about, and the look that finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pgmlang.profile.remark import Remark
from pgmlang.profile.table import TableProfile


class RemarkKind(NamedTuple):
    """``look``: the remarks on a table; no loop over its rows."""

    name: str
    says: str
    look: Callable[[TableProfile], Iterable[Remark]]
