"""Gibbs chains over a network of labels, in threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from pgmlang.native.formulas import NotScalar
from pgmlang.native.label_network import MOST_MEETINGS, Classes, LabelNetwork

WIDTHS = (2, 4, 6, 8)
"""Numbers of neighbours that sweeps over nodes alike are compiled for."""
FEWEST_DRAWS = 20_000
"""Draws that a thread is worth."""
LONGEST_CALL = 0.1
"""Seconds of one call of compiled code, between which an interrupt is heard."""
DRAW = 50e-9
"""Seconds that a draw takes, at most."""


@cache
def _loops() -> ModuleType:
    """The compiled sweeps, which load the compiler."""
    from pgmlang.native.runtime import label_sweeps

    return label_sweeps


class HeatedClasses(NamedTuple):
    """``classes`` of nodes alike in the log-weights ``base [class, K]`` of another density too, and where the thresholds of the nodes in order
    begin, ``first``."""

    classes: Classes
    base: np.ndarray
    first: np.ndarray


@dataclass(eq=False)
class LabelChains:
    """Draws the ``free`` nodes of a network, colour by colour. States are ``[chain, V + 1]`` of 8 bits. Raises NotScalar for a network that is
    too dense, or of labels with too many values."""

    network: LabelNetwork
    free: np.ndarray
    threads: int = 1
    heated: tuple[np.ndarray, HeatedClasses] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.network.num_states.max(initial=0) > 255:
            raise NotScalar("labels of more than 255 values")
        if self.network.meetings > MOST_MEETINGS:
            raise NotScalar("factors that hold very many labels each")

    @cached_property
    def order(self) -> np.ndarray:
        """The free nodes, those of a colour together: no two of these meet."""
        near = self.network.neighbours
        colours = np.zeros(self.network.num_nodes, dtype=np.int64)
        _loops().fill_colours(near.starts, near.node, colours)
        return self.free[np.argsort(colours[self.free], kind="stable")]

    @cached_property
    def _weights(self) -> np.ndarray | None:
        """Log-weights of every class's states for each of its neighbours'."""
        classes = self.network.classes
        if classes is None:
            return None
        out = np.empty(classes.starts[-1])
        near = self.network.neighbours
        _loops().fill_cells(
            classes.example, classes.starts[:-1], near.starts, near.node, self.network.num_states, *self.network.holders,
            self.network.cells, out,
        )  # fmt: skip
        return out

    def _weights_of(self, classes: Classes) -> np.ndarray:
        """The log-weights of classes, which may be finer than the network's."""
        own, weights = self.network.classes, self._weights
        assert own is not None
        assert weights is not None
        if classes is own:
            return weights
        counts = np.diff(classes.starts)
        begin = own.starts[own.of[classes.example]]
        return weights[np.repeat(begin - classes.starts[:-1], counts) + np.arange(classes.starts[-1])]

    @cached_property
    def _near(self) -> np.ndarray | None:
        """The neighbours of the nodes in order ``[n, width]``, where they are few and all nodes have one number of states."""
        near = self.network.neighbours
        most = int(np.diff(near.starts)[self.free].max(initial=0))
        width = next((w for w in WIDTHS if w >= most), None)
        if width is None or len(np.unique(self.network.num_states)) != 1:
            return None
        counts = np.diff(near.starts)[self.order]
        out = np.full((len(self.order), width), self.network.num_nodes, dtype=np.int32)
        rows = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        # what is not there are the first digits
        out[rows, width - counts[rows] + place] = near.node[np.repeat(near.starts[self.order], counts) + place]
        return out

    @cached_property
    def _near_with_strides(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the neighbours of the nodes in order begin, which they are, and how many thresholds the states of each go on by."""
        near, states = self.network.neighbours, self.network.num_states
        counts = np.diff(near.starts)[self.order]
        starts = np.r_[0, np.cumsum(counts)]
        rows = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(rows)) - starts[rows]
        node = near.node[near.starts[self.order][rows] + place]
        logs = np.r_[0.0, np.cumsum(np.log(states[node]))]
        # the last neighbour's states are the nearest
        strides = np.round(np.exp(logs[starts[1:]][rows] - logs[1:])) * (states[self.order][rows] - 1)
        return starts, node, strides.astype(np.int64)

    def sweep(
        self, states: np.ndarray, seeds: np.ndarray, beta: float = 1.0, base: np.ndarray | None = None
    ) -> None:
        """Draws every free node of each chain once, ``states [chain, V + 1]`` in place, from ``seeds [chain]`` of 64 bits. ``beta``: a power of
        the density, ``base [V, K]``: log-weights whose density has the rest of it."""
        sweep, arguments = self._loops_at(beta, base)
        self._each(len(states), len(states), lambda part: sweep(states[part], *arguments, seeds[part]))

    def sweeps(self, states: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """As many sweeps as there are ``seeds [sweep, chain]``; the states ``[sweep, chain, V + 1]`` after each."""
        sweep, arguments = self._loops_at(1.0, None)
        passed = np.empty((*seeds.shape, states.shape[1]), dtype=np.uint8)
        most = max(1, int(LONGEST_CALL / (DRAW * max(1, len(states) * len(self.free)))))
        for begin in range(0, len(seeds), most):
            turns = slice(begin, begin + most)

            def run(part: slice, turns: slice = turns) -> None:
                here = np.ascontiguousarray(seeds[turns, part])
                after = np.empty((*here.shape, states.shape[1]), dtype=np.uint8)
                _loops().many_of(sweep)(here, after, states[part], *arguments)
                passed[turns, part] = after

            self._each(len(states), len(states) * len(seeds[turns]), run)
        return passed

    def _loops_at(self, beta: float, base: np.ndarray | None) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function of a sweep at a power of the density, and what it takes between states and seeds."""
        if self.network.classes is None:
            even = np.zeros((self.network.num_nodes, int(self.network.num_states.max(initial=1))))
            weights = even if base is None else base
            arguments = (self.order, self.network.num_states, beta, weights, *self.network.holders)
            return _loops().sweep_by_factors, (*arguments, self.network.cells)
        if beta == 1.0:
            return self._loops_by_tables(*self._tables)
        assert base is not None
        heated = self._heated(base)
        return self._loops_by_tables(heated.first, self._thresholds(heated, beta))

    def _loops_by_tables(
        self, first: np.ndarray, thresholds: np.ndarray
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        order = self._order_32
        if self._near is None:
            arguments = (order, *self._near_with_strides, first, thresholds, self.network.num_states[order])
            return _loops().sweep_by_strides, arguments
        number = np.uint32(self.network.num_states[0])
        return _loops().sweep_of_width(self._near.shape[1]), (order, self._near, first, thresholds, number)

    @cached_property
    def _order_32(self) -> np.ndarray:
        return self.order.astype(np.int32)

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the thresholds of the nodes in order begin, and all of them."""
        classes = self.network.classes
        assert classes is not None
        alike = HeatedClasses(classes, np.zeros((len(classes.example), 1)), self._first_of(classes))
        return alike.first, self._thresholds(alike, 1.0)

    def _first_of(self, classes: Classes) -> np.ndarray:
        """Where the thresholds of the nodes in order begin."""
        number = self.network.num_states[classes.example]
        starts = np.r_[0, np.cumsum(np.diff(classes.starts) // number * (number - 1))]
        return starts[classes.of[self.order]].astype(np.uint32)

    def _thresholds(self, alike: HeatedClasses, beta: float) -> np.ndarray:
        number = self.network.num_states[alike.classes.example]
        out = np.empty(int((np.diff(alike.classes.starts) // number * (number - 1)).sum()), dtype=np.uint32)
        base = np.zeros((len(number), max(int(number.max(initial=1)), alike.base.shape[1])))
        base[:, : alike.base.shape[1]] = alike.base
        _loops().fill_thresholds(alike.classes.starts, number, self._weights_of(alike.classes), beta, base, out)
        return out

    def _heated(self, base: np.ndarray) -> HeatedClasses:
        """Classes of nodes that are alike in their base too."""
        if self.heated is None or self.heated[0] is not base:
            own = self.network.classes
            assert own is not None
            is_one = bool((base == base[:1]).all())
            alike = np.zeros(len(base), np.int64) if is_one else np.unique(base, axis=0, return_inverse=True)[1]
            both = own.of * (alike.max(initial=0) + 1) + alike.reshape(-1)
            _, example, of = np.unique(both, return_index=True, return_inverse=True)
            starts = np.r_[0, np.cumsum(np.diff(own.starts)[own.of[example]])]
            classes = Classes(of.reshape(-1), example, starts)
            self.heated = base, HeatedClasses(classes, base[example], self._first_of(classes))
        return self.heated[1]

    def energies(self, states: np.ndarray) -> np.ndarray:
        """The log-density ``[chain]`` of states, unnormalised."""
        out = np.full(len(states), self.network.constant)
        for nodes, base, strides in self._elements:
            _loops().add_energies(states, nodes, base, strides, self.network.cells, out)
        return out

    @cached_property
    def _elements(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The elements of all factors of as many slots together: the nodes of each, the base and the strides."""
        out = []
        for slots in sorted({f.nodes.shape[1] for f in self.network.factors}):
            alike = [f for f in self.network.factors if f.nodes.shape[1] == slots]
            strides = [np.broadcast_to(f.strides, f.nodes.shape) for f in alike]
            parts = ([f.nodes for f in alike], [f.base for f in alike], strides)
            nodes, base, stride = (np.concatenate(some) for some in parts)
            out.append((nodes.astype(np.int32), base, stride.astype(np.int32)))
        return out

    def log_weights(self, states: np.ndarray, node: int) -> np.ndarray:
        """The log-weights ``[chain, K]`` of a node's states given all else."""
        number = int(self.network.num_states[node])
        out = np.empty((len(states), number))
        for state, weights in zip(states, out, strict=True):
            _loops().weights_by_factors(state, node, weights, number, *self.network.holders, self.network.cells)
        return out

    def _each(self, chains: int, times: int, run: Callable[[slice], None]) -> None:
        """Runs over all chains, shared out among threads where the nodes are drawn so many ``times`` in all that it pays."""
        shares = min(self.threads, chains, max(1, times * len(self.free) // FEWEST_DRAWS))
        if shares < 2:
            run(slice(0, chains))
            return
        cuts = np.linspace(0, chains, shares + 1).astype(int)
        for done in [self._pool.submit(run, slice(a, b)) for a, b in pairwise(cuts)]:
            done.result()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="labels")
