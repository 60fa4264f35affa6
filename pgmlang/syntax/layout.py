"""From raw tokens to the tokens the grammar reads: brackets matched, newlines made separators, statement words.

Bracket errors are found here, where the opener is known; the parser never sees an unbalanced text.
"""

from __future__ import annotations

from collections.abc import Iterator

from lark import Token

from pgmlang.diagnostics import Diagnostic, Label, SourceFile, Span

MAX_DEPTH = 100

STATEMENT_WORDS = {
    "pgm": "PGM",
    "model": "MODEL",
    "import": "IMPORT",
    "dim": "DIM",
    "plate": "PLATE",
    "param": "PARAM",
    "input": "INPUT",
    "field": "FIELD",
    "factor": "FACTOR",
    "net": "NET",
    "guide": "GUIDE",
    "def": "DEF",
    "return": "RETURN",
}
"""Words that are keywords only at the start of a statement."""

HARD_WORDS = ("if", "then", "else", "and", "or", "not", "true", "false")
"""Words that are always keywords, except as labels."""

_CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_GLYPH = {"LPAR": "(", "LSQB": "[", "LBRACE": "{", "RPAR": ")", "RSQB": "]", "RBRACE": "}"}
_SWALLOW_AFTER = {
    "COMMA", "TILDE", "EQUAL", "COLON", "COMPARE", "PLUS", "MINUS", "TIMES", "DIVIDE", "AT", "POWER", "IF", "THEN",
    "ELSE", "AND", "OR", "NOT", "ARROW", "LBRACE", "SEP",
}  # fmt: skip
_SWALLOW_BEFORE = {"RBRACE", "LBRACE", "COMMA"}
_NAME_FOLLOWS = {"TILDE", "COLON", "EQUAL", "COMMA", "LSQB"}


class NewlinePostlex:
    """Lark's hook that keeps the separator terminals alive; the work is done by :func:`lay_out`."""

    always_accept = ("NEWLINE", "SEMICOLON")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def span_of(file: SourceFile, token: Token) -> Span:
    """Where a token stands."""
    start = token.start_pos or 0
    return Span(file, start, max(start + 1, token.end_pos or start + 1))


def lay_out(file: SourceFile, raw: list[Token]) -> tuple[list[Token], list[Diagnostic]]:
    """Tokens for the grammar, and the bracket errors found."""
    tokens, errors = _match_brackets(file, raw)
    tokens = _separate(tokens)
    return _keywords(tokens), errors


def _match_brackets(file: SourceFile, raw: list[Token]) -> tuple[list[Token], list[Diagnostic]]:
    """Drops newlines inside ( ) and [ ]; reports unbalanced brackets and leaves out what they enclose."""
    out: list[Token] = []
    errors: list[Diagnostic] = []
    stack: list[tuple[Token, int]] = []
    for token in raw:
        if token.type in _CLOSER:
            stack.append((token, len(out)))
            if len(stack) > MAX_DEPTH:
                errors.append(
                    Diagnostic(
                        "PGM0107",
                        f"brackets nested more than {MAX_DEPTH} deep",
                        span_of(file, token),
                        help="split the expression: give its parts names with `=`",
                    )
                )
                _drop_statement(out, stack[0][1])
                return out, errors
        elif token.type in ("RPAR", "RSQB", "RBRACE"):
            if not stack:
                errors.append(
                    Diagnostic(
                        "PGM0104",
                        f"`{_GLYPH[token.type]}` closes nothing",
                        span_of(file, token),
                        help="remove it, or open the bracket it should close",
                    )
                )
                continue
            opener, _ = stack[-1]
            if _CLOSER[opener.type] != token.type:
                _unclosed(file, stack, token, out, errors)
                if not stack:
                    continue
            stack.pop()
        elif token.type == "NEWLINE" and stack and stack[-1][0].type in ("LPAR", "LSQB"):
            continue
        out.append(token)
    while stack:
        opener, position = stack.pop()
        if not stack or opener.type != "LBRACE":
            errors.append(_unclosed_error(file, opener, None))
        _drop_statement(out, position)
    return out, errors


def _drop_statement(out: list[Token], start: int) -> None:
    """Takes out a broken bracket and the statement it stands in, up to here."""
    del out[start:]
    while out and out[-1].type not in ("NEWLINE", "SEMICOLON", "LBRACE"):
        out.pop()


