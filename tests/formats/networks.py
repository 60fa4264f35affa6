"""Networks made at random and comparisons to the bit, for the tests of all formats."""

from __future__ import annotations

import numpy as np

from pgmlang.diagnostics import PgmError, SourceFile
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor

HOSTILE = [
    "0-5_cm", "1_1", "<5", "10+", "a b", 'say "hi"', "back\\slash", "//no comment", "/* nor this */", "{", "};",
    "(x)", "a|b", "a,b", "[2]", "ünïcode", "日本", "table", "default", "property", "true", "-1", "0.5", "1e5",
    " lead", "'", "\\", "#", "%", "~", "plate", "nan", "\u00a0", "007", "7", "_",
]  # fmt: skip


def text(content: str, name: str = "t") -> SourceFile:
    return SourceFile(name, content)


def random_network(seed: int, directed: bool = True) -> DiscreteNetwork:
    """Up to nine variables with hostile names and labels; numbers of all sizes, some exactly zero or one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 10))
    names = rng.choice(HOSTILE, n, replace=False).tolist()
    variables = tuple(
        DiscreteVariable(name, tuple(rng.choice(HOSTILE, rng.integers(1, 5), replace=False).tolist()))
        for name in names
    )
    order = rng.permutation(n)
    factors = []
    for place, child in enumerate(order.tolist()):
        parents = rng.permutation(order[:place])[: rng.integers(0, 4)].tolist()
        scope = (*parents, child)
        values = rng.gamma(0.05, size=[variables[i].size for i in scope]) + 1e-300
        if directed:
            values /= values.sum(-1, keepdims=True)
        factors.append(TableFactor(scope, values, child if directed else None))
    if not directed:
        factors.append(TableFactor((), np.array(0.1 + rng.random())))
    return DiscreteNetwork(variables, tuple(factors), "net work")


def assert_same(a: DiscreteNetwork, b: DiscreteNetwork, names: bool = True) -> None:
    """The same network to the last bit."""
    if names:
        assert a.variables == b.variables
    assert a.sizes == b.sizes
    for f, g in zip(a.factors, b.factors, strict=True):
        assert (f.scope, f.child, f.values.shape) == (g.scope, g.child, g.values.shape)
        assert f.values.dtype == g.values.dtype == np.float64
        assert f.values.tobytes() == g.values.tobytes()


def told(error: PgmError) -> list[str]:
    """Each problem as ``CODE line:column``."""
    return [f"{d.code} {d.span.line}:{d.span.column}" if d.span else d.code for d in error.diagnostics]
