"""Whole models as a user would bring them, with all numbers given, and what is right about them, worked out by
enumeration, closed forms, recursions and quadrature that know nothing of the compiler.

`questions`: of a fresh row, to the mean or probability that answers them; `predictions`: columns of `predict` by target;
`log_likelihood`: of all rows; `means`: of columns of fresh draws.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy import integrate, special, stats


@dataclass(frozen=True)
class WholeModel:
    text: str
    columns: dict[str, list]
    log_likelihood: float
    questions: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)


def bits(count: int) -> Iterable[tuple[int, ...]]:
    return itertools.product((0, 1), repeat=count)


def bernoulli(p: float, x: int) -> float:
    return p if x else 1 - p


def posterior(
    log_p: Callable[[tuple[int, ...]], float], states: Iterable[tuple[int, ...]]
) -> tuple[float, np.ndarray]:
    """The log of the total, and P(each position is 1)."""
    listed = list(states)
    logs = np.array([log_p(s) for s in listed])
    total = np.logaddexp.reduce(logs)
    return float(total), np.exp(logs - total) @ np.array(listed, dtype=float)


def conditional_normal(
    mean: np.ndarray, cov: np.ndarray, seen: dict[int, float]
) -> tuple[float, np.ndarray, np.ndarray]:
    """log density of what is seen of a normal vector, and mean and sd of all of it given that."""
    known = list(seen)
    x = np.array([seen[i] for i in known])
    inner = cov[np.ix_(known, known)]
    gain = np.linalg.solve(inner, cov[known]).T
    left = cov - gain @ cov[known]
    density = stats.multivariate_normal(mean[known], inner).logpdf(x)
    return float(density), mean + gain @ (x - mean[known]), np.sqrt(np.maximum(np.diag(left), 0))


def spam() -> WholeModel:
    """Naive Bayes; a word is not known of one mail."""
    free = {"spam": (0.8, 0.1, 0.3), "ham": (0.1, 0.5, 0.2)}
    mail = [(1, 0, 1), (0, 1, 0), (None, 1, 1)]
    text = """
plate mail {
  kind : {spam, ham} ~ Table() { 0.4, 0.6 }
  offer : bit ~ Table(kind) { spam : 0.2, 0.8 ; ham : 0.9, 0.1 }
  meeting : bit ~ Table(kind) { spam : 0.9, 0.1 ; ham : 0.5, 0.5 }
  now : bit ~ Table(kind) { spam : 0.7, 0.3 ; ham : 0.8, 0.2 }
}
"""
    share = {"spam": 0.4, "ham": 0.6}

    def joint(kind: str, words: tuple) -> float:
        return share[kind] * math.prod(
            bernoulli(p, x) for p, x in zip(free[kind], words, strict=True) if x is not None
        )

    def chance(words: tuple) -> float:
        return joint("spam", words) / (joint("spam", words) + joint("ham", words))

    columns = {n: [m[i] for m in mail] for i, n in enumerate(("offer", "meeting", "now"))}
    return WholeModel(
        text, columns, sum(math.log(joint("spam", m) + joint("ham", m)) for m in mail),
        {"P(kind = spam | offer = 1)": chance((1, None, None)), "P(kind = spam | offer = 1, meeting = 1)": chance((1, 1, None)),
         "P(offer = 1)": 0.4 * 0.8 + 0.6 * 0.1},
        {"kind": {"P(kind = spam)": [chance(m) for m in mail]}}, {"offer": 0.38, "now": 0.24},
    )  # fmt: skip


def umbrellas() -> WholeModel:
    """The hidden Markov model of Russell and Norvig's textbook, chapter 14."""
    seen = (1, 1, 0, 1, 1)

    def log_p(rain: tuple[int, ...]) -> float:
        total = 0.0
        for i, r in enumerate(rain):
            total += math.log(0.5 if i == 0 else 0.7 if r == rain[i - 1] else 0.3)
            total += math.log(bernoulli(0.9 if r else 0.2, seen[i]))
        return total

    total, chances = posterior(log_p, bits(5))
    text = """
plate day = chain {
  rain : bit ~ if first then Bernoulli(0.5) else Bernoulli(if prev(rain) == 1 then 0.7 else 0.3)
  umbrella : bit ~ Bernoulli(if rain == 1 then 0.9 else 0.2)
}
"""
    return WholeModel(text, {"umbrella": list(seen)}, total, predictions={"rain": {"P(rain = 1)": list(chances)}})


