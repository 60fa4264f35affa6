"""The posteriors of `posteriors.py` as a user of NumPyro and of PyMC (for nutpie) writes them: non-centred where that is the advice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def numpyro_models() -> dict[str, Callable[..., None]]:
    """Each takes its data by name."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    def drawn(name: str, distribution: Any) -> Any:
        return numpyro.sample(name, distribution)

    def schools(y: Any, sd: Any) -> None:
        mu, tau = drawn("mu", dist.Normal(0, 5)), drawn("tau", dist.HalfCauchy(5))
        effect = drawn("effect", dist.Normal(0, 1).expand([8]).to_event(1))
        numpyro.sample("y", dist.Normal(mu + tau * effect, sd), obs=y)

    def radon(y: Any, floor: Any, county: Any) -> None:
        mu_a, mu_b = (drawn(n, dist.Normal(0, 5)) for n in ("mu_a", "mu_b"))
        sd_a, sd_b, sigma = (drawn(n, dist.HalfNormal(2)) for n in ("sd_a", "sd_b", "sigma"))
        with numpyro.plate("counties", 85):
            a = numpyro.deterministic("a", mu_a + sd_a * drawn("za", dist.Normal(0, 1)))
            b = numpyro.deterministic("b", mu_b + sd_b * drawn("zb", dist.Normal(0, 1)))
        numpyro.sample("y", dist.Normal(a[county] + b[county] * floor, sigma), obs=y)

    def logistic(X: Any, y: Any) -> None:
        base = drawn("base", dist.Normal(0, 5))
        weight = drawn("weight", dist.Normal(0, 2).expand([X.shape[1]]).to_event(1))
        numpyro.sample("y", dist.Bernoulli(logits=base + X @ weight), obs=y)

    def horseshoe(X: Any, y: Any) -> None:
        tau, sigma = drawn("tau", dist.HalfCauchy(0.2)), drawn("sigma", dist.HalfNormal(2))
        width = drawn("width", dist.HalfCauchy(1).expand([X.shape[1]]).to_event(1))
        standard = drawn("standard", dist.Normal(0, 1).expand([X.shape[1]]).to_event(1))
        beta = numpyro.deterministic("beta", standard * width * tau)
        numpyro.sample("y", dist.Normal(X @ beta, sigma), obs=y)

    def volatility(y: Any) -> None:
        mu, phi, s = (
            drawn("mu", dist.Normal(-1, 1)),
            drawn("phi", dist.Uniform(-1, 1)),
            drawn("s", dist.HalfNormal(0.5)),
        )
        standard = drawn("standard", dist.Normal(0, 1).expand([len(y)]).to_event(1))

        def day(before: Any, e: Any) -> tuple[Any, Any]:
            now = phi * before + s * e
            return now, now

        h = numpyro.deterministic("h", mu + jax.lax.scan(day, jnp.zeros(()), standard)[1])
        numpyro.sample("y", dist.Normal(0, jnp.exp(h / 2)), obs=y)

    def items(z: Any) -> None:
        theta = drawn("theta", dist.Normal(0, 1).expand([z.shape[0]]).to_event(1))
        a = drawn("a", dist.LogNormal(0, 0.5).expand([z.shape[1]]).to_event(1))
        b = drawn("b", dist.Normal(0, 1).expand([z.shape[1]]).to_event(1))
        numpyro.sample("z", dist.Bernoulli(logits=a * (theta[:, None] - b)), obs=z)

    def slopes(group: Any, x: Any, y: Any) -> None:
        mu = drawn("mu", dist.Normal(0, 2).expand([2]).to_event(1))
        tau = drawn("tau", dist.HalfNormal(1).expand([2]).to_event(1))
        factor, s = drawn("factor", dist.LKJCholesky(2, 2.0)), drawn("s", dist.HalfNormal(1))
        with numpyro.plate("groups", 20):
            z = drawn("z", dist.Normal(0, 1).expand([2]).to_event(1))
        b = numpyro.deterministic("b", mu + tau * (z @ factor.T))
        numpyro.sample("y", dist.Normal(b[group, 0] + b[group, 1] * x, s), obs=y)

    return {
        "schools": schools, "radon": radon, "logistic 569x30": logistic, "logistic 100,000x20": logistic,
        "horseshoe 100x50": horseshoe, "volatility, 1,000 days": volatility, "items, 300 x 20": items,
        "slopes, 20 groups": slopes,
    }  # fmt: skip


