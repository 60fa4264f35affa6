"""Labels that are nearly equal: by case, blanks, Unicode form, the spelling of a number or of yes and no, or one letter."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator

from pgmlang.data.mending import tidy
from pgmlang.data.problems import quoted
from pgmlang.data.reading import Reading
from pgmlang.diagnostics.suggest import near_names
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile

_MOST = 2000
"""Columns of more labels are names or text, and not compared."""
_FEW = 8
"""Labels up to which each is merged by name; for more, all are read in lower case."""
_WORDS = {"y": "yes", "n": "no", "t": "true", "f": "false"}
_LONG = 5
"""Letters from which a single one that differs is a slip."""


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        if column.is_text and not column.is_binned and not column.is_numeric and 2 <= len(column.labels) <= _MOST:
            yield from _of_column(table, column)


def _of_column(table: TableProfile, column: ColumnProfile) -> Iterator[Remark]:
    texts = [t for i, t in enumerate(column.labels) if column.counts[i]]
    groups = _groups(texts, tidy)
    if groups:
        yield _remark(
            table, column, groups, "labels that differ in blanks or Unicode form alone", Reading(strip=True), True
        )
    by_tidy: dict[str, str] = {}
    for text in sorted(texts, key=lambda t: -int(column.counts[column.labels.index(t)])):
        by_tidy.setdefault(tidy(text), text)
    groups = _groups(list(by_tidy), str.casefold)
    if groups:
        shown = [[by_tidy[t] for t in group] for group in groups]
        merges = tuple((column.name, t, group[0]) for group in groups for t in group[1:])
        options = Reading(merge=merges) if len(merges) <= _FEW else Reading(fold_case=True)
        strip = Reading(strip=any(t != by_tidy[t] for group in groups for t in group))
        yield _remark(table, column, shown, "labels that differ in case alone", strip.plus(options), True)
    left: dict[str, str] = {}
    for text in by_tidy.values():
        left.setdefault(tidy(text).casefold(), text)
    texts = list(left.values())
    for words, change in (("the spelling of a number", _number), ("the form of their characters", _compatible)):
        groups = _groups(texts, change)
        if groups:
            merges = tuple((column.name, t, _most(column, g)) for g in groups for t in g if t != _most(column, g))
            yield _remark(
                table, column, groups, f"labels that differ in {words} alone", Reading(merge=merges), True
            )
    present = set(left)
    short = [(left[s], left[w]) for s, w in _WORDS.items() if s in present and w in present]
    if short:
        merges = tuple((column.name, a, b) for a, b in short)
        yield _remark(table, column, [list(p) for p in short], "short and long forms", Reading(merge=merges), True)
    slips = _slips(column, texts, {t for p in short for t in p})
    if slips:
        merges = tuple((column.name, a, b) for a, b in slips)
        yield _remark(
            table,
            column,
            [list(p) for p in slips],
            "labels one letter apart, one of them rare",
            Reading(merge=merges),
            False,
        )


def _groups(texts: list[str], change: Callable[[str], str]) -> list[list[str]]:
    by_key: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        by_key[change(text)].append(text)
    return [group for group in by_key.values() if len(group) > 1]


def _number(text: str) -> str:
    try:
        return f"{float(text):.12g}"
    except ValueError:
        return text


def _compatible(text: str) -> str:
    """Without the differences that fonts make: wide letters, ligatures, curly quotes and long dashes."""
    plain = (
        unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'").replace("\u2013", "-")
    )
    return tidy(plain.replace("\u2014", "-").replace("\u00a0", " ")).casefold()


def _most(column: ColumnProfile, group: list[str]) -> str:
    return max(group, key=lambda t: (int(column.counts[column.labels.index(t)]), t))


def _slips(column: ColumnProfile, texts: list[str], known: set[str]) -> list[tuple[str, str]]:
    """Rare labels one letter away from one that is ten times as frequent."""
    if len(texts) > 200 or column.kind not in ("category", "ordinal", "group"):
        return []
    count = {t: int(column.counts[column.labels.index(t)]) for t in texts}
    often = [t for t in texts if len(t) >= _LONG and count[t] >= 10]
    slips = []
    for text in texts:
        if len(text) < _LONG or text in known or not text.isalpha():
            continue
        near = [n for n in near_names(text, [t for t in often if t != text and count[t] >= 10 * count[text]])
                if _is_one_edit(text.casefold(), n.casefold())]  # fmt: skip
        if near:
            slips.append((text, near[0]))
    return slips


def _is_one_edit(a: str, b: str) -> bool:
    """Whether one letter put in, left out, changed, or two exchanged make one text the other."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rests = (a[start:], b[start:])
    return (
        rests[0][1:] == rests[1][1:] or rests[0][1:] == rests[1] or rests[0] == rests[1][1:]
        or (rests[0][2:] == rests[1][2:] and rests[0][:2] == rests[1][:2][::-1])
    )  # fmt: skip


def _remark(
    table: TableProfile,
    column: ColumnProfile,
    groups: list[list[str]],
    words: str,
    options: Reading,
    is_sure: bool,
) -> Remark:
    shown = "; ".join(" = ".join(quoted(t, 30) for t in group[:4]) for group in groups[:4])
    more = "; …" if len(groups) > 4 else ""
    rare = [column.labels.index(t) for group in groups for t in group if t != _most(column, group)]
    return Remark("near-labels", (column.name,), f"{words}: {shown}{more}", table.lines(column.rows_of(rare)), options,
                  is_sure=is_sure)  # fmt: skip


KIND = RemarkKind("near-labels", "labels that are nearly equal", _look)