def heights() -> WholeModel:
    """A mixture of two normals."""
    y = [160.0, 170.0, 185.0]
    one, two = stats.norm(165, 6), stats.norm(178, 7)
    p, q = 0.45 * one.pdf(y), 0.55 * two.pdf(y)
    below = 0.45 * one.cdf(168) + 0.55 * two.cdf(168)
    text = """
plate person {
  sex : {f, m} ~ Table() { 0.45, 0.55 }
  height ~ Normal(if sex == f then 165 else 178, if sex == f then 6 else 7)
}
"""
    return WholeModel(
        text, {"height": y}, float(np.log(p + q).sum()),
        {"P(sex = f | height = 170)": p[1] / (p[1] + q[1]), "E(height | sex = m)": 178, "E(height)": 0.45 * 165 + 0.55 * 178,
         "P(height < 168)": below, "P(sex = m | height = 185)": q[2] / (p[2] + q[2])},
        {"sex": {"P(sex = m)": list(q / (p + q))}}, {"height": 0.45 * 165 + 0.55 * 178},
    )  # fmt: skip


def one_factor() -> WholeModel:
    """Factor analysis with one factor behind three tests."""
    w, noise = np.array([1.0, 0.7, -0.4]), np.array([0.5, 0.8, 1.0])
    mean = np.array([0.0, 1.0, 0.0, 2.0])  # the factor, then the tests
    cov = np.zeros((4, 4))
    cov[0, 0], cov[0, 1:], cov[1:, 0] = 1, w, w
    cov[1:, 1:] = np.outer(w, w) + np.diag(noise**2)
    rows = [(1.5, 0.2, 2.2), (0.0, None, 2.5)]
    told = [conditional_normal(mean, cov, {i + 1: x for i, x in enumerate(r) if x is not None}) for r in rows]
    one = conditional_normal(mean, cov, {1: 2.0})
    text = """
plate pupil {
  skill ~ Normal(0, 1)
  maths ~ Normal(1 + skill, 0.5)
  logic ~ Normal(0.7 * skill, 0.8)
  sport ~ Normal(2 - 0.4 * skill, 1)
}
"""
    columns = {n: [r[i] for r in rows] for i, n in enumerate(("maths", "logic", "sport"))}
    return WholeModel(
        text, columns, sum(t[0] for t in told),
        {"E(logic | maths = 2)": one[1][2], "E(skill | maths = 2)": one[1][0], "E(sport)": 2},
        {"skill": {"skill": [t[1][0] for t in told], "skill.sd": [t[2][0] for t in told]}},
        {"maths": 1, "sport": 2},
    )  # fmt: skip


def item_response() -> WholeModel:
    """One ability behind answers, integrated by Gauss and Hermite."""
    hard = {"easy": -1.0, "fair": 0.0, "tough": 1.5}
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def curve(item: str, right: int | None) -> np.ndarray:
        p = special.expit(points - hard[item])
        return np.ones_like(p) if right is None else p if right else 1 - p

    def likelihood(answers: dict[str, int | None]) -> np.ndarray:
        return np.prod([np.ones_like(points), *(curve(k, v) for k, v in answers.items())], axis=0)

    def mean(values: np.ndarray, answers: dict[str, int | None]) -> float:
        return float(weights @ (values * likelihood(answers)) / (weights @ likelihood(answers)))

    rows = [dict(zip(hard, r, strict=True)) for r in ((1, 1, 0), (0, 0, 0), (1, 1, 1))]
    text = """
plate person {
  ability ~ Normal(0, 1)
  easy ~ Bernoulli(logit = ability + 1)
  fair ~ Bernoulli(logit = ability)
  tough ~ Bernoulli(logit = ability - 1.5)
}
"""
    sd = [math.sqrt(mean(points**2, r) - mean(points, r) ** 2) for r in rows]
    return WholeModel(
        text, {k: [r[k] for r in rows] for k in hard}, sum(math.log(weights @ likelihood(r)) for r in rows),
        {"P(tough = 1 | fair = 1)": mean(curve("tough", 1), {"fair": 1}), "E(ability | easy = 0)": mean(points, {"easy": 0}),
         "P(easy = 1)": mean(curve("easy", 1), {})},
        {"ability": {"ability": [mean(points, r) for r in rows], "ability.sd": sd}}, {"fair": 0.5},
    )  # fmt: skip


