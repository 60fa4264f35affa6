"""Numbers that rows share, in closed form, against dense algebra of all cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pgmlang
from tests.gaussian.random_shared import SharedModel, random_shared

SEEDS = [*range(6), *(pytest.param(s, marks=pytest.mark.slow) for s in range(6, 150))]


def check(model: SharedModel, **options: object) -> pgmlang.Fit:
    """The fit, whose log-evidence and whose draws' means and sds are right."""
    fit = pgmlang.compile(model.text).fit(model.table, method="exact", seed=1, **options)
    right, log_evidence = model.posterior()
    assert fit.log_likelihood == pytest.approx(log_evidence, rel=1e-9, abs=1e-9)
    for variable, cells in model.names.items():
        draws = fit.draws[variable]
        flat = draws.reshape(draws.shape[0] * draws.shape[1], -1)
        assert flat.shape[1] == len(cells)
        for k, cell in enumerate(cells):
            mean, sd = right.get(cell, (model.seen.get(cell), 0.0))
            assert flat[:, k].mean() == pytest.approx(mean, rel=1e-9, abs=1e-9)
            assert flat[:, k].std(ddof=1) == pytest.approx(sd, rel=1e-9, abs=1e-9)
    return fit


@pytest.mark.parametrize("seed", SEEDS)
def test_posteriors_are_those_of_dense_algebra(seed: int) -> None:
    check(random_shared(np.random.default_rng(seed)))


def test_a_coefficient_of_the_row_before() -> None:
    """What is seen is a constant: a number may be multiplied by it."""
    rng = np.random.default_rng(3)
    y = np.cumsum(rng.normal(size=40))
    fit = pgmlang.compile(
        "phi ~ Normal(0.2, 0.5)\nc ~ Normal(0, 2)\nplate t = chain { y ~ Normal(if first then c else c + phi * prev(y), 0.7) }\n"
    ).fit({"y": y}, method="exact")
    design = np.stack([np.ones(40), np.append(0.0, y[:-1])], 1)
    prior = np.diag([1 / 2**2, 1 / 0.5**2])
    precision = prior + design.T @ design / 0.7**2
    mean = np.linalg.solve(precision, prior @ [0, 0.2] + design.T @ y / 0.7**2)
    found = [fit.draws[n].mean() for n in ("c", "phi")]
    assert found == pytest.approx(mean, rel=1e-9)
    sds = [fit.draws[n].reshape(-1).std(ddof=1) for n in ("c", "phi")]
    assert sds == pytest.approx(np.sqrt(np.diag(np.linalg.inv(precision))), rel=1e-9)


def test_vectors_with_a_known_covariance() -> None:
    rng = np.random.default_rng(4)
    text = """
dim part[2]
m[part] ~ MultivariateNormal([1, -1], [[2, 0.6], [0.6, 1]])
plate row { y[part] ~ MultivariateNormal(m, [[1, -0.3], [-0.3, 0.5]]) }
"""
    y = rng.normal(size=(9, 2))
    y[4, 1] = np.nan
    fit = pgmlang.compile(text).fit({"y.0": y[:, 0], "y.1": y[:, 1]}, method="exact")
    prior, noise = np.array([[2, 0.6], [0.6, 1]]), np.array([[1, -0.3], [-0.3, 0.5]])
    covariance = np.kron(np.ones((10, 10)), prior) + np.kron(np.diag([0.0, *[1.0] * 9]), noise)
    mean = np.tile([1.0, -1.0], 10)
    seen = np.append([False, False], ~np.isnan(y.reshape(-1)))
    gap = y.reshape(-1)[seen[2:]] - mean[seen]
    of_seen = covariance[np.ix_(seen, seen)]
    log = -0.5 * gap @ np.linalg.solve(of_seen, gap) - 0.5 * np.linalg.slogdet(2 * np.pi * of_seen)[1]
    centre = mean[~seen] + covariance[np.ix_(~seen, seen)] @ np.linalg.solve(of_seen, gap)
    assert fit.log_likelihood == pytest.approx(float(log), abs=1e-9)
    assert fit.draws["m"].mean((0, 1)) == pytest.approx(centre[:2], abs=1e-9)
    assert fit.draws["y"].mean((0, 1))[4, 1] == pytest.approx(centre[2], abs=1e-9)


