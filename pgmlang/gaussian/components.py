"""What evidence leaves together: the numbers that are not seen, in sets that hang on each other through no seen one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pgmlang.gaussian.network import GaussianNetwork, NumberConditional


@dataclass(frozen=True, eq=False)
class NumberComponent:
    """Numbers that are not seen (``hidden``, children before parents), every conditional that names one of them, and the
    ``labels`` that choose among these; without hidden ones a single conditional of seen numbers."""

    hidden: tuple[int, ...]
    conditionals: tuple[NumberConditional, ...]
    labels: tuple[int, ...]


def components(
    network: GaussianNetwork, seen: Collection[int], wanted: Collection[int], done: Collection[int] = ()
) -> tuple[NumberComponent, ...]:
    """The components of what is ``seen`` or ``wanted`` and of what is above either; what hangs below alone is left out
    (Shachter 1986). ``done``: seen numbers that are set, whose arrows are cut (Pearl 2009, section 1.3)."""
    relevant = network.ancestors({*seen, *wanted}, done)
    kept = [c for c in network.conditionals if c.child in relevant and c.child not in done]
    head = {i: i for i in relevant if i not in seen}

    def root(i: int) -> int:
        while head[i] != i:
            head[i] = head[head[i]]
            i = head[i]
        return i

    for c in kept:
        hidden = [i for i in (c.child, *c.parents) if i in head]
        for other in hidden[1:]:
            head[root(other)] = root(hidden[0])
    rank = {i: r for r, i in enumerate(network.order)}
    members: dict[int, list[int]] = {}
    for i in sorted(head, key=rank.__getitem__, reverse=True):
        members.setdefault(root(i), []).append(i)
    of_root: dict[int, list[NumberConditional]] = {r: [] for r in members}
    out = []
    for c in kept:
        hidden = [i for i in (c.child, *c.parents) if i in head]
        if hidden:
            of_root[root(hidden[0])].append(c)
        else:
            out.append(NumberComponent((), (c,), c.labels))
    for r, numbers in members.items():
        labels = tuple(sorted({v for c in of_root[r] for v in c.labels}))
        out.append(NumberComponent(tuple(numbers), tuple(of_root[r]), labels))
    return tuple(out)
