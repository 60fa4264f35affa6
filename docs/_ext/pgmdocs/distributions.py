"""A page a distribution, from its record."""

from __future__ import annotations

import math

from pgmdocs.formulas import log_density, moments
from pgmlang.families import (
    ARGUMENT_CONVERSIONS,
    ARGUMENT_SPELLINGS,
    FAMILIES,
    LEARNED,
    SERIES,
    Family,
    Parameter,
    refusal,
)

EXAMPLES: dict[str, str] = {
    "Normal": "mu ~ Normal(170, 20)\nsd ~ HalfNormal(10)\nplate person { height ~ Normal(mu, sd) }",
    "LogNormal": "plate household { income ~ LogNormal(loc = 10, sd = 0.5) }",
    "HalfNormal": "sd ~ HalfNormal(5)\nplate row { y ~ Normal(0, sd) }",
    "StudentT": "m ~ Normal(0, 10)\ns ~ HalfNormal(5)\nplate row { y ~ StudentT(df = 4, loc = m, sd = s) }",
    "Cauchy": "plate row { y ~ Cauchy(loc = 0, scale = 2) }",
    "Laplace": "dim predictor = {area, rooms}\nb[predictor] ~ Laplace(0, 1)\nplate house {\n  input X[predictor] : real\n"
    "  price ~ Normal(X @ b, 10)\n}",
    "Logistic": "plate row { y ~ Logistic(loc = 1, scale = 0.5) }",
    "Gumbel": "plate year { flood ~ Gumbel(loc = 3, scale = 0.8) }",
    "HalfCauchy": "tau ~ HalfCauchy(5)\nplate school { effect ~ Normal(0, tau) }",
    "Exponential": "rate ~ Gamma(2, 1)\nplate call { wait ~ Exponential(rate) }",
    "Gamma": "plate day { rain ~ Gamma(shape = 2, rate = 0.5) }",
    "InverseGamma": "variance ~ InverseGamma(shape = 3, scale = 2)\nplate row { y ~ Normal(0, sqrt(variance)) }",
    "Weibull": "plate pump { life ~ Weibull(shape = 1.5, scale = 1000) }",
    "Beta": "p ~ Beta(2, 2)\nplate toss { heads : bit ~ Bernoulli(p) }",
    "Uniform": "p ~ Uniform(0, 1)\nplate toss { heads ~ Bernoulli(p) }",
    "VonMises": "plate bird { direction ~ VonMises(loc = 0.5, concentration = 3) }",
    "Flat": "plate year = chain { level ~ if first then Flat() else Normal(prev(level), 1) }",
    "Bernoulli": "a ~ Normal(0, 2)\nb ~ Normal(0, 1)\nplate patient {\n  input dose : real\n"
    "  cured ~ Bernoulli(logit = a + b * dose)\n}",
    "Categorical": "dim party = {left, right, other}\nshare[party] ~ Dirichlet(1)\nplate voter { vote ~ Categorical(share) }",
    "OrderedLogistic": "dim cut = {first_cut, second_cut}\ncuts[cut] : ordered ~ Normal(0, 2)\nb ~ Normal(0, 1)\nplate row {\n"
    "  input x : real\n  answer : {low, middle, high} ~ OrderedLogistic(b * x, cuts)\n}",
    "OrderedProbit": "dim cut = {first_cut, second_cut}\ncuts[cut] : ordered ~ Normal(0, 2)\nb ~ Normal(0, 1)\nplate row {\n"
    "  input x : real\n  answer : {low, middle, high} ~ OrderedProbit(b * x, cuts)\n}",
    "Poisson": "rate ~ Gamma(2, 1)\nplate hour { calls ~ Poisson(rate) }",
    "NegativeBinomial": "plate hour { calls ~ NegativeBinomial(mean = 4, shape = 2) }",
    "Geometric": "p ~ Beta(1, 1)\nplate player { misses ~ Geometric(p) }",
    "Binomial": "p ~ Beta(1, 1)\nplate batch {\n  input size : count\n  broken ~ Binomial(size, p)\n}",
    "BetaBinomial": "plate batch {\n  input size : count\n  broken ~ BetaBinomial(size, a = 2, b = 8)\n}",
    "GeneralizedExtremeValue": "plate year { flood ~ GeneralizedExtremeValue(loc = 3, scale = 0.8, shape = 0.1) }",
    "GeneralizedPareto": "plate claim { excess ~ GeneralizedPareto(scale = 500, shape = 0.3) }",
    "Gompertz": "plate person { age_at_death ~ Gompertz(shape = 0.09, rate = 0.0001) }",
    "LogUniform": "scale ~ LogUniform(0.01, 100)\nplate row { y ~ Normal(0, scale) }",
    "HalfLogistic": "tau ~ HalfLogistic(2)\nplate school { effect ~ Normal(0, tau) }",
    "SkewStudentT": "plate day { change ~ SkewStudentT(a = 3, b = 2, loc = 0, scale = 1) }",
    "GeneralizedPoisson": "plate driver { claims ~ GeneralizedPoisson(rate = 1, dispersion = 0.3) }",
    "Skellam": "plate match { lead ~ Skellam(rate1 = 1.6, rate2 = 1.1) }",
    "Wiener": "v ~ Normal(0, 2)\nplate trial { choice_and_time ~ Wiener(boundary = 2, delay = 0.2, bias = 0.5, drift = v) }",
    "Rice": "plate pixel { amplitude ~ Rice(distance = 2, scale = 1) }",
    "NoncentralChiSquared": "plate row { y ~ NoncentralChiSquared(df = 4, noncentrality = 3) }",
    "NoncentralT": "effect ~ Normal(0, 1)\nplate study { t ~ NoncentralT(df = 20, noncentrality = effect) }",
    "MultivariateStudentT": "dim feature = {height, weight}\nmean[feature] ~ Normal(0, 10)\n"
    "spread[feature, feature'] ~ InverseWishart(df = 4, scale = [[1, 0], [0, 1]])\n"
    "plate row { x[feature] ~ MultivariateStudentT(4, mean, spread) }",
    "SkewNormal": "plate row { y ~ SkewNormal(loc = 0, scale = 2, shape = 3) }",
    "AsymmetricLaplace": "a ~ Normal(0, 10)\nb ~ Normal(0, 10)\ns ~ HalfNormal(5)\nplate row {\n  input x : real\n"
    "  y ~ AsymmetricLaplace(a + b * x, s, p = 0.9)\n}",
    "ExponentiallyModifiedGaussian": "plate trial { time ~ ExponentiallyModifiedGaussian(loc = 300, sd = 40, rate = 0.01) }",
    "Moyal": "plate particle { loss ~ Moyal(loc = 5, scale = 1) }",
    "Pareto": "shape ~ Gamma(2, 1)\nplate town { people ~ Pareto(shape, scale = 1000) }",
    "Lomax": "plate claim { cost ~ Lomax(shape = 3, scale = 500) }",
    "LogLogistic": "plate patient { survival ~ LogLogistic(shape = 2, scale = 12) }",
    "Frechet": "plate year { rain ~ Frechet(shape = 3, scale = 40) }",
    "InverseGaussian": "plate trial { time ~ InverseGaussian(mean = 0.6, shape = 2) }",
    "Rayleigh": "plate wave { height ~ Rayleigh(scale = 1.5) }",
    "Maxwell": "plate molecule { speed ~ Maxwell(scale = 270) }",
    "GeneralizedGamma": "plate pump { life ~ GeneralizedGamma(shape = 2, rate = 0.01, power = 1.5) }",
    "ChiSquared": "plate row { y ~ ChiSquared(df = 4) }",
    "InverseChiSquared": "variance ~ InverseChiSquared(df = 5)\nplate row { y ~ Normal(0, var = variance) }",
    "ScaledInverseChiSquared": "variance ~ ScaledInverseChiSquared(df = 5, scale = 2)\nplate row { y ~ Normal(0, var = variance) }",
    "FisherSnedecor": "plate row { ratio ~ FisherSnedecor(df1 = 3, df2 = 20) }",
    "BetaPrime": "plate row { odds ~ BetaPrime(2, 4) }",
    "HalfStudentT": "sd ~ HalfStudentT(df = 3, scale = 2.5)\nplate row { y ~ Normal(0, sd) }",
    "Kumaraswamy": "plate row { share ~ Kumaraswamy(2, 5) }",
    "LogitNormal": "plate school { passed ~ LogitNormal(loc = 0.5, sd = 1) }",
    "ContinuousBernoulli": "plate pixel { grey ~ ContinuousBernoulli(0.3) }",
    "Triangular": "cost ~ Triangular(low = 2, mode = 3, high = 7)\nplate row { y ~ Normal(cost, 1) }",
    "BetaNegativeBinomial": "plate hour { calls ~ BetaNegativeBinomial(n = 4, a = 3, b = 2) }",
    "DiscreteWeibull": "plate pump { days ~ DiscreteWeibull(q = 0.99, shape = 1.5) }",
    "DiscreteUniform": "plate roll { face ~ DiscreteUniform(1, 6) }",
    "Hypergeometric": "plate sample {\n  input marked : count\n  seen ~ Hypergeometric(n = 10, good = marked, bad = 100)\n}",
    "Dirichlet": "dim party = {left, right, other}\nshare[party] ~ Dirichlet(1)\nplate voter { vote ~ Categorical(share) }",
    "Multinomial": "dim party = {left, right, other}\nshare[party] ~ Dirichlet(1)\nplate town {\n  input voters : count\n"
    "  votes[party] ~ Multinomial(voters, share)\n}",
    "DirichletMultinomial": "dim party = {left, right, other}\nalpha[party] ~ Gamma(2, 1)\nplate town {\n  input voters : count\n"
    "  votes[party] ~ DirichletMultinomial(voters, alpha)\n}",
    "ZeroSumNormal": "dim breed = {dane, pug, collie}\nmean ~ Normal(0, 10)\ns ~ HalfNormal(5)\neffect[breed] ~ ZeroSumNormal(s)\n"
    "plate dog {\n  input kind : breed\n  weight ~ Normal(mean + effect[kind], 2)\n}",
    "ICAR": "plate area { cases ~ Poisson(exp(3 + s * phi)) }\nplate border { input one, other : area }\n"
    "beside[area, area'] = max(if (one == area and other == area') or (one == area' and other == area) then 1 else 0, over = border)\n"
    "s ~ HalfNormal(1)\nphi[area] ~ ICAR(beside)",
    "UniformSphere": "dim side = {east, north, up}\ndirection[side] ~ UniformSphere()\nplate row {\n  input x[side] : real\n"
    "  y ~ Normal(x @ direction, 1)\n}",
    "MultivariateNormal": "dim feature = {height, weight}\ndim other like feature\nmean[feature] ~ Normal(0, 10)\n"
    "param spread[feature, other] : cov\nplate row { x[feature] ~ MultivariateNormal(mean, spread) }",
    "LKJ": "dim feature = {height, weight}\ndim other like feature\nr[feature, other] ~ LKJ(2)\n"
    "plate row { x[feature] ~ MultivariateNormal(0, r) }",
    "Wishart": "dim feature = {height, weight}\ndim other like feature\ninput scale[feature, other] : cov\n"
    "spread[feature, other] ~ Wishart(df = 4, scale = scale)\nplate row { x[feature] ~ MultivariateNormal(0, spread) }",
    "LKJCholesky": "dim feature = {height, weight}\nl[feature, feature'] ~ LKJCholesky(2)\n"
    "plate row { x[feature] ~ MultivariateNormal(0, scale_tril = l) }",
    "InverseWishart": "dim feature = {height, weight}\nspread[feature, feature'] ~ InverseWishart(df = 4, scale = [[1, 0], [0, 1]])\n"
    "plate row { x[feature] ~ MultivariateNormal(0, spread) }",
    "Truncated": "plate row { y ~ Truncated(Normal(1, 2), lower = 0) }",
    "Censored": "plate pump {\n  input watched : positive\n  life ~ Censored(Weibull(1.5, 1000), upper = watched)\n}",
    "ZeroInflated": "p ~ Beta(1, 1)\nrate ~ Gamma(2, 1)\nplate visitor { fish ~ ZeroInflated(p, Poisson(rate)) }",
    "ZeroOneInflated": "p ~ Beta(1, 1)\nq ~ Beta(1, 1)\nplate visitor { read ~ ZeroOneInflated(p, q, Beta(2, 3)) }",
    "Mixture": "plate part[2] { mean ~ Normal(0, 5) }\nshare[part] ~ Dirichlet(1)\n"
    "plate row { y ~ Mixture(share, Normal(mean, 1)) }",
}  # fmt: skip
"""A model of each; a test checks them."""