def pymc_model(name: str, data: dict[str, Any]) -> Any:
    """A model of PyMC over its data. Raises NotImplementedError where it is not written here."""
    import pymc as pm

    with pm.Model() as model:
        if name == "schools":
            mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
            effect = pm.Normal("effect", 0, 1, shape=8)
            pm.Normal("y", mu + tau * effect, data["sd"], observed=data["y"])
        elif name == "radon":
            mu_a, mu_b = pm.Normal("mu_a", 0, 5), pm.Normal("mu_b", 0, 5)
            sd_a, sd_b = pm.HalfNormal("sd_a", 2), pm.HalfNormal("sd_b", 2)
            sigma = pm.HalfNormal("sigma", 2)
            a = pm.Deterministic("a", mu_a + sd_a * pm.Normal("za", 0, 1, shape=85))
            b = pm.Deterministic("b", mu_b + sd_b * pm.Normal("zb", 0, 1, shape=85))
            pm.Normal("y", a[data["county"]] + b[data["county"]] * data["floor"], sigma, observed=data["y"])
        elif name.startswith("logistic"):
            base, weight = pm.Normal("base", 0, 5), pm.Normal("weight", 0, 2, shape=data["X"].shape[1])
            pm.Bernoulli("y", logit_p=base + data["X"] @ weight, observed=data["y"])
        elif name.startswith("horseshoe"):
            tau, sigma = pm.HalfCauchy("tau", 0.2), pm.HalfNormal("sigma", 2)
            width, standard = pm.HalfCauchy("width", 1, shape=50), pm.Normal("standard", 0, 1, shape=50)
            beta = pm.Deterministic("beta", standard * width * tau)
            pm.Normal("y", data["X"] @ beta, sigma, observed=data["y"])
        elif name.startswith("volatility"):
            mu, phi, s = pm.Normal("mu", -1, 1), pm.Uniform("phi", -1, 1), pm.HalfNormal("s", 0.5)
            h = pm.AR(
                "h", [mu * (1 - phi), phi], sigma=s, init_dist=pm.Normal.dist(mu, s), constant=True, shape=1000
            )
            pm.Normal("y", 0, pm.math.exp(h / 2), observed=data["y"])
        elif name.startswith("items"):
            theta = pm.Normal("theta", 0, 1, shape=300)
            a, b = pm.LogNormal("a", 0, 0.5, shape=20), pm.Normal("b", 0, 1, shape=20)
            pm.Bernoulli("z", logit_p=a * (theta[:, None] - b), observed=data["z"])
        elif name.startswith("slopes"):
            mu, tau = pm.Normal("mu", 0, 2, shape=2), pm.HalfNormal("tau", 1, shape=2)
            corr, s = pm.LKJCorr("R", eta=2, n=2), pm.HalfNormal("s", 1)
            matrix = corr if corr.ndim == 2 else pm.math.stack([[1.0, corr[0]], [corr[0], 1.0]])
            z = pm.Normal("z", 0, 1, shape=(20, 2))
            second = matrix[0, 1] * z[:, 0] + pm.math.sqrt(1 - matrix[0, 1] ** 2) * z[:, 1]
            b = pm.Deterministic("b", pm.math.stack([mu[0] + tau[0] * z[:, 0], mu[1] + tau[1] * second], axis=1))
            pm.Normal("y", b[data["group"], 0] + b[data["group"], 1] * data["x"], s, observed=data["y"])
        else:
            raise NotImplementedError(name)
    return model
