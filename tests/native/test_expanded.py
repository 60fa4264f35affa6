"""Calls written out in a tree: what a program gives stays the same."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from pgmlang.native.expanded import with_calls_written_out


def ran(source: str, call: str) -> tuple[Any, Any, str]:
    """What a call gives before and after, and the program afterwards."""
    text = "inlined = lambda function: function\n" + textwrap.dedent(source)
    tree = with_calls_written_out(ast.parse(text))
    found = []
    for code in (ast.parse(text), tree):
        names: dict[str, Any] = {}
        exec(compile(code, "program.py", "exec"), names)
        found.append(eval(call, names))
    return found[0], found[1], ast.unparse(tree)


def test_a_call_in_a_loop() -> None:
    before, after, text = ran(
        """
        @inlined
        def square(x, n):
            "The square, and more."
            total = 0.0
            for i in range(n):
                total += x * x
            return total

        def main(values, n):
            total = 100.0
            for i in range(len(values)):
                value = square(values[i], n)
                total += value
            return total, i
        """,
        "main([1.0, 2.0, 3.0], 2)",
    )
    assert before == after == (128.0, 2)
    assert text.count("square(") == 1  # its definition


def test_two_calls_of_functions_that_call() -> None:
    before, after, text = ran(
        """
        @inlined
        def half(x):
            return x / 2

        @inlined
        def both(x, y):
            z = half(x)
            x = half(y)
            return z + x

        def main(x, y):
            a = both(x, y)
            b = both(y, 10 * x)
            return both(a, b)
        """,
        "main(3.0, 5.0)",
    )
    assert before == after
    assert text.count("half(") == 1
    assert text.count("both(") == 1


def test_what_returns_early_or_stands_within_stays_a_call() -> None:
    before, after, text = ran(
        """
        @inlined
        def sign(x):
            if x > 0:
                return 1
            return -1

        @inlined
        def twice(x):
            return 2 * x

        def main(x):
            y = sign(x)
            return y + twice(x)
        """,
        "main(3)",
    )
    assert before == after == 7
    assert text.count("sign(x)") == 2
    assert text.count("twice(x)") == 2


def test_a_statement_of_a_function_that_gives_nothing() -> None:
    before, after, text = ran(
        """
        @inlined
        def put(values, i, x):
            y = 2 * x
            values[i] += y

        def main(n):
            y = [0] * n
            for i in range(n):
                put(y, i, i + 1)
            return y
        """,
        "main(3)",
    )
    assert before == after == [2, 4, 6]
    assert text.count("put(") == 1