SUPPORTS = {
    "real": "any number", "positive": "numbers above 0", "unit": "numbers between 0 and 1", "count": "0, 1, 2, ...", "integer": "whole numbers",
    "bit": "0 or 1", "labels": "labels", "simplex": "numbers above 0 that sum to 1 along an axis",
    "cov": "covariance matrices", "corr": "correlation matrices",
    "cholesky_corr": "Cholesky factors of correlation matrices", "zerosum": "numbers that sum to 0 along an axis",
    "unitvector": "numbers whose squares sum to 1 along an axis", "inner": "what the distribution taken gives",
}  # fmt: skip
NEEDS = {
    "real": "any number",
    "positive": "above 0",
    "unit": "between 0 and 1",
    "count": "0, 1, 2, ...",
    "integer": "whole numbers",
}
KINS = {
    "Numbers": lambda f: f.support == "real" and f.event == 0,
    "Numbers above 0": lambda f: f.support == "positive",
    "Shares": lambda f: f.support == "unit",
    "Counts, yes or no": lambda f: f.support in ("count", "integer", "bit") and f.event == 0,
    "Labels": lambda f: f.support == "labels",
    "Vectors and matrices": lambda f: f.event > 0,
    "Distributions of distributions": lambda f: bool(f.takes),
}


def pages() -> dict[str, str]:
    return {"distributions/index.md": index()} | {
        f"distributions/{name}.md": page(family) for name, family in FAMILIES.items()
    }


