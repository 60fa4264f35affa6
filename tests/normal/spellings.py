"""Small random models as statements over expression trees, and texts of them in any spelling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from pgmlang.families import FAMILIES


@dataclass(frozen=True)
class E:
    """An expression: ``kind`` and its parts; ``axes`` are those it varies along, as they are declared for a name of it."""

    kind: str
    parts: tuple[E, ...] = ()
    text: str = ""
    axes: tuple[str, ...] = ()


def ref(text: str, *axes: str) -> E:
    return E("ref", (), text, axes)


def num(value: float) -> E:
    return E("num", (), f"{value:g}")


def op(kind: str, *parts: E, axes: tuple[str, ...] | None = None) -> E:
    every = tuple(dict.fromkeys(a for p in parts for a in p.axes))
    return E(kind, parts, "", every if axes is None else axes)


def dot(left: E, right: E, axis: str) -> E:
    both = dict.fromkeys((*left.axes, *right.axes))
    return E("dot", (left, right), axis, tuple(a for a in both if a != axis))


@dataclass(frozen=True)
class Draw:
    """``head ~ family(arguments)``; ``log_odds``: of a Bernoulli; ``within``: what stands around it (``Truncated(#, lower =
    0)``)."""

    head: str
    family: str
    arguments: tuple[E, ...]
    log_odds: bool = False
    within: str = "#"


@dataclass(frozen=True)
class Energy:
    """Log-potentials whose sum counts; ``joined``: the same by fewer terms."""

    terms: tuple[E, ...]
    joined: tuple[E, ...] | None = None


@dataclass(frozen=True)
class Plain:
    """A statement with one spelling."""

    text: str


@dataclass
class Block:
    """A plate (or the whole model) with what is in it."""

    header: str = ""
    statements: list[Draw | Energy | Plain] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Speller:
    """Writes a model. ``rng`` None: the plain spelling."""

    rng: Random | None
    count: int = 0
    functions: list[str] = field(default_factory=list)

    def write(self, block: Block) -> str:
        body = self._block(block)
        return "\n".join((*self.functions, *body)) + "\n"

    def chance(self, share: float) -> bool:
        return self.rng is not None and self.rng.random() < share

    def fresh(self, word: str) -> str:
        self.count += 1
        return f"{word}_{self.count}"

    def shuffled(self, items: list[str]) -> list[str]:
        out = list(items)
        if self.rng is not None:
            self.rng.shuffle(out)
        return out

    def _block(self, block: Block) -> list[str]:
        lines: list[str] = []
        for statement in block.statements:
            lines.extend(self._statement(statement))
        for inner in block.blocks:
            lines.append("\n".join((f"{inner.header} {{", *self._block(inner), "}")))
        dims = [x for x in lines if x.startswith("dim ")]
        return dims + self.shuffled([x for x in lines if not x.startswith("dim ")])

    def _statement(self, statement: Draw | Energy | Plain) -> list[str]:
        if isinstance(statement, Plain):
            return [statement.text]
        extra: list[str] = []
        if isinstance(statement, Energy):
            terms = statement.terms
            if statement.joined is not None and self.chance(0.5):
                terms = statement.joined
            texts = self.shuffled([self.expression(t, extra) for t in terms])
            if self.rng is None:
                return ["factor " + " + ".join(texts)]
            cut = self.rng.randint(1, len(texts))
            parts = [texts[:cut], texts[cut:]] if self.chance(0.6) else [[t] for t in texts]
            return extra + ["factor " + " + ".join(p) for p in parts if p]
        arguments = [self.expression(a, extra) for a in statement.arguments]
        if statement.log_odds:
            last = f"sigmoid({arguments[-1]})" if self.chance(0.4) else f"logit = {arguments[-1]}"
            arguments[-1] = last
        elif self.chance(0.3):
            names = [p.name for p in FAMILIES[statement.family].variants[0]]
            arguments = self.shuffled([f"{n} = {a}" for n, a in zip(names, arguments, strict=False)])
        drawn = statement.within.replace("#", f"{statement.family}({', '.join(arguments)})")
        return [*extra, f"{statement.head} ~ {drawn}"]

    def expression(self, e: E, extra: list[str]) -> str:
        """Text of an expression; definitions of named parts go to ``extra``."""
        text = self._spelled(e, extra)
        if e.kind not in ("num", "earlier") and self.chance(0.3):
            name = self.fresh("named")
            axes = f"[{', '.join(e.axes)}]" if e.axes else ""
            extra.append(f"{name}{axes} = {text}")
            return name
        return text

    def _spelled(self, e: E, extra: list[str]) -> str:
        if e.kind in ("ref", "num", "earlier"):
            return e.text
        if e.kind == "from the second":
            # what looks back stays behind the guard, so its parts keep their place
            start, later = (Speller(None)._spelled(p, []) for p in e.parts)
            if self.chance(0.5):
                return f"(if not first then {later} else {start})"
            return f"(if first then {start} else {later})"
        parts = [self.expression(p, extra) for p in e.parts]
        if e.kind in ("root", "inverse root", "exp") and not e.axes and self.chance(0.2):
            name = self.fresh("function")
            self.functions.append(f"def {name}(u) {{ return {self._one(e, ['u'])} }}")
            return f"{name}({parts[0]})"
        return self._one(e, parts)

    def _one(self, e: E, parts: list[str]) -> str:
        def among(*spellings: str) -> str:
            return spellings[0] if self.rng is None else self.rng.choice(spellings)

        match e.kind:
            case "add":
                mixed = self.shuffled(parts)
                return among("(" + " + ".join(mixed) + ")", f"({mixed[0]} - (-({' + '.join(mixed[1:])})))")
            case "mul":
                return "(" + " * ".join(self.shuffled(parts)) + ")"
            case "div":
                a, b = parts
                return among(f"({a} / {b})", f"({a} * ({b}) ^ -1)", f"((1 / {b}) * {a})")
            case "root":
                return among(f"sqrt({parts[0]})", f"({parts[0]}) ^ 0.5", f"(1 / ({parts[0]}) ^ -0.5)")
            case "inverse root":
                a = parts[0]
                return among(f"(1 / sqrt({a}))", f"({a}) ^ -0.5", f"sqrt({a}) / ({a})", f"sqrt(1 / {a})")
            case "square":
                a = parts[0]
                return among(f"({a}) ^ 2", f"square({a})", f"(({a}) * ({a}))")
            case "exp":
                return among(f"exp({parts[0]})", f"(1 / exp(-({parts[0]})))", f"(expm1({parts[0]}) + 1)")
            case "difference":
                a, b = parts
                return among(f"({a} - {b})", f"({a} + -({b}))", f"(-({b} - {a}))", f"(-(-({a})) - {b})")
            case "if positive":
                x, a, b = parts
                return among(
                    f"(if {x} > 0 then {a} else {b})", f"(if 0 < {x} then {a} else {b})", f"(if {x} <= 0 then {b} else {a})",
                    f"(if not ({x} > 0) then {b} else {a})",
                )  # fmt: skip
            case "by case":
                t, a, b = parts
                return among(
                    f"(if {t} then {a} else {b})", f"(if {t} == 1 then {a} else {b})", f"(if {t} == 0 then {b} else {a})",
                    f"(if not ({t} == 1) then {b} else {a})", f"({t} * {a} + (1 - {t}) * {b})",
                    f"({b} * (1 - {t}) + {t} * {a})", f"((if {t} then {a} else 0) + (if {t} then 0 else {b}))",
                )  # fmt: skip
            case "where positive":
                x, a, b = parts
                return among(
                    f"(if {x} > 0 then {a} + {b} else {b})", f"({b} + (if {x} > 0 then {a} else 0))",
                    f"({b} + ({x} > 0) * {a})", f"(if {x} <= 0 then {b} else {b} + {a})",
                    f"(({a} + {b}) * ({x} > 0) + ({x} <= 0) * {b})",
                )  # fmt: skip
            case "shared factor":
                a, b, c = parts
                return among(f"({a} * ({b} + {c}))", f"({a} * {b} + {a} * {c})", f"(({c} + {b}) * {a})")
            case "exp of sum":
                a, b = parts
                return among(f"exp({a} + {b})", f"(exp({a}) * exp({b}))", f"(exp({b}) / exp(-({a})))")
            case "sigmoid":
                a = parts[0]
                return among(f"sigmoid({a})", f"(1 / (1 + exp(-({a}))))", f"(1 - sigmoid(-({a})))")
            case "dot":
                a, b = self.shuffled(parts)
                return among(f"({a} @ {b})", f"sum({a} * {b}, over = {e.text})")
        raise ValueError(e.kind)


# ---- the models


def regression(rng: Random) -> Block:
    """Groups of rows, a variance or a precision under its conjugate prior."""
    spread = rng.choice(("root", "inverse root"))
    prior = Draw("v", "InverseGamma" if spread == "root" else "Gamma", (num(3), num(2)))
    mean = op("add", ref("a"), op("mul", ref("b"), ref("x")))
    if rng.random() < 0.5:
        mean = op("add", mean, op("mul", num(0.5), ref("m"), ref("x")))
    sd = op(spread, op("mul", num(2), ref("v")) if rng.random() < 0.5 else ref("v"))
    return Block(
        statements=[Draw("m", "Normal", (num(0), num(2))), Draw("b", "Normal", (num(0), num(1))), prior],
        blocks=[
            Block("plate g", [Draw("a", "Normal", (ref("m"), num(1)))]),
            Block("plate row in g", [Plain("input x : real"), Draw("y", "Normal", (mean, sd))]),
        ],
    )


def rates(rng: Random) -> Block:
    """Counts or waiting times whose rate is a multiple of a gamma variable."""
    rate = op("mul", ref("l"), ref("e")) if rng.random() < 0.6 else op("div", ref("l"), ref("e"))
    family = rng.choice(("Poisson", "Exponential"))
    statements = [Plain("input e : positive"), Draw("y", family, (rate,))]
    return Block(statements=[Draw("l", "Gamma", (num(2), num(1)))], blocks=[Block("plate row", statements)])


def mixture(rng: Random) -> Block:
    spread = op("root", ref("s[z]")) if rng.random() < 0.5 else ref("s[z]")
    loc = ref("mu[z]")
    if rng.random() < 0.5:
        loc = op("add", loc, op("mul", ref("b"), ref("x")))
    return Block(
        statements=[Draw("share[k]", "Dirichlet", (num(2),)), Draw("b", "Normal", (num(0), num(1)))],
        blocks=[
            Block("plate k[3]", [Draw("mu", "Normal", (num(0), num(3))), Draw("s", "InverseGamma", (num(3), num(1)))]),
            Block("plate row", [
                Plain("input x : real"), Draw("z", "Categorical", (ref("share", "k"),)), Draw("y", "Normal", (loc, spread)),
            ]),
        ],
    )  # fmt: skip


def topics(rng: Random) -> Block:
    alpha = num(rng.choice((0.5, 0.1)))
    token = Block("plate token", [
        Draw("z", "Categorical", (ref("theta", "topic"),)), Draw("w : word", "Categorical", (ref("phi[z]", "word"),))
    ])  # fmt: skip
    return Block(
        statements=[Plain("dim word[5]")],
        blocks=[
            Block("plate topic[2]", [Draw("phi[word]", "Dirichlet", (num(0.5),))]),
            Block("plate doc", [Draw("theta[topic]", "Dirichlet", (alpha,))], [token]),
        ],
    )


def layers(rng: Random) -> Block:
    """Two or three layers of bits."""
    top = Draw("h[q]", "Bernoulli", (ref("c", "q"),), True)
    first = op("add", dot(ref("w", "p", "q"), ref("h", "q"), "q"), ref("b", "p"))
    statements: list[Draw | Energy | Plain] = [top, Draw("v[p]", "Bernoulli", (first,), True)]
    names = "w[p, q], b[p], c[q]"
    if rng.random() < 0.5:
        below = op("add", dot(ref("u", "r", "p"), ref("v", "p"), "p"), ref("d", "r"))
        statements.append(Draw("o[r]", "Bernoulli", (below,), True))
        names += ", u[r, p], d[r]"
    dims = [Plain("dim p[4]"), Plain("dim q[2]"), Plain("dim r[3]")]
    return Block(statements=[*dims, Plain(f"param {names} : real")], blocks=[Block("plate image", statements)])


def chain(rng: Random) -> Block:
    emission = op("add", ref("mu[z]"), num(0.5)) if rng.random() < 0.5 else ref("mu[z]")
    statements: list[Draw | Energy | Plain] = [
        Plain("z ~ Categorical(if first then start else move[prev(z)])"),
        Draw("y", "Normal", (emission, op("root", ref("v")))),
    ]
    return Block(
        statements=[
            Plain("dim to like k"),
            Draw("start[k]", "Dirichlet", (num(1),)),
            Draw("v", "InverseGamma", (num(3), num(2))),
        ],
        blocks=[
            Block(
                "plate k[2]", [Draw("move[to]", "Dirichlet", (num(1),)), Draw("mu", "Normal", (num(0), num(3)))]
            ),
            Block("plate seq", [], [Block("plate step = chain", statements)]),
        ],
    )


def boltzmann(rng: Random) -> Block:
    """Fields of a row: two layers with biases."""
    terms = (
        dot(dot(ref("v", "p"), ref("w", "p", "q"), "p"), ref("h", "q"), "q"),
        dot(ref("b", "p"), ref("v", "p"), "p"),
        dot(ref("c", "q"), ref("h", "q"), "q"),
    )
    inner = op("add", dot(ref("w", "p", "q"), ref("h", "q"), "q"), ref("b", "p"))
    joined = (dot(ref("v", "p"), inner, "p"), terms[2])
    fields: list[Draw | Energy | Plain] = [
        Plain("field v[p] : bit"),
        Plain("field h[q] : bit"),
        Energy(terms, joined),
    ]
    dims = [Plain("dim p[3]"), Plain("dim q[2]"), Plain("param w[p, q], b[p], c[q] : real")]
    return Block(statements=[*dims], blocks=[Block("plate image", fields)])


def far(head: str, loc: E, scale: E, rng: Random) -> Draw:
    """A draw of some family of a location and a scale."""
    family = rng.choice(("Normal", "StudentT", "Laplace", "Cauchy", "Logistic", "Gumbel"))
    return Draw(head, family, (num(4), loc, scale) if family == "StudentT" else (loc, scale))


def levels(rng: Random) -> Block:
    """Three levels of groups, each about the one above, with slopes that hang on the sign of an input."""
    slope = op("if positive", ref("x"), ref("b"), ref("c"))
    mean = op("add", ref("d"), op("mul", slope, ref("x")))
    scale = op("root", op("mul", ref("s"), num(2)))
    middle = rng.choice((ref("a"), op("difference", ref("a"), num(1))))
    return Block(
        statements=[
            Draw("b", "Normal", (num(0), num(1))), Draw("c", "Normal", (num(0), num(1))), Draw("s", "Gamma", (num(2), num(2))),
            Draw("t", "HalfNormal", (num(1),)),
        ],
        blocks=[
            Block("plate g", [far("a", num(0), ref("t"), rng)]),
            Block("plate r in g", [far("d", middle, scale, rng)]),
            Block("plate row in r", [Plain("input x : real"), far("y", mean, num(1), rng)]),
        ],
    )  # fmt: skip


def factors_of_rows(rng: Random) -> Block:
    """Factor analysis: latent numbers of a row, loaded on its columns."""
    mean = op("add", dot(ref("w", "p", "q"), ref("z", "q"), "q"), ref("b", "p"))
    spread = rng.choice((op("inverse root", ref("t", "p")), op("inverse root", ref("u"))))
    draws = [Draw("z[q]", "Normal", (num(0), num(1))), Draw("y[p]", "Normal", (mean, spread))]
    return Block(
        statements=[
            Plain("dim p[3]"), Plain("dim q[2]"), Draw("w[p, q]", "Normal", (num(0), num(1))),
            Draw("b[p]", "Normal", (num(0), num(3))), Draw("t[p]", "Gamma", (num(2), num(1))), Draw("u", "Gamma", (num(2), num(1))),
        ],
        blocks=[Block("plate row", list(draws))],
    )  # fmt: skip


def counted(rng: Random) -> Block:
    """Counts by a chance or rate that is a function of inputs, truncated at times."""
    line = op("add", ref("a"), op("mul", ref("b"), op("difference", ref("x"), num(2))))
    family, argument = rng.choice((
        ("Binomial", (num(7), op("sigmoid", line))), ("Geometric", (op("sigmoid", line),)), ("Bernoulli", (op("sigmoid", line),)),
        ("Poisson", (op("exp", line),)), ("NegativeBinomial", (op("exp", line), num(3))),
    ))  # fmt: skip
    cut = family in ("Poisson", "Binomial") and rng.random() < 0.5
    draw = Draw("y", family, argument, False, "Truncated(#, upper = 6)" if cut else "#")
    return Block(
        statements=[Draw("a", "Normal", (num(0), num(1))), Draw("b", "Normal", (num(0), num(1)))],
        blocks=[Block("plate row", [Plain("input x : real"), draw])],
    )


def series(rng: Random) -> Block:
    """A hidden random walk, or one that is drawn back, seen with noise."""
    earlier = E("earlier", (), "prev(x)")
    later = op("mul", ref("a"), earlier) if rng.random() < 0.5 else earlier
    mean = E("from the second", (num(0), later))
    steps: list[Draw | Energy | Plain] = [
        Draw("x", "Normal", (mean, op("root", ref("v")))), Draw("y", "Normal", (op("mul", num(2), ref("x")), ref("s"))),
    ]  # fmt: skip
    return Block(
        statements=[
            Draw("a", "Normal", (num(0), num(1))), Draw("v", "InverseGamma", (num(3), num(2))), Draw("s", "HalfNormal", (num(1),)),
        ],
        blocks=[Block("plate seq", [], [Block("plate step = chain", steps)])],
    )  # fmt: skip


def guided(rng: Random) -> Block:
    """A latent of each row with a written guide."""
    loc = op("add", op("mul", ref("g"), ref("y")), ref("h"))
    draw = Draw("z", "Normal", (loc, op("exp", ref("k"))))
    scale = rng.choice((num(1), op("root", ref("s"))))
    return Block(
        statements=[Draw("s", "Gamma", (num(2), num(1)))],
        blocks=[
            Block("plate row", [
                Draw("z", "Normal", (num(0), num(1))), Draw("y", "Normal", (op("mul", ref("s"), ref("z")), scale)),
            ]),
            Block("guide row", [Plain("param g, h, k : real"), draw]),
        ],
    )  # fmt: skip


def crossed(rng: Random) -> Block:
    """Effects of two labels of a row, and of a label of the data."""
    terms = [ref("e[a]"), ref("f[c]"), op("mul", ref("h[l]"), ref("x"))]
    return Block(
        statements=[
            Plain("dim m = {low, mid, high}"), Draw("v", "InverseGamma", (num(3), num(2))),
            Draw("share[m]", "Dirichlet", (num(2),)), Draw("h[m]", "Normal", (num(0), num(1))),
        ],
        blocks=[
            Block("plate a", [Draw("e", "Normal", (num(0), ref("v")))]),
            Block("plate c", [Draw("f", "Normal", (num(0), num(2)))]),
            Block("plate row in a, c", [
                Plain("input x : real"), Draw("l : m", "Categorical", (ref("share", "m"),)),
                Draw("y", "Normal", (op("add", ref("e"), ref("f"), *terms[2:]), op("root", ref("v")))),
            ]),
        ],
    )  # fmt: skip


def conditional_field(rng: Random) -> Block:
    """Labels of a chain of places that hang on inputs, by couplings and by what each place shows."""
    kind = rng.choice(("spin", "bit"))
    seen = op("mul", op("add", op("mul", ref("w"), ref("x")), ref("b")), ref("s"))
    bond: list[Draw | Energy | Plain] = [
        Energy((op("mul", op("difference", ref("J"), num(0.5)), ref("s[i]"), ref("s[j]")),))
    ]
    return Block(
        statements=[Plain("param J, w, b : real")],
        blocks=[
            Block("plate image", [], [
                Block("plate site = grid(2, 3)", [Plain("input x : real"), Plain(f"field s : {kind}"), Energy((seen,))]),
                Block("plate bond(i, j) = edges(site)", bond),
            ]),
        ],
    )  # fmt: skip


def treated(rng: Random) -> Block:
    """An effect in some of the rows, which may be said by a choice, by a 0/1 column, or for half of a term."""
    line = op("shared factor", ref("b"), ref("x"), ref("w"))
    effect = rng.choice((
        op("by case", ref("t"), op("add", ref("a"), line), ref("a")), op("add", ref("a"), op("by case", ref("t"), line, num(0))),
        op("by case", ref("t"), op("where positive", ref("x"), line, ref("a")), ref("b")),
        op("where positive", ref("x"), op("by case", ref("u"), ref("a"), line), op("by case", ref("t"), ref("b"), num(2))),
    ))  # fmt: skip
    return Block(
        statements=[
            Draw("a", "Normal", (num(0), num(2))), Draw("b", "Normal", (num(0), num(1))), Draw("v", "InverseGamma", (num(3), num(2))),
        ],
        blocks=[
            Block("plate row", [
                Plain("input x, w : real"), Plain("input t, u : bit"), Draw("y", "Normal", (effect, op("root", ref("v")))),
            ]),
        ],
    )  # fmt: skip


def exposed(rng: Random) -> Block:
    """Counts whose rate is one of two, by a 0/1 column, or a chance or its complement."""
    if rng.random() < 0.4:
        draws = [Draw("p", "Beta", (num(2), num(1)))]
        seen = Draw("y", "Bernoulli", (op("by case", ref("t"), ref("p"), op("difference", num(1), ref("p"))),))
    else:
        draws = [Draw("l", "Gamma", (num(2), num(1))), Draw("m", "Gamma", (num(3), num(1)))]
        rate = op("by case", ref("t"), ref("l"), op("shared factor", ref("m"), ref("e"), ref("f")))
        seen = Draw("y", rng.choice(("Poisson", "Exponential")), (rate,))
    return Block(
        statements=list(draws),
        blocks=[Block("plate row", [Plain("input e, f : positive"), Plain("input t : bit"), seen])],
    )


def growing(rng: Random) -> Block:
    """A rate that is the exponential of a sum, in the rows of a chain after the first by another slope."""
    slope = E("from the second", (ref("a"), ref("b")))
    rate = op("exp of sum", op("mul", slope, ref("x")), ref("c"))
    statements: list[Draw | Energy | Plain] = [Plain("input x : real"), Draw("y", "Poisson", (rate,))]
    return Block(
        statements=[Draw(n, "Normal", (num(0), num(0.3))) for n in "abc"],
        blocks=[Block("plate step = chain", statements)],
    )


def lattice(rng: Random) -> Block:
    kind = rng.choice(("spin", "bit"))
    bond: list[Draw | Energy | Plain] = [Energy((op("mul", ref("J"), ref("s[i]"), ref("s[j]")),))]
    return Block(
        statements=[Plain("param J, B : real")],
        blocks=[
            Block(
                "plate site = grid(3, 3)", [Plain(f"field s : {kind}"), Energy((op("mul", ref("B"), ref("s")),))]
            ),
            Block("plate bond(i, j) = edges(site)", bond),
        ],
    )


MODELS: dict[str, Callable[[Random], Block]] = {
    f.__name__: f
    for f in (
        regression,
        rates,
        mixture,
        topics,
        layers,
        chain,
        boltzmann,
        lattice,
        levels,
        factors_of_rows,
        counted,
        series,
        guided,
        crossed,
        conditional_field,
        treated,
        exposed,
        growing,
    )
}