def schools() -> WholeModel:
    """Regression with intercepts of groups, partially pooled."""
    g, x = np.array([0, 0, 0, 1, 1, 2]), np.array([0.0, 1.0, 2.0, 0.5, 1.5, 1.0])
    y = np.array([3.1, 4.9, 6.6, 1.2, 3.5, 4.0])
    z = np.eye(3)[g]
    cov = 1.5**2 * z @ z.T + 0.5**2 * np.eye(6)
    mean = 2 + 1.8 * x
    whole = np.block([[1.5**2 * np.eye(3), 1.5**2 * z.T], [1.5**2 * z, cov]])
    told = conditional_normal(np.concatenate([np.full(3, 2.0), mean]), whole, {3 + i: v for i, v in enumerate(y)})
    text = """
plate school {
  level ~ Normal(2, 1.5)
  plate pupil { input x ; y ~ Normal(level + 1.8 * x, 0.5) }
}
"""
    columns = {"school": ["abc"[i] for i in g], "x": list(x), "y": list(y)}
    return WholeModel(
        text, columns, told[0], {"E(y | x = 2)": 5.6, "E(level | x = 1, y = 6)": 2 + 2.25 / 2.5 * 2.2},
        {"level": {"level": list(told[1][:3]), "level.sd": list(told[2][:3])}},
    )  # fmt: skip


def accidents() -> WholeModel:
    """Poisson regression."""
    x, n = np.array([0.0, 1.0, 2.0]), np.array([1, 3, 2])
    rate = np.exp(0.2 + 0.5 * x)
    text = "plate road { input x ; n ~ Poisson(exp(0.2 + 0.5 * x)) }"
    return WholeModel(
        text, {"x": list(x), "n": n.tolist()}, float(stats.poisson.logpmf(n, rate).sum()),
        {"E(n | x = 2)": math.exp(1.2), "P(n = 0 | x = 1)": math.exp(-math.exp(0.7)), "P(n > 2 | x = 0)": stats.poisson.sf(2, math.exp(0.2))},
    )  # fmt: skip


def tagger() -> WholeModel:
    """A conditional random field over a sequence, some tags seen."""
    x = (0.5, -1.0, 2.0, 0.3)
    seen = (None, 0, None, 1)

    def score(y: tuple[int, ...]) -> float:
        return sum(1.2 * a * b for a, b in zip(x, y, strict=True)) + 0.8 * sum(
            a * b for a, b in itertools.pairwise(y)
        )

    log_z, _ = posterior(score, bits(4))
    told, chances = posterior(
        score, [y for y in bits(4) if all(s in (None, v) for s, v in zip(seen, y, strict=True))]
    )
    text = """
plate token = chain {
  input x
  field y : bit
  factor 1.2 * x * y
  factor if first then 0 else 0.8 * y * prev(y)
}
"""
    return WholeModel(
        text, {"x": list(x), "y": list(seen)}, told - log_z,
        predictions={"y": {"P(y = 1)": [c if s is None else float(s) for c, s in zip(chances, seen, strict=True)]}},
    )  # fmt: skip


def ising() -> WholeModel:
    """A lattice of two by three spins, named in rows."""
    names = "abcdef"
    pairs = ["ab", "bc", "de", "ef", "ad", "be", "cf"]

    def energy(s: tuple[int, ...]) -> float:
        v = dict(zip(names, (2 * k - 1 for k in s), strict=True))
        return 0.4 * sum(v[p[0]] * v[p[1]] for p in pairs) + 0.2 * sum(v.values())

    log_z, free = posterior(energy, bits(6))
    rows = [(1, 1, None, 0, None, 1), (None, 0, 0, 0, 0, 0)]
    told = [
        posterior(energy, [s for s in bits(6) if all(k in (None, v) for k, v in zip(r, s, strict=True))])
        for r in rows
    ]
    text = "plate picture {\n" + "".join(f"  field {n} : spin\n" for n in names)
    text += (
        "".join(f"  factor 0.4 * {p[0]} * {p[1]}\n" for p in pairs)
        + "".join(f"  factor 0.2 * {n}\n" for n in names)
        + "}"
    )
    columns = {n: [None if r[i] is None else 2 * r[i] - 1 for r in rows] for i, n in enumerate(names)}
    _, given = posterior(energy, [s for s in bits(6) if s[0] == 1 and s[5] == 0])
    return WholeModel(
        text, columns, sum(t[0] for t in told) - 2 * log_z,
        {"P(c = 1 | a = 1, f = -1)": given[2], "P(a = 1)": free[0], "E(b)": 2 * free[1] - 1},
        {"e": {"P(e = 1)": [told[0][1][4], 0.0]}}, {"a": 2 * free[0] - 1},
    )  # fmt: skip


