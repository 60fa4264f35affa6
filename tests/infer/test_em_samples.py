"""EM of many rows: starts converge on a sample of them before the best go on with all."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import density_of_binding
from pgmlang.density.row_sample import sample_of_rows
from pgmlang.infer import em_setup, fit

TEXT = """
param share[k] : simplex
plate k[3] {
  param m : real
  param s : positive
}
plate row { z ~ Categorical(share) ; x ~ Normal(m[z], s[z]) }
"""
ROWS = 4_000
RNG = np.random.default_rng(6)
X = RNG.normal(np.array([-4.0, 0.0, 5.0])[RNG.integers(3, size=ROWS)], 1)


def fitted(monkeypatch: pytest.MonkeyPatch, sampled: int, **options: object) -> tuple[pgmlang.Fit, list[str]]:
    """A fit, and what its steps said that their numbers are."""
    monkeypatch.setattr(em_setup, "SAMPLED", sampled)
    monkeypatch.setattr(em_setup, "SAMPLED_A_NUMBER", 1)
    said: list[str] = []
    fit = pgmlang.compile(TEXT).fit(
        {"x": X}, method="em", seed=2, options=options, progress=lambda *_, label, **__: said.append(label)
    )
    return fit, said


def test_a_sample_leads_to_the_optimum_of_all_rows(monkeypatch):
    by_sample, said = fitted(monkeypatch, 500)
    by_all, others = fitted(monkeypatch, ROWS)
    assert set(others) == {"log-posterior"}
    assert said.count("log-posterior of a sample") > 6
    assert by_sample.record.trace[0] > by_all.record.log_likelihood - 20
    assert by_sample.record.status == by_all.record.status == "converged"
    assert by_sample.record.log_likelihood == pytest.approx(by_all.record.log_likelihood, abs=1e-4)
    assert len(by_sample.record.trace) == said.count("log-posterior") + 1
    assert (np.diff(by_sample.record.trace) >= -1e-7).all()


def test_a_fit_that_stops_at_the_sample_is_judged_by_all_rows(monkeypatch):
    monkeypatch.setattr(em_setup, "SAMPLED", 500)
    monkeypatch.setattr(em_setup, "SAMPLED_A_NUMBER", 1)

    def stop(steps: int, *_: object, **__: object) -> None:
        if steps == 3:
            raise KeyboardInterrupt

    fit = pgmlang.compile(TEXT).fit({"x": X}, method="em", seed=2, progress=stop)
    assert fit.record.status == "stopped"
    assert len(fit.record.trace) == 1
    assert fit.record.log_likelihood == pytest.approx(fit.record.trace[0])
    share, mean, sd = (np.asarray(fit.params[n]) for n in ("share", "m", "s"))
    density = share * np.exp(-0.5 * ((X[:, None] - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    assert fit.record.log_likelihood == pytest.approx(np.log(density.sum(1)).sum(), rel=1e-10)


def test_a_sample_stands_for_all_rows():
    model = pgmlang.compile(TEXT)
    joint = density_of_binding(model.model, model.bind({"x": X}), {}, torch.float64, torch.device("cpu"))
    sample = sample_of_rows(joint, "row", 400)
    assert sample.layout.size("row") == 400
    assert float(sample.weights["row"].sum()) == pytest.approx(ROWS)
    places = np.searchsorted(np.sort(X), np.sort(sample.observed["x"].numpy()))
    np.testing.assert_array_equal(np.sort(X)[places], np.sort(sample.observed["x"].numpy()))
    order = [int(np.flatnonzero(v == X)[0]) for v in sample.observed["x"].numpy()]
    np.testing.assert_array_equal(np.array(order) // 10, np.arange(400))


def test_starts_that_collapse_are_left_behind():
    """With a component at an outlier the likelihood rises without end; starts without one have an optimum."""
    x = np.concatenate([X[:500], [60.0]])
    fit = pgmlang.compile(TEXT).fit({"x": x}, method="em", seed=1)
    assert fit.record.status == "converged"
    assert fit.record.provenance["starts_that_collapse"] > 0
    assert min(np.asarray(fit.params["s"])) > 0.1


def test_where_all_starts_collapse_the_fit_says_so():
    x = np.concatenate([np.random.default_rng(0).normal(size=1000), np.full(30, 20.0)])
    fit = pgmlang.compile(TEXT).fit({"x": x}, method="em", seed=1)
    assert fit.record.status == "not converged"
    assert "rises without end" in fit.record.warnings[0].message


def test_a_fit_that_goes_on_comes_to_the_same_bytes(monkeypatch):
    """From a state of the sample, and from one of all rows, kept and read again."""
    monkeypatch.setattr(em_setup, "SAMPLED", 500)
    monkeypatch.setattr(em_setup, "SAMPLED_A_NUMBER", 1)
    kernels, states, run = [], [], fit.run

    def keeping(kernel, *arguments, **keywords):
        kernels.append(kernel)
        step = kernel.step
        return run(
            kernel._replace(step=lambda s: states.append(pickle.dumps(s)) or step(s)), *arguments, **keywords
        )

    monkeypatch.setattr(fit, "run", keeping)
    pgmlang.compile(TEXT).fit({"x": X}, method="em", seed=2)
    kept = list(states)
    pgmlang.compile(TEXT).fit({"x": X}, method="em", seed=3)
    last = kernels[0].step(pickle.loads(kept[-1]))[0]
    for begin in (4, len(kept) - 4):
        state = pickle.loads(kept[begin])
        assert state.is_sample == (begin == 4)
        while not kernels[1].done(state):
            state, _ = kernels[1].step(state)
        assert state.trace == last.trace
        assert all(torch.equal(state.values[n], value) for n, value in last.values.items())