def test_predictors_that_are_all_but_collinear_and_far_from_zero() -> None:
    """The normal equations lose all digits; rotations of the rows do not."""
    rng = np.random.default_rng(5)
    x = 2e6 + rng.normal(size=200)
    y = 3 + 2 * (x - 2e6) + 0.1 * rng.normal(size=200)
    text = "a ~ Normal(0, 1e7)\nb ~ Normal(0, 10)\nplate row {\n  input x\n  y ~ Normal(a + b * x, 0.1)\n}\n"
    fit = pgmlang.compile(text).fit({"x": x, "y": y}, method="exact")
    # the same in x - 2e6, which is well conditioned: a = c - 2e6 b
    moved = np.stack([np.ones(200), x - 2e6], 1) / 0.1
    prior = np.array([[1e-7, -0.2], [0.0, 0.1]])
    design, right = np.vstack([prior, moved]), np.concatenate([[0, 0], y / 0.1])
    b = np.linalg.lstsq(design, right, rcond=None)[0][1]
    sd = np.sqrt(np.linalg.inv(design.T @ design)[1, 1])
    assert fit.draws["b"].mean() == pytest.approx(b, abs=1e-3 * sd)
    assert fit.draws["b"].std(ddof=1) == pytest.approx(sd, rel=1e-6)


def test_rows_that_count_several_times() -> None:
    text = "a ~ Normal(0, 2)\nplate row { y ~ Normal(a, 1.5) }\n"
    model = pgmlang.compile(text)
    counted = model.fit({"y": [1.0, 2.5, -1.0], "n": [3, 1, 2]}, counts="n", method="exact")
    written = model.fit({"y": [1.0, 1.0, 1.0, 2.5, -1.0, -1.0]}, method="exact")
    assert counted.log_likelihood == pytest.approx(written.log_likelihood, abs=1e-12)
    assert counted.draws["a"].mean() == pytest.approx(written.draws["a"].mean(), abs=1e-12)
    own = pgmlang.compile("a ~ Normal(0, 2)\nplate row {\n  z ~ Normal(a, 1)\n  y ~ Normal(z, 1.5)\n}\n")
    counted = own.fit({"y": [1.0, 2.5], "n": [2, 1]}, counts="n", method="exact")
    written = own.fit({"y": [1.0, 1.0, 2.5]}, method="exact")
    assert counted.log_likelihood == pytest.approx(written.log_likelihood, abs=1e-12)
    assert counted.draws["z"].shape == written.draws["z"].shape


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a ~ Normal(0, 2)\nplate row { y ~ Normal(a, exp(a)) }\n", "the sd of `y` hangs on numbers"),
        ("a ~ Normal(0, 2)\nplate row { y ~ Normal(a^2, 1) }\n", "the mean of `y` is not linear"),
        ("a ~ Gamma(2, 2)\nplate row { y ~ Normal(a, 1) }\n", "`a` is positive"),
        ("a ~ Normal(0, 2)\nplate row {\n  k ~ Bernoulli(0.5)\n  y ~ Normal(a + k, 1)\n}\n", "have 4,096 configurations"),
        ("a ~ Normal(0, 2)\nplate row {\n  k ~ Bernoulli(logit = a)\n  y ~ Normal(a, 1)\n}\n", "`k` is discrete and hangs on a number"),
    ],
)  # fmt: skip
def test_what_is_not_linear_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(pgmlang.PgmError, match=words):
        pgmlang.compile(text).fit({"y": [1.0, 2.0] * 6}, method="exact")
    assert "exact" not in str(pgmlang.compile(text).plan({"y": [1.0, 2.0] * 6}).method)


