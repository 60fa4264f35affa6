"""Models of every family parse, resolve, type-check and print."""

from __future__ import annotations

import pytest

from pgmlang.model.show import show
from pgmlang.sema import compile_source

MODELS = {
    "sprinkler": """
model sprinkler
plate day {
  cloudy    : {no, yes} ~ Table()
  rain      : {no, yes} ~ Table(cloudy)
  sprinkler : {no, yes} ~ Table(cloudy)
  wet       : {no, yes} ~ Table(rain, sprinkler) {
    no, no : 1.00, 0.00
    no, yes : 0.10, 0.90
    yes, no : 0.10, 0.90
    yes, yes : 0.01, 0.99
  }
}
""",
    "schools": """
mu ~ Normal(0, 5)
tau ~ HalfCauchy(5)
plate school {
  input sd : positive
  theta ~ Normal(mu, tau)
  y ~ Normal(theta, sd)
}
""",
    "regression": """
dim predictor = {area, rooms}
a ~ Normal(0, 10)
b[predictor] ~ Normal(0, 1)
s ~ HalfNormal(1)
plate colour { effect ~ Normal(0, 1) }
plate house in colour {
  input X[predictor] : real
  y ~ Normal(a + X @ b + effect, s)
}
""",
    "logistic": """
dim predictor
b[predictor] ~ Normal(0, 2)
plate row {
  input X[predictor] : real
  y ~ Bernoulli(logit = X @ b)
}
""",
    "mixture": """
model gmm(clusters = 3)
dim feature = {height, weight}
share[cluster] ~ Dirichlet(1)
plate cluster[clusters] {
  mean[feature] ~ Normal(0, 10)
  sd[feature] ~ HalfNormal(5)
}
plate row {
  z ~ Categorical(share)
  x[feature] ~ Normal(mean[z], sd[z])
}
""",
    "lda": """
model lda(topics = 20, alpha = 0.1, eta = 0.01)
dim word
plate topic[topics] { phi[word] ~ Dirichlet(eta) }
plate doc {
  theta[topic] ~ Dirichlet(alpha)
  plate token {
    z ~ Categorical(theta)
    w : word ~ Categorical(phi[z])
  }
}
""",
    "ising": """
model ising(side = 4)
param J, B : real
plate site = grid(side, side) { field s : spin ; factor B * s }
plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }
""",
    "hmm": """
model hmm(states = 3)
dim to like state
start[state] ~ Dirichlet(1)
plate state[states] { move[to] ~ Dirichlet(1) ; mean ~ Normal(0, 10) }
plate seq {
  plate step = chain {
    z ~ Categorical(if first then start else move[prev(z)])
    y ~ Normal(mean[z], 1)
  }
}
""",
    "tabular hmm": """
plate seq {
  plate step = chain {
    z : {a, b} ~ if first then Table() else Table(prev(z))
    y : {u, v} ~ Table(z)
  }
}
""",
    "rbm": """
model rbm(hidden = 5)
dim pixel
dim unit[hidden]
param W[pixel, unit], b[pixel], c[unit] : real
plate image {
  field v[pixel] : bit
  field h[unit] : bit
  factor v @ W @ h + b @ v + c @ h
}
""",
    "dbn": """
model dbn(h1 = 5, h2 = 5, h3 = 8)
import std.layers
dim pixel
dim low[h1], mid[h2], top[h3]
plate image {
  field x3[top] : bit, x2[mid] : bit
  factor top = layers.rbm(x2, x3)
  x1[low] ~ Bernoulli(logit = layers.affine(x2, low))
  v[pixel] ~ Bernoulli(logit = layers.affine(x1, pixel))
}
""",
    "sbn": """
model sbn(h1 = 5, h2 = 5)
import std.layers
dim pixel
dim low[h1], mid[h2]
param c2[mid] : real
plate image {
  x2[mid] ~ Bernoulli(logit = c2)
  x1[low] ~ Bernoulli(logit = layers.affine(x2, low))
  v[pixel] ~ Bernoulli(logit = layers.affine(x1, pixel))
}
""",
    "vae": """
model vae(latent = 2, hidden = 4)
dim pixel
dim code[latent]
net decode : code -> pixel = mlp(hidden, act = tanh)
net encode : pixel -> code, code = mlp(hidden, act = tanh)
plate image {
  z[code] ~ Normal(0, 1)
  x[pixel] ~ Bernoulli(logit = decode(z))
}
guide image {
  loc, log_sd = encode(x)
  z ~ Normal(loc, exp(log_sd))
}
""",
    "ebm": """
dim xy = {x1, x2}
net energy : xy -> real = mlp(8, 8, act = silu)
plate point {
  field p[xy] : real
  factor -energy(p)
  factor -p @ p / 200
}
""",
    "crf": """
dim feature
dim tag = {noun, verb, other}
dim next like tag
param emit[tag, feature], move[tag, next] : real
plate sentence {
  plate token = chain {
    input f[feature] : real
    field y : tag
    factor emit[y] @ f
    factor if first then 0 else move[prev(y), y]
  }
}
""",
    "crossed": """
model ratings(rank = 2)
dim factor_[rank]
s ~ HalfNormal(1)
plate user { u[factor_] ~ Normal(0, 1) }
plate item { v[factor_] ~ Normal(0, 1) }
plate rating in user, item { r ~ Normal(u @ v, s) }
""",
    "robust": """
a ~ Normal(0, 1)
s ~ HalfNormal(1)
plate row {
  input x : real
  y ~ StudentT(4, a * x, s)
  t ~ Censored(Weibull(2, s), upper = 3)
  n ~ ZeroInflated(0.2, Poisson(exp(a)))
}
""",
    "mixture summed out": """
p[k] ~ Dirichlet(1)
plate k[2] { m ~ Normal(0, 2) }
plate row { y ~ Mixture(p, Normal(m, 1)) }
""",
    "arK": """
dim lag[2]
a ~ Flat()
b1, b2 = 0.5
""".replace("b1, b2 = 0.5\n", "b1 ~ Normal(0, 10)\nb2 ~ Normal(0, 10)\ns ~ HalfCauchy(2.5)\n")
    + """
plate t = chain { y ~ if first(2) then Flat() else Normal(a + b1 * prev(y) + b2 * prev(y, 2), s) }
""",
    "learned density": "dim pixel\nplate image { x[pixel] ~ NADE(500) }\n",
    "guide for globals": """
mu ~ Normal(0, 1)
plate row { y ~ Normal(mu, 1) }
guide { param m : real, s : positive
  mu ~ Normal(m, s) }
""",
}


