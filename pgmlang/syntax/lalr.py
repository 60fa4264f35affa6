"""The loop of an LALR(1) parser over lark's tables. A run of reductions of one thing to itself (`sum: product`, ten levels
of operators below a name) is one step, remembered by where it begins: lark does them one by one, half of its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from lark import Lark, Token
from lark.parsers.lalr_analysis import Shift


class Automaton:
    """The states of a grammar, and what is built where a rule is complete."""

    def __init__(self, lark: Lark) -> None:
        conf = lark.parse_interactive("").parser_state.parse_conf
        self.states: dict[int, dict[str, tuple[Any, Any]]] = conf.states
        self.callbacks: dict[Any, Callable[[list[Any]], Any]] = conf.callbacks
        self.start, self.end = conf.start_state, conf.end_state
        self.settled: dict[tuple[int, int, str], int] = {}

    @cached_property
    def renamings(self) -> frozenset[Any]:
        """Rules that only call what they are made of by another name."""
        return frozenset(
            r for r in self.callbacks
            if not isinstance(r, str) and r.options.expand1 and r.alias is None and len(r.expansion) == 1 and not r.expansion[0].is_term
        )  # fmt: skip

    def settle(self, below: int, state: int, token: str) -> int:
        """The state on top after the renamings that a token asks for, with ``below`` under it."""
        key = (below, state, token)
        if key not in self.settled:
            action = self.states[state].get(token)
            while action is not None and action[0] is not Shift and action[1] in self.renamings:
                state = self.states[below][action[1].origin.name][1]
                action = self.states[state].get(token)
            self.settled[key] = state
        return self.settled[key]

    def parse(self, tokens: Sequence[Token]) -> tuple[Any, int | None]:
        """The tree and None, or None and the index of the token that does not fit, ``len(tokens)`` for the end."""
        states, values = [self.start], []
        for index, kind in enumerate((*(t.type for t in tokens), "$END")):
            while True:
                if len(states) > 1:
                    states[-1] = self.settle(states[-2], states[-1], kind)
                action = self.states[states[-1]].get(kind)
                if action is None:
                    return None, index
                if action[0] is Shift:
                    states.append(action[1])
                    values.append(tokens[index])
                    break
                rule = action[1]
                size = len(rule.expansion)
                parts = values[len(values) - size :]
                del states[len(states) - size :], values[len(values) - size :]
                values.append(self.callbacks[rule](parts))
                states.append(self.states[states[-1]][rule.origin.name][1])
                if kind == "$END" and states[-1] == self.end:
                    return values[-1], None
        raise AssertionError("the end is no token to shift")
