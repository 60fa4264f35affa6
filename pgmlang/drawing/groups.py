"""Plates as a tree of groups. Plates that cross form one component of atoms ordered so that each plate is a run.

An atom is the set of nodes with the same plates among those of the component; the root is an atom without plates.
For two crossed plates the atoms are (only A)(both)(only B). Three plates that cross pairwise have no such order
(the consecutive-ones property, Fulkerson and Gross 1965): then a plate comes as several boxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations

from pgmlang.drawing.scene import Scene, ScenePlate


@dataclass
class Atom:
    component: int
    nodes: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)


@dataclass
class Component:
    parent: int
    atoms: list[int]
    boxes: list[int] = field(default_factory=list)


@dataclass
class Box:
    """One drawn rectangle of a plate: a run of atoms of a component."""

    plate: int
    depth: int
    atoms: frozenset[int]
    members: frozenset[int]


@dataclass
class Groups:
    """The tree: atom 0 is the root; ``home[v]`` is the atom of node v."""

    atoms: list[Atom]
    components: list[Component]
    boxes: list[Box]
    home: list[int]

    def path(self, atom: int) -> list[int]:
        """The atoms from this one up to the root."""
        out = [atom]
        while self.atoms[atom].component >= 0:
            atom = self.components[self.atoms[atom].component].parent
            out.append(atom)
        return out


@dataclass(frozen=True)
class Membership:
    """The plates of the scene and the nodes in each; nodes from ``count`` on are blanks that only hold space."""

    plates: tuple[ScenePlate, ...]
    members: tuple[frozenset[int], ...]
    ancestors: tuple[frozenset[int], ...]
    beside: tuple[int, ...]
    count: int = 0

    @property
    def is_even(self) -> bool:
        """Whether every node lies in the same plates, or in none: boxes then say nothing of the layout."""
        return not self.beside and all(len(members) == self.count for members in self.members)


def membership(scene: Scene) -> Membership:
    """The nodes' plates closed under parents, and blanks where a box would be empty or hide a crossing.

    Crossed plates where one has no node of its own would be drawn nested, which says something else: a blank keeps
    the box sticking out. ``beside[i]`` is the node in whose layer blank i stands (-1: any).
    """
    plates = {plate.name: plate for plate in scene.plates}
    for node in scene.nodes:
        for name in node.plates:
            plates.setdefault(name, ScenePlate(name, name))
    names = list(plates)
    index = {name: i for i, name in enumerate(names)}
    ancestors = [_ancestors(name, plates, index) for name in names]
    members: list[set[int]] = [set() for _ in names]
    for v, node in enumerate(scene.nodes):
        for name in node.plates:
            for p in {index[name], *ancestors[index[name]]}:
                members[p].add(v)
    beside: list[int] = []

    def add_blank(p: int, near: int) -> None:
        for q in {p, *ancestors[p]}:
            members[q].add(len(scene.nodes) + len(beside))
        beside.append(near)

    # Inner plates first, so that a blank of an inner plate also fills the outer one.
    for p in sorted(range(len(names)), key=lambda p: -len(ancestors[p])):
        if not members[p]:
            add_blank(p, -1)
    for p in range(len(names)):
        for q in range(len(names)):
            related = p == q or q in ancestors[p] or p in ancestors[q]
            if not related and members[p] and members[p] <= members[q]:
                add_blank(p, min(members[p]))
    return Membership(
        tuple(plates.values()), tuple(map(frozenset, members)), tuple(ancestors), tuple(beside), len(scene.nodes)
    )


def _ancestors(name: str, plates: dict[str, ScenePlate], index: dict[str, int]) -> frozenset[int]:
    ancestors: set[str] = set()
    todo = list(plates[name].parents)
    while todo:
        parent = todo.pop()
        if parent in plates and parent not in ancestors and parent != name:
            ancestors.add(parent)
            todo.extend(plates[parent].parents)
    return frozenset(index[parent] for parent in ancestors)


def build(info: Membership, count: int) -> Groups:
    """The group tree of ``count`` nodes (blanks included)."""
    groups = Groups([Atom(-1)], [], [], [0] * count)
    ranks = sorted(range(len(info.plates)), key=lambda p: (-len(info.members[p]), len(info.ancestors[p]), p))
    _fill(groups, 0, frozenset(range(count)), ranks, info)
    return groups


def _fill(groups: Groups, atom: int, nodes: frozenset[int], ranked: list[int], info: Membership) -> None:
    """Put the outermost components of the plates (largest first) into an atom, and recur into theirs."""
    free = set(nodes)
    left = list(ranked)
    while left:
        crossed = _component(left, info)
        union = frozenset().union(*(info.members[p] for p in crossed))
        inner = [p for p in left if p not in crossed and info.members[p] <= union]
        left = [p for p in left if p not in crossed and p not in inner]
        free -= union
        number = len(groups.components)
        component = Component(atom, [])
        groups.components.append(component)
        groups.atoms[atom].children.append(number)
        kinds: dict[frozenset[int], set[int]] = {}
        for v in sorted(union):
            kinds.setdefault(frozenset(p for p in crossed if v in info.members[p]), set()).add(v)
        ordered = consecutive(list(kinds), crossed)
        made: dict[frozenset[int], int] = {}
        for kind in ordered:
            made[kind] = len(groups.atoms)
            component.atoms.append(made[kind])
            groups.atoms.append(Atom(number))
        for p in crossed:
            for run in runs(ordered, p):
                inside = frozenset().union(*(kinds[kind] for kind in run))
                component.boxes.append(len(groups.boxes))
                groups.boxes.append(Box(p, len(info.ancestors[p]), frozenset(made[k] for k in run), inside))
        for kind in ordered:
            within = [p for p in inner if info.members[p] <= kinds[kind]]
            _fill(groups, made[kind], frozenset(kinds[kind]), within, info)
    for v in sorted(free):
        groups.atoms[atom].nodes.append(v)
        groups.home[v] = atom


def _component(ranked: list[int], info: Membership) -> list[int]:
    """The plates that cross the largest one, those that cross these, and so on."""
    component = [ranked[0]]
    for p in component:
        for q in ranked:
            a, b = info.members[p], info.members[q]
            if q not in component and a & b and not a <= b and not b <= a:
                component.append(q)
    # A plate around one of the component is larger than it; it was not the largest, so it crosses or holds all.
    return sorted(component)


def runs(ordered: list[frozenset[int]], plate: int) -> list[list[frozenset[int]]]:
    """The stretches of consecutive atoms that lie in a plate."""
    out: list[list[frozenset[int]]] = []
    previous = False
    for kind in ordered:
        if plate in kind:
            if previous:
                out[-1].append(kind)
            else:
                out.append([kind])
        previous = plate in kind
    return out


def consecutive(kinds: list[frozenset[int]], plates: Iterable[int]) -> list[frozenset[int]]:
    """The order of atoms with the fewest boxes: all orders of up to six atoms, else each put in its best place."""
    plates = list(plates)

    def cost(order: list[frozenset[int]]) -> int:
        return sum(len(runs(order, p)) for p in plates)

    if len(kinds) <= 6:
        return min((list(order) for order in permutations(kinds)), key=cost)
    order: list[frozenset[int]] = []
    for kind in kinds:
        order = min(([*order[:i], kind, *order[i:]] for i in range(len(order) + 1)), key=cost)
    return order