def machine() -> WholeModel:
    """A restricted Boltzmann machine of four visible and two hidden bits."""
    w = np.array([[1.5, -1.0], [1.0, 0.5], [-0.5, 1.2], [0.3, -0.8]])
    b = np.array([-0.2, 0.1, 0.0, 0.4])

    def energy(s: tuple[int, ...]) -> float:
        v, h = np.array(s[:4]), np.array(s[4:])
        return float(v @ w @ h + b @ v)

    log_z, free = posterior(energy, bits(6))
    rows = [(1, 0, None, 1), (0, 1, 1, None)]

    def matching(row: tuple) -> list:
        return [s for s in bits(6) if all(k in (None, v) for k, v in zip(row, s, strict=False))]

    told = [posterior(energy, matching(r)) for r in rows]
    text = (
        "plate image {\n"
        + "".join(f"  field v{i} : bit\n" for i in range(4))
        + "".join(f"  field h{j} : bit\n" for j in range(2))
    )
    text += "".join(f"  factor {w[i, j]} * v{i} * h{j}\n" for i in range(4) for j in range(2))
    text += "".join(f"  factor {b[i]} * v{i}\n" for i in range(4)) + "}"
    _, given = posterior(energy, matching((1, None, None, 0)))
    return WholeModel(
        text, {f"v{i}": [r[i] for r in rows] for i in range(4)}, sum(t[0] for t in told) - 2 * log_z,
        {"P(v2 = 1 | v0 = 1, v3 = 0)": given[2], "P(h0 = 1)": free[4]},
        {"h0": {"P(h0 = 1)": [t[1][4] for t in told]}, "v2": {"P(v2 = 1)": [told[0][1][2], 1.0]}}, {"v1": free[1]},
    )  # fmt: skip


def topics() -> WholeModel:
    """Documents of one topic each, each word a row."""
    words = {"ball": (0.6, 0.1), "vote": (0.1, 0.6), "year": (0.3, 0.3)}
    rows = [("d1", "ball", 3), ("d1", "year", 1), ("d2", "vote", 2), ("d2", "ball", 1), ("d2", "year", 2)]
    share = np.array([0.3, 0.7])
    logs = {d: np.log(share) for d in ("d1", "d2")}
    for d, w, n in rows:
        logs[d] = logs[d] + n * np.log(words[w])
    text = """
plate doc {
  topic : {sport, state} ~ Table() { 0.3, 0.7 }
  plate token { w : {ball, vote, year} ~ Table(topic) { sport : 0.6, 0.1, 0.3 ; state : 0.1, 0.6, 0.3 } }
}
"""
    columns = {"doc": [d for d, _, n in rows for _ in range(n)], "w": [w for _, w, n in rows for _ in range(n)]}
    chances = [float(special.softmax(logs[d])[0]) for d in columns["doc"]]
    return WholeModel(
        text, columns, float(sum(np.logaddexp.reduce(v) for v in logs.values())),
        {"P(topic = sport | w = ball)": 0.18 / 0.25, "P(w = vote)": 0.3 * 0.1 + 0.7 * 0.6},
        {"topic": {"P(topic = sport)": chances}},
    )  # fmt: skip