def test_auto_takes_it_and_a_seed_gives_the_same_draws() -> None:
    model = pgmlang.compile("a ~ Normal(0, 2)\nplate row { y ~ Normal(a, 1.5) }\n")
    one, again, other = (model.fit({"y": [1.0, 2.5, -1.0]}, seed=s) for s in (1, 1, 2))
    assert one.plan.method == "exact"
    assert (one.draws["a"] == again.draws["a"]).all()
    assert (one.draws["a"] != other.draws["a"]).any()
    assert one.draws["a"].shape == (4, 1000)
    assert one.diagnose().bad == ()
    # what is told of the run is told to a method that has a use for it
    for told in ({"options": {"warmup": 20, "draws": 20}}, {"start": {"a": 1.0}, "options": {"draws": 20}}):
        assert model.fit({"y": [1.0, 2.5, -1.0]}, seed=1, **told).plan.method == "hmc"


def test_questions_are_answered_in_closed_form(tmp_path: Path) -> None:
    """Moments, quantiles, probabilities and modes, given other numbers too; of a saved fit the same."""
    model = random_shared(np.random.default_rng(2))
    fit = check(model)
    fit.save(tmp_path / "fit")
    loaded = pgmlang.load(tmp_path / "fit")
    cells, mean, covariance = model.moments()
    seen = np.array([c in model.seen for c in cells])
    of_seen, across = covariance[np.ix_(seen, seen)], covariance[:, seen]
    gap = np.array([model.seen[c] for c in cells if c in model.seen]) - mean[seen]
    mean, covariance = mean + across @ np.linalg.solve(of_seen, gap), covariance - across @ np.linalg.solve(of_seen, across.T)  # fmt: skip
    s0, s1, a1 = (cells.index(c) for c in ("s0", "s1", "a1"))
    sd = np.sqrt(covariance[a1, a1])
    for one in (fit, loaded):
        (row,) = one.query("E(a[g1])").table
        right = [mean[a1], sd, *(mean[a1] + sd * stats.norm.ppf([0.05, 0.5, 0.95]))]
        assert [row[c] for c in ("mean", "sd", "q5", "q50", "q95")] == pytest.approx(right, rel=1e-9)
        (row,) = one.query("P(s0 < 0.3)").table
        assert row["p"] == pytest.approx(stats.norm.cdf(0.3, mean[s0], np.sqrt(covariance[s0, s0])), rel=1e-9)
        given = one.query("E(a[g1] | s0 = 1, s1 = -1)")
        both = [s0, s1]
        gain = np.linalg.solve(covariance[np.ix_(both, both)], covariance[both, a1])
        assert given.table[0]["mean"] == pytest.approx(mean[a1] + gain @ ([1, -1] - mean[both]), rel=1e-9)
        left = covariance[a1, a1] - gain @ covariance[both, a1]
        assert given.table[0]["sd"] == pytest.approx(np.sqrt(left), rel=1e-9)
        log = stats.multivariate_normal(mean[both], covariance[np.ix_(both, both)]).logpdf([1, -1])
        assert given.log_evidence == pytest.approx(log, rel=1e-9)
        mode = one.query("MAP(s0, a[g1])").table[0]
        assert mode["s0"] == pytest.approx(mean[s0], rel=1e-9)
        pair = covariance[np.ix_([s0, a1], [s0, a1])]
        assert mode["log_density"] == pytest.approx(-0.5 * np.linalg.slogdet(2 * np.pi * pair)[1], rel=1e-9)
        figures = {row["name"]: row for row in one.summary()}
        assert figures["a[g1]"]["q95"] == pytest.approx(right[-1], rel=1e-9)
        assert figures["a[g1]"]["mcse"] == 0
    for bad, words in (("E(s0 | s0 = 1)", "both given and asked"), ("P(s0 = 1)", "probability zero"), ("P(a > 0)", "several elements"),
                       ("E(s0 | a = 1)", "rows hang on the input"), ("E(s0 | s1 = high)", "not a number")):  # fmt: skip
        with pytest.raises(pgmlang.PgmError, match=words):
            fit.query(bad)


