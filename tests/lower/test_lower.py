"""Emitted programs: they run, agree with Pyro, with closed forms by hand, and with themselves batched."""

from __future__ import annotations

import ast
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import torch

from pgmlang.lower import Program, lower
from pgmlang.sema import compile_source
from tests.models import MODELS

LOWERED = [n for n in MODELS if n != "learned_density"]


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Everything in float64, with a fixed seed."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    yield
    torch.set_default_dtype(torch.float32)


def program(name: str) -> Program:
    return lower(compile_source(MODELS[name]), file_name=f"{name}.pgm")


@pytest.mark.parametrize("name", LOWERED)
def test_log_joint_of_the_example_is_finite(name: str) -> None:
    module = program(name).load()
    data, layout, params, nets, values = module.example()
    total = module.log_joint(values, data, layout, params, nets)
    assert total.shape == ()
    assert math.isfinite(float(total))


ALL_TEXTS = """
from pgmlang.lower import lower
from pgmlang.model.show import show
from pgmlang.sema import compile_source
from tests.models import MODELS
for name, text in MODELS.items():
    model = compile_source(text)
    print(show(model))
    if name != "learned_density":
        print(lower(model, file_name=name).source)
"""


def test_text_is_deterministic() -> None:
    """Models and programs printed by processes whose sets have other orders."""
    printed = [
        subprocess.run(
            [sys.executable, "-c", ALL_TEXTS],
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert "def log_joint" in printed[0]
    assert printed[0] == printed[1] == printed[2]


@pytest.mark.parametrize("name", LOWERED)
def test_pyro_agrees(name: str) -> None:
    """The trace of the Pyro model at given values has the log-probability that log_joint says, less log Z."""
    lowered = program(name)
    if "model" in lowered.left_out:
        assert "Pyro" in lowered.left_out["model"]
        return
    import pyro

    module = lowered.load()
    data, layout, params, nets, values = module.example()
    pyro.clear_param_store()
    trace = pyro.poutine.trace(module.model).get_trace({**data, **values}, layout, params, nets)
    log_z = trace.log_prob_sum(lambda name, site: name.startswith("log Z of "))
    assert float(trace.log_prob_sum() - log_z) == pytest.approx(
        float(module.log_joint(values, data, layout, params, nets)), rel=1e-10
    )


@pytest.mark.parametrize(
    "name",
    [
        "sprinkler",
        "schools",
        "regression",
        "logistic",
        "mixture",
        "lda",
        "hmm",
        "crossed",
        "vae",
        "sbn",
        "ising",
        "rbm",
    ],
)
def test_leading_chain_axes_are_a_loop_over_chains(name: str) -> None:
    module = program(name).load()
    data, layout, params, nets, one = module.example()
    _, _, _, _, two = module.example()
    stacked = {k: torch.stack([one[k], two[k]]) for k in one}
    together = module.log_joint(stacked, data, layout, params, nets)
    apart = torch.stack([module.log_joint(v, data, layout, params, nets) for v in (one, two)])
    assert torch.allclose(together, apart, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("name", ["schools", "mixture", "hmm", "vae", "ebm"])
def test_gradients_flow(name: str) -> None:
    module = program(name).load()
    data, layout, params, nets, values = module.example()
    moving = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in values.items()}
    module.log_joint(moving, data, layout, params, nets).backward()
    assert any(v.grad is not None and torch.isfinite(v.grad).all() for v in moving.values())


def normal(x: torch.Tensor, m: torch.Tensor | float, s: torch.Tensor | float) -> torch.Tensor:
    s = torch.as_tensor(s)
    return -0.5 * ((x - m) / s) ** 2 - torch.log(s) - 0.5 * math.log(2 * math.pi)


def test_schools_by_hand() -> None:
    module = program("schools").load()
    data, layout, params, nets, v = module.example()
    half_cauchy = math.log(2 / math.pi / 5) - torch.log1p((v["tau"] / 5) ** 2)
    expected = normal(v["mu"], 0, 5) + half_cauchy
    expected = (
        expected + normal(v["theta"], v["mu"], v["tau"]).sum() + normal(v["y"], v["theta"], data["sd"]).sum()
    )
    assert float(module.log_joint(v, data, layout, params, nets)) == pytest.approx(float(expected), rel=1e-12)


def test_hmm_by_hand() -> None:
    module = program("hmm").load()
    data, layout, params, nets, v = module.example()
    layout.positions["step"] = torch.tensor([0, 1, 2, 0])
    total = module.log_joint(v, data, layout, params, nets)
    z, y = v["z"].tolist(), v["y"]
    expected = torch.distributions.Dirichlet(torch.ones(3)).log_prob(v["start"])
    expected = expected + torch.distributions.Dirichlet(torch.ones(3)).log_prob(v["move"]).sum()
    expected = expected + normal(v["mean"], 0, 10).sum()
    for t in range(4):
        chances = v["start"] if t in (0, 3) else v["move"][z[t - 1]]
        expected = expected + torch.log(chances[z[t]]) + normal(y[t], v["mean"][z[t]], 1)
    assert float(total) == pytest.approx(float(expected), rel=1e-12)


def test_ising_by_hand() -> None:
    module = program("ising").load()
    data, layout, _, nets, _ = module.example()
    params = {"J": torch.tensor(0.3), "B": torch.tensor(-0.2)}
    codes = torch.randint(0, 2, (16,))
    spins = (2 * codes - 1).reshape(4, 4).tolist()
    expected = sum(-0.2 * s for row in spins for s in row)
    for i, j in product(range(4), range(4)):
        expected += 0.3 * spins[i][j] * spins[i][j + 1] if j < 3 else 0
        expected += 0.3 * spins[i][j] * spins[i + 1][j] if i < 3 else 0
    assert float(module.log_joint({"s": codes}, data, layout, params, nets)) == pytest.approx(expected, rel=1e-12)


def test_constrain_has_the_jacobian_of_autograd() -> None:
    module = program("schools").load()
    x = {"mu": torch.tensor(0.3), "tau": torch.tensor(-0.7), "theta": torch.randn(4)}
    values, log_det = module.constrain(x)
    slope = torch.autograd.functional.jacobian(lambda t: module.constrain({"tau": t})[0]["tau"], x["tau"])
    assert float(log_det) == pytest.approx(math.log(abs(float(slope))), rel=1e-12)
    assert values["tau"] > 0


RUNNER = """
import pathlib, runpy, sys
for path in sorted(pathlib.Path("programs").glob("*.py")):
    runpy.run_path(str(path), run_name="__main__")
assert not any(name.split(".")[0] == "pgmlang" for name in sys.modules)
"""


def test_programs_run_by_themselves(tmp_path: Path) -> None:
    """Every program of the examples and of the stories, in one process that knows nothing of pgmlang."""
    examples = Path(__file__).parents[2] / "examples"
    texts = {f"{p.parent.name}_{p.stem}": p.read_text(encoding="utf-8") for p in examples.glob("*/*.pgm")}
    texts |= {n: MODELS[n] for n in LOWERED}
    (tmp_path / "programs").mkdir()
    for name, text in texts.items():
        (tmp_path / "programs" / f"{name}.py").write_text(lower(compile_source(text)).source, encoding="utf-8")
    (tmp_path / "run.py").write_text(RUNNER, encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", "run.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("log_joint") == len(texts)


def _imports(source: str) -> set[str]:
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    return {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names} | {
        n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)
    }


HOSTILE = """
plate row {
  lambda : {"a\\"); import os #", "__import__('os').system('x')", "{x}%s"} ~ Table() { 0.2, 0.3, 0.5 }
  torch : {no, yes} ~ Table(lambda)
  sum ~ Normal(0, 1)
  größe ~ Normal(sum, 1)
  __class__ ~ Normal(größe, 1)
  values ~ Normal(0, 1)
}
"""


def test_hostile_names_and_labels_stay_data() -> None:
    lowered = lower(compile_source(HOSTILE), file_name='m"""\nimport os\n.pgm')
    tree = ast.parse(lowered.source)
    assert _imports(lowered.source) <= {
        "__future__",
        "math",
        "torch",
        "torch.distributions",
        "pyro",
        "pyro.distributions",
        "pyro.poutine.messenger",
    }
    calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & {"__import__", "exec", "eval", "open"}
    module = lowered.load()
    data, layout, params, nets, values = module.example()
    assert set(values) == {"lambda", "torch", "sum", "größe", "__class__", "values"}
    assert math.isfinite(float(module.log_joint(values, data, layout, params, nets)))


def test_lowering_imports_no_torch() -> None:
    code = (
        "import sys; from pgmlang.sema import compile_source; from pgmlang.lower import lower;"
        "lower(compile_source('x ~ Normal(0, 1)\\n')); assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_lines_lead_back_to_the_model() -> None:
    lowered = program("schools")
    spans = {span.line for span in lowered.source_map.values()}
    assert spans >= {2, 3, 6, 7}
    line = next(n for n, span in lowered.source_map.items() if span.line == 7)
    assert "schools.pgm:7" in lowered.source.splitlines()[line - 1] + lowered.source.splitlines()[line - 2]


@pytest.mark.parametrize("name", ["sprinkler", "schools", "hmm"])
def test_golden_program(name: str, request: pytest.FixtureRequest) -> None:
    path = Path(__file__).parent / "golden" / f"{name}.py.txt"
    source = program(name).source
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
    assert source == path.read_text(encoding="utf-8")


def test_learned_densities_are_refused_with_a_reason() -> None:
    from pgmlang.diagnostics import PgmError

    with pytest.raises(PgmError) as caught:
        lower(compile_source(MODELS["learned_density"]))
    assert caught.value.exit_code == 69
