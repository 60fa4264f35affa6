"""Models of the kinds in the Stan user's guide, posteriordb and PyMC's gallery, as a first user writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.simulated import Simulated, Tables, check

Rng = np.random.Generator


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def long(**codes: Any) -> dict[str, Any]:
    """Columns of labels, ``a03`` for code 3 of ``a``."""
    return {name: [f"{name[0]}{int(c):03d}" for c in column] for name, column in codes.items()}


def errors_in_both(rng: Rng) -> Tables:
    x = rng.normal(10, 2, 100)
    return {"": {"measured": x + rng.normal(0, 0.8, 100), "y": 3 + 0.7 * x + rng.normal(0, 0.5, 100)}}


def moving_average(rng: Rng) -> Tables:
    e, y = rng.normal(0, 0.15, 200), np.full(200, 0.4)
    for t in range(1, 200):
        y[t] = 0.1 + 0.7 * y[t - 1] + 0.3 * e[t - 1] + e[t]
    return {"": {"y": y}}


def captures(rng: Rng) -> Tables:
    """150 animals marked at the first of seven occasions."""
    alive = np.cumprod(np.c_[np.ones(150), rng.random((150, 6)) < 0.7], 1)
    seen = np.where(np.arange(7) == 0, 1, alive * (rng.random((150, 7)) < 0.5)).astype(int)
    animal, occasion = np.divmod(np.arange(1050), 7)
    return {"": {**long(animal=animal), "occasion": occasion, "seen": seen.ravel()}}


def trapped(rng: Rng) -> Tables:
    """100 animals among 150 rows, those caught before twice as likely to be caught again."""
    seen = np.zeros((150, 5), int)
    for t in range(5):
        seen[:100, t] = rng.random(100) < np.where(seen[:100, :t].any(1), 0.6, 0.3)
    seen = seen[np.argsort(-seen.sum(1))]
    animal, occasion = np.divmod(np.arange(150 * 5), 5)
    return {"": {**long(animal=animal), "occasion": occasion, "seen": seen.ravel()}}


def disasters(rng: Rng) -> Tables:
    return {"": {"year": np.arange(1851, 1962), "disasters": np.r_[rng.poisson(3.1, 40), rng.poisson(0.9, 71)]}}


def graded(rng: Rng) -> Tables:
    x = rng.normal(size=300)
    return {
        "": {"x": x, "y": np.array(list("abcd"))[np.searchsorted([-1, 0, 1.5], 1.2 * x + rng.logistic(size=300))]}
    }


def lines(rng: Rng) -> Tables:
    of = np.repeat(np.arange(40), 12)
    b = rng.multivariate_normal([1, -0.5], [[0.5, 0.2], [0.2, 0.3]], 40)[of]
    x = rng.normal(size=480)
    return {"": {**long(group=of), "x": x, "y": b[:, 0] + b[:, 1] * x + rng.normal(0, 0.5, 480)}}


def neighbours(rng: Rng) -> Tables:
    """Counts on an 8 by 8 map whose neighbouring areas are alike."""
    place = np.arange(64).reshape(8, 8)
    pairs = np.r_[np.c_[place[:, :-1].ravel(), place[:, 1:].ravel()], np.c_[place[:-1].ravel(), place[1:].ravel()]]
    precision = np.zeros((64, 64))
    for i, j in pairs:
        precision[[i, j], [i, j]] += 1
        precision[[i, j], [j, i]] -= 1
    phi = rng.multivariate_normal(np.zeros(64), np.linalg.pinv(precision))
    expected = rng.integers(20, 80, 64)
    y = rng.poisson(expected * np.exp(-0.2 + 0.4 * phi))
    return {
        "area": {**long(area=np.arange(64)), "expected": expected, "y": y},
        "edge": {"one": long(area=pairs[:, 0])["area"], "other": long(area=pairs[:, 1])["area"], "gap": np.zeros(len(pairs))},
    }  # fmt: skip


def bordering(rng: Rng) -> Tables:
    """The same map by who borders on whom, drawn from the intrinsic autoregression itself."""
    ids = np.arange(49).reshape(7, 7)
    pairs = [
        *zip(ids[:, :-1].ravel(), ids[:, 1:].ravel(), strict=True),
        *zip(ids[:-1].ravel(), ids[1:].ravel(), strict=True),
    ]
    precision = np.zeros((49, 49))
    for i, j in pairs:
        precision[[i, j], [i, j]] += 1
        precision[[i, j], [j, i]] -= 1
    values, vectors = np.linalg.eigh(precision)
    phi = 0.6 * vectors[:, 1:] @ (rng.normal(size=48) / np.sqrt(values[1:]))
    expected = rng.uniform(10, 40, 49)
    one, other = ([f"a{k:02d}" for k in ends] for ends in zip(*pairs, strict=True))
    area = {
        "area": [f"a{k:02d}" for k in range(49)],
        "expected": expected,
        "cases": rng.poisson(expected * np.exp(0.3 + phi)),
    }
    return {"area": area, "border": {"one": one, "other": other}}


def decisions(rng: Rng) -> Tables:
    """Choices between two sides and their times, by small steps of the evidence."""
    step, times = 0.0005, []
    for _ in range(250):
        place, time = 0.5 * 1.6, 0.0
        while 0 < place < 1.6:
            place += 0.9 * step + np.sqrt(step) * rng.normal()
            time += step
        times.append((1 if place > 0.8 else -1) * (time + 0.25))
    return {"": {"answer": times}}


def regimes(rng: Rng) -> Tables:
    z, y = 0, np.zeros(300)
    for t in range(300):
        z = rng.choice(3, p=[[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]][z])
        y[t] = rng.normal([-2, 1, 6][z], [0.5, 1, 1.5][z])
    return {"": {"y": y}}


def two_series(rng: Rng) -> Tables:
    y = np.zeros((300, 2))
    for t in range(1, 300):
        y[t] = [[0.6, 0.1], [-0.2, 0.5]] @ y[t - 1] + rng.multivariate_normal([0, 0], [[0.2, 0.08], [0.08, 0.3]])
    return {"": {"y.gdp": y[:, 0], "y.cons": y[:, 1]}}


def ratings(rng: Rng) -> Tables:
    truth = rng.choice(4, p=[0.4, 0.3, 0.2, 0.1], size=80)
    item, rater = np.divmod(np.arange(80 * 5), 5)
    said = [rng.choice(4, p=np.where(np.arange(4) == truth[i], 0.7, 0.1)) for i in item]
    return {"rated": {**long(item=item, rater=rater), "rating": long(k=said)["k"]}}


def bends(rng: Rng) -> Tables:
    x = np.sort(rng.uniform(-4, 4, 40))
    return {"": {"x": x, "y": 1.2 * np.sin(x) + rng.normal(0, 0.3, 40)}}


def survival(rng: Rng) -> Tables:
    treated = rng.integers(0, 2, 200)
    t, last = 10 * np.exp(0.5 * treated) * rng.weibull(1.5, 200), rng.uniform(5, 30, 200)
    return {"": {"treated": treated, "last": last, "t": np.minimum(t, last)}}


MODELS = {
    "measurement error": Simulated(
        """
        mu ~ Normal(0, 20)
        tau ~ HalfNormal(10)
        alpha ~ Normal(0, 10)
        beta ~ Normal(0, 10)
        sigma ~ HalfCauchy(5)
        plate row {
          x ~ Normal(mu, tau)
          measured ~ Normal(x, 0.8)
          y ~ Normal(alpha + beta * x, sigma)
        }""",
        errors_in_both, {"mu": 10, "tau": 2, "alpha": 3, "beta": 0.7, "sigma": 0.5},
    ),
    "a moving average": Simulated(
        """
        mu ~ Normal(0, 10)
        phi ~ Normal(0, 2)
        theta ~ Normal(0, 2)
        sigma ~ HalfCauchy(2.5)
        plate t = chain {
          nu = if first then mu + phi * mu else mu + phi * prev(y) + theta * prev(err)
          err = y - nu
          y ~ Normal(nu, sigma)
        }""",
        moving_average, {"mu": 0.1, "phi": 0.7, "theta": 0.3, "sigma": 0.15},
    ),
    "survival and recapture": Simulated(
        """
        phi ~ Uniform(0, 1)
        p ~ Uniform(0, 1)
        plate animal {
          plate occasion = chain {
            alive ~ if first then Bernoulli(1) else Bernoulli(phi * prev(alive))
            seen ~ if first then Bernoulli(1) else Bernoulli(p * alive)
          }
        }""",
        captures, {"phi": 0.7, "p": 0.5},
    ),
    "an unknown number of animals": Simulated(
        """
        omega ~ Uniform(0, 1)
        p ~ Uniform(0, 1)
        c ~ Uniform(0, 1)
        plate animal {
          present ~ Bernoulli(omega)
          plate occasion = chain {
            before = if first then 0 else max(prev(before), prev(seen))
            seen ~ Bernoulli(present * (if before == 1 then c else p))
          }
        }
        N = sum(present, over = animal)""",
        trapped, {"N": 100, "p": 0.3, "c": 0.6, "omega": 2 / 3},
    ),
    "a change point": Simulated(
        """
        dim k[111]
        early ~ Exponential(1)
        late ~ Exponential(1)
        begin[k] = 1851 + position(k)
        switch : k ~ Categorical(1 / 111)
        last_year = begin[switch]
        plate row {
          input year : real
          disasters ~ Poisson(if year < last_year then early else late)
        }""",
        disasters, {"early": 3.1, "late": 0.9, "last_year": 1891},
    ),
    "cut points": Simulated(
        """
        dim step[3]
        cut[step] : ordered ~ Flat()
        beta ~ Flat()
        plate row {
          input x : real
          y : {a, b, c, d} ~ OrderedLogistic(beta * x, cut)
        }""",
        graded, {"beta": 1.2, "cut[0]": -1, "cut[1]": 0, "cut[2]": 1.5},
    ),
    "correlated lines": Simulated(
        """
        dim coef = {level, slope}
        tau[coef] ~ HalfCauchy(2.5)
        Omega[coef, coef'] ~ LKJ(2)
        gamma[coef] ~ Normal(0, 5)
        sigma ~ HalfCauchy(5)
        plate group { beta[coef] ~ MultivariateNormal(gamma, outer(tau) * Omega) }
        plate row in group {
          input x : real
          y ~ Normal(beta[level] + beta[slope] * x, sigma)
        }""",
        lines, {"gamma[level]": 1, "gamma[slope]": -0.5, "tau[level]": 0.5**0.5, "tau[slope]": 0.3**0.5, "sigma": 0.5},
    ),
    "areas beside each other": Simulated(
        """
        beta0 ~ Normal(0, 1)
        sigma ~ HalfNormal(1)
        phi[area] : zerosum ~ Flat()
        plate area {
          input expected : positive
          y ~ Poisson(expected * exp(beta0 + sigma * phi))
        }
        plate edge {
          input one, other : area
          gap ~ Normal(phi[one] - phi[other], 1)
        }""",
        neighbours, {"beta0": -0.2, "sigma": 0.4},
    ),
    "a map by its borders": Simulated(
        """
        rate ~ Normal(0, 2)
        spread ~ HalfNormal(1)
        plate border { input one, other : area }
        W[area, area'] = max(if (one == area and other == area') or (one == area' and other == area) then 1 else 0, over = border)
        phi[area] ~ ICAR(W)
        plate area {
          input expected : positive
          cases ~ Poisson(expected * exp(rate + spread * phi))
        }""",
        bordering, {"rate": 0.3, "spread": 0.6},
    ),
    "decisions and their times": Simulated(
        """
        boundary ~ HalfNormal(3)
        delay ~ Uniform(0, 1)
        drift ~ Normal(0, 3)
        plate trial { answer ~ Wiener(boundary, delay, 0.5, drift) }""",
        decisions, {"boundary": 1.6, "delay": 0.25, "drift": 0.9},
    ),
    "hidden states": Simulated(
        """
        dim state[3]
        begin[state] ~ Dirichlet(1)
        move[state, state'] ~ Dirichlet(1)
        mu[state] : ordered ~ Normal(0, 10)
        sigma[state] ~ HalfNormal(5)
        plate t = chain {
          z ~ Categorical(if first then begin else move[prev(z)])
          y ~ Normal(mu[z], sigma[z])
        }""",
        regimes, {"mu[0]": -2, "mu[1]": 1, "mu[2]": 6, "sigma[0]": 0.5, "sigma[1]": 1, "sigma[2]": 1.5},
    ),
    "two series at once": Simulated(
        """
        dim v = {gdp, cons}
        c[v] ~ Normal(0, 1)
        A[v, v'] ~ Normal(0, 0.5)
        tau[v] ~ HalfNormal(1)
        L[v, v'] ~ LKJCholesky(2)
        plate t = chain {
          y[v] ~ MultivariateNormal(if first then 0 else c + A @ prev(y), scale_tril = diag(tau) @ L)
        }""",
        two_series, {"A[gdp,gdp]": 0.6, "A[cons,gdp]": -0.2, "A[cons,cons]": 0.5, "tau[gdp]": 0.2**0.5},
    ),
    "raters who err": Simulated(
        """
        dim category = {k000, k001, k002, k003}
        share[category] ~ Dirichlet(3)
        plate rater { theta[category, category'] ~ Dirichlet(if category == category' then 6 else 1) }
        plate item { truth ~ Categorical(share) }
        plate rated in item, rater { rating ~ Categorical(theta[truth]) }""",
        ratings, {"share[k000]": 0.4, "theta[r000,k000,k000]": 0.7},
    ),
    "a Gaussian process": Simulated(
        """
        length ~ InverseGamma(5, 5)
        scale ~ HalfNormal(1)
        noise ~ HalfNormal(1)
        y[row] ~ MultivariateNormal(0, exp_quad(x, scale, length, noise = noise))
        plate row { input x : real }""",
        bends, {"noise": 0.3},
    ),
    "censored lifetimes": Simulated(
        """
        shape ~ HalfNormal(5)
        b0 ~ Normal(0, 5)
        b1 ~ Normal(0, 5)
        plate patient {
          input treated : real
          input last : positive
          t ~ Censored(Weibull(shape, exp(b0 + b1 * treated)), upper = last)
        }""",
        survival, {"shape": 1.5, "b0": np.log(10), "b1": 0.5},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_simulated(name: str) -> None:
    check(MODELS[name])


@pytest.mark.slow
def test_another_truth_is_seen() -> None:
    model = MODELS["censored lifetimes"]
    with pytest.raises(AssertionError, match="shape"):
        check(Simulated(model.text, model.tables, {"shape": 3.0}))