GROUPS = """
mu ~ Normal(1, 5)
plate group { b ~ Normal(mu, 2) }
plate row in group {
  input x
  y ~ Normal(b * x, 1.5)
}
"""


def in_groups() -> tuple[pgmlang.Fit, dict[str, list[object]], np.ndarray, np.ndarray]:
    """A fit, its table, and the mean and covariance of the posterior of ``(mu, b[a], b[c])``."""
    rng = np.random.default_rng(7)
    table: dict[str, list[object]] = {
        "group": list("aaacc"),
        "x": rng.normal(size=5).tolist(),
        "y": rng.normal(size=5).tolist(),
    }
    rows = [[1 / 5, 0, 0], [-1 / 2, 1 / 2, 0], [-1 / 2, 0, 1 / 2]]
    rows += [
        [0, x / 1.5, 0] if g == "a" else [0, 0, x / 1.5] for g, x in zip(table["group"], table["x"], strict=True)
    ]  # type: ignore[operator]
    right = [1 / 5, 0, 0, *(np.array(table["y"]) / 1.5)]
    design = np.array(rows)
    covariance = np.linalg.inv(design.T @ design)
    return pgmlang.compile(GROUPS).fit(table, method="exact"), table, covariance @ design.T @ right, covariance


def test_rows_of_known_and_of_new_groups_are_predicted_in_closed_form() -> None:
    fit, _, mean, covariance = in_groups()
    new = {"group": ["c", "n", "n", "m"], "x": [0.7, 1.2, -0.4, 2.0], "y": [None, 3.0, None, None]}
    columns = fit.predict_columns(new).columns
    known = (0.7 * mean[2], 0.49 * covariance[2, 2] + 1.5**2)
    unseen = (2.0 * mean[0], 4.0 * (covariance[0, 0] + 4) + 1.5**2)
    gain = 4 * 1.2 / (1.2**2 * 4 + 1.5**2)
    b, of_mu = mean[0] + gain * (3 - 1.2 * mean[0]), 1 - gain * 1.2
    beside = (-0.4 * b, 0.16 * (4 * of_mu + of_mu**2 * covariance[0, 0]) + 1.5**2)
    for r, (m, v) in {0: known, 2: beside, 3: unseen}.items():
        right = [m, np.sqrt(v), *(m + np.sqrt(v) * stats.norm.ppf([0.05, 0.95]))]
        assert [columns[f"y{c}"][r] for c in ("", ".sd", ".q5", ".q95")] == pytest.approx(right, rel=1e-9)
    assert columns["y"][1] == 3.0
    assert columns["y.sd"][1] == 0.0
    assert "y.mcse" not in columns
    of_known = fit.score_rows(fit.bind({"group": ["c"], "x": [0.7], "y": [1.0]})).values
    assert of_known == pytest.approx([stats.norm.logpdf(1.0, known[0], np.sqrt(known[1]))], rel=1e-9)
    of_groups = fit.score_rows(fit.bind({"group": ["n", "n", "m"], "x": [1.2, -0.4, 2.0], "y": [3.0, 0.5, -2.0]}))
    shared = 4 + covariance[0, 0]
    pair = shared * np.outer([1.2, -0.4], [1.2, -0.4]) + 1.5**2 * np.eye(2)
    of_pair = stats.multivariate_normal(mean[0] * np.array([1.2, -0.4]), pair).logpdf([3.0, 0.5])
    right = [of_pair, stats.norm.logpdf(-2.0, unseen[0], np.sqrt(unseen[1]))]
    assert of_groups.plate == "group"
    assert of_groups.values == pytest.approx(right, rel=1e-9)
    assert of_groups.mcse is None


