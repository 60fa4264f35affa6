"""Reads UAI model, evidence and result files strictly.

The format: https://uaicompetition.github.io/uci-2022/file-formats/ (and the evaluations of 2006 to 2014 before).
A text of blank-separated tokens, read by position; places are looked up only for a message.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import islice
from typing import NoReturn

import numpy as np

from pgmlang.diagnostics import SourceFile
from pgmlang.formats.checks import MAX_AXES, bad_sums, find_cycle
from pgmlang.formats.problems import FormatProblems
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor

_COMMENT = re.compile(r"#[^\r\n]*+")
_TOKEN = re.compile(r"[^ \t\r\n\f\v]+")
_CLEAN = re.compile(r"[A-Za-z0-9.+\- \t\r\n\f\v]*+")
_COUNT = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
MAX_SIZE = 2**31
MAX_LABELS = 2**20


def read_uai(source: SourceFile, evidence: SourceFile | None = None) -> tuple[DiscreteNetwork, dict[int, int]]:
    """The network of a UAI model file, and the evidence of an evidence file (variable to value; empty without).

    Variables are ``x0, x1, ...`` with labels ``0, 1, ...``. In a BAYES file the last variable of each scope is
    the child. Problems: PGM0906, of the rows of BAYES tables PGM0405, of cycles PGM0501.
    """
    tokens = _Tokens(source)
    network = _model(tokens)
    return network, {} if evidence is None else read_uai_evidence(evidence, network)


def read_uai_evidence(source: SourceFile, network: DiscreteNetwork | None = None) -> dict[int, int]:
    """Variable to value of an evidence file; with a network, checked against its variables.

    Two formats are about: ``n v1 x1 ... vn xn``, and from 2010 the same after a line with the number of samples,
    of which only one (or none) can be taken. The number of tokens tells them apart.
    """
    tokens = _Tokens(source)
    numbers = [tokens.count("a count, a variable or a value") for _ in tokens.texts]
    if not numbers:
        tokens.fail("this file is empty; evidence on nothing is `0`", 0)
    pairs = 1
    if len(numbers) != 1 + 2 * numbers[0]:
        samples = _samples(numbers)
        if samples is None:
            need = f"{numbers[0]} observations need {2 * numbers[0]} numbers after the count"
            tokens.fail(f"{need}, {len(numbers) - 1} are there", 0)
        if samples > 1:
            tokens.fail(f"this file holds {samples} samples of evidence, only one can be taken", 0)
        pairs = 2
    sizes = network.sizes if network is not None else None
    out: dict[int, int] = {}
    for position in range(pairs, len(numbers), 2):
        variable, value = numbers[position : position + 2]
        if sizes is not None and variable >= len(sizes):
            tokens.fail(f"variable {variable} is not in the model, which has {len(sizes)}", position)
        if sizes is not None and value >= sizes[variable]:
            tokens.fail(f"variable {variable} has values 0 to {sizes[variable] - 1}, not {value}", position + 1)
        if variable in out:
            tokens.fail(f"variable {variable} is observed twice", position)
        out[variable] = value
    return out


def _samples(numbers: list[int]) -> int | None:
    """How many samples the format of 2010 finds in these numbers, None where they do not fit it."""
    position = 1
    for _ in range(numbers[0]):
        if position >= len(numbers):
            return None
        position += 1 + 2 * numbers[position]
    return numbers[0] if position == len(numbers) else None


class _Tokens:
    """The tokens of one file and how far they are read."""

    def __init__(self, source: SourceFile) -> None:
        self.at = 0
        self.problems = FormatProblems(source, "PGM0906")
        # aGrUM ends lines with `# name`. Blanks of the same length keep every place.
        self.text = _COMMENT.sub(lambda match: " " * len(match[0]), source.text)
        clean = _CLEAN.match(self.text)
        end = clean.end() if clean else 0
        if end < len(self.text):
            self._foreign(end)
        self.texts = self.text.split()

    def _foreign(self, offset: int) -> NoReturn:
        text = self.text
        start = offset
        while start and text[start - 1] not in " \t\r\n\f\v":
            start -= 1
        token = _TOKEN.match(text, start)
        end = token.end() if token else offset + 1
        word = text[start : min(end, start + 40)]
        if word.isprintable():
            self.problems.add(f"`{word}` is no part of a UAI file", start, end)
        else:
            self.problems.add("this is not a text, and so not UAI", offset, offset + 1)
        self.problems.stop_if_any()
        raise AssertionError

    def place(self, index: int) -> tuple[int, int]:
        """Where a token stands; the end of the text for one after the last."""
        token = next(islice(_TOKEN.finditer(self.text), index, None), None)
        return token.span() if token else (len(self.text.rstrip()), len(self.text))

    def fail(self, message: str, index: int, code: str = "", help: str = "") -> NoReturn:
        self.problems.add(message, *self.place(index), code, help=help)
        self.problems.stop_if_any()
        raise AssertionError

    @property
    def left(self) -> int:
        return len(self.texts) - self.at

    def count(self, what: str, most: int = MAX_SIZE, least: int = 0) -> int:
        """The next token as a whole number."""
        if not self.left:
            self.fail(f"the file ends where {what} should stand", self.at)
        text = self.texts[self.at]
        if not _COUNT.fullmatch(text):
            self.fail(f"expected {what}, found `{text[:40]}`", self.at)
        value = int(text)
        if not least <= value <= most:
            self.fail(f"{what} must be {least} to {most}, not {value}", self.at)
        self.at += 1
        return value

    def numbers(self, count: int, what: str) -> np.ndarray:
        """The next ``count`` tokens as nonnegative finite numbers."""
        if count > self.left:
            self.fail(f"the file ends within {what}: {count} numbers needed, {self.left} left", len(self.texts))
        texts = self.texts[self.at : self.at + count]
        try:
            values = np.array(list(map(float, texts)), dtype=np.float64)
            if ((values >= 0.0) & (values < math.inf)).all():
                self.at += count
                return values
        except ValueError:
            pass
        for i, text in enumerate(texts):
            if not _NUMBER.fullmatch(text):
                self.fail(f"expected a number in {what}, found `{text[:40]}`", self.at + i)
            if not 0.0 <= float(text) < math.inf:
                kind = "negative" if float(text) < 0.0 else "too large"
                self.fail(f"{what} holds {text[:40]}, which is {kind}", self.at + i)
        raise AssertionError


def _model(tokens: _Tokens) -> DiscreteNetwork:
    if not tokens.texts:
        tokens.fail("this file is empty", 0)
    kind = tokens.texts[0]
    if kind not in ("MARKOV", "BAYES"):
        tokens.fail(f"a UAI file starts with MARKOV or BAYES, not with `{kind[:40]}`", 0)
    tokens.at = 1
    n = tokens.count("the number of variables", least=1)
    if n > tokens.left:
        tokens.fail(f"{n} variables, but only {tokens.left} numbers follow", 1)
    sizes = [tokens.count(f"the size of variable {i}", least=1) for i in range(n)]
    if sum(set(sizes)) > max(len(tokens.texts), MAX_LABELS):
        # Labels are made for every value: sizes out of all proportion to the file are a slip or an attack.
        tokens.fail(f"the sizes of the variables go up to {max(sizes)}, too many values for labels", 2)
    at_count = tokens.at
    m = tokens.count("the number of factors")
    if m > tokens.left:
        tokens.fail(f"{m} factors, but only {tokens.left} numbers follow", at_count)
    scopes, places = _scopes(tokens, n, m)
    if kind == "BAYES":
        _check_bayes(tokens, scopes, places, n, at_count)
    starts: list[int] = []
    factors = tuple(_table(tokens, scope, sizes, i, kind == "BAYES", starts) for i, scope in enumerate(scopes))
    if tokens.left:
        tokens.fail(f"`{tokens.texts[tokens.at][:40]}` after the last table", tokens.at)
    if kind == "BAYES":
        _check_rows(tokens, factors, starts)
    # Label sets are shared: thousands of variables of one size keep one tuple.
    labels = {size: tuple(map(str, range(size))) for size in set(sizes)}
    variables = tuple(DiscreteVariable(f"x{i}", labels[size]) for i, size in enumerate(sizes))
    return DiscreteNetwork(variables, factors)


def _scopes(tokens: _Tokens, n: int, m: int) -> tuple[list[tuple[int, ...]], list[int]]:
    scopes: list[tuple[int, ...]] = []
    places: list[int] = []
    for i in range(m):
        places.append(tokens.at)
        length = tokens.count(f"the number of variables of factor {i}")
        if length > min(n, MAX_AXES):
            most = min(n, MAX_AXES)
            tokens.fail(f"factor {i} is over {length} variables; at most {most} are possible", tokens.at - 1)
        what = f"a variable of factor {i}"
        start = tokens.at
        scope = tuple(tokens.count(what, n - 1) for _ in range(length))
        if len(set(scope)) < length:
            twice = next(j for j, v in enumerate(scope) if v in scope[:j])
            tokens.fail(f"factor {i} names variable {scope[twice]} twice", start + twice)
        scopes.append(scope)
    return scopes, places


def _check_bayes(tokens: _Tokens, scopes: list[tuple[int, ...]], places: list[int], n: int, at_count: int) -> None:
    """A BAYES file has one table for each variable, which stands last in its scope, and no directed cycle."""
    if len(scopes) != n:
        tokens.fail(f"a BAYES file has one table for each of its {n} variables, not {len(scopes)}", at_count)
    parents: dict[int, tuple[int, ...]] = {}
    for i, scope in enumerate(scopes):
        if not scope:
            tokens.fail(f"factor {i} of a BAYES file has no variable", places[i])
        if scope[-1] in parents:
            message = f"variable {scope[-1]} has two tables: it stands last in two scopes"
            tokens.fail(message, places[i] + len(scope))
        parents[scope[-1]] = scope[:-1]
    cycle = find_cycle(parents)
    if cycle:
        position = places[next(i for i, scope in enumerate(scopes) if scope[-1] == cycle[-1])]
        path = " -> ".join(f"x{i}" for i in cycle)
        tokens.fail(f"the parents go round in a cycle: {path}", position, "PGM0501")


def _table(
    tokens: _Tokens, scope: tuple[int, ...], sizes: list[int], i: int, is_bayes: bool, starts: list[int]
) -> TableFactor:
    """Reads one table; notes in ``starts`` where its numbers begin."""
    shape = tuple(sizes[v] for v in scope)
    cells = math.prod(shape)
    given = tokens.count(f"the number of entries of factor {i}", most=2**60)
    if given != cells:
        said = " x ".join(map(str, shape)) or "1"
        tokens.fail(f"factor {i} has {said} = {cells} entries, not {given}", tokens.at - 1)
    starts.append(tokens.at)
    values = tokens.numbers(cells, f"factor {i}").reshape(shape)
    return TableFactor(scope, values, scope[-1] if is_bayes else None)


def _check_rows(tokens: _Tokens, factors: Sequence[TableFactor], starts: Sequence[int]) -> None:
    """Refuses a BAYES file whose tables are no conditionals: dropping unasked variables would change answers."""
    wrong = [np.flatnonzero(bad_sums(f.values).reshape(-1)) for f in factors]
    first = next((i for i, rows in enumerate(wrong) if rows.size), None)
    if first is None:
        return
    values, row = factors[first].values, int(wrong[first][0])
    size = values.shape[-1]
    total = float(values.reshape(-1, size)[row].sum())
    message = f"row {row} of the table of x{factors[first].scope[-1]} sums to {total:.6g}, not to one"
    count = sum(rows.size for rows in wrong)
    message += f" ({count} rows of this file do not)" if count > 1 else ""
    help = "if these are factors (evidence multiplied in), say MARKOV in line 1; the last of a scope is the child"
    tokens.fail(message, starts[first] + row * size, "PGM0405", help=help)


def read_pr(text: str, name: str = "<PR>") -> float:
    """log10 Z of a ``.PR`` result file (with or without the 2010 line with the number of samples)."""
    tokens = _result(text, name, "PR")
    numbers = tokens.texts[1:]
    if len(numbers) == 2 and numbers[0] == "1":
        tokens.at = 2
    if tokens.left != 1 or not _NUMBER.fullmatch(tokens.texts[tokens.at]):
        tokens.fail("expected one number after PR", tokens.at)
    return float(tokens.texts[tokens.at])


def read_mar(text: str, name: str = "<MAR>") -> list[np.ndarray]:
    """The marginal of each variable of a ``.MAR`` result file (with or without the 2010 line with the samples)."""
    tokens = _result(text, name, "MAR")
    starts = (1, 2) if tokens.texts[1:2] == ["1"] else (1,)
    start = next((s for s in starts if _marginals_fit(tokens.texts, s)), None)
    if start is None:
        tokens.fail("the numbers of variables and values do not fit the length of this file", 1)
    tokens.at = start + 1
    out: list[np.ndarray] = []
    for i in range(int(tokens.texts[start])):
        size = tokens.count("a number of values")
        out.append(tokens.numbers(size, f"the marginal of variable {i}"))
    return out


def _marginals_fit(texts: list[str], position: int) -> bool:
    """Whether a count of variables stands at ``at`` and the counts from there lead to the end of the file."""
    if position >= len(texts) or not _COUNT.fullmatch(texts[position]):
        return False
    n, position = int(texts[position]), position + 1
    for _ in range(n):
        if position >= len(texts) or not _COUNT.fullmatch(texts[position]):
            return False
        position += 1 + int(texts[position])
    return position == len(texts)


def _result(text: str, name: str, kind: str) -> _Tokens:
    tokens = _Tokens(SourceFile(name, text))
    if tokens.texts[:1] != [kind]:
        tokens.fail(f"a result file of this kind starts with {kind}", 0)
    tokens.at = 1
    return tokens
