"""Names of columns that a model writes otherwise: blanks, marks, digits in front, words of the language."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.profile.identifiers import RESERVED, identifier
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    changed = [(name, word) for name in table.columns if (word := identifier(name, ())) != name]
    if not changed:
        return
    shown = ", ".join(f"`{name}` is `{word}`" for name, word in changed[:6]) + (", …" if len(changed) > 6 else "")
    reserved = [name for name, _ in changed if name in RESERVED]
    options = tuple(x for name in reserved for x in ("--map", f"{identifier(name, ())}={name}"))
    yield Remark("names", tuple(n for n, _ in changed), f"in a model, {shown}", cure="" if reserved else "nothing to do: they are bound so",
                 binding=options)  # fmt: skip


KIND = RemarkKind("names", "names of columns that a model writes otherwise", _look)
