"""The query language: ``P(a, b | c = yes, do(d = no))``, ``MAP(...)``, ``E(x | ...)``, ``P(x > 3)``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile, Span

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<word>[^\W\d][\w.]*|\d[\w.]*)|(?P<op><=|>=|==|!=|[()\[\]{},|=<>~:*])""",
    re.VERBOSE,
)
COMPUTED = "define it in the model (`d = a - b`), and ask for `E(d)` or `P(d > 0)`"
COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class QueryVariable:
    """A variable as the query names it: ``name[element]`` for an element of an axis or sized plate."""

    name: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Event:
    """A target, with a comparison when its probability alone is asked (``x > 3``, ``lung = yes``)."""

    variable: QueryVariable
    op: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Evidence:
    """``variable = value``, or weights of its labels for soft evidence."""

    variable: QueryVariable
    value: str | None
    weights: tuple[tuple[str, float], ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Query:
    """``kind``: ``P``, ``MAP`` or ``E``. No targets in a ``MAP`` means all variables (``MAP(*)``)."""

    text: str
    kind: str
    targets: tuple[Event, ...]
    evidence: tuple[Evidence, ...] = ()
    interventions: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse_query(text: str) -> Query:
    """Parses a query. Raises PgmError PGM0606 with the place that was not understood."""
    return _Parser(text).query()


def parse_evidence(text: str) -> tuple[Evidence, ...]:
    """Parses ``a = yes, b = no`` alone (``--evidence``). Raises PgmError PGM0606."""
    parser = _Parser(text)
    evidence, interventions = parser.conditions("$end")
    if interventions:
        raise parser.error("`do` belongs into a query", interventions[0].variable.span)
    return evidence


def parse_conditions(text: str) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """Parses ``a = yes, do(b = no)``: what is seen, and what is set. Raises PgmError PGM0606."""
    return _Parser(text).conditions("$end")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.file = SourceFile("<query>", text)
        self.tokens = self._tokenise()
        self.at = 0

    def error(self, message: str, span: Span | None = None, help: str = "") -> PgmError:
        token = self.tokens[min(self.at, len(self.tokens) - 1)]
        where = span or Span(self.file, token.start, max(token.end, token.start + 1))
        cure = (
            help
            or "write `P(a | b = yes)`, `P(a, b)`, `P(a | do(b = no))`, `MAP(a | b = yes)`, `MAP(*)` or `E(x)`"
        )
        return PgmError(Diagnostic("PGM0606", message, where, help=cure))

    def _tokenise(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                span = Span(self.file, position, position + 1)
                cure = 'quote names and labels that are not plain words: `"0-5 cm"`'
                if self.text[position] in "+-/^@":
                    cure = f"a query has no arithmetic: {COMPUTED}; {cure}"
                raise PgmError(
                    Diagnostic("PGM0606", f"`{self.text[position]}` means nothing in a query", span, help=cure)
                )
            if match.lastgroup != "space":
                tokens.append(_Token(match.lastgroup or "", match.group(), position, match.end()))
            position = match.end()
        tokens.append(_Token("end", "$end", len(self.text), len(self.text)))
        return tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def _take(self) -> _Token:
        token = self.token
        self.at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self.token.kind in ("op", "end") and self.token.text in texts

    def _expect(self, text: str) -> _Token:
        if not self._is(text):
            unexpected = "the query ends" if self.token.kind == "end" else f"unexpected `{self.token.text}`"
            raise self.error(
                f"{unexpected}, `{text}` expected" if text != "$end" else f"{unexpected} after the query"
            )
        return self._take()

    # ---- grammar

    def query(self) -> Query:
        head = self._take()
        if head.text not in ("P", "MAP", "E", "MPE"):
            self.at = 0
            raise self.error("a query starts with `P(`, `MAP(` or `E(`")
        kind = "MAP" if head.text == "MPE" else head.text
        self._expect("(")
        targets: list[Event] = []
        if kind == "MAP" and self._is("*"):
            self._take()
        elif not (head.text == "MPE" and self._is("|", ")")):
            targets.append(self._event(kind))
            while self._is(","):
                self._take()
                targets.append(self._event(kind))
        evidence: tuple[Evidence, ...] = ()
        interventions: tuple[Evidence, ...] = ()
        if self._is("|"):
            self._take()
            evidence, interventions = self.conditions(")")
        self._expect(")")
        self._expect("$end")
        names = [t.variable.name for t in targets]
        for i, target in enumerate(targets):
            if target.variable.name in names[:i]:
                raise self.error(f"`{target.variable.name}` is asked for twice", target.variable.span)
        if any(t.op for t in targets) and not all(t.op for t in targets):
            plain = next(t for t in targets if not t.op)
            raise self.error(
                "ask either for events (`a = yes`) or for whole distributions (`a`), not both at once",
                plain.variable.span,
            )
        return Query(self.text, kind, tuple(targets), evidence, interventions)

    def _event(self, kind: str) -> Event:
        variable = self._variable()
        if kind == "P" and self._is(*COMPARISONS):
            op = self._take().text
            event = Event(variable, "=" if op == "==" else op, self._value())
            self._refuse_more(event)
            return event
        return Event(variable)

    def _refuse_more(self, event: Event) -> None:
        """Raises PgmError PGM0606 for what goes on where an event of a number ends: a second comparison, a second variable,
        arithmetic."""
        if self._is(*COMPARISONS):
            bound, name = event.variable.name, event.value
            turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(event.op or "", "=")
            (op, number) = (self._take().text, self._value())
            last = f"`P({name} {op} {number})`"
            cure = f"ask for {last} and `P({name} {turned} {bound})`: both hold with their sum less 1"
            raise self.error("two comparisons in one event", event.variable.span, cure)
        if self._is("["):
            raise self.error("a variable is compared with a number or one of its labels", help=COMPUTED)
        if self._is("*"):
            raise self.error("`*` means nothing in an event", help=f"a query has no arithmetic: {COMPUTED}")

    def conditions(self, end: str) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
        """Evidence and interventions up to ``end``."""
        evidence: list[Evidence] = []
        interventions: list[Evidence] = []
        while not self._is(end):
            if self.token.text == "do" and self.tokens[self.at + 1].text == "(":
                self._take()
                self._take()
                interventions.append(self._condition())
                while self._is(","):
                    self._take()
                    interventions.append(self._condition())
                self._expect(")")
            else:
                evidence.append(self._condition())
            if not self._is(","):
                break
            self._take()
        if end == "$end":
            self._expect(end)
        seen: set[str] = set()
        for item in [*evidence, *interventions]:
            if item.variable.name in seen:
                raise self.error(f"`{item.variable.name}` is given twice", item.variable.span)
            seen.add(item.variable.name)
        return tuple(evidence), tuple(interventions)

    def _condition(self) -> Evidence:
        variable = self._variable()
        if self._is("~"):
            self._take()
            return Evidence(variable, None, self._weights(), variable.span)
        if self._is(*COMPARISONS) and not self._is("=", "=="):
            told = f"{variable.name} {self.token.text} {self.tokens[self.at + 1].text}"
            raise self.error(
                f"what is given is a value, and no event such as `{told}`", None,
                f"write `{variable.name} = VALUE`; of a random `{variable.name}` the answer is `P(..., {told})` divided by "
                f"`P({told})`",
            )  # fmt: skip
        if not self._is("=", "=="):
            raise self.error(f"the value of `{variable.name}` is missing", help=f"write `{variable.name} = VALUE`")
        self._take()
        start = self.token
        value = self._value()
        return Evidence(variable, value, (), Span(self.file, start.start, start.end))

    def _weights(self) -> tuple[tuple[str, float], ...]:
        """``{no: 0.2, yes: 0.8}``: how likely the observation is under each label."""
        self._expect("{")
        weights: list[tuple[str, float]] = []
        while True:
            label = self._value()
            self._expect(":")
            number = self._take()
            if number.kind != "number" or not 0 <= float(number.text) < math.inf:
                self.at -= 1
                raise self.error(
                    "soft evidence is a weight from 0 for each label", help="write `x ~ {no: 0.2, yes: 0.8}`"
                )
            if label in (told for told, _ in weights):
                self.at -= 1
                raise self.error(f"the label `{label}` has two weights", help="give each label one weight")
            weights.append((label, float(number.text)))
            if not self._is(","):
                break
            self._take()
        self._expect("}")
        return tuple(weights)

    def _value(self) -> str:
        token = self._take()
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind in ("number", "word"):
            return token.text
        self.at -= 1
        raise self.error("a label is missing", help='labels that are not plain words are quoted: `"0-5 cm"`')

    def _variable(self) -> QueryVariable:
        token = self._take()
        if token.kind not in ("word", "string", "number"):
            self.at -= 1
            unexpected = "the query ends" if token.kind == "end" else f"unexpected `{token.text}`"
            raise self.error(f"{unexpected}, a variable expected")
        name = token.text if token.kind != "string" else re.sub(r"\\(.)", r"\1", token.text[1:-1])
        end = token.end
        if self._is("["):
            self._take()
            parts = [self._element()]
            while self._is(","):
                self._take()
                parts.append(self._element())
            if not self._is("]") and self.token.kind != "end":
                rest = self.text[self.tokens[self.at - 1].start :].partition("]")[0].strip()
                raise self.error(
                    f"`{rest}` is not one plain word",
                    Span(self.file, self.tokens[self.at - 1].start, self.token.end),
                    f'quote names that are not: `{name}["{rest}"]`',
                )
            end = self._expect("]").end
            name = f"{name}[{', '.join(parts)}]"
        return QueryVariable(name, Span(self.file, token.start, end))

    def _element(self) -> str:
        """One index; the plate's name in ``z[day = "d17"]`` is taken and left out."""
        value = self._value()
        if self._is("="):
            self._take()
            value = self._value()
        return value
