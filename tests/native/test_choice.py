"""Which backend a sampler takes, and that everything works without numba."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.native.costs import chosen, counts_of, estimated
from pgmlang.native.program import NativeProgram
from tests.native.test_equal import MODELS, target_over

ROOT = Path(__file__).parents[2]
SCHOOLS = ("examples/schools/schools.pgm", "examples/schools/schools.csv")
RNG = np.random.default_rng(1)


def rows(n: int) -> dict[str, Any]:
    return {"x": RNG.normal(size=n), "y": RNG.normal(size=n)}


def reasons(text: str, data: Any, **options: Any) -> tuple[str, dict[str, Any]]:
    plan = pgmlang.compile(text).plan(data, method="hmc", options=options)
    return "; ".join(r for b in plan.blocks for r in b.reasons), dict(plan.options)


def test_a_long_run_is_worth_compiling() -> None:
    words, options = reasons(MODELS["a regression"], rows(400), draws=20_000)
    assert "native: loops, " in words
    assert "us a gradient a chain estimated; torch: " in words
    assert options["backend"] == "auto"


def test_a_short_run_is_not() -> None:
    words, options = reasons(MODELS["a regression"], rows(20), warmup=20, draws=20, chains=2)
    assert "torch: too short a run" in words
    assert options["backend"] == "torch"


PROCESS = (
    "s ~ HalfNormal(1)\nf[row] ~ MultivariateNormal(0, exp_quad(x, s, 1, noise = 0.1))\n"
    "plate row {\n  input x : real\n  y ~ Poisson(exp(f))\n}"
)


def test_dear_gradients_have_fewer_chains() -> None:
    """The time of a gradient is that of a Cholesky factor, which grows by the third power of the rows; what is asked for is taken."""

    def chains(n: int, method: str = "hmc", text: str = PROCESS, **options: Any) -> object:
        data = {"x": RNG.normal(size=n), "y": RNG.poisson(1.0, n)}
        return pgmlang.compile(text).plan(data, method=method, options=options).options["chains"]

    assert [chains(20), chains(115), chains(200)] == [16, 8, 4]
    assert chains(200, "nuts") == 4
    assert chains(200, chains=12) == 12
    assert chains(200, "langevin") == 16
    line = "a ~ Normal(0, 1)\nplate row {\n  input x : real\n  y ~ Poisson(exp(a * x))\n}"
    assert chains(200, text=line) == 16


def test_what_has_no_loops_says_why() -> None:
    words, options = reasons(
        "v ~ LogNormal(0, 1)\nm ~ Normal(0, 1)\nplate r { y ~ Normal(m, v) }", rows(20), dtype="float32"
    )
    assert "torch: loops are of float64, not float32" in words
    assert options["backend"] == "torch"


def test_labels_that_are_summed_out_have_their_states_counted() -> None:
    text = (ROOT / "examples/iris/ordered.pgm").read_text()
    words, _ = reasons(text, str(ROOT / "examples/iris/iris.csv"), draws=50_000)
    assert "us a gradient a chain estimated" in words


def test_hidden_chains_cost_torch_products_of_matrices() -> None:
    text = (
        "dim state[%d]\nmove[state, state'] ~ Dirichlet(1)\nmu[state] ~ Normal(0, 5)\n"
        "plate t = chain {\n  z ~ Categorical(if first then 1 / %d else move[prev(z)])\n  y ~ Normal(mu[z], 1)\n}"
    )
    told = {}
    for states in (2, 6):
        words, _ = reasons(text % (states, states), {"y": RNG.normal(size=400)})
        told[states] = [
            float(f.replace(",", ""))
            for f in re.findall(r"([\d.,]+) us a gradient|torch: ([\d.,]+)$", words)
            for f in f
            if f
        ]
        assert "native: loops, " in words
    # per row 4 and 36 moves; 8 and 216 paths over three states
    assert 4 < told[6][0] / told[2][0] < 9
    assert 10 < told[6][1] / told[2][1] < 27


def test_what_is_asked_for_is_taken() -> None:
    words, options = reasons(MODELS["a regression"], rows(20), warmup=20, draws=20, backend="native")
    assert options["backend"] == "native"
    assert "too short" not in words


def test_the_fit_does_as_the_plan_says() -> None:
    """The plan counts the operations of the very program that the fit runs."""
    for text in MODELS.values():
        target = target_over(text)
        counts = native_program_of(target).counts
        sizes = {a: target.joint.layout.size(target.joint.model.root_axis(a)) for a in counts.axes}
        cost = estimated(counts, sizes, 16)
        assert cost.loops > 0
        assert cost.torch > 0
        assert chosen(counts, sizes, 16, 10**7).backend == "native"
        assert chosen(counts, sizes, 16, 1).backend == "torch"


def native_program_of(target: Any) -> NativeProgram:
    from pgmlang.density.native import program_of

    return program_of(target.joint, target.names)


def test_counts_of_nothing() -> None:
    assert counts_of(()).operations == 0


def test_the_cache_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a full nor an unusable folder of compiled programs changes who works out a density."""
    (tmp_path / "file").write_text("no folder")
    taken = set()
    for folder in (tmp_path / "kept", tmp_path / "file"):
        monkeypatch.setenv("PGMLANG_CACHE", str(folder))
        words, options = reasons(MODELS["a regression"], rows(400), draws=20_000)
        taken.add(options["backend"])
    assert taken == {"auto"}
    assert "compiled anew in each process, as `" in words


