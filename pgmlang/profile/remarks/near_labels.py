"""Labels that are nearly equal: by case, blanks, Unicode form, the spelling of a number or of yes and no, or one letter."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal

from pgmlang.data.problems import quoted
from pgmlang.data.reading import Reading
from pgmlang.data.settling import tidy
from pgmlang.diagnostics.suggest import near_names
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.remarks.missing_words import LABELS_TOO
from pgmlang.profile.table import TableProfile

_MOST = 2000
"""Columns of more labels are names or text, and not compared."""
_FEW = 8
"""Labels up to which each is merged by name; for more, all are read in lower case."""
_WORDS = {"y": "yes", "n": "no", "t": "true", "f": "false"}
_BITS = ((("1", "yes"), ("0", "no")), (("1", "true"), ("0", "false")))
"""Numbers that may say the same as words."""
LABELLED = ("category", "ordinal", "group", "binary")
_LONG = 5
"""Letters from which a single one that differs is a slip."""
_WORD = 3
"""Letters from which case is a matter of writing: shorter labels may be told apart by it (alleles `A` and `a`)."""
_RARE = 0.1
"""The share of cells up to which a spelling is a slip."""
_WRITTEN = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?")
"""Numbers of which another spelling may be the same label. Zeros in front are part of a name, and an exponent is one of codes."""


def _look(table: TableProfile) -> Iterator[Remark]:
    spelled = [_Spellings(c) for c in table.columns.values() if _is_compared(c)]
    # these two options are of all columns: what is advised behind them is of the labels as they leave them
    of_blanks = [_stray(s) for s in spelled]
    if any(of_blanks):
        for s, groups in zip(spelled, of_blanks, strict=True):
            if groups:
                yield _remark(
                    table, s, groups, "labels with stray blanks, or in another Unicode form", Reading(strip=True)
                )
            s.change(tidy)
    of_case = {id(s): _groups(s.texts, str.casefold) for s in spelled}
    sure = {id(s): _is_case_idle(s, of_case[id(s)]) for s in spelled}
    is_folded = all(sure.values()) and any(sum(len(g) - 1 for g in g_) > _FEW for g_ in of_case.values())
    for s in spelled:
        before, case_groups = list(s.texts), of_case[id(s)]
        if is_folded:
            folded = _Spellings(s.column, s)
            folded.change(str.lower)
            if case_groups:
                yield _remark(table, s, case_groups, "labels that differ in case alone", Reading(fold_case=True))
            yield from _merged(table, folded, list(folded.texts))
        else:
            yield from _merged(table, s, before, sure[id(s)])


def _stray(s: _Spellings) -> list[list[str]]:
    """Labels that are others once blanks and Unicode form are tidied, be it that another label is so already or not; of free text
    only those that then are one."""
    groups = _groups(s.texts, tidy)
    together = {t for group in groups for t in group}
    alone = [t for t in s.texts if t != tidy(t) and t not in together] if s.column.kind in LABELLED else []
    return groups + [[t, tidy(t)] for t in alone]


def _is_compared(column: ColumnProfile) -> bool:
    return column.is_text and not column.is_binned and not column.is_numeric and 2 <= len(column.labels) <= _MOST


class _Spellings:
    """The labels of a column as earlier options leave them: ``texts`` (words that mean missing for sure are none), ``count``:
    cells of each, ``cells``: the places of each among the labels of the column."""

    def __init__(self, column: ColumnProfile, start: _Spellings | None = None) -> None:
        self.column = column
        self.cells: dict[str, list[int]] = {}
        if start is not None:
            self.cells = {t: list(p) for t, p in start.cells.items()}
            return
        for i, text in enumerate(column.labels):
            if column.counts[i] and not (column.is_missing_word(i) and text.strip().lower() not in LABELS_TOO):
                self.cells[text] = [i]

    @property
    def texts(self) -> list[str]:
        return list(self.cells)

    def count(self, text: str) -> int:
        return int(self.column.counts[self.cells.get(text, [])].sum())

    def change(self, how: Callable[[str], str]) -> None:
        """The labels as ``how`` makes them."""
        changed: dict[str, list[int]] = defaultdict(list)
        for text, places in self.cells.items():
            changed[how(text)] += places
        self.cells = dict(changed)

    def most(self, group: list[str]) -> str:
        return max(group, key=lambda t: (self.count(t), t))

    def shown(self, group: list[str]) -> str:
        """The label that the others of a group are read as: one that no cell has yet, else the most frequent."""
        return next((t for t in group if t not in self.cells), self.most(group))


def _is_case_idle(s: _Spellings, groups: list[list[str]]) -> bool:
    """Whether case tells nothing apart in a column for sure: words differ in it, or the labels that do are yes and no, or all
    their spellings but one are rare."""

    def is_slip(group: list[str]) -> bool:
        most = s.most(group)
        return all(s.count(t) <= _RARE * s.count(most) for t in group if t != most)

    is_of_words = any(len(t) >= _WORD for group in groups for t in group)
    bits = {*_WORDS, *_WORDS.values()}
    return is_of_words or all(group[0].casefold() in bits or is_slip(group) for group in groups)


def _merged(table: TableProfile, s: _Spellings, texts: list[str], is_case_idle: bool = True) -> Iterator[Remark]:
    """Remarks on labels that are merged by name. Each label is merged with the one that all these remarks together come to,
    since a label that was merged is not merged again. ``is_case_idle``: case alone tells no labels apart."""
    steps: list[tuple[str, list[list[str]], set[str]]] = []
    root = {t: t for t in texts}
    for words, change in (
        ("case", str.casefold if is_case_idle else str),
        ("the spelling of a number", _number if _are_spellings(s) else str),
        ("the form of their characters", _compatible if is_case_idle else _compatible_in_case),
    ):
        groups = _groups(sorted(dict.fromkeys(root.values()), key=lambda t: -s.count(t)), change)
        reached = {t for t in texts if any(root[t] in group for group in groups)}
        for group in groups:
            target = s.most(group)
            root = {t: target if r in group else r for t, r in root.items()}
        if groups:
            steps.append((f"labels that differ in {words} alone", groups, reached))
    by_word = {r.casefold(): r for r in root.values()}
    short = [(by_word[a], by_word[b]) for a, b in _WORDS.items() if a in by_word and b in by_word]
    reached = {t for t in texts if any(root[t] in pair for pair in short)}
    for a, b in short:
        root = {t: b if r == a else r for t, r in root.items()}
    if short:
        steps.append(("short and long forms", [list(pair) for pair in short], reached))
    for words, groups, reached in steps:
        merges = tuple((s.column.name, t, root[t]) for t in texts if t in reached and t != root[t])
        yield _remark(table, s, groups, words, Reading(merge=merges))
    yield from _in_doubt(table, s, root, is_case_idle)
    left = {r.casefold(): r for r in root.values()}
    bits = [(left[bit], left[word]) for pairs in _BITS for bit, word in pairs if bit in left and word in left]
    if len(bits) == 2 or (bits and set(left) <= {"0", "1", "yes", "no", "true", "false"}):
        merges = tuple((s.column.name, a, b) for a, b in bits)
        yield _maybe(table, s, bits, "0 or 1 beside words: the same?", merges)
    known = {t for p in short for t in p}
    slips = _slips(s, sorted(set(root.values())), known)
    if slips:
        merges = tuple((s.column.name, t, b) for a, b in slips for t in texts if root[t] == a)
        yield _maybe(table, s, slips, "labels one letter apart, one of them rare", merges)


def _in_doubt(table: TableProfile, s: _Spellings, root: dict[str, str], is_case_idle: bool) -> Iterator[Remark]:
    """Remarks on labels that may differ in case or in the spelling of a number alone, or be two."""
    doubts: list[tuple[str, Callable[[str], str]]] = []
    if not is_case_idle:
        doubts.append(("short labels that differ in case alone: the same?", str.casefold))
    if _are_spellings(s):
        doubts.append(("the same numbers, in other digits: the same labels?", _value))
    for words, change in doubts:
        groups = _groups(sorted(set(root.values()), key=lambda t: -s.count(t)), change)
        pairs = [(t, s.most(group)) for group in groups for t in group if t != s.most(group)]
        if pairs:
            merges = tuple((s.column.name, t, b) for a, b in pairs for t, r in root.items() if r == a)
            yield _maybe(table, s, pairs, words, merges)


def _are_spellings(s: _Spellings) -> bool:
    """Whether the labels that are numbers may be written in several ways: no zeros in front say that they are names."""
    return not any(re.fullmatch(r"[+-]?0[0-9]+", t) for t in s.texts)


def _groups(texts: list[str], change: Callable[[str], str]) -> list[list[str]]:
    by_key: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        by_key[change(text)].append(text)
    return [group for group in by_key.values() if len(group) > 1]


def _number(text: str) -> str:
    """A whole number without point and plus; another label as it is (`1.10` may be a version)."""
    value = _value(text)
    return value if value.lstrip("-").isdigit() else text


def _value(text: str) -> str:
    """The exact value of a number written in digits; another label as it is."""
    if not _WRITTEN.fullmatch(text):
        return text
    value = f"{Decimal(text):f}"
    return value.rstrip("0").rstrip(".") if "." in value else value


def _compatible(text: str) -> str:
    """Without the differences that fonts and case make."""
    return _compatible_in_case(text).casefold()


def _compatible_in_case(text: str) -> str:
    """Without the differences that fonts make: wide letters, ligatures, curly quotes and long dashes."""
    plain = (
        unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'").replace("\u2013", "-")
    )
    return tidy(plain.replace("\u2014", "-").replace("\u00a0", " "))


def _slips(s: _Spellings, texts: list[str], known: set[str]) -> list[tuple[str, str]]:
    """Rare labels one letter away from one that is ten times as frequent."""
    if len(texts) > 200 or s.column.kind not in ("category", "ordinal", "group"):
        return []
    count = {t: s.count(t) for t in texts}
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
    table: TableProfile, s: _Spellings, groups: list[list[str]], words: str, options: Reading, is_sure: bool = True
) -> Remark:  # fmt: skip
    shown = "; ".join(" = ".join(quoted(t, 30) for t in group[:4]) for group in groups[:4])
    more = "; …" if len(groups) > 4 else ""
    rare = [place for group in groups for t in group if t != s.shown(group) for place in s.cells.get(t, [])]
    return Remark("near-labels", (s.column.name,), f"{words}: {shown}{more}", table.lines(s.column.rows_of(rare)), options,
                  is_sure=is_sure)  # fmt: skip


def _maybe(
    table: TableProfile, s: _Spellings, pairs: list[tuple[str, str]], words: str, merges: tuple[tuple[str, str, str], ...]
) -> Remark:  # fmt: skip
    """On pairs of labels that may be the same, or not."""
    return _remark(table, s, [list(p) for p in pairs], words, Reading(merge=merges), is_sure=False)


KIND = RemarkKind("near-labels", "labels that are nearly equal", _look)
