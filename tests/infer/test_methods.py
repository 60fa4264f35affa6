"""The registry, options, the loop, and exact as a method."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.infer import Algorithm, Outcome, fit_model
from pgmlang.infer.base import StepReport
from pgmlang.infer.run import run
from pgmlang.plan.deadline import Deadline
from pgmlang.plan.registry import METHODS, TO_COME, method_named
from pgmlang.sema import compile_source
from pgmlang.tables.from_model import row_network
from tests.infer.by_hand import SPRINKLER, bound, joint, log_sum

COIN = compile_source("plate row { x : {h, t} ~ Table() }\n")


def code_of(error: pytest.ExceptionInfo[PgmError]) -> str:
    return error.value.diagnostics[0].code


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_there(name: str) -> None:
    assert method_named(name).name == name
    assert method_named(name).options()


@pytest.mark.parametrize("name", TO_COME)
def test_methods_still_to_come(name: str) -> None:
    with pytest.raises(PgmError) as error:
        fit_model(COIN, bound(COIN, {"x": ["h"]}), method=name)
    diagnostic = error.value.diagnostics[0]
    assert diagnostic.code == "PGM0602"
    assert "still to come" in diagnostic.message
    assert "`em`" in diagnostic.help


def test_unknown_methods_and_options() -> None:
    binding = bound(COIN, {"x": ["h"]})
    with pytest.raises(PgmError) as error:
        fit_model(COIN, binding, method="gibs")
    assert code_of(error) == "PGM0604"
    assert "`gibbs`" in error.value.diagnostics[0].help
    with pytest.raises(PgmError) as error:
        fit_model(COIN, binding, method="em", options={"max_iteration": 3})
    assert code_of(error) == "PGM0612"
    assert "`max_iterations`" in error.value.diagnostics[0].help
    # what only one method has a use for is asked of that one
    assert fit_model(COIN, binding, options={"restarts": 3}).method == "em"
    with pytest.raises(PgmError) as error:
        fit_model(COIN, binding, options={"restart": 3})
    assert code_of(error) == "PGM0612"
    with pytest.raises(PgmError) as error:
        fit_model(COIN, binding, method="em", options={"tolerance": -1.0})
    assert code_of(error) == "PGM0612"


def test_a_plug_in_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def entry_points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint("mine", "pgmlang.infer.ml:METHOD", group)]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    method_named("ml")
    assert asked == []
    assert method_named("mine") is method_named("ml")
    assert asked == ["pgmlang.methods"]


def test_fixed_names_are_checked() -> None:
    with pytest.raises(PgmError) as error:
        fit_model(COIN, bound(COIN, {"x": ["h"]}), fixed={"J": 1})
    assert code_of(error) == "PGM0612"


def counting(stop_at: int, interrupt_at: int | None = None) -> Algorithm:
    def step(state: int) -> tuple[int, StepReport]:
        if state == interrupt_at:
            raise KeyboardInterrupt
        return state + 1, StepReport(float(state), float(state))

    def conclude(state: int) -> Outcome:
        return Outcome({"n": np.array(state)}, (float(state),), state == stop_at)

    return Algorithm(lambda rng: 0, step, lambda state: state >= stop_at, conclude)


def test_the_loop() -> None:
    rng = np.random.default_rng(0)
    seen: list[Any] = []
    done = run(counting(4), rng, progress=lambda i, v, **more: seen.append((i, v)))
    assert (done.status, done.steps) == ("converged", 4)
    assert seen == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0)]
    stopped = run(counting(4, interrupt_at=2), rng)
    assert stopped.status == "stopped"
    assert stopped.outcome.parameters["n"] == 2
    assert "Ctrl-C" in stopped.warnings[-1].message
    assert run(counting(4), rng, deadline=Deadline(0.0)).steps == 1
    with pytest.raises(KeyboardInterrupt):
        run(counting(4, interrupt_at=0), rng)


def test_em_keeps_what_was_done_when_stopped() -> None:
    model = compile_source(SPRINKLER)
    columns = {
        "cloudy": ["no", None, "yes"],
        "rain": ["yes", "no", None],
        "sprinkler": ["no"] * 3,
        "wet": [None] * 3,
    }
    calls: list[int] = []

    def interrupt(iteration: int, value: float, **more: object) -> None:
        calls.append(iteration)
        if iteration == 2:
            raise KeyboardInterrupt

    fit = fit_model(model, bound(model, columns, "day"), progress=interrupt, seed=1, options={"tolerance": 0.0})
    assert fit.status == "stopped"
    assert len(fit.trace) == 2
    assert "rain.table" in fit.parameters


def test_exact_gives_the_log_evidence() -> None:
    text = SPRINKLER.replace("~ Table()", "~ Table() { 0.5, 0.5 }").replace(
        "~ Table(cloudy)", "~ Table(cloudy) { no : 0.7, 0.3 ; yes : 0.2, 0.8 }"
    )
    model = compile_source(text)
    fit = fit_model(model, bound(model, {"rain": ["yes", None, "yes"], "wet": ["yes", "no", None]}, "day"))
    log_p = joint(row_network(model, {}))
    expected = log_sum(log_p[:, 1, :, 1]) + log_sum(log_p[..., 0]) + log_sum(log_p[:, 1])
    assert fit.method == "exact"
    assert fit.trace[-1] == pytest.approx(expected)


def test_exact_divides_by_z() -> None:
    model = compile_source("""
param J : real
dim u = {a, b, c}
plate row {
  field s[u] : spin
  factor J * sum(s, over = u) + 0.3 * s[a] * s[b]
}
""")
    binding = bound(model, {"s": np.array([[1, 1, 0], [0, -1, 1]])})
    with pytest.raises(PgmError) as error:
        fit_model(model, binding)
    assert code_of(error) == "PGM0610"
    fit = fit_model(model, binding, fixed={"J": 0.2})
    log_p = joint(row_network(model, {"J": np.array(0.2)}))
    expected = log_p[1, 1, 0] + log_sum(log_p[0, :, 1]) - 2 * log_sum(log_p)
    assert fit.trace[-1] == pytest.approx(expected)
    assert fit.parameters["J"] == 0.2


def test_inputs_make_a_network_for_each_value() -> None:
    model = compile_source("""
param w : real
plate row {
  input t : real
  z : bit ~ Bernoulli(logit = w * t)
  y : bit ~ Bernoulli(if z == 1 then 0.9 else 0.2)
}
""")
    binding = bound(model, {"t": np.array([0.0, 1.5, 0.0]), "y": [1, 0, 1]})
    fit = fit_model(model, binding, fixed={"w": 0.7})
    p = 1 / (1 + np.exp(-0.7 * np.array([0.0, 1.5, 0.0])))
    one = p * 0.9 + (1 - p) * 0.2
    assert fit.trace[-1] == pytest.approx(np.log(one[0] * (1 - one[1]) * one[2]))


def test_models_of_no_method_are_refused_with_reasons() -> None:
    text = "plate row { n ~ Poisson(3) ; y ~ Normal(n, 1) }\n"
    model = compile_source(text)
    with pytest.raises(PgmError) as error:
        fit_model(model, bound(model, {"y": np.array([0.1, 0.2])}))
    diagnostic = error.value.diagnostics[0]
    assert diagnostic.code == "PGM0601"
    assert error.value.exit_code == 69
    assert {n.split(":")[0] for n in diagnostic.notes} == set(METHODS)
    assert any("`n` is count and latent" in n for n in diagnostic.notes)
