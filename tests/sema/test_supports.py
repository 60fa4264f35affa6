"""Arguments and draws against the supports asked of them: what is proven or possible is taken, what is surely wrong is
refused with a cure that works when typed."""

from __future__ import annotations

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError, SourceFile
from pgmlang.sema import analyse, compile_source

GOOD = {
    "uniform scale": "s ~ Uniform(0, 10)\nplate row { y ~ Normal(0, s) }",
    "uniform chance": "p ~ Uniform(0, 1)\nplate row { y ~ Bernoulli(p) }",
    "uniform chance, narrower": "p ~ Uniform(0.1, 0.4)\nplate row { y ~ Bernoulli(1 - p) }",
    "declared uniform": "s : positive ~ Uniform(0, 10)\nu : unit ~ Uniform(0, 1)\nplate row { y ~ Normal(u, s) }",
    "noisy or": "plate row {\n  input x : positive\n  y ~ Bernoulli(1 - exp(-x))\n}",
    "noisy or, of causes": "dim k[3]\nq[k] ~ Beta(1, 1)\nplate row {\n  input on[k] : bit\n"
                           "  y ~ Bernoulli(1 - prod(1 - q * on, over = k))\n}",
    "leak": "u ~ Beta(1, 1)\nplate row { y ~ Bernoulli(0.2 + 0.3 * u) }",
    "half Student": "s : positive ~ Truncated(StudentT(3, 0, 2), lower = 0)\nplate row { y ~ Normal(0, s) }",
    "half Student, undeclared": "s ~ Truncated(StudentT(3, 0, 2), lower = 0)\nplate row { y ~ Normal(0, s) }",
    "unit by truncation": "p : unit ~ Truncated(Normal(0.5, 0.2), lower = 0, upper = 1)\nplate row { y ~ Bernoulli(p) }",
    "square as variance": "b ~ Normal(0, 1)\nplate row { y ~ Normal(0, sqrt(b * b + 1)) }",
    "power": "b ~ Normal(0, 1)\nplate row { y ~ Normal(0, b ^ 2) }",
    "absolute": "b ~ Normal(0, 1)\nplate row { y ~ Normal(0, abs(b) + 0.1) }",
    "larger": "b ~ Normal(0, 1)\nplate row { y ~ Normal(0, max(b, 0.1)) }",
    "choice": "a ~ Uniform(1, 2)\nb ~ Uniform(2, 3)\nplate row {\n  input g : bit\n  y ~ Normal(0, if g then a else b)\n}",
    "quotient": "a ~ Uniform(1, 2)\nplate row { y ~ Normal(0, 1 / (1 + a)) }",
    "share of a sum": "a ~ HalfNormal(1)\nb ~ HalfNormal(1)\nplate row { y ~ Bernoulli(a / (a + b)) }",
    "sum over an axis": "dim k[3]\na[k] ~ Uniform(0, 1)\nplate row { y ~ Normal(0, sum(a, over = k)) }",
    "mean of bits": "dim k[3]\nplate row {\n  input on[k] : bit\n  y ~ Bernoulli(mean(on, over = k))\n}",
    "bound above": "top ~ Exponential(1)\nx ~ Uniform(0, top)\nplate row { y ~ Normal(0, top - x) }",
    "recursion keeps its sign": "a ~ HalfNormal(1)\nb ~ Beta(1, 1)\nplate t = chain {\n"
                                "  v = if first then a else a + b * prev(v)\n  y ~ Normal(0, v)\n}",
    "recursion through a second name": "a ~ HalfNormal(1)\nplate t = chain {\n  v = if first then a else w\n"
                                       "  w = if first then 1 else prev(v) + a\n  y ~ Normal(0, v)\n}",
    "thirds": "dim c = {a, b, d}\nplate row { x : c ~ Categorical(1/3) }",
    "thirds of logits": "dim c = {a, b, d}\nplate row { x : c ~ Categorical(logit = 0) }",
    "one number a row": "dim c = {a, b}\nplate row {\n  input w : unit\n  x : c ~ Categorical(w)\n}",
    "declared value": "plate row {\n  input x : positive\n  p : unit = 1 - exp(-x)\n  y ~ Bernoulli(p)\n}",
    "one count": "plate row { y ~ Truncated(Poisson(2), lower = 3, upper = 3) }",
    "limits that may be in order": "a ~ Normal(0, 1)\nplate row { y ~ Uniform(0, a) }",
    "one limit": "plate row { y ~ Truncated(Normal(0, 1), lower = 3) }",
    "logarithm of nothing": "field x : bit\nfactor if x == 1 then 0 else log(0)",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_taken(name: str) -> None:
    assert compile_source(GOOD[name])


BAD = {
    "normal scale": ("s ~ Normal(0, 1)\nplate row { y ~ Normal(0, s) }", "PGM0410", "s)", "exp(s))"),
    "normal chance": ("p ~ Normal(0, 1)\nplate row { y ~ Bernoulli(p) }", "PGM0410", "p)", "sigmoid(p))"),
    "normal chance, by logit": ("p ~ Normal(0, 1)\nplate row { y ~ Bernoulli(p) }", "PGM0410", "p)", "logit = p)"),
    "real parameter": ("param s : real\nplate row { y ~ Normal(0, s) }", "PGM0410", "param s : real",
                       "param s : positive"),
    "real input": ("plate row {\n  input s : real\n  y ~ Normal(0, s)\n}", "PGM0410", "input s : real",
                   "input s : positive"),
    "real input vector": ("dim k[2]\nplate row {\n  input s[k] : real\n  y[k] ~ Normal(0, s)\n}", "PGM0410",
                          "input s[k] : real", "input s[k] : positive"),
    "declared positive": ("s : positive ~ Normal(0, 1)\nplate row { y ~ Normal(0, s) }", "PGM0401", "Normal(0, 1)",
                          "Truncated(Normal(0, 1), lower = 0)"),
    "declared unit": ("s : unit ~ Normal(0, 1)\nplate row { y ~ Bernoulli(s) }", "PGM0401", "Normal(0, 1)",
                      "Uniform(0, 1)"),
    "uniform around zero": ("s ~ Uniform(-1, 1)\nplate row { y ~ Normal(0, s) }", "PGM0410", "s)", "exp(s))"),
    "uniform below zero": ("s : positive ~ Uniform(-1, 1)\nplate row { y ~ Normal(0, s) }", "PGM0401", "-1, 1", "0, 1"),
    "two chances": ("a ~ Beta(1, 1)\nb ~ Beta(1, 1)\nplate row { y ~ Bernoulli(a + b) }", "PGM0410", "a + b",
                    "sigmoid(a + b)"),
    "no thirds": ("dim c = {a, b, d}\nplate row { x : c ~ Categorical(0.5) }", "PGM0410", "0.5", "1/3"),
    "constant": ("plate row { y ~ Normal(0, 1 - 3) }", "PGM0410", "1 - 3", "3 - 1"),
    "limits swapped": ("plate row { y ~ Uniform(5, 1) }", "PGM0410", "5, 1", "low = 1, high = 5"),
    "limits that meet": ("plate row { y ~ Uniform(2, 2) }", "PGM0410", "2, 2", "2, 3"),
    "limits of a setting": ("model m(low = 5)\nplate row { y ~ Uniform(low, 1) }", "PGM0410", "low = 5", "low = 0"),
    "truncation swapped": ("plate row { y ~ Truncated(Normal(0, 1), lower = 3, upper = 1) }", "PGM0410",
                           "lower = 3, upper = 1", "lower = 1, upper = 3"),
    "censoring swapped": ("plate row { y ~ Censored(Normal(0, 1), 3, 1) }", "PGM0410", "3, 1", "1, 3"),
    "limits swapped inside": ("plate row { y ~ ZeroInflated(0.5, Uniform(5, 1)) }", "PGM0410", "5, 1", "1, 5"),
    "limits swapped by ranges": ("p ~ Beta(1, 1)\nplate row { y ~ Uniform(2 + p, p) }", "PGM0410", "2 + p, p",
                                 "p, 2 + p"),
    "nothing of the base": ("plate row { y ~ Truncated(Gamma(2, 1), upper = -1) }", "PGM0410", "-1", "1"),
    "no whole number": ("plate row { y ~ Truncated(Poisson(2), 3.2, 3.8) }", "PGM0410", "3.8", "4"),
    "value declared": ("param a : positive\nparam b : positive\nd : positive = a - b\nplate row { y ~ Normal(0, d) }",
                       "PGM0401", "a - b", "abs(a - b)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused_and_cured(name: str) -> None:
    source, code, wrong, right = BAD[name]
    found = analyse(SourceFile("<test>", source))
    assert [d.code for d in found.errors] == [code]
    assert compile_source(source.replace(wrong, right))


CYCLES = {
    "of itself": ("x = x + 1\nplate row { y ~ Normal(x, 1) }", {"x"}),
    "of two": ("a = b\nb = a\nplate row { y ~ Normal(a, 1) }", {"a", "b"}),
    "of three": ("a = b + 1\nb = 2 * c\nc = exp(a)\nplate row { y ~ Normal(a, 1) }", {"a", "b", "c"}),
    "through a distribution": ("m = 2 * x\nx ~ Normal(m, 1)", {"m", "x"}),
    "through labels": ("dim k[3]\np = softmax(w[z])\nw[k, j] ~ Normal(0, 1)\ndim j like k\nz ~ Categorical(p)",
                       {"p", "z"}),
    "of a factor": ("field f : bit\nv = v * 2\nfactor f * v", {"v"}),
    "through a definition": ("def twice(a) { return 2 * a }\nx = twice(y)\ny = twice(x)\nz ~ Normal(x, 1)", {"x", "y"}),
    "in a plate": ("plate row {\n  a = b + 1\n  b = a\n  y ~ Normal(a, 1)\n}", {"a", "b"}),
    "in a row of a chain": ("plate t = chain {\n  a = if first then 0 else prev(a) + b\n  b = a\n  y ~ Normal(a, 1)\n}",
                            {"a", "b"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_of_values_are_refused(name: str) -> None:
    source, names = CYCLES[name]
    cycles = [d for d in analyse(SourceFile("<test>", source)).errors if d.code == "PGM0501"]
    assert len(cycles) == 1
    assert names == {part.strip("`") for part in cycles[0].message.split(": ")[1].split(" -> ")}
    assert cycles[0].span is not None


def test_earlier_rows_close_no_cycle() -> None:
    model = compile_source(
        "plate t = chain {\n  a = if first then 0 else prev(b)\n  b = a + 1\n  y ~ Normal(b, 1)\n}"
    )
    assert model.by_name["a"].type.kind == "count"
    assert model.by_name["b"].type.kind == "count"


def test_a_value_of_earlier_rows_is_as_wide_as_what_it_grows_to() -> None:
    model = compile_source("plate t = chain {\n  e ~ Normal(0, 1)\n  a = if first then 0 else prev(a) + e\n"
                           "  y ~ Normal(a, 1)\n}")  # fmt: skip
    assert model.by_name["a"].type.kind == "real"


FAULTY = {
    "factor": "v : count = 1.5\nfield f : bit\nfactor f * v",
    "distribution": "v : unit = 3\nplate row { y ~ Normal(v, 1) }",
    "other value": "v : unit = 3\nw = v + 1\nplate row { y ~ Normal(w, 1) }",
    "axes": "dim u[3]\ndim k[2]\nparam s[u] : real\nt[k] = s\nfield f : bit\nfactor f * sum(t)",
    "guide": "v : unit = 3\nx ~ Normal(0, 1)\nplate row { y ~ Normal(x, 1) }\nguide { x ~ Normal(v, 1) }",
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_value_is_told_where_it_stands_and_nowhere_else(name: str) -> None:
    errors = analyse(SourceFile("<test>", FAULTY[name])).errors
    assert len(errors) == 1
    assert errors[0].span is not None
    assert errors[0].span.text.startswith(("1.5", "3", "s"))


def test_a_copy_onto_an_axis_like_its_own() -> None:
    model = compile_source("""
dim u[5]
dim w like u
param W[u, w], b[u] : real
plate row {
  field s[u] : bit
  t[w] = s
  factor s @ W @ t + b @ s
}
""")
    assert model.by_name["t"].axes == ("w",)


def test_what_inputs_may_be_is_left_to_the_data() -> None:
    """A ratio of counts is a chance where the data have it so; where some numbers of the inputs help nothing it is refused as before."""
    head = "N ~ DiscreteUniform(150, 600)\ng ~ Normal(0, 1)\np ~ Beta(1, 1)\nplate r {\n  input M : count\n  input u : positive\n"
    for said, is_taken in (
        ("M / N", True),
        ("M * p", True),
        ("u / (u + N)", True),
        ("g * u", False),
        ("u", False),
        ("g / N", False),
        ("N / 3", False),
    ):
        found = analyse(SourceFile("m", head + f"  y ~ Bernoulli({said})\n}}\n")).errors
        assert [d.code for d in found] == ([] if is_taken else ["PGM0410"]), said


ORDINAL = "dim step[3]\ncut[step] : ordered ~ Normal(0, 3)\nplate r { y : %s ~ OrderedLogistic(0, cut) }"


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        ("count", "write its labels, `y : {1, 2, 3} ~ ...`"), ("real", "write its labels, `y : {1, 2, 3} ~ ...`"),
        ("{1, 2, 3, 4, 5}", "there are 4 cut points: `dim cut[4]`"), ("{1, 2, 3}", "labels that the data lack are written out"), ("bit", "labels that"),
    ],
)  # fmt: skip
def test_ordinal_labels_are_those_that_cut_points_part(kind: str, cure: str) -> None:
    (found,) = analyse(SourceFile("m", ORDINAL % kind)).errors
    assert found.help.startswith(cure)
    for good in ("{1, 2, 3, 4}", "{...}"):
        assert not analyse(SourceFile("m", ORDINAL % good)).errors


def test_ordinal_labels_of_the_data() -> None:
    model = pgmlang.compile(ORDINAL % "{...}")
    assert model.bind({"y": ["1", "2", "3", "4"]}).observed == ("y",)
    for labels, said in ((["1", "2", "4"], "has 3"), (["1", "2", "3", "4", "5"], "has 5")):
        with pytest.raises(PgmError, match=said):
            model.bind({"y": labels})


@pytest.mark.parametrize("kind", ["count", "integer", "bit", "spin", "{a, b}"])
def test_a_param_is_no_whole_number(kind: str) -> None:
    (found,) = analyse(SourceFile("m", f"param n : {kind}\nplate r {{ y ~ Normal(0, 1) }}")).errors
    assert (found.code, "draw it" in found.help) == ("PGM0401", True)


@pytest.mark.parametrize("drawn", ["Categorical([0.2, 0.8])", "Categorical(logit = [0.2, 0.8])", "Categorical(p)"])
def test_labels_of_the_data_are_as_many_as_are_drawn(drawn: str) -> None:
    model = pgmlang.compile(f"dim k[2]\np[k] ~ Dirichlet(1)\nplate r {{ y : {{...}} ~ {drawn} }}")
    assert model.bind({"y": ["a", "b"]}).observed == ("y",)
    for labels in (["a", "b", "c"], ["a"]):
        with pytest.raises(PgmError, match=f"`Categorical` draws 2 labels, and `y` has {len(labels)}"):
            model.bind({"y": labels})