def index() -> str:
    parts = [
        "# Distributions\n\nWhat may stand on the right of `~`. Arguments go by position or by name; `rate` is one over a "
        "scale and `sd` a standard deviation; `var` and `precision` have names of their own ([of what](../../language.md#distributions)). "
        "Tables (`Table`) are in [the language](../../language.md#tables).\n"
    ]
    for title, belongs in KINS.items():
        rows = [f"| [`{signature(f, 0)}`]({f.name}.md) | {f.says} |" for f in FAMILIES.values() if belongs(f)]
        parts.append(f"## {title}\n\n| | |\n| --- | --- |\n" + "\n".join(rows) + "\n")
    rows = [f"| `{s.signature}` | {s.says} |" for s in SERIES.values()]
    parts.append(
        "## Rows of a chain\n\n| | |\n| --- | --- |\n" + "\n".join(rows) + "\n\n`start` is a distribution.\n"
    )
    converted = {
        other: " or ".join(f"`{a} = {f.format(other)}`" for a, f in here.items() if f != "{}")
        for other, here in ARGUMENT_CONVERSIONS.items()
    }
    here = {other: f"`{name}`" for other, name in ARGUMENT_SPELLINGS.items()}
    here |= {k: " or ".join(filter(None, [here.get(k, ""), v])) for k, v in converted.items() if v}
    spelled = "\n".join(f"| `{other}` | {name} |" for other, name in sorted(here.items()))
    parts.append(
        "## Other libraries' names of arguments\n\nThey are answered with the name here.\n\n| elsewhere | here, mostly |"
        f"\n| --- | --- |\n{spelled}\n"
    )
    coming = ", ".join(f"`{f.name}` ({f.says})" for f in LEARNED.values() if not f.module)
    if coming:
        parts.append(f"## Named and still to come\n\nLearned densities: {coming}.\n")
    tree = "\n".join(FAMILIES)
    return "\n".join(parts) + f"\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{tree}\n```\n"