def shares_of_topics() -> WholeModel:
    """Latent Dirichlet allocation with topics given: the shares of a document integrated, topics of words enumerated."""
    phi = np.array([[0.6, 0.1, 0.3], [0.1, 0.6, 0.3]])
    words = [0, 0, 1, 2]
    alpha = np.array([0.9, 0.9])

    def log_p(z: tuple[int, ...]) -> float:
        counts = np.bincount(z, minlength=2)
        prior = special.gammaln(alpha.sum()) - special.gammaln(alpha.sum() + len(z))
        prior += float(np.sum(special.gammaln(alpha + counts) - special.gammaln(alpha)))
        return prior + sum(math.log(phi[k, w]) for k, w in zip(z, words, strict=True))

    total, chances = posterior(log_p, bits(4))
    text = """
dim topic = {sport, state}
plate doc {
  share[topic] ~ Dirichlet(0.9)
  plate token {
    z ~ Categorical(share)
    w : {ball, vote, year} ~ Table(z) { sport : 0.6, 0.1, 0.3 ; state : 0.1, 0.6, 0.3 }
  }
}
"""
    names = ("ball", "vote", "year")
    mean = (alpha[0] + (1 - chances).sum()) / (alpha.sum() + 4)
    return WholeModel(
        text, {"doc": ["d"] * 4, "w": [names[w] for w in words]}, total,
        predictions={"share": {"share[sport]": [mean]}, "z": {"P(z = sport)": list(1 - chances)}},
    )  # fmt: skip


def clinic() -> WholeModel:
    """A network of tables with missing cells, a common cause and a collider."""
    text = """
plate patient {
  smokes : {no, yes} ~ Table() { 0.7, 0.3 }
  cancer : {no, yes} ~ Table(smokes) { no : 0.99, 0.01 ; yes : 0.9, 0.1 }
  flu : {no, yes} ~ Table() { 0.8, 0.2 }
  cough : {no, yes} ~ Table(cancer, flu) { no, no : 0.95, 0.05 ; no, yes : 0.3, 0.7 ; yes, no : 0.2, 0.8 ; yes, yes : 0.1, 0.9 }
}
"""

    def log_p(s: tuple[int, ...]) -> float:
        smokes, cancer, flu, cough = s
        p = bernoulli(0.3, smokes) * bernoulli(0.1 if smokes else 0.01, cancer) * bernoulli(0.2, flu)
        return math.log(p * bernoulli({(0, 0): 0.05, (0, 1): 0.7, (1, 0): 0.8, (1, 1): 0.9}[cancer, flu], cough))

    def given(row: tuple) -> tuple[float, np.ndarray]:
        return posterior(log_p, [s for s in bits(4) if all(k in (None, v) for k, v in zip(row, s, strict=True))])

    rows = [(1, None, None, 1), (None, None, 1, 1), (0, None, None, None)]
    told = [given(r) for r in rows]
    done = posterior(
        lambda s: log_p(s) - math.log(bernoulli(0.2, s[2])), [s for s in bits(4) if s[2] == 1 and s[3] == 1]
    )[1]
    names = ("smokes", "cancer", "flu", "cough")
    return WholeModel(
        text, {n: [None if r[i] is None else ("no", "yes")[r[i]] for r in rows] for i, n in enumerate(names)},
        sum(t[0] for t in told),
        {"P(cancer = yes | cough = yes)": given((None, None, None, 1))[1][1],
         "P(cancer = yes | cough = yes, flu = yes)": given((None, None, 1, 1))[1][1],
         "P(smokes = yes | do(flu = yes), cough = yes)": done[0]},
        {"cancer": {"P(cancer = yes)": [t[1][1] for t in told]}},
    )  # fmt: skip


def catches() -> WholeModel:
    """Counts with more zeros than Poisson's."""
    n = np.array([0, 0, 4, 2, 0])
    p = np.where(n == 0, 0.4, 0) + 0.6 * stats.poisson.pmf(n, 2.5)
    zero = 0.4 + 0.6 * math.exp(-2.5)
    text = "plate trip { n ~ ZeroInflated(0.4, Poisson(2.5)) }"
    return WholeModel(
        text, {"n": n.tolist()}, float(np.log(p).sum()),
        {"P(n = 0)": zero, "E(n)": 1.5, "P(n > 3)": 0.6 * stats.poisson.sf(3, 2.5)}, means={"n": 1.5},
    )  # fmt: skip


