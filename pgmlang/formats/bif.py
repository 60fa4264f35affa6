"""Reads BIF, the Interchange Format for Bayesian Networks (version 0.15), strictly.

https://www.cs.cmu.edu/~fgcozman/Research/InterchangeFormat/ and the files of bnlearn's repository. Beyond the
letter of 0.15: names in double quotes with backslash escapes, and labels that are no words (``<5``, ``1_1``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgmlang.diagnostics import SourceFile
from pgmlang.formats.bif_rows import RowReader
from pgmlang.formats.bif_scan import BifBlock, Scanner, Word
from pgmlang.formats.checks import find_cycle
from pgmlang.formats.problems import FormatProblems
from pgmlang.formats.text import control_character
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor

_SIZE = re.compile(r"[0-9]{1,9}")


def read_bif(source: SourceFile) -> DiscreteNetwork:
    """The network of a BIF text: variables, labels and tables in the order of the file, numbers as they stand.

    All problems come in one PgmError: PGM0905, of rows PGM0402..PGM0406 and PGM0413, of cycles PGM0501.
    """
    problems = FormatProblems(source, "PGM0905")
    if control := control_character(source.text):
        problems.add("this is not a text, and so not BIF", control.start(), control.end())
    elif not source.text.strip():
        problems.add("this file is empty", 0, 0)
    problems.stop_if_any()
    scanner = Scanner(problems)
    blocks = scanner.blocks()
    network = _Reader(scanner, problems).network(blocks)
    problems.stop_if_any()
    return network


@dataclass
class _Known:
    """A variable and where its name stands; ``variable`` is None where its block is wrong."""

    variable: DiscreteVariable | None
    word: Word
    code: int


class _Reader:
    def __init__(self, scanner: Scanner, problems: FormatProblems) -> None:
        self.scanner = scanner
        self.problems = problems
        self.known: dict[str, _Known] = {}
        self.tables: dict[int, BifBlock] = {}
        self.scopes: dict[int, tuple[int, ...]] = {}

    def network(self, blocks: list[BifBlock]) -> DiscreteNetwork:
        name = self._name([b for b in blocks if b.kind == "network"])
        for block in blocks:
            if block.kind == "variable":
                self._variable(block)
        factors = [f for b in blocks if b.kind == "probability" and (f := self._factor(b)) is not None]
        if not self.known and not self.problems:
            self.problems.add("this file declares no variable", 0, 0)
        wrong_header = len(self.tables) < sum(b.kind == "probability" for b in blocks)
        for known in self.known.values():
            # A header that was not understood may be the missing one: no second message for it.
            if known.code not in self.tables and not wrong_header:
                word = known.word
                self.problems.add(f"`{word.text}` has no `probability` block", word.start, word.end)
        self._cycles()
        variables = tuple(k.variable for k in self.known.values() if k.variable is not None)
        return DiscreteNetwork(variables, tuple(factors), name)

    def _name(self, blocks: list[BifBlock]) -> str:
        for block in blocks[1:]:
            also = ((blocks[0].start, blocks[0].end, "first given here"),)
            self.problems.add("a second `network` block", block.start, block.end, also=also)
        for block in blocks:
            if [w.mark for w in block.header] != [False]:
                self.problems.add("expected `network NAME {`", block.start, block.end)
            for statement in block.statements:
                words = self.scanner.words(statement.start, statement.end)
                if words and words[0].text != "property":
                    self.problems.add(f"`{words[0].text}` does not belong here", words[0].start, words[0].end)
        return blocks[0].header[0].text if blocks and blocks[0].header else "network"

    # ---- variables

    def _variable(self, block: BifBlock) -> None:
        if [w.mark for w in block.header] != [False] or not block.header[0].text:
            help = "put a name that is not one word in double quotes"
            self.problems.add("expected `variable NAME {`", block.start, block.end, help=help)
            return
        word = block.header[0]
        if word.text in self.known:
            first = self.known[word.text].word
            also = ((first.start, first.end, "first declared here"),)
            self.problems.add(f"variable `{word.text}` is declared twice", word.start, word.end, also=also)
            return
        before = self.problems.count
        labels = self._labels(block, word)
        fine = labels is not None and self.problems.count == before
        variable = DiscreteVariable(word.text, tuple(labels)) if fine and labels else None
        self.known[word.text] = _Known(variable, word, len(self.known))

    def _labels(self, block: BifBlock, name: Word) -> list[str] | None:
        """The labels of the one `type discrete [n] { ... }` statement; None where that is wrong."""
        labels: list[str] | None = None
        types = 0
        for statement in block.statements:
            words = self.scanner.words(statement.start, statement.end)
            first = words[0].text if words else ""
            if first == "type":
                types += 1
                if types == 1:
                    labels = self._type(words, statement.body, name)
                else:
                    self.problems.add(f"a second `type` of `{name.text}`", words[0].start, words[-1].end)
            elif words and (first != "property" or statement.body is not None):
                help = self.problems.near(first, ("type", "property"))
                self.problems.add(f"expected `type`, found `{first}`", words[0].start, words[-1].end, help=help)
            elif statement.body is not None:
                self.problems.add("expected `type` before this brace", statement.body[0] - 1, statement.body[0])
        if not types:
            self.problems.add(f"`{name.text}` has no `type`", name.start, name.end)
        return labels

    def _type(self, words: list[Word], body: tuple[int, int] | None, name: Word) -> list[str] | None:
        start, end = words[0].start, words[-1].end
        texts = [w.text for w in words[1:]]
        if texts and texts[0] != "discrete" and not words[1].mark:
            help = "only discrete networks are read"
            self.problems.add(f"type `{texts[0]}` is not known", words[1].start, words[1].end, help=help)
            return None
        if len(texts) != 4 or (texts[1], texts[3]) != ("[", "]") or not _SIZE.fullmatch(texts[2]) or body is None:
            self.problems.add("expected `type discrete [ n ] { labels }`", start, end)
            return None
        labels = self.scanner.items(self.scanner.words(*body), "a label")
        if labels is None:
            return None
        if len(labels) != int(texts[2]) or not labels:
            message = f"`{name.text}` is to have {texts[2]} labels, {len(labels)} given"
            help = "put a label that is not one word in double quotes"
            self.problems.add(message, words[3].start, words[3].end, help=help)
            return None
        seen: dict[str, Word] = {}
        for label in labels:
            if not label.text:
                self.problems.add("a label is empty", label.start, label.end)
            elif label.text in seen:
                first = seen[label.text]
                also = ((first.start, first.end, "first given here"),)
                message = f"label `{label.text}` of `{name.text}` is given twice"
                self.problems.add(message, label.start, label.end, also=also)
            seen.setdefault(label.text, label)
        return list(seen)

    # ---- tables

    def _factor(self, block: BifBlock) -> TableFactor | None:
        names = self._scope_words(block)
        if names is None:
            return None
        for word in names:
            if word.text not in self.known:
                help = self.problems.near(word.text, self.known)
                self.problems.add(f"no variable `{word.text}` is declared", word.start, word.end, help=help)
        child = self.known.get(names[0].text)
        if child is not None and child.code in self.tables:
            first = self.tables[child.code]
            also = ((first.start, first.end, "first given here"),)
            message = f"the table of `{names[0].text}` is given twice"
            self.problems.add(message, block.start, block.end, also=also)
            return None
        if child is not None:
            self.tables[child.code] = block
        members = [self.known[w.text] for w in names if w.text in self.known]
        if len(members) < len(names) or child is None:
            return None
        codes = tuple(m.code for m in members)
        for i, word in enumerate(names[2:], 2):
            if word.text in [w.text for w in names[1:i]]:
                message = f"parent `{word.text}` is named twice"
                self.problems.add(message, word.start, word.end)
                return None
        self.scopes[child.code] = codes[1:]
        parents = [m.variable for m in members[1:] if m.variable is not None]
        if child.variable is None or len(parents) < len(names) - 1:
            return None
        values = RowReader(self.scanner, self.problems, child.variable, parents).read(block)
        if values is None or child.code in codes[1:]:
            return None
        return TableFactor((*codes[1:], child.code), values, child.code)

    def _scope_words(self, block: BifBlock) -> list[Word] | None:
        """Child and parents of `( child | parent, parent )`; the bar may be left out, as BIF 0.15 allows."""
        words = block.header
        help = "write `probability ( child | parent, parent ) {`"
        if len(words) < 3 or not words[0].is_mark("(") or not words[-1].is_mark(")") or words[1].mark:
            message = "expected a variable and its parents in parentheses"
            self.problems.add(message, block.start, block.end, help=help)
            return None
        rest = words[2:-1]
        if rest and rest[0].is_mark("|"):
            if len(rest) == 1:
                self.problems.add("expected a parent after `|`", rest[0].start, rest[0].end, help=help)
                return None
            rest = rest[1:]
        elif rest and rest[0].is_mark(","):
            rest = rest[1:] or rest
        parents = self.scanner.items(rest, "a parent")
        return None if parents is None else [words[1], *parents]

    def _cycles(self) -> None:
        cycle = find_cycle(self.scopes)
        if not cycle:
            return
        names = list(self.known)
        block = self.tables[cycle[-1]]
        path = " -> ".join(f"`{names[i]}`" for i in cycle)
        help = "a Bayesian network has no directed cycle: drop a parent"
        self.problems.add(f"the parents go round in a cycle: {path}", block.start, block.end, "PGM0501", help=help)
