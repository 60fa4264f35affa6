"""A Model's variables drawn one element at a time, as a program of loops: the log-weights of a label's states given all else, and the
log-densities of two numbers that are tried for an element of a real variable.

For each factor that holds an element its terms are worked out once for every state: what does not hang on the state outside of the loop over
states, what hangs on nothing that is drawn once a sweep. Which elements of a factor hold an element is a list of children, made before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.nested_loops import NestedLoops
from pgmlang.native.numpy_values import NumpyValues
from pgmlang.native.prepared import Preparation
from pgmlang.native.scalars import Array, Loop, Scalar, walk
from pgmlang.native.stages import AnyStage
from pgmlang.native.substitution import Replacement, TakenOut
from pgmlang.native.value_terms import ValueTerms, is_picked, looks_at, places_of

ELEMENT = -1
"""The depth of the loops that say which element is drawn."""


def states_axis(name: str) -> str:
    """The axis along which the states of a variable lie."""
    return f"{name} states"


class Children(NamedTuple):
    """Which elements of a factor, along ``held`` loops, hold each element of a variable: ``slots`` look at it. ``is_own``: each is held by the
    one of the same places, in the order of ``held``."""

    name: str
    slots: tuple[Scalar, ...]
    held: tuple[Loop, ...]
    is_own: bool

    @property
    def is_listed(self) -> bool:
        """Whether there are lists."""
        return bool(self.held) and not self.is_own


@dataclass(frozen=True)
class HeldTerm:
    """A factor that holds elements of a variable: its ``term`` with the state in their place, added up over loops beside those held."""

    term: FactorTerm
    children: Children

    @property
    def beside(self) -> tuple[Loop, ...]:
        """The loops that all elements hold."""
        return tuple(loop for loop in self.term.loops if loop not in self.children.held)


@dataclass(frozen=True)
class ElementConditional:
    """What the log-weights of a variable's elements, at places along ``element``, are sums of, along the loop ``states``; ``tried``: the array
    of numbers that states of a real variable stand for; ``least``: the value of the first state."""

    name: str
    element: tuple[Loop, ...]
    states: Loop
    terms: tuple[HeldTerm, ...]
    tried: Array | None = None
    least: int = 0


@dataclass(frozen=True)
class ConditionalPieces:
    """``prepared``: arrays of data alone, ``given``: those filled once a sweep."""

    prepared: tuple[AnyStage, ...]
    given: tuple[AnyStage, ...]
    conditionals: tuple[ElementConditional, ...]
    guarded: frozenset[int]


def conditional_pieces(terms: ValueTerms, names: Sequence[str]) -> ConditionalPieces:
    """Everything that conditionals of some variables are printed from. Raises NotScalar for what has no such form."""
    preparation, nested = Preparation(terms.graph), NestedLoops(terms.graph)
    found = {name: [preparation.term(nested.term(t)) for t in terms.terms_around((name,))] for name in names}
    taken = TakenOut(preparation, frozenset(names))
    conditionals = tuple(_conditional(terms, name, some, taken) for name, some in found.items())
    stages = [preparation.stage(s) for s in nested.stages(terms.stages.values())]
    return ConditionalPieces(
        (*(s for s in stages if not s.array.varies), *nested.stages(preparation.stages)),
        (*(s for s in stages if s.array.varies), *nested.stages(taken.stages.values())),
        conditionals,
        frozenset(terms.graph.guarded),
    )


def _conditional(terms: ValueTerms, name: str, found: Sequence[FactorTerm], taken: TakenOut) -> ElementConditional:
    axes = terms.model.array_axes(terms.model.by_name[name])
    element = tuple(Loop(a, ELEMENT - i) for i, a in enumerate(axes))
    states = Loop(states_axis(name))
    state, tried = terms.graph.make("loop", payload=states), None
    type_ = terms.model.by_name[name].type
    if not type_.is_discrete:
        tried = Array("tried", (name,), (states.axis,), False, True)
        state = terms.graph.load(tried, [state])
    if type_.least:
        state = terms.graph.make("add", terms.graph.number(float(type_.least)), state)
    held = [_held(terms, name, number, term, element, state, taken) for number, term in enumerate(found, 1)]
    return ElementConditional(name, element, states, tuple(h for h in held if h is not None), tried, type_.least)


def _held(
    terms: ValueTerms,
    name: str,
    number: int,
    term: FactorTerm,
    element: tuple[Loop, ...],
    state: Scalar,
    taken: TakenOut,
) -> HeldTerm | None:
    is_label = terms.model.by_name[name].type.is_discrete
    slots = (places_of if is_label else looks_at)(term.value, (name,))
    if not slots:
        return None
    graph = terms.graph
    along = {s.payload for slot in slots for s in walk(*slot.args) if s.op == "loop"}
    # of numbers that labels pick every element of a factor may hold each
    held = () if any(map(is_picked, slots)) else tuple(loop for loop in term.loops if loop in along)
    is_single = len(slots) == 1 and slots[0].loops <= set(term.loops) and not is_picked(slots[0])
    plain = [a.payload for a in slots[0].args if a.op == "loop"]
    is_own = is_single and len(set(plain)) == len(element) and set(plain) == set(held)

    def set_here(node: Scalar) -> Scalar | None:
        if not any(node is slot for slot in slots):
            return None
        if is_single:
            return state
        same = [
            graph.make("eq", a, graph.make("loop", payload=e)) for a, e in zip(node.args, element, strict=True)
        ]
        test = same[0] if len(same) == 1 else graph.make("and", *same[:2])
        for more in same[2:]:
            test = graph.make("and", test, more)
        return graph.make("where", test, state, node)

    value = Replacement(graph, set_here).scalar(term.value)
    value = Replacement(graph, lambda node: taken.piece(node, held, element)).scalar(value)
    children = Children(f"{name}_{number}", tuple(slots), tuple(plain) if is_own else held, is_own)
    return HeldTerm(replace(term, value=value), children)


def child_lists(children: Children, values: NumpyValues, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Where the children of each element begin, and their places along each of the held loops."""
    sizes = tuple(values.size(loop.axis) for loop in children.held)
    count = int(np.prod(sizes))
    places = dict(zip(children.held, np.unravel_index(np.arange(count), sizes), strict=True))
    pairs = []
    for slot in children.slots:
        loops, rank = dict(places), 1
        inner = {s.payload for s in walk(*slot.args) if s.op == "loop"} - places.keys()
        for loop in sorted(inner, key=lambda loop: (loop.depth, loop.axis)):
            loops[loop] = np.arange(values.size(loop.axis)).reshape(-1, *[1] * rank)
            rank += 1
        here, node = values.at(loops, {}, rank), np.zeros((), dtype=np.int64)
        for index, size in zip(slot.args, shape, strict=True):
            node = node * size + np.asarray(here.value(index), dtype=np.int64)
        wide = np.broadcast_to(node, np.broadcast_shapes(node.shape, (count,)))
        pairs.append((wide * count + np.arange(count)).reshape(-1))
    each = np.unique(np.concatenate(pairs))
    starts = np.searchsorted(each, np.arange(int(np.prod(shape)) + 1) * count)
    return (starts, *np.unravel_index(each % count, sizes))
