"""Formulas of families as scalars."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from functools import cache

from pgmlang.families.formula import needed_names
from pgmlang.native.scalars import Scalar, ScalarGraph
from pgmlang.native.words import EXPANSIONS, OPERATORS, PAIRS, WORDS


class NotScalar(Exception):
    """What no program of loops says; the message says what."""


@cache
def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def scalar_of(graph: ScalarGraph, text: str, values: Mapping[str, Scalar]) -> Scalar:
    """A formula of scalars by name."""
    return _scalar(graph, _tree(text), values)


def formula_of(graph: ScalarGraph, text: str, let: Mapping[str, str], values: Mapping[str, Scalar]) -> Scalar:
    """A formula with the names of ``let`` that it needs, which its scalars are then called by."""
    text = with_pairs(text, let)
    everything = dict(values)
    for word, formula in needed_names(let, (text,)):
        everything[word] = graph.hint(scalar_of(graph, formula, everything), word)
    return scalar_of(graph, text, everything)


def with_pairs(text: str, let: Mapping[str, str]) -> str:
    """A formula, its names for functions with two values replaced by what they name."""
    names = {
        n.value.id for n in ast.walk(_tree(text)) if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)
    }
    for name in names:
        text = re.sub(rf"\b{name}\[", f"{let[name]}[", text)
    return text


def _scalar(graph: ScalarGraph, node: ast.expr, values: Mapping[str, Scalar]) -> Scalar:
    match node:
        case ast.Constant(value=float() | int() as value):
            return graph.number(float(value))
        case ast.Name(id=name):
            if name in values:
                return values[name]
            return graph.number({"pi": math.pi, "inf": math.inf}[name])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return graph.make("neg", _scalar(graph, operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            return graph.make(OPERATORS[type(op)], _scalar(graph, left, values), _scalar(graph, right, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return graph.make(OPERATORS[type(op)], _scalar(graph, left, values), _scalar(graph, right, values))
        case ast.Call(func=ast.Name(id=word), args=arguments):
            return word_of(graph, word, [_scalar(graph, a, values) for a in arguments])
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id=word), args=arguments), slice=ast.Constant(value=int() as i)
        ):
            if word not in PAIRS:
                raise NotScalar(f"the function `{word}`")
            return word_of(graph, PAIRS[word][i], [_scalar(graph, a, values) for a in arguments])
    raise NotScalar(f"`{ast.unparse(node)}` of a formula")


def word_of(graph: ScalarGraph, word: str, arguments: list[Scalar]) -> Scalar:
    """A function of the vocabulary. Raises NotScalar for one that has no scalar form."""
    if word in EXPANSIONS:
        expansion = EXPANSIONS[word]
        values = dict(zip(expansion.parameters, arguments, strict=True))
        for name, text in expansion.let:
            values[name] = scalar_of(graph, text, values)
        return scalar_of(graph, expansion.value, values)
    if word in WORDS:
        return graph.make(word, *arguments)
    raise NotScalar(f"the function `{word}`")
