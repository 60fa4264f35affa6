"""Where the scalars of a program are worked out: in the outermost loop along all of whose loops they vary, and which have a name."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgmlang.native.scalars import Loop, Scalar
from pgmlang.native.templates import used_names
from pgmlang.native.words import ARGUMENTS, REDUCTIONS, WORDS

TALLEST = 12
"""Levels of an expression after which a value has a name."""


@dataclass(eq=False)
class LoopBody:
    """A loop (none: the function), and what is worked out in it, in order."""

    loop: Loop | None
    outer: LoopBody | None = None
    nodes: list[Scalar] = field(default_factory=list)
    members: set[int] = field(default_factory=set)
    sums: dict[int, LoopBody] = field(default_factory=dict)

    @property
    def path(self) -> tuple[LoopBody, ...]:
        return (*(self.outer.path if self.outer is not None else ()), self)


@dataclass
class Placement:
    """Bodies of loops, filled by `visit`. ``uses``: how often a scalar is said, ``said``: those that have a name, since derivatives are
    said in them; ``shared``: those that loops further in use; ``log_sums``: those whose elements are kept."""

    with_gradient: bool
    root: LoopBody = field(default_factory=lambda: LoopBody(None))
    uses: dict[int, int] = field(default_factory=dict)
    said: set[int] = field(default_factory=set)
    shared: set[int] = field(default_factory=set)
    log_sums: dict[int, Scalar] = field(default_factory=dict)

    def nest(self, loops: tuple[Loop, ...]) -> tuple[LoopBody, ...]:
        """The bodies of loops one inside another, within the function."""
        path: tuple[LoopBody, ...] = (self.root,)
        for loop in loops:
            path = (*path, LoopBody(loop, path[-1]))
        return path

    def visit(self, node: Scalar, path: tuple[LoopBody, ...]) -> None:
        """Puts a scalar and what it is made of into the blocks where they are worked out."""
        length = 1
        for i, block in enumerate(path):
            if block.loop in node.loops:
                length = i + 1
        block = path[length - 1]
        self.uses[id(node)] = self.uses.get(id(node), 0) + 1
        if length < len(path):
            self.shared.add(id(node))
        if id(node) in block.members:
            return
        block.members.add(id(node))
        for argument in node.args if node.op not in REDUCTIONS else ():
            self.visit(argument, path[:length])
        if node.op in REDUCTIONS:
            inner = LoopBody(node.payload, block)
            block.sums[id(node)] = inner
            self.visit(node.args[0], (*path[:length], inner))
            self.said.add(id(node))
            if node.op == "logsumexp":
                self.log_sums[id(node)] = node
        if self.with_gradient and node.is_active and node.op in WORDS:
            self._keep(node)
        if node.op not in ("number", "code", "loop", "size"):
            block.nodes.append(node)

    def _keep(self, node: Scalar) -> None:
        """Names what the derivatives of a scalar are said in."""
        by_name = dict(zip(ARGUMENTS, node.args, strict=False)) | {"y": node}
        for argument, derivative in zip(node.args, WORDS[node.op].derivatives, strict=False):
            if argument.is_active and derivative:
                self.said |= {id(by_name[word]) for word in used_names(derivative) & by_name.keys()}

    def is_inlined(self, node: Scalar) -> bool:
        """Whether a scalar is said where it is used, once, and has no name."""
        is_once = self.uses[id(node)] == 1 and id(node) not in self.said and id(node) not in self.shared
        return is_once and node.height % TALLEST != 0
