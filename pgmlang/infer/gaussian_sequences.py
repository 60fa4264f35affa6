"""Bound rows of chains whose labels choose among their numbers' distributions, a conditional Gaussian network for each sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import checked_codes, nested_plates
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.gaussian import BlockPosterior, GaussianEngine, NumberRows
from pgmlang.gaussian.label_paths import LabelPaths
from pgmlang.gaussian.sequence_network import SequenceNetwork, sequence_network
from pgmlang.graph.childless import is_childless_missing
from pgmlang.infer.gaussian_rows import check_elements
from pgmlang.tables.elements import NodeBlock

MOST_TOGETHER = 2_000
"""Most open numbers of one factorisation, where no label is left to part them."""


class RowsOfSequence(NamedTuple):
    """``rows``: where the rows of the network are in the table; ``unit``: whose sequence it is."""

    sequence: SequenceNetwork
    rows: np.ndarray
    unit: int = 0


@dataclass(frozen=True, eq=False)
class GaussianSequences:
    """``parameters``: what is known beside the rows, by name."""

    binding: Binding
    parameters: Mapping[str, np.ndarray]

    @cached_property
    def _nested(self) -> tuple[str, str] | None:
        return nested_plates(self.binding.model, self.parameters)

    @property
    def unit(self) -> str | None:
        """The plate of whose elements each has a sequence of its own; None where all are worked out together."""
        return None if self._nested is None else self._nested[0]

    @cached_property
    def sequences(self) -> list[RowsOfSequence]:
        """Those of one length share a network. Raises PgmError as `sequence_network`."""
        check_elements(self.binding, self.parameters)
        binding, model = self.binding, self.binding.model
        inputs = {n: np.asarray(v) for n, v in binding.values.items() if model.by_name[n].role == "input"}
        known = {**self.parameters, **inputs}
        if self._nested is None:
            whole = sequence_network(model, known, binding.sizes, binding.labels, binding.layout.parents)
            return [RowsOfSequence(whole, np.arange(binding.layout.size(binding.plate)))]
        outer, inner = self._nested
        member = binding.layout.parent(outer, inner)
        labels = {k: v for k, v in binding.labels.items() if k not in (outer, inner)}
        by_length: dict[int, SequenceNetwork] = {}
        out = []
        for element in range(binding.sizes[outer]):
            rows = np.flatnonzero(member == element)
            if not len(rows):
                continue
            if len(rows) not in by_length:
                sizes = {**binding.sizes, outer: 1, inner: len(rows)}
                inside = {(inner, outer): np.zeros(len(rows), dtype=np.int64)}
                by_length[len(rows)] = sequence_network(model, known, sizes, labels, inside)
            out.append(RowsOfSequence(by_length[len(rows)], rows, element))
        return out

    def _evidence(self, one: RowsOfSequence) -> tuple[dict[int, int], np.ndarray]:
        """The codes of the labels that are seen, and all numbers, NaN where one is not."""
        codes: dict[int, int] = {}
        numbers = np.full(len(one.sequence.network.numbers), np.nan)
        for blocks, is_number in ((one.sequence.labels, False), (one.sequence.numbers, True)):
            for name, block in blocks.items():
                if name not in self.binding.values:
                    continue
                values = np.asarray(self.binding.values[name])[one.rows].reshape(-1)
                if is_number:
                    numbers[block.first : block.first + block.count] = values
                else:
                    seen = checked_codes(self.binding.model.by_name[name], values, block.size)
                    codes |= {block.first + int(i): int(seen[i]) for i in np.flatnonzero(seen >= 0)}
        return codes, numbers

    def posteriors(self, wanted: Sequence[str] = ()) -> Iterator[tuple[RowsOfSequence, BlockPosterior]]:
        """Of each sequence, with the elements of the variables ``wanted``. Raises PgmError PGM0611 for more normal distributions than
        `exact.gaussian` takes."""
        for one in self.sequences:
            codes, values = self._evidence(one)
            engine = GaussianEngine(one.sequence.given(codes))
            row = NumberRows(
                {v: np.array([c]) for v, c in codes.items()}, values[None], units=np.zeros(1, dtype=np.int64)
            )
            numbers, labels = (
                [i for n, b in blocks.items() if n in wanted for i in range(b.first, b.first + b.count)]
                for blocks in (one.sequence.numbers, one.sequence.labels)
            )
            open_numbers = int(np.isnan(values).sum())
            if open_numbers > MOST_TOGETHER and not any(c.labels for c in engine.network.conditionals):
                message = f"{open_numbers:,} numbers hang together; the limit is {MOST_TOGETHER:,}"
                raise PgmError(Diagnostic("PGM0611", message, help="draw: `--method hmc`, or cut the sequence"))
            (block,) = engine.posteriors(row, numbers, labels)
            yield one, block

    def log_evidence(self) -> np.ndarray:
        """The log-density of what is seen of each unit, zero of one without rows."""
        out = np.zeros(1 if self.unit is None else self.binding.sizes[self.unit])
        for one, block in self.posteriors():
            out[one.unit] = block.log_evidence[0]
        return out

    def log_estimates(self, num_runs: int, most: int, seed: int) -> np.ndarray:
        """``[runs, units]``: logs of estimates without bias of the likelihood of what is seen of each unit, by paths of its labels; one run where
        all are exact."""
        out = np.zeros((num_runs, 1 if self.unit is None else self.binding.sizes[self.unit]))
        is_exact = True
        for one in self.sequences:
            codes, values = self._evidence(one)
            rows = [
                np.concatenate(
                    [np.zeros(0, np.int64), *(np.repeat(np.arange(len(one.rows)), b.count // len(one.rows)) for b in blocks.values())]
                )
                for blocks in (one.sequence.labels, one.sequence.numbers)
            ]  # fmt: skip
            paths = LabelPaths(one.sequence.given(codes), *rows)
            for run, rng in enumerate(np.random.default_rng([seed, one.unit]).spawn(num_runs)):
                out[run, one.unit], exact = paths.log_likelihood(codes, values, most, rng)
                if exact:
                    out[:, one.unit] = out[run, one.unit]
                    break
                is_exact = False
        return out[:1] if is_exact else out

    def is_open(self, name: str) -> bool:
        """Whether any cell of a variable is not seen."""
        return name not in self.binding.values or name in self.binding.missing

    @cached_property
    def open_numbers(self) -> list[str]:
        """The numbers to be integrated: where all are seen, sums over labels go in linear time."""
        random = self.binding.model.of_role("random")
        names = [v.name for v in random if not v.type.is_discrete and v.name not in self.parameters]
        return [n for n in names if self.is_open(n)]

    @property
    def are_leaves(self) -> bool:
        """Whether nothing hangs on what is open, so that it drops out of the likelihood by itself."""
        return all(is_childless_missing(self.binding.model, n) for n in self.open_numbers)

    def block_of(self, one: RowsOfSequence, name: str) -> NodeBlock:
        return {**one.sequence.labels, **one.sequence.numbers}[name]