def test_a_fit_by_parts_of_its_groups_predicts_the_same() -> None:
    """Elements come in the order of the rows, and not all of them do."""
    fit, *_ = in_groups()
    both = fit.predict_columns({"group": ["a", "c"], "x": [0.3, 0.8], "y": [None, None]}).columns
    for i, group in enumerate("ac"):
        one = fit.predict_columns({"group": [group], "x": [[0.3, 0.8][i]], "y": [None]}).columns
        assert one["y.sd"][0] == pytest.approx(both["y.sd"][i], rel=1e-12)


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 60))])
def test_evidence_of_a_fresh_row_tells_what_a_row_more_of_the_table_tells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    has_labels = seed % 2 == 1
    model = random_shared(rng, has_labels=has_labels)
    while "group" not in model.table:  # rows that follow each other have no fresh row
        model = random_shared(rng, has_labels=has_labels)
    compiled = pgmlang.compile(model.text)
    fit = compiled.fit(model.table, method="exact")
    is_new = rng.random() < 0.5
    row: dict[str, object] = {"x": 0.4, "group": "other" if is_new else "g1", "item": "i0", "z": -0.3, "y": 1.1}
    if rng.random() < 0.5:
        row["z"] = float("nan")
    if has_labels:
        row["k"] = "v"
    more = compiled.fit({k: [*v, row[k]] for k, v in model.table.items()}, method="exact")
    told = ", ".join(f"{k} = {v}" for k, v in row.items() if v == v)
    score = fit.score_rows(fit.bind({k: [v] for k, v in row.items()}))
    assert score.mcse is None
    assert score.values.sum() == pytest.approx(more.log_likelihood - fit.log_likelihood, abs=1e-9)
    for name in ("s0", "e[i1]", *(["z"] if row["z"] != row["z"] else [])):
        answer = fit.query(f"E({name} | {told})")
        right = more.query(f"E({name})").table[-1]
        assert answer.method == "exact"
        assert answer.table[0] == {
            "variable": name,
            **{k: pytest.approx(v, rel=1e-9, abs=1e-9) for k, v in right.items() if k != "variable"},
        }
        assert answer.log_evidence == pytest.approx(more.log_likelihood - fit.log_likelihood, abs=1e-9)
    given = "x = 0.4, group = g1, item = i0" + (", k = u" if has_labels else "")
    (row_of_y,) = fit.query(f"P(y > 0 | {given})").table
    (moments,) = fit.query(f"E(y | {given})").table
    assert row_of_y["p"] == pytest.approx(stats.norm.sf(0, moments["mean"], moments["sd"]), rel=1e-12)


def test_values_of_all_groups_that_nothing_hangs_on_are_worked_out_of_the_draws() -> None:
    _, table, mean, _ = in_groups()
    text = GROUPS + "most = max(b, over = group)\ntotal = sum(b, over = group)\n"
    fit = pgmlang.compile(text).fit(table, method="exact", seed=1)
    assert fit.query("E(total)").table[0]["mean"] == pytest.approx(mean[1] + mean[2], rel=1e-9)
    assert fit.query("E(most)").table[0]["mean"] == pytest.approx(fit.draws["b"].max(-1).mean(), rel=1e-9)
    tied = GROUPS.replace("b * x", "b * x + mean(b, over = group)")
    with pytest.raises(pgmlang.PgmError, match="`exact` does not fit"):
        pgmlang.compile(tied).fit(table, method="exact")


CHOSEN = """
w : {one, two, three} ~ Categorical([0.2, 0.5, 0.3])
a ~ Normal(0, 2)
b ~ Normal(if w == one then 1 else -1, 1)
plate row {
  k ~ Bernoulli(0.3)
  input x
  y ~ Normal(if w == three then a + x else if k == 1 then a * x + b else b, 0.8)
}
"""


