"""Mutated files: whatever stands in them, only PgmError comes out, and soon."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from pgmlang.diagnostics import PgmError, SourceFile
from pgmlang.formats import read_bif, read_mar, read_uai, read_uai_evidence, write_bif, write_uai
from pgmlang.tables import DiscreteNetwork
from tests.formats.networks import random_network, text

PIECES = [
    "{", "}", ";", "(", ")", "|", ",", '"', "\\", "//", "/*", "*/", "[", "]", "\n", "\r", "\0", "\x1c", "\u2028",
    "nan", "-1", "1e999", "9" * 400, "0", "2", "table", "default", "variable", "probability", "property",
    "type discrete", "network x {", "MARKOV", "BAYES", "²", "٣", "_", "e", ".", "-", "\ud800", "\ufeff",
]  # fmt: skip


def mutated(rng: random.Random, content: str) -> str:
    for _ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randint(0, len(content)) for _ in range(2))
        match rng.randint(0, 4):
            case 0:
                content = content[:at] + rng.choice(PIECES) + content[at:]
            case 1:
                content = content[:at] + content[min(to, at + rng.randint(1, 8)) :]
            case 2:
                content = content[:at] + rng.choice(PIECES) + content[min(to, at + 3) :]
            case 3:
                content = content[:at]
            case _:
                content = content[:at] + content[at:to] + content[at:]
    return content[:100_000]


def survives(read: Callable[[SourceFile], object], content: str) -> bool:
    """Whether it was read; any exception but PgmError fails the test. The error's places must be there."""
    try:
        read(text(content))
    except PgmError as error:
        found = error.diagnostics
    else:
        return True
    assert found
    for diagnostic in found:
        assert str(diagnostic)
        assert diagnostic.span is None or 0 <= diagnostic.span.start <= len(content)
    return False


@pytest.mark.parametrize("seed", range(20))
def test_bif(seed: int) -> None:
    rng = random.Random(seed)
    content = write_bif(random_network(seed))
    for _ in range(100):
        broken = mutated(rng, content)
        if survives(read_bif, broken):
            network = read_bif(text(broken))
            assert isinstance(network, DiscreteNetwork)
            assert network.is_directed


@pytest.mark.parametrize("seed", range(20))
def test_uai(seed: int) -> None:
    rng = random.Random(seed)
    content = write_uai(random_network(seed, directed=seed % 2 == 0))
    for _ in range(100):
        survives(read_uai, mutated(rng, content))
        survives(read_uai_evidence, mutated(rng, "3 0 1 1 0 2 2"))
        survives(lambda source: read_mar(source.text), mutated(rng, "MAR\n3 2 0.1 0.9 1 1 2 0 1"))


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.timeout(20)
def test_repetition_takes_no_quadratic_time(piece: str) -> None:
    for content in (piece * 20_000, f"{piece} " * 20_000, f"network n {{ {f'{piece} ' * 20_000}"):
        for read in (read_bif, read_uai, read_uai_evidence):
            survives(read, content)