@pytest.mark.parametrize("name", MODELS)
def test_model_is_accepted_and_prints(name: str) -> None:
    model = compile_source(MODELS[name])
    text = show(model)
    assert text == show(compile_source(MODELS[name])), "printing is deterministic"
    assert len(model.factors) >= 1


@pytest.mark.parametrize("name", MODELS)
def test_order_of_statements_does_not_matter(name: str) -> None:
    """Top-level statements reversed give the same factors (headers stay first)."""
    from pgmlang.diagnostics import SourceFile
    from pgmlang.syntax import ast, parse
    from pgmlang.syntax.format import format_program

    program = parse(SourceFile("<string>", MODELS[name]))
    head = [s for s in program.statements if isinstance(s, ast.ModelHeader)]
    rest = [s for s in program.statements if not isinstance(s, ast.ModelHeader)]
    turned = ast.Program((*head, *reversed(rest)), span=program.span)
    a, b = compile_source(MODELS[name]), compile_source(format_program(turned))
    assert set(show(a).splitlines()) == set(show(b).splitlines())


def test_types_come_from_where_values_live() -> None:
    model = compile_source(MODELS["hmm"])
    assert model.by_name["z"].type.axis == "state"
    model = compile_source(MODELS["lda"])
    assert model.by_name["w"].type.axis == "word"
    assert model.by_name["z"].type.axis == "topic"


def test_settings_are_overridden() -> None:
    model = compile_source(MODELS["lda"], {"topics": 7})
    assert model.plate_by_name["topic"].size == 7


def test_parameters_of_definitions_belong_to_their_statement() -> None:
    model = compile_source(MODELS["dbn"])
    names = {v.name for v in model.of_role("param")}
    assert {"x1.W", "x1.bias", "v.W", "v.bias", "top.W", "top.visible", "top.hidden"} == names
    assert model.by_name["v.W"].axes == ("low", "pixel")