def test_labels_that_are_not_seen_make_a_mixture() -> None:
    """Of twelve configurations: a model with each of them seen, by Bayes's rule."""
    rng = np.random.default_rng(9)
    x, y, k = rng.normal(size=7), rng.normal(size=7), [0.0, 1, np.nan, 0, 1, np.nan, 1]
    model = pgmlang.compile(CHOSEN)
    fit = model.fit({"x": x, "y": y, "k": k}, method="exact", seed=3)
    logs, means, labels = [], [], []
    for w in ("one", "two", "three"):
        for first in (0, 1):
            for second in (0, 1):
                told = [first if i == 2 else second if i == 5 else int(c) for i, c in enumerate(np.nan_to_num(k))]
                one = model.fit({"x": x, "y": y, "k": told}, method="exact", observe={"w": w})
                logs.append(one.log_likelihood)
                means.append([one.query("E(a)").table[0]["mean"], one.query("E(b)").table[0]["mean"]])
                labels.append((w, first, second))
    assert fit.log_likelihood == pytest.approx(np.logaddexp.reduce(logs), abs=1e-9)
    chance = np.exp(np.array(logs) - np.logaddexp.reduce(logs))
    drawn = [np.reshape(fit.draws[n], (4000, -1)) for n in ("w", "k", "a", "b")]
    for i, (w, first, second) in enumerate(labels):
        share = (
            (drawn[0][:, 0] == ["one", "two", "three"].index(w))
            & (drawn[1][:, 2] == first)
            & (drawn[1][:, 5] == second)
        ).mean()
        assert share == pytest.approx(chance[i], abs=5 * np.sqrt(chance[i] * (1 - chance[i]) / 4000) + 1e-3)
    assert (drawn[1][:, [0, 1, 3, 4, 6]] == [0, 1, 0, 1, 1]).all()
    for column, values in enumerate(drawn[2:]):
        error = values.std() / np.sqrt(4000)
        assert values.mean() == pytest.approx(chance @ np.array(means)[:, column], abs=5 * error)
    assert fit.record.normal is None
    assert set(fit.plan.blocks[0].variables) == {"w", "a", "b", "k"}


def test_scores_of_seen_chains_are_of_their_series() -> None:
    """Those of known series are the same, whatever other series stand in the table."""
    text = "m ~ Normal(0, 1)\nplate s {\n  c ~ Normal(m, 1)\n  plate t = chain { y ~ Normal(if first then c else 0.8 * prev(y) + c, 1) }\n}\n"
    fit = pgmlang.compile(text).fit({"s": list("aaabb"), "y": [1.0, 2.0, 0.3, 0.0, 1.0]}, method="exact", seed=1)
    known = fit.score_rows(fit.bind({"s": list("aabb"), "y": [1.0, 2.0, 0.0, 1.0]}))
    more = fit.score_rows(fit.bind({"s": list("aabbn"), "y": [1.0, 2.0, 0.0, 1.0, 0.0]}))
    assert known.plate == more.plate == "s"
    assert known.values == pytest.approx(more.values[:2], rel=1e-12)
    (c,) = fit.query("E(c[a])").table
    covariance = np.eye(2) + c["sd"] ** 2
    right = stats.multivariate_normal([c["mean"], 0.8 + c["mean"]], covariance).logpdf([1, 2])
    assert known.values[0] == pytest.approx(right, rel=1e-9)


def test_scores_of_large_groups_are_linear_in_their_rows() -> None:
    """Of a new group of 20,000 rows (cubic, it would be hours), beside one of three."""
    text = "mu ~ Normal(0, 2)\nplate g { b ~ Normal(mu, 1) }\nplate row in g { y ~ Normal(b, 1) }\n"
    fit = pgmlang.compile(text).fit({"g": list("aabb"), "y": [1.0, 2.0, 3.0, 4.0]}, method="exact", seed=1)
    sizes = {"n": 20_000, "m": 3}
    y = np.random.default_rng(0).normal(size=sum(sizes.values()))
    score = fit.score_rows(fit.bind({"g": [g for g, n in sizes.items() for _ in range(n)], "y": y}))
    (mu,) = fit.query("E(mu)").table
    spread = 1 + mu["sd"] ** 2
    for name, gap in zip(sizes, np.split(y - mu["mean"], [sizes["n"]]), strict=True):
        # ones on the diagonal and `spread` everywhere: Sherman and Morrison (1950)
        total = 1 + spread * len(gap)
        square = gap @ gap - spread / total * gap.sum() ** 2
        right = -0.5 * (len(gap) * np.log(2 * np.pi) + np.log(total) + square)
        assert score.values[score.elements.index(name)] == pytest.approx(right, rel=1e-10)