def _unclosed(
    file: SourceFile, stack: list[tuple[Token, int]], closer: Token, out: list[Token], errors: list[Diagnostic]
) -> None:
    """Pops openers up to the one this closer fits, reporting each; a closer that fits none is dropped."""
    fitting = [i for i, (opener, _) in enumerate(stack) if _CLOSER[opener.type] == closer.type]
    if not fitting:
        errors.append(
            Diagnostic(
                "PGM0104",
                f"`{_GLYPH[closer.type]}` does not close `{stack[-1][0]}`",
                span_of(file, closer),
                secondary=(Label(span_of(file, stack[-1][0]), "opened here"),),
                help=f"close it with `{_GLYPH[_CLOSER[stack[-1][0].type]]}`",
            )
        )
        stack.clear()
        return
    while _CLOSER[stack[-1][0].type] != closer.type:
        opener, position = stack.pop()
        errors.append(_unclosed_error(file, opener, closer))
        _drop_statement(out, position)


def _unclosed_error(file: SourceFile, opener: Token, closer: Token | None) -> Diagnostic:
    want = _GLYPH[_CLOSER[opener.type]]
    secondary = (Label(span_of(file, closer), f"`{closer}` met while it is open"),) if closer is not None else ()
    return Diagnostic(
        "PGM0103",
        f"`{opener}` is never closed",
        span_of(file, opener),
        label="opened here",
        secondary=secondary,
        help=f"add `{want}` where it should end",
    )


def _separate(tokens: list[Token]) -> list[Token]:
    """NEWLINE and SEMICOLON become SEP where they part statements and vanish elsewhere."""
    out: list[Token] = []
    waiting: Token | None = None
    for i, token in enumerate(tokens):
        if token.type in ("NEWLINE", "SEMICOLON"):
            waiting = waiting or token
            continue
        if waiting is not None and out and out[-1].type not in _SWALLOW_AFTER and not _continues(tokens, i):
            out.append(Token.new_borrow_pos("SEP", waiting.value, waiting))
        waiting = None
        out.append(token)
    return out


def _continues(tokens: list[Token], i: int) -> bool:
    """Whether a token carries on the line before; `then` and `else` may also be the first label of a row."""
    if tokens[i].type in ("THEN", "ELSE"):
        return i + 1 < len(tokens) and tokens[i + 1].type not in ("COMMA", "COLON")
    return tokens[i].type in _SWALLOW_BEFORE


def _keywords(tokens: list[Token]) -> list[Token]:
    """NAME tokens that stand where a statement word belongs become that keyword."""
    out: list[Token] = []
    statement = ""
    around: list[str] = []
    for i, token in enumerate(tokens):
        if token.type == "LBRACE":
            around.append(statement)
        elif token.type == "RBRACE" and around:
            statement = around.pop()
        starts = i == 0 or out[-1].type in ("SEP", "LBRACE")
        if starts:
            statement = ""
        if token.type == "NAME":
            following = tokens[i + 1].type if i + 1 < len(tokens) else "$END"
            if token.value in ("factor", "return") and following == "LSQB" and not _is_declared(tokens, i + 1):
                following = "NUMBER"  # a vector, not the axes of a variable of this name
            word = STATEMENT_WORDS.get(token.value)
            if starts and word and _is_keyword(word, following):
                statement = word
                token = Token.new_borrow_pos(word, token.value, token)
            elif token.value == "in" and statement == "PLATE" and following == "NAME" and out[-1].type != "PLATE":
                token = Token.new_borrow_pos("IN", token.value, token)
            elif not starts and token.value == "like" and statement == "DIM" and out[-1].type == "NAME":
                token = Token.new_borrow_pos("LIKE", token.value, token)
        out.append(token)
    return out


def _is_declared(tokens: list[Token], bracket: int) -> bool:
    """Whether brackets hold the axes of a variable that a statement defines."""
    depth = 0
    for i in range(bracket, len(tokens)):
        depth += {"LSQB": 1, "RSQB": -1}.get(tokens[i].type, 0)
        if depth == 0:
            return i + 1 < len(tokens) and tokens[i + 1].type in _NAME_FOLLOWS - {"LSQB"}
    return False


def _is_keyword(word: str, following: str) -> bool:
    if word == "PGM":
        return following == "NUMBER"
    if word in ("FACTOR", "RETURN"):
        return following not in _NAME_FOLLOWS | {"SEP", "RBRACE", "$END"}
    if word == "GUIDE":
        return following in ("NAME", "LBRACE")
    return following == "NAME" or following not in _NAME_FOLLOWS | {"LBRACE", "RBRACE", "SEP"}