def signature(family: Family, variant: int) -> str:
    words = [
        p.name + (f" = {_number(p.default)}" if p.default is not None else "") for p in family.variants[variant]
    ]
    first = words if family.takes and not family.limits else []
    return f"{family.name}({', '.join([*first, *('D' for _ in family.takes), *words[len(first) :]])})"


def page(family: Family) -> str:
    variants = range(len(family.variants))
    lines = [f"# {family.name}", "", family.says[0].upper() + family.says[1:] + ".", ""]
    for v in variants:
        lines += ["```pgm", signature(family, v), "```", ""]
    lines += spelled(family)
    lines += [f"A draw: {draw_of(family)}.", ""]
    lines += [arguments(family), "", "## Log-density" if not family.discrete else "## Log-probability", ""]
    for v in variants:
        text, let = log_density(family, v)
        density, *named = text.split(r",\quad ")
        named += [f"{name} = {value}" for name, value in let]
        head = f"`{signature(family, v)}`:\n\n" if len(family.variants) > 1 else ""
        lines += [f"{head}$$\n\\log p(x) = {density}\n$$", ""]
        lines += [f"with {', '.join(f'${n}$' for n in named)}.", ""] if named else []
        mean, variance = moments(family, v)
        if mean and v == 0:
            lines += [f"Mean: ${mean}$" + (f". {spread(family)}: ${variance}$." if variance else "."), ""]
    lines += ["## Example", "", "```pgm", EXAMPLES[family.name], "```", ""]
    lines += ["## What it goes with", "", *relations(family)]
    return "\n".join(lines) + "\n"