def survival() -> WholeModel:
    """Times until failure, those beyond ten years censored, and a latent kind of machine."""
    t = np.array([3.0, 10.0, 7.5, 10.0])
    shape, scales = 1.5, (4.0, 12.0)
    likelihood = np.array(
        [
            [
                stats.weibull_min.sf(10, shape, scale=s) if x == 10 else stats.weibull_min.pdf(x, shape, scale=s)
                for x in t
            ]
            for s in scales
        ]
    )
    mixed = np.array([[0.25], [0.75]]) * likelihood
    text = """
plate machine {
  kind : {weak, strong} ~ Table() { 0.25, 0.75 }
  t ~ Censored(Weibull(1.5, if kind == weak then 4 else 12), upper = 10)
}
"""
    return WholeModel(
        text, {"t": list(t)}, float(np.log(mixed.sum(0)).sum()),
        {"P(kind = weak | t = 3)": mixed[0, 0] / mixed[:, 0].sum(), "P(kind = strong | t = 10)": mixed[1, 1] / mixed[:, 1].sum()},
        {"kind": {"P(kind = weak)": list(mixed[0] / mixed.sum(0))}},
    )  # fmt: skip


def autoregression() -> WholeModel:
    """AR(1), all steps seen."""
    y = [0.5, 1.2, 0.4, -0.3, 0.1]
    total = stats.norm.logpdf(y[0], 0, 1.2)
    total += sum(stats.norm.logpdf(b, 0.3 + 0.6 * a, 0.8) for a, b in itertools.pairwise(y))
    text = "plate step = chain { y ~ if first then Normal(0, 1.2) else Normal(0.3 + 0.6 * prev(y), 0.8) }"
    return WholeModel(text, {"y": y}, float(total))


def level() -> WholeModel:
    """A local level seen through noise, by Kalman's recursions as one normal vector."""
    y = [1.0, None, 1.8, 2.5, None]
    n = len(y)
    steps = np.tril(np.ones((n, n)))
    walk = steps @ np.diag([4.0, *[0.25] * (n - 1)]) @ steps.T
    cov = np.block([[walk, walk], [walk, walk + 0.49 * np.eye(n)]])
    told = conditional_normal(np.zeros(2 * n), cov, {n + i: v for i, v in enumerate(y) if v is not None})
    text = """
plate step = chain {
  x ~ if first then Normal(0, 2) else Normal(prev(x), 0.5)
  y ~ Normal(x, 0.7)
}
"""
    return WholeModel(
        text, {"y": y}, told[0], predictions={"x": {"x": list(told[1][:n]), "x.sd": list(told[2][:n])}}
    )


def seedlings() -> WholeModel:
    """Beta-binomial with the rates of the pots."""
    n, k = np.array([10, 12, 8]), np.array([3, 9, 8])
    a, b = 2 + k, 3 + n - k
    text = "plate pot { input n : count ; p ~ Beta(2, 3) ; k ~ Binomial(n, p) }"
    sd = np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    return WholeModel(
        text, {"n": n.tolist(), "k": k.tolist()}, float(stats.betabinom.logpmf(k, n, 2, 3).sum()),
        {"E(p | n = 10, k = 3)": 5 / 15, "E(k | n = 10)": 4, "P(k = 0 | n = 5)": float(stats.betabinom.pmf(0, 5, 2, 3))},
        {"p": {"p": list(a / (a + b)), "p.sd": list(sd)}},
    )  # fmt: skip


def ratings() -> WholeModel:
    """Crossed effects of users and films."""
    u, f = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 1])
    y = np.array([4.0, 3.0, 5.0, 4.5, 2.0])
    z = np.concatenate([np.eye(3)[u] * 0.8, np.eye(2)[f] * 1.1], 1)
    scaled = np.diag([0.8] * 3 + [1.1] * 2)
    cov = np.block([[scaled**2, scaled @ z.T], [z @ scaled, z @ z.T + 0.36 * np.eye(5)]])
    told = conditional_normal(np.array([0.0] * 5 + [3.0] * 5), cov, {5 + i: v for i, v in enumerate(y)})
    text = """
plate user { bias ~ Normal(0, 0.8) }
plate film { worth ~ Normal(0, 1.1) }
plate rating in user, film { y ~ Normal(3 + bias + worth, 0.6) }
"""
    columns = {"user": [f"u{i}" for i in u], "film": [f"f{i}" for i in f], "y": list(y)}
    return WholeModel(
        text, columns, told[0], {"E(y)": 3},
        {"bias": {"bias": list(told[1][:3]), "bias.sd": list(told[2][:3])}, "worth": {"worth": list(told[1][3:5])}},
    )  # fmt: skip