WITHOUT = """
import sys

sys.modules["numba"] = None
import pgmlang
from pgmlang.diagnostics import PgmError
model = pgmlang.compile("m ~ Normal(0, 1)\\nplate r { y ~ Normal(m, 1) }")
options = {"warmup": 20, "draws": 20, "chains": 2}
print(model.fit({"y": [1.0, 2.0]}, method="hmc", seed=1, options=options).draws["m"].shape[0])
print(model.plan({"y": [1.0, 2.0]}, method="hmc"))
try:
    model.fit({"y": [1.0, 2.0]}, method="hmc", seed=1, options={**options, "backend": "native"})
except PgmError as error:
    print(error)
"""


@pytest.mark.slow
def test_without_numba_torch_works_everything_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    shape, *said = done.stdout.splitlines()
    assert shape == "2"
    assert any("loops need the package numba" in line for line in said)
    assert any("PGM0602" in line and "the package numba" in line for line in said)


COMMANDS = {
    "--help": "torch numba", "check": "torch numba", "fmt": "torch numba", "graph": "torch numba", "plan": "torch numba",
    "cache": "torch numba", "compile": "numba",
}  # fmt: skip


@pytest.mark.parametrize("verb", COMMANDS)
def test_numba_is_imported_when_it_is_used(verb: str, tmp_path: Path) -> None:
    model, data = (str(ROOT / place) for place in SCHOOLS)
    arguments = {
        "check": [model], "fmt": ["--check", model], "graph": [model, "-o", str(tmp_path / "g.svg")], "plan": [model, data],
        "compile": [model, "--stage", "native"],
    }.get(verb, [])  # fmt: skip
    code = (
        "import sys\nfrom pgmlang.cli.main import run\nrun(sys.argv[2:])\n"
        "print(sorted(set(sys.argv[1].split()) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, COMMANDS[verb], verb, *arguments], capture_output=True, text=True, check=True,
        cwd=tmp_path, timeout=100,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_densities_of_many_steps_are_dear_to_torch() -> None:
    """A count of 500 values summed out: torch makes an array of each step of a binomial's log-probability."""
    text = "p ~ Beta(1, 1)\nn ~ DiscreteUniform(1, 500)\nplate row { k ~ Binomial(n, p) }"
    words, _ = reasons(text, {"k": [16, 18, 22, 25, 27]})
    assert "native: loops, " in words