def spelled(family: Family) -> list[str]:
    """What calls with other arguments stand for."""
    if not family.spellings:
        return []
    rows = ["| also | is |", "| --- | --- |"]
    for spelling in family.spellings:
        said = [f"{n} = {text.replace('**', '^')}" for n, text in spelling.arguments.items() if n != text]
        other = ", ".join(p.name for p in spelling.parameters)
        rows.append(f"| `{family.name}({other})` | `{', '.join(said)}` |")
    return [*rows, ""]


def spread(family: Family) -> str:
    return "Variance of the angle on the circle" if family.is_angle else "Variance"


def draw_of(family: Family) -> str:
    if family.limits and not family.takes and not family.limits[1]:
        return f"numbers from `{family.limits[0]}` on"
    if family.limits and not family.takes:
        return f"a {'whole ' if family.discrete else ''}number from `{family.limits[0]}` to `{family.limits[1]}`"
    kind = SUPPORTS[family.support]
    shape = {1: ", one for each label of an axis (`x[axis] ~ ...`)", 2: ", over two axes of the same labels"}.get(
        family.event, ""
    )
    angle = ", an angle from -pi to pi" if family.is_angle else ""
    is_whole = family.support in ("simplex", "zerosum", "unitvector", "cov", "corr", "cholesky_corr")
    return kind + angle + ("" if is_whole else shape)


def arguments(family: Family) -> str:
    rows = ["| argument | is |", "| --- | --- |"]
    rows += [f"| `{name.replace('base', 'D')}` | a distribution |" for name in family.takes]
    seen: set[str] = set()
    for parameter in (p for v in family.parameter_lists for p in v):
        if parameter.name not in seen:
            seen.add(parameter.name)
            rows.append(f"| `{parameter.name}` | {need_of(parameter)} |")
    return "\n".join(rows) if len(rows) > 2 else "It has no arguments."


def need_of(parameter: Parameter) -> str:
    where = {0: "", 1: ", for each label of an axis", 2: ", a matrix over two axes"}[parameter.event]
    default = "" if parameter.default is None else f" (left out: {_number(parameter.default)})"
    return NEEDS.get(parameter.support, parameter.support) + where + default


def _number(value: float | None) -> str:
    assert value is not None
    return ("-" if value < 0 else "") + "infinity" if math.isinf(value) else f"{value:g}"


def relations(family: Family) -> list[str]:
    lines = []
    if not family.takes:
        takers = [name for name, f in FAMILIES.items() if f.takes]
        good = [n for n in takers if refusal(n, (family.name,), FAMILIES) is None]
        bad = [(n, refusal(n, (family.name,), FAMILIES)) for n in takers if n not in good]
        if good:
            lines.append("- Combinators: " + ", ".join(f"[`{n}`]({n}.md)" for n in good) + ".")
        for name, why in bad:
            assert why is not None
            lines.append(f"- Not within `{name}`: {why[0]}. Instead: {why[1]}.")
    if family.pairs:
        children = ", ".join(
            dict.fromkeys(f"[`{p.child}`]({p.child}.md) (its `{p.argument}`)" for p in family.pairs)
        )
        lines.append(
            f"- As a prior it is conjugate (the posterior given the rest is of the same family) to {children}: `gibbs` draws it exactly, `meanfield` and `em` have it in closed form."
        )
    priors = [
        f"[`{f.name}`]({f.name}.md)" for f in FAMILIES.values() if any(p.child == family.name for p in f.pairs)
    ]
    if priors:
        lines.append("- Conjugate priors of its arguments: " + ", ".join(priors) + ".")
    if family.finite:
        lines.append("- Exact inference: its probabilities stand in tables (`exact`, `ml`, `em`).")
    if family.discrete and not family.takes:
        lines.append("- Latent, its values are summed out where they are finitely many, or drawn by `gibbs`.")
    if family.improper:
        lines.append(
            "- It has no total mass, so nothing can be drawn from it, and evidence has no probability: what needs these is refused."
        )
    if family.location_scale is not None:
        lines.append("- Its location and scale can be taken out (non-centring), which `hmc` does where it helps.")
    if family.pyro:
        lines.append("- In Pyro: " + ", ".join(f"`{p}`" for p in family.pyro if p) + ".")
    return lines