def alarms() -> WholeModel:
    """A noisy-or of three causes: each fails to ring the alarm with its own probability."""
    prior, fail = (0.1, 0.05, 0.3), (0.2, 0.1, 0.6)

    def log_p(s: tuple[int, ...]) -> float:
        silent = 0.99 * math.prod(f if c else 1 for c, f in zip(s[:3], fail, strict=True))
        return math.log(
            math.prod(bernoulli(p, c) for p, c in zip(prior, s[:3], strict=True)) * bernoulli(1 - silent, s[3])
        )

    def given(row: tuple) -> tuple[float, np.ndarray]:
        return posterior(log_p, [s for s in bits(4) if all(k in (None, v) for k, v in zip(row, s, strict=True))])

    rows = [(None, None, None, 1), (1, None, None, 1), (None, 0, 0, 0)]
    told = [given(r) for r in rows]
    text = """
plate night {
  burglar ~ Bernoulli(0.1)
  quake ~ Bernoulli(0.05)
  cat ~ Bernoulli(0.3)
  silent = 0.99 * 0.2 ^ burglar * 0.1 ^ quake * 0.6 ^ cat
  alarm ~ Bernoulli(1 - silent)
}
"""
    names = ("burglar", "quake", "cat", "alarm")
    return WholeModel(
        text, {n: [r[i] for r in rows] for i, n in enumerate(names)}, sum(t[0] for t in told),
        {"P(burglar = 1 | alarm = 1)": told[0][1][0], "P(burglar = 1 | alarm = 1, quake = 1)": given((None, 1, None, 1))[1][0],
         "P(alarm = 1)": math.exp(told[0][0])},
        {"burglar": {"P(burglar = 1)": [told[0][1][0], 1.0, told[2][1][0]]}}, {"cat": 0.3, "alarm": math.exp(told[0][0])},
    )  # fmt: skip


def segments() -> WholeModel:
    """Labels of three neighbouring regions, hidden behind their brightness: a Potts field under normals."""
    means, y = np.array([0.0, 2.0, 5.0]), (0.4, 2.5, 3.2)
    states = list(itertools.product(range(3), repeat=3))
    prior = np.array([0.9 * ((s[0] == s[1]) + (s[1] == s[2])) for s in states])
    prior = prior - np.logaddexp.reduce(prior)
    joint = prior + np.array(
        [sum(stats.norm.logpdf(v, means[k]) for v, k in zip(y, s, strict=True)) for s in states]
    )
    total = float(np.logaddexp.reduce(joint))
    chance = [float(np.exp(joint - total) @ np.array([s[1] == k for s in states])) for k in range(3)]
    regions = "".join(f"  field s{i} : {{sea, wood, town}}\n" for i in range(3))
    agree = "".join(f"  factor 0.9 * (if s{i} == s{i + 1} then 1 else 0)\n" for i in range(2))
    seen = "".join(
        f"  y{i} ~ Normal(if s{i} == sea then 0 else if s{i} == wood then 2 else 5, 1)\n" for i in range(3)
    )
    return WholeModel(
        "plate picture {\n" + regions + agree + seen + "}", {f"y{i}": [v] for i, v in enumerate(y)}, total,
        predictions={"s1": {f"P(s1 = {n})": [c] for n, c in zip(("sea", "wood", "town"), chance, strict=True)}},
    )  # fmt: skip


def robust_mean() -> WholeModel:
    """A location under Student's t noise, by quadrature; it is outside of rows."""
    y = np.array([1.0, 1.4, 0.7, 8.0])

    def density(m: float) -> float:
        return float(np.exp(stats.norm.logpdf(m, 0, 2) + stats.t.logpdf(y, 4, m, 0.5).sum()))

    total, first, second = (
        integrate.quad(lambda m, k=k: m**k * density(m), -20, 20, points=[0.5, 1.0, 1.5], epsabs=1e-16)[0]
        for k in range(3)
    )
    del first, second
    text = "m ~ Normal(0, 2)\nplate row { y ~ StudentT(4, m, 0.5) }"
    return WholeModel(text, {"y": list(y)}, math.log(total), {"E(m)": 0, "E(y)": 0})


MODELS = {f.__name__: f for f in (
    spam, umbrellas, heights, one_factor, item_response, schools, accidents, tagger, ising, machine, topics, shares_of_topics, clinic,
    catches, survival, autoregression, level, seedlings, ratings, alarms, segments, robust_mean,
)}  # fmt: skip
