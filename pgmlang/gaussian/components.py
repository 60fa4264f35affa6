"""What evidence leaves together: the numbers that are not seen, in sets that hang on each other through no seen one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pgmlang.gaussian.network import GaussianNetwork, NumberConditional


@dataclass(frozen=True, eq=False)
class NumberComponent:
    """Numbers that are not seen (``hidden``, children before parents), every conditional that names one of them, and the
    ``labels`` that choose among these; without hidden ones, conditionals of seen numbers that the same labels choose among. All that no label
    chooses among is one component."""

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
    if not any(c.labels for c in kept):
        # what no label chooses among is one normal distribution, whether it hangs together or not
        hidden = sorted(relevant.difference(seen), key=network.rank.__getitem__, reverse=True)
        return (NumberComponent(tuple(hidden), tuple(kept), ()),) if kept else ()
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
    members: dict[int, list[int]] = {}
    for i in sorted(head, key=network.rank.__getitem__, reverse=True):
        members.setdefault(root(i), []).append(i)
    of_root: dict[int, list[NumberConditional]] = {r: [] for r in members}
    out = []
    seen_whole: dict[tuple[int, ...], list[NumberConditional]] = {}
    for c in kept:
        hidden = [i for i in (c.child, *c.parents) if i in head]
        if hidden:
            of_root[root(hidden[0])].append(c)
        else:
            seen_whole.setdefault(c.labels, []).append(c)
    without_labels: list[tuple[list[int], list[NumberConditional]]] = []
    for r, numbers in members.items():
        labels = tuple(sorted({v for c in of_root[r] for v in c.labels}))
        if labels:
            out.append(NumberComponent(tuple(numbers), tuple(of_root[r]), labels))
        else:
            without_labels.append((numbers, of_root[r]))
    plain = seen_whole.pop((), [])
    if without_labels or plain:
        together = [c for _, listed in without_labels for c in listed]
        out.append(
            NumberComponent(tuple(i for numbers, _ in without_labels for i in numbers), (*together, *plain), ())
        )
    out += [NumberComponent((), tuple(listed), labels) for labels, listed in seen_whole.items()]
    return tuple(out)
